/* planner/reductions.h - what of the gradients' reduction a plan has to wait for. Not: when a
 * reduction runs, which is the plan's time rule (plan/reduce.h). */
#ifndef WEFT_PLANNER_REDUCTIONS_H
#define WEFT_PLANNER_REDUCTIONS_H

#include "planner/attempt.h"

/* Set reduce_ns of every chunk of a solved attempt of a case: the collective's time, less what
 * hides under the chunk's own last backward, layer by layer (weft_i_emu_hidden_ns, as in closed
 * questions); of several replicas, under the shortest one. */
void weft_i_reductions_settle(const weft_i_attempt *attempt);

/* The reduce_tail_ns that the plan of a solved attempt of a case will have, where posting takes no
 * time: what is left of the reductions after the longest pipeline. O(passes + edges) a replica. */
weft_status weft_i_reductions_tail(const weft_i_attempt *attempt, weft_error *error,
                                   int64_t *out_tail_ns);

#endif
