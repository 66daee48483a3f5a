/* planner/tries.h - layouts tried against each other on one case. Not: the baselines' cuts. */
#ifndef WEFT_PLANNER_TRIES_H
#define WEFT_PLANNER_TRIES_H

#include "planner/attempt.h"

/* Make the layout of the paper's rule, then step from the best so far (more or fewer segments of
 * the encoders, of the backbone, the backbone turned round) until no step is better or `seconds`
 * (all together; 0 = no limit) are over; each layout is searched for a share of them and
 * `iterations`. INFEASIBLE with the reason of the rule's layout when none fits. Close *out_best. */
weft_status weft_i_try_layouts(const weft_i_case *plan_case, double seconds, int64_t iterations,
                               weft_error *error, weft_i_attempt *out_best);

/* Whether two layouts put the same layers in the same places. */
bool weft_i_same_cut(const weft_layout *a, const weft_layout *b);

#endif
