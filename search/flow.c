/* search/flow.c - topological orders of the stages and their microbatches. */
#include "search/flow.h"

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

/* The distinct microbatch numbers of all sub-microbatches, ascending; NULL when out of memory. */
static int32_t *list_microbatches(const weft_problem *problem, weft_i_arena *arena, int32_t *out_n)
{
    size_t n = 0, kept = 0;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++)
        n += (size_t)problem->submicrobatches[i].n_microbatches;
    int32_t *all = weft_i_new(arena, int32_t, n);
    if (!all) return NULL;
    n = 0;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++)
        for (int32_t k = 0; k < problem->submicrobatches[i].n_microbatches; k++)
            all[n++] = problem->submicrobatches[i].microbatches[k];
    qsort(all, n, sizeof *all, compare_int32);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || all[kept - 1] != all[i]) all[kept++] = all[i];
    *out_n = (int32_t)kept;
    return all;
}

/* First and last microbatch of a stage by their new numbers. */
static void renumber(const weft_problem *problem, int32_t stage, const int32_t *all, int32_t n_all,
                     int32_t *first, int32_t *last)
{
    const weft_submicrobatch *sub = &problem->submicrobatches[problem->stages[stage].submicrobatch];
    *first = n_all;
    *last = 0;
    for (int32_t k = 0; k < sub->n_microbatches; k++) {
        const int32_t *found =
            bsearch(&sub->microbatches[k], all, (size_t)n_all, sizeof *all, compare_int32);
        int32_t number = (int32_t)(found - all);
        *first = number < *first ? number : *first;
        *last = number > *last ? number : *last;
    }
    if (*first == n_all) *first = 0; /* of no microbatch: run it with the first */
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

weft_status weft_i_flow_build(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                              weft_i_flow *out_flow)
{
    const weft_problem *problem = graph->problem;
    int32_t n = problem->n_stages, n_all = 0;
    weft_i_flow flow = {0, weft_i_new(arena, int32_t, n), weft_i_new(arena, int32_t, n),
                        weft_i_new(arena, int32_t, n), weft_i_new(arena, int32_t, n)};
    int32_t *missing = weft_i_new(arena, int32_t, n);
    int32_t *forwards = weft_i_new(arena, int32_t, n);
    int32_t *backwards = weft_i_new(arena, int32_t, n);
    int32_t *all = list_microbatches(problem, arena, &n_all);
    if (!flow.fw_place || !flow.bw_place || !flow.fw_microbatch || !flow.bw_microbatch ||
        !missing || !forwards || !backwards || !all)
        return weft_i_no_memory(error);
    if (sort_stages(problem, &graph->fw_in, &graph->fw_out, missing, forwards, flow.fw_place) < n ||
        sort_stages(problem, &graph->bw_in, &graph->bw_out, missing, backwards, flow.bw_place) < n)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "the problem's edges have a cycle");
    for (int32_t s = 0; s < n; s++)
        renumber(problem, s, all, n_all, &flow.fw_microbatch[s], &flow.bw_microbatch[s]);
    raise_along(problem, &graph->fw_out, forwards, flow.fw_microbatch);
    for (int32_t s = 0; s < n; s++)
        if (flow.bw_microbatch[s] < flow.fw_microbatch[s])
            flow.bw_microbatch[s] = flow.fw_microbatch[s];
    raise_along(problem, &graph->bw_out, backwards, flow.bw_microbatch);
    flow.n_microbatches = n_all > 0 ? n_all : 1;
    *out_flow = flow;
    return WEFT_STATUS_OK;
}
