/* planner/baselines.h - the schedules to be compared with: a cut of their own and a published
 * order, with our fastest memory choice that fits and none of our splitting. */
#ifndef WEFT_PLANNER_BASELINES_H
#define WEFT_PLANNER_BASELINES_H

#include "planner/attempt.h"

int32_t weft_i_baseline_count(void);
const char *weft_i_baseline_name(int32_t index);

/* Whether the baseline says something of a problem that is cut already: its order is not another's,
 * and it does not cut by hand. */
bool weft_i_baseline_orders(int32_t index);

/* Whether its order can be made for every model and batch; else it may be FAILED. */
bool weft_i_baseline_suits_all(int32_t index);

/* The best attempt of baseline `index` on a case: over its numbers of chunks a rank (vpp: 1 to 4).
 * `hand` is the cut of the baseline of that name, USAGE without one. INFEASIBLE with what is
 * missing; LIMIT where no number can beat what the effort says. From the effort's end on no further
 * number is tried. Close *out_attempt. */
weft_status weft_i_baseline_attempt(const weft_i_case *plan_case, int32_t index, const char *hand,
                                    const weft_i_effort *effort, weft_error *error,
                                    weft_i_attempt *out_attempt);

/* The same on a problem as it is cut: the order alone. */
weft_status weft_i_baseline_problem(const weft_problem *problem,
                                    const weft_planner_options *options, int32_t index,
                                    weft_error *error, weft_i_attempt *out_attempt);

#endif
