/* plan/graph.h - the edges of a problem by stage, and sums by rank: what timeline, compile and
 * search walk over. Built once a problem; the problem must outlive it. Not: costs, which may
 * change. */
#ifndef WEFT_PLAN_GRAPH_H
#define WEFT_PLAN_GRAPH_H

#include "base/arena.h"
#include "weft/problem.h"

/* Edge numbers of each stage: of stage s those from first[s] to first[s + 1] - 1. */
typedef struct weft_i_adjacency {
    int32_t *first;
    int32_t *edges;
} weft_i_adjacency;

typedef struct weft_i_graph {
    const weft_problem *problem;
    int32_t *rank; /* of each stage */
    weft_i_adjacency fw_in, fw_out, bw_in, bw_out;
    int32_t *n_rank_stages; /* per rank */
} weft_i_graph;

/* NO_MEMORY or OK; arrays live in the arena. The problem has passed weft_problem_check. */
weft_status weft_i_graph_build(const weft_problem *problem, weft_i_arena *arena, weft_error *error,
                               weft_i_graph *out_graph);

#endif
