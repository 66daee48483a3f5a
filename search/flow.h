/* search/flow.h - how data flows through a problem: an order in which its stages can run, and the
 * microbatch that each of them runs with. Not: ranks and costs. */
#ifndef WEFT_SEARCH_FLOW_H
#define WEFT_SEARCH_FLOW_H

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/status.h"

/* A stage's forward runs with its first microbatch and its backward with its last, unless something
 * that it needs comes with a later one: along every edge microbatches never go down. So "by
 * microbatch, then by place" is an order in which all forwards (all backwards) can run. */
typedef struct weft_i_flow {
    int32_t n_microbatches;         /* distinct ones, renumbered from 0 in ascending order */
    int32_t *fw_stages, *bw_stages; /* a topological order of the forwards, of the backwards */
    int32_t *fw_place, *bw_place;   /* by stage: where it is there; frozen stages included */
    int32_t *first_of_sub, *of_sub; /* microbatches of sub-microbatch i: of_sub[first_of_sub[i]] to
                                       of_sub[first_of_sub[i + 1] - 1] */
    int32_t *fw_microbatch, *bw_microbatch; /* by stage */
} weft_i_flow;

/* Arrays live in the arena. NO_MEMORY; FAILED when the edges have a cycle. O(stages log stages +
 * edges). */
weft_status weft_i_flow_build(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                              weft_i_flow *out_flow);

/* Number the stages anew with the microbatches in another order: microbatch m becomes turn[m]. */
void weft_i_flow_number(const weft_i_graph *graph, const weft_i_flow *flow, const int32_t *turn,
                        int32_t *fw_microbatch, int32_t *bw_microbatch);

#endif
