/* search/net.h - the passes of a problem as a network of tasks: lengths, ranks, data arcs. What the
 * searches walk over. Not: any order on a rank, nor memory. */
#ifndef WEFT_SEARCH_NET_H
#define WEFT_SEARCH_NET_H

#include <stdbool.h>

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/order.h"

/* Data from one task to another: it can start no earlier than the other's end plus the latency. */
typedef struct weft_i_arc {
    weft_task task; /* at the other end */
    int32_t edge;
    int64_t latency_ns; /* 0 on one rank */
} weft_i_arc;

/* Arcs of task t: from first[t] to first[t + 1] - 1. */
typedef struct weft_i_arcs {
    int32_t *first;
    weft_i_arc *arcs;
} weft_i_arcs;

/* Arrays by task have 4 * n_stages entries. That a stage's passes follow each other (fw before
 * bw or bwi, bwi before bww) is not among the arcs. */
typedef struct weft_i_net {
    const weft_i_graph *graph; /* costs are its problem's, in force when the net was built */
    int32_t n_ranks, n_stages, n_passes;
    const int32_t *rank; /* by stage */
    bool *split;         /* by stage: runs bwi and bww instead of bw */
    int64_t *ns;         /* by task; -1 = does not run */
    int32_t *n_rank_passes;
    weft_i_arcs in, out;
} weft_i_net;

/* Build the net of a graph whose stages run split where `split` says so (by stage; NULL = none) and
 * the costs in force allow. Arrays live in the arena; the graph is borrowed. NO_MEMORY or OK.
 * O(stages + edges). */
weft_status weft_i_net_build(const weft_i_graph *graph, const bool *split, weft_i_arena *arena,
                             weft_error *error, weft_i_net *out_net);

/* Which stages an order splits. */
void weft_i_net_split_of(const weft_order *order, bool *split);

/* Bytes of a pass on its rank: held from its start, freed at its end, needed while it runs. What
 * goes to a pass of the same rank is held from the one's start to the other's end; of messages only
 * what each end has while its pass runs is counted, the rest is a caller's margin. */
typedef struct weft_i_task_bytes {
    int64_t taken, freed, work;
} weft_i_task_bytes;
weft_i_task_bytes weft_i_net_bytes(const weft_i_net *net, weft_task task);

/* The task that a stage's backward edges speak of: BWI where it is split, else BW. */
static inline weft_task weft_i_net_backward(const weft_i_net *net, int32_t stage)
{
    return weft_task_make(stage, net->split[stage] ? WEFT_PASS_BWI : WEFT_PASS_BW);
}

#endif
