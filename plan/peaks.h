/* plan/peaks.h - the memory rule along a rank's actions. Not: the limit, which callers compare. */
#ifndef WEFT_PLAN_PEAKS_H
#define WEFT_PLAN_PEAKS_H

#include "plan/graph.h"
#include "weft/plan.h"

/* The highest sum of the memory rule while the rank's compiled actions run, static_bytes included.
 * (Without offload and prefetch, which compile does not emit.) */
int64_t weft_i_actions_peak(const weft_i_graph *graph, int32_t rank,
                            const weft_rank_actions *actions);

#endif
