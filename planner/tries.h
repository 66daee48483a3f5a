/* planner/tries.h - layouts tried against each other on one case. Not: the baselines' cuts. */
#ifndef WEFT_PLANNER_TRIES_H
#define WEFT_PLANNER_TRIES_H

#include "planner/attempt.h"

/* Make layouts, by the paper's rule and around it (segments of the backbone, its direction), search
 * each for a share of `seconds` (all together; 0 = no limit) and `iterations` (each), and keep the
 * best. INFEASIBLE with the reason of the paper's rule when none fits. Close *out_best. */
weft_status weft_i_try_layouts(const weft_i_case *plan_case, double seconds, int64_t iterations,
                               weft_error *error, weft_i_attempt *out_best);

#endif
