/* plan/check_index.c - finds every action's place; a pass, a message's action or a reduction that
 * comes twice or on the wrong rank is told here. Not: what is missing (check_passes.c and on). */
#include "plan/check.h"

int32_t weft_i_verify_rank_of(const weft_i_verify *check, int32_t pipeline, weft_action_kind kind,
                              int32_t operand)
{
    const weft_i_verify_pipeline *in = &check->pipelines[pipeline];
    switch (weft_action_operand(kind)) {
    case WEFT_OPERAND_STAGE:
        return in->rank[operand];
    case WEFT_OPERAND_EDGE:
        return kind == WEFT_ACTION_ISEND || kind == WEFT_ACTION_WAIT_ISEND
                   ? in->rank[in->problem->edges[operand].from]
                   : in->rank[in->problem->edges[operand].to];
    case WEFT_OPERAND_CHUNK:
        return check->plan->chunks[operand].rank;
    case WEFT_OPERAND_NONE:
        break;
    }
    return -1;
}

int32_t weft_i_verify_n_operands(const weft_plan *plan, const weft_problem *problem,
                                 weft_action_kind kind)
{
    switch (weft_action_operand(kind)) {
    case WEFT_OPERAND_STAGE:
        return problem->n_stages;
    case WEFT_OPERAND_EDGE:
        return problem->n_edges;
    case WEFT_OPERAND_CHUNK:
        return plan->n_chunks;
    case WEFT_OPERAND_NONE:
        break;
    }
    return problem->n_ranks;
}

const weft_rank_actions *weft_i_verify_actions(const weft_i_verify *check, int32_t node)
{
    return &check->pipelines[node / check->n_ranks].pipeline->ranks[node % check->n_ranks];
}

int32_t weft_i_verify_backward_at(const weft_i_verify_pipeline *in, int32_t stage)
{
    int32_t bwi = in->at[WEFT_ACTION_BWI][stage];
    return bwi >= 0 ? bwi : in->at[WEFT_ACTION_BW][stage];
}

/* The rule that a second action of the same kind and operand breaks. */
static const char *rule_of_once(weft_action_kind kind)
{
    switch (weft_action_operand(kind)) {
    case WEFT_OPERAND_EDGE:
        return "messages";
    case WEFT_OPERAND_CHUNK:
        return "collectives";
    case WEFT_OPERAND_STAGE:
    case WEFT_OPERAND_NONE:
        break;
    }
    return "passes";
}

static bool index_action(weft_i_verify *check, int32_t pipeline, int32_t rank, int32_t a)
{
    weft_i_verify_pipeline *in = &check->pipelines[pipeline];
    const weft_action *action = &in->pipeline->ranks[rank].actions[a];
    weft_action_kind kind = action->kind;
    /* The optimizer is of the rank: kept at the rank's number. */
    int32_t operand = weft_action_operand(kind) == WEFT_OPERAND_NONE ? rank : action->operand;
    int32_t expected = weft_i_verify_rank_of(check, pipeline, kind, operand);
    if (weft_action_operand(kind) == WEFT_OPERAND_EDGE) {
        const weft_edge *edge = &in->problem->edges[operand];
        if (in->rank[edge->from] == in->rank[edge->to]) {
            return weft_i_violate(check, "messages", pipeline, rank, a,
                                  "edge %d joins two stages of rank %d, expected no message",
                                  operand, in->rank[edge->from]);
        }
    }
    if (expected >= 0 && expected != rank) {
        return weft_i_violate(check, "rank", pipeline, rank, a, "expected on rank %d", expected);
    }
    if (kind == WEFT_ACTION_UNSHARD || kind == WEFT_ACTION_RESHARD) return true;
    int32_t *at = &in->at[kind][operand];
    if (*at >= 0) {
        return weft_i_violate(check, rule_of_once(kind), pipeline, rank, a,
                              "comes a second time, first at action %d", *at);
    }
    *at = a;
    return true;
}

static bool make_pipeline(weft_i_verify *check, int32_t pipeline)
{
    weft_i_verify_pipeline *in = &check->pipelines[pipeline];
    in->pipeline = &check->plan->pipelines[pipeline];
    in->problem = &in->pipeline->problem;
    in->rank = weft_i_new(&check->arena, int32_t, in->problem->n_stages);
    if (!in->rank) return weft_i_verify_no_memory(check);
    for (int32_t s = 0; s < in->problem->n_stages; s++)
        in->rank[s] = check->plan->chunks[in->problem->stages[s].chunk].rank;
    for (int kind = 0; kind < WEFT_N_ACTIONS; kind++) {
        int32_t n = weft_i_verify_n_operands(check->plan, in->problem, (weft_action_kind)kind);
        in->at[kind] = weft_i_new(&check->arena, int32_t, n);
        if (!in->at[kind]) return weft_i_verify_no_memory(check);
        for (int32_t i = 0; i < n; i++)
            in->at[kind][i] = -1;
    }
    return true;
}

bool weft_i_verify_index(weft_i_verify *check)
{
    int32_t n = check->plan->n_pipelines;
    check->n_ranks = check->plan->parallel.pp;
    check->pipelines = weft_i_new(&check->arena, weft_i_verify_pipeline, n);
    if (!check->pipelines) return weft_i_verify_no_memory(check);
    for (int32_t p = 0; p < n; p++) {
        if (!make_pipeline(check, p)) return false;
        for (int32_t r = 0; r < check->n_ranks; r++) {
            for (int32_t a = 0; a < check->plan->pipelines[p].ranks[r].n_actions; a++) {
                if (!index_action(check, p, r, a)) return false;
            }
        }
    }
    return true;
}
