/* search/relax.h - a problem as its lower bounds see it: every pass as short as any order can make
 * it, with the longest ways to it and from it. docs/bounds.md has the proofs. */
#ifndef WEFT_SEARCH_RELAX_H
#define WEFT_SEARCH_RELAX_H

#include "search/flow.h"

/* A backward has two parts, whether an order splits it or not: `first`, after which at the earliest
 * its output is there (bw, or bwi if that is less), and `rest`, the least work that is then left.
 * All arrays are by stage. */
typedef struct weft_i_relax {
    const weft_i_graph *graph;
    weft_i_flow flow;
    int64_t *first_ns, *rest_ns; /* 0 for stages without backward */
    int64_t *fw_head, *bw_head;  /* earliest start of the forward, of the backward */
    int64_t *fw_tail, *bw_tail; /* least time from the end of the forward, of `first`, to the end */
} weft_i_relax;

/* Costs are those in force. Arrays live in the arena; the graph is borrowed. */
weft_status weft_i_relax_build(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                               weft_i_relax *out_relax);

/* Of an edge: 0 on one rank. */
int64_t weft_i_relax_latency(const weft_i_relax *relax, int32_t edge);

static inline bool weft_i_relax_has_backward(const weft_i_relax *relax, int32_t stage)
{
    return relax->graph->problem->stages[stage].backward != WEFT_BACKWARD_NONE;
}

/* The work of a stage. */
int64_t weft_i_relax_work(const weft_i_relax *relax, int32_t stage);

/* The longest ways from passes of one rank to others of it, as heads and tails above; where there
 * is no way, 0. The arrays have room for every stage. */
typedef struct weft_i_rank_ways {
    int64_t *fw_head, *bw_head, *fw_tail, *bw_tail;
} weft_i_rank_ways;
void weft_i_relax_ways(const weft_i_relax *relax, int32_t rank, weft_i_rank_ways *ways);

#endif
