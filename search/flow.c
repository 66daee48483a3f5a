/* search/flow.c - topological orders of the stages and their microbatches. */
#include "search/flow.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

/* Kahn's algorithm, first in, first out from the lowest stage number: `stages` gets them in order
 * and `place` the inverse. Returns how many were reached. */
static int32_t sort_stages(const weft_problem *problem, const weft_i_adjacency *in,
                           const weft_i_adjacency *out, int32_t *missing, int32_t *stages,
                           int32_t *place)
{
    int32_t n = 0;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        missing[s] = in->first[s + 1] - in->first[s];
        if (missing[s] == 0) stages[n++] = s;
    }
    for (int32_t i = 0; i < n; i++) {
        int32_t s = stages[i];
        place[s] = i;
        for (int32_t k = out->first[s]; k < out->first[s + 1]; k++) {
            int32_t to = problem->edges[out->edges[k]].to;
            if (--missing[to] == 0) stages[n++] = to;
        }
    }
    return n;
}

static int compare_int32(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Write the microbatches of all sub-microbatches, renumbered; returns how many distinct ones there
 * are. `sorted` has room for as many as `of_sub`. */
static int32_t renumber(const weft_problem *problem, int32_t *sorted, weft_i_flow *flow)
{
    int32_t n = 0, kept = 0;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++) {
        const weft_submicrobatch *sub = &problem->submicrobatches[i];
        flow->first_of_sub[i] = n;
        for (int32_t k = 0; k < sub->n_microbatches; k++)
            sorted[n++] = sub->microbatches[k];
    }
    flow->first_of_sub[problem->n_submicrobatches] = n;
    for (int32_t i = 0; i < n; i++)
        flow->of_sub[i] = sorted[i];
    qsort(sorted, (size_t)n, sizeof *sorted, compare_int32);
    for (int32_t i = 0; i < n; i++)
        if (kept == 0 || sorted[kept - 1] != sorted[i]) sorted[kept++] = sorted[i];
    for (int32_t i = 0; i < n; i++) {
        const int32_t *found =
            bsearch(&flow->of_sub[i], sorted, (size_t)kept, sizeof *sorted, compare_int32);
        flow->of_sub[i] = (int32_t)(found - sorted);
    }
    return kept;
}

/* Raise every stage's number to the largest of those it needs; `stages` is topological. */
static void raise_along(const weft_problem *problem, const weft_i_adjacency *out,
                        const int32_t *stages, int32_t *microbatch)
{
    for (int32_t i = 0; i < problem->n_stages; i++) {
        int32_t s = stages[i];
        for (int32_t k = out->first[s]; k < out->first[s + 1]; k++) {
            int32_t to = problem->edges[out->edges[k]].to;
            if (microbatch[to] < microbatch[s]) microbatch[to] = microbatch[s];
        }
    }
}

void weft_i_flow_number(const weft_i_graph *graph, const weft_i_flow *flow, const int32_t *turn,
                        int32_t *fw_microbatch, int32_t *bw_microbatch)
{
    const weft_problem *problem = graph->problem;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t sub = problem->stages[s].submicrobatch;
        int32_t begin = flow->first_of_sub[sub], end = flow->first_of_sub[sub + 1];
        fw_microbatch[s] = bw_microbatch[s] = begin < end ? turn[flow->of_sub[begin]] : 0;
        for (int32_t i = begin; i < end; i++) {
            int32_t m = turn[flow->of_sub[i]];
            fw_microbatch[s] = m < fw_microbatch[s] ? m : fw_microbatch[s];
            bw_microbatch[s] = m > bw_microbatch[s] ? m : bw_microbatch[s];
        }
    }
    raise_along(problem, &graph->fw_out, flow->fw_stages, fw_microbatch);
    for (int32_t s = 0; s < problem->n_stages; s++)
        if (bw_microbatch[s] < fw_microbatch[s]) bw_microbatch[s] = fw_microbatch[s];
    raise_along(problem, &graph->bw_out, flow->bw_stages, bw_microbatch);
}

static bool allocate(const weft_problem *problem, size_t n_members, weft_i_arena *arena,
                     weft_i_flow *flow)
{
    size_t n = (size_t)problem->n_stages;
    int32_t **const arrays[] = {&flow->fw_stages, &flow->bw_stages,     &flow->fw_place,
                                &flow->bw_place,  &flow->fw_microbatch, &flow->bw_microbatch};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!(*arrays[i] = weft_i_new(arena, int32_t, n))) return false;
    flow->first_of_sub = weft_i_new(arena, int32_t, (size_t)problem->n_submicrobatches + 1);
    flow->of_sub = weft_i_new(arena, int32_t, n_members);
    return flow->first_of_sub && flow->of_sub;
}

weft_status weft_i_flow_build(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                              weft_i_flow *out_flow)
{
    const weft_problem *problem = graph->problem;
    int32_t n = problem->n_stages;
    size_t n_members = 0;
    weft_i_flow flow;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++)
        n_members += (size_t)problem->submicrobatches[i].n_microbatches;
    int32_t *missing = weft_i_new(arena, int32_t, n);
    int32_t *sorted = weft_i_new(arena, int32_t, n_members);
    int32_t *turn = weft_i_new(arena, int32_t, n_members + 1);
    if (!missing || !sorted || !turn || !allocate(problem, n_members, arena, &flow))
        return weft_i_no_memory(error);
    if (sort_stages(problem, &graph->fw_in, &graph->fw_out, missing, flow.fw_stages,
                    flow.fw_place) < n ||
        sort_stages(problem, &graph->bw_in, &graph->bw_out, missing, flow.bw_stages,
                    flow.bw_place) < n)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "the problem's edges have a cycle");
    flow.n_microbatches = renumber(problem, sorted, &flow);
    if (flow.n_microbatches == 0) flow.n_microbatches = 1; /* stages of none run with the first */
    for (int32_t m = 0; m < flow.n_microbatches; m++)
        turn[m] = m;
    weft_i_flow_number(graph, &flow, turn, flow.fw_microbatch, flow.bw_microbatch);
    *out_flow = flow;
    return WEFT_STATUS_OK;
}
