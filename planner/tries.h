/* planner/tries.h - layouts tried against each other on one case. Not: the baselines' cuts. */
#ifndef WEFT_PLANNER_TRIES_H
#define WEFT_PLANNER_TRIES_H

#include "planner/attempt.h"

/* Make the layout of the paper's rule, then step from the best so far (its ranks evened out; more
 * or fewer segments of the encoders, of the backbone; larger or smaller sub-microbatches; the
 * backbone turned round) until no step is better or half of `seconds` (all together; 0 = no limit)
 * is over; each layout is searched for a share of them and `iterations`. In the other half the
 * rule's layout and the best few are searched on, fewer and fewer of them for longer and longer
 * (successive halving: Jamieson, Talwalkar 2016). INFEASIBLE with the reason of the rule's layout
 * when none fits. Close *out_best. */
weft_status weft_i_try_layouts(const weft_i_case *plan_case, double seconds, int64_t iterations,
                               weft_error *error, weft_i_attempt *out_best);

#endif
