/* tests/unit/plan_twins.h - slow and obvious versions of a plan's times and memory, for one
 * pipeline whose actions are in place. Quadratic: for small plans. */
#ifndef WEFT_TESTS_UNIT_PLAN_TWINS_H
#define WEFT_TESTS_UNIT_PLAN_TWINS_H

#include <criterion/criterion.h>

#include "weft/plan.h"

static inline int32_t twin_rank(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

/* Place of an action on a rank, -1 where it is not there. */
static inline int32_t twin_find(const weft_pipeline *pipeline, int32_t rank, weft_action_kind kind,
                                int32_t operand)
{
    for (int32_t a = 0; a < pipeline->ranks[rank].n_actions; a++) {
        const weft_action *action = &pipeline->ranks[rank].actions[a];
        if (action->kind == kind && action->operand == operand) return a;
    }
    return -1;
}

/* Place of the pass that an edge's data comes from or goes to. */
static inline int32_t twin_find_end(const weft_pipeline *pipeline, const weft_edge *edge,
                                    int32_t stage)
{
    int32_t rank = twin_rank(&pipeline->problem, stage);
    if (edge->pass == WEFT_PASS_FW) return twin_find(pipeline, rank, WEFT_ACTION_FW, stage);
    int32_t bwi = twin_find(pipeline, rank, WEFT_ACTION_BWI, stage);
    return bwi >= 0 ? bwi : twin_find(pipeline, rank, WEFT_ACTION_BW, stage);
}

static inline bool twin_within(int32_t a, int32_t first, int32_t last)
{
    return first >= 0 && first <= a && a <= last;
}

/* Bytes that a stage keeps on its rank while action `a` runs. */
static inline int64_t twin_saved(const weft_pipeline *pipeline, int32_t stage, int32_t a)
{
    int32_t rank = twin_rank(&pipeline->problem, stage);
    const weft_cost *cost = &pipeline->problem.stages[stage].now.cost;
    int32_t fw = twin_find(pipeline, rank, WEFT_ACTION_FW, stage);
    int32_t bw = twin_find(pipeline, rank, WEFT_ACTION_BW, stage);
    int32_t bwi = twin_find(pipeline, rank, WEFT_ACTION_BWI, stage);
    int32_t bww = twin_find(pipeline, rank, WEFT_ACTION_BWW, stage);
    int32_t out = twin_find(pipeline, rank, WEFT_ACTION_WAIT_OFFLOAD, stage);
    int32_t in = twin_find(pipeline, rank, WEFT_ACTION_PREFETCH, stage);
    if (out >= 0 && twin_within(a, out + 1, in - 1)) return 0;
    if (bwi < 0) return twin_within(a, fw, bw) ? cost->saved_bytes : 0;
    if (twin_within(a, fw, bwi)) return cost->saved_bytes;
    return twin_within(a, bwi + 1, bww) ? cost->held_bytes : 0;
}

/* Bytes that an edge's data takes on a rank while action `a` runs. */
static inline int64_t twin_edge(const weft_pipeline *pipeline, int32_t e, int32_t rank, int32_t a)
{
    const weft_edge *edge = &pipeline->problem.edges[e];
    int32_t from = twin_rank(&pipeline->problem, edge->from);
    int32_t to = twin_rank(&pipeline->problem, edge->to);
    int32_t first = -1, last = -1;
    if (from == rank) first = twin_find_end(pipeline, edge, edge->from);
    if (from == rank && to != rank) last = twin_find(pipeline, rank, WEFT_ACTION_WAIT_ISEND, e);
    if (to == rank && from != rank) first = twin_find(pipeline, rank, WEFT_ACTION_IRECV, e);
    if (to == rank) last = twin_find_end(pipeline, edge, edge->to);
    return twin_within(a, first, last) ? edge->bytes : 0;
}

/* The memory rule while action `a` of a rank runs. */
static inline int64_t twin_bytes(const weft_pipeline *pipeline, int32_t rank, int32_t a)
{
    const weft_problem *problem = &pipeline->problem;
    const weft_action *action = &pipeline->ranks[rank].actions[a];
    int64_t bytes = problem->static_bytes[rank];
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (twin_rank(problem, s) == rank) bytes += twin_saved(pipeline, s, a);
    }
    for (int32_t e = 0; e < problem->n_edges; e++)
        bytes += twin_edge(pipeline, e, rank, a);
    if (action->kind <= WEFT_ACTION_BWW)
        bytes += problem->stages[action->operand].now.cost.work_bytes[action->kind];
    return bytes;
}

static inline int64_t twin_peak(const weft_pipeline *pipeline, int32_t rank)
{
    int64_t peak = pipeline->problem.static_bytes[rank];
    for (int32_t a = 0; a < pipeline->ranks[rank].n_actions; a++) {
        int64_t bytes = twin_bytes(pipeline, rank, a);
        if (bytes > peak) peak = bytes;
    }
    return peak;
}

#endif
