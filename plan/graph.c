/* plan/graph.c - see graph.h. */
#include "plan/graph.h"

#include <stdbool.h>

#include "base/error.h"

/* Group the edges of one pass by the stage at one of their ends; within a stage they stay in the
 * order of the problem. */
static bool group_edges(const weft_problem *problem, weft_pass pass, bool by_target,
                        weft_i_arena *arena, weft_i_adjacency *out)
{
    int32_t n = problem->n_stages;
    int32_t *first = weft_i_new(arena, int32_t, (size_t)n + 1);
    if (!first) return false;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->pass == pass) first[by_target ? edge->to : edge->from]++;
    }
    int32_t sum = 0;
    for (int32_t s = 0; s <= n; s++) {
        sum += first[s];
        first[s] = sum;
    }
    int32_t *edges = weft_i_new(arena, int32_t, sum);
    if (!edges) return false;
    /* first[s] is the end of s now; filling from the back brings it to the start. */
    for (int32_t e = problem->n_edges - 1; e >= 0; e--) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->pass == pass) edges[--first[by_target ? edge->to : edge->from]] = e;
    }
    *out = (weft_i_adjacency){.first = first, .edges = edges};
    return true;
}

weft_status weft_i_graph_build(const weft_problem *problem, weft_i_arena *arena, weft_error *error,
                               weft_i_graph *out_graph)
{
    weft_i_graph graph = {.problem = problem};
    graph.rank = weft_i_new(arena, int32_t, problem->n_stages);
    graph.n_rank_stages = weft_i_new(arena, int32_t, problem->n_ranks);
    if (!graph.rank || !graph.n_rank_stages ||
        !group_edges(problem, WEFT_PASS_FW, true, arena, &graph.fw_in) ||
        !group_edges(problem, WEFT_PASS_FW, false, arena, &graph.fw_out) ||
        !group_edges(problem, WEFT_PASS_BW, true, arena, &graph.bw_in) ||
        !group_edges(problem, WEFT_PASS_BW, false, arena, &graph.bw_out)) {
        return weft_i_no_memory(error);
    }
    for (int32_t s = 0; s < problem->n_stages; s++) {
        graph.rank[s] = problem->chunks[problem->stages[s].chunk].rank;
        graph.n_rank_stages[graph.rank[s]]++;
    }
    *out_graph = graph;
    return WEFT_STATUS_OK;
}
