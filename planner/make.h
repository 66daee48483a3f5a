/* planner/make.h - planning one packed case: our layouts and searches against the baselines. */
#ifndef WEFT_PLANNER_MAKE_H
#define WEFT_PLANNER_MAKE_H

#include "planner/case.h"

/* The best plan of a packed case within its options' time. `baselines` (may be NULL) has one row
 * for each baseline, already filled: then they are not made again; the plan is no worse than any.
 */
weft_status weft_i_make_plan(const weft_i_case *plan_case, const weft_comparison *baselines,
                             const char *hand, weft_error *error, weft_plan **out_plan);

/* The plan of one problem, likewise. */
weft_status weft_i_make_problem_plan(const weft_problem *problem,
                                     const weft_planner_options *options, weft_error *error,
                                     weft_plan **out_plan);

/* What is minimised. */
int64_t weft_i_plan_value(const weft_plan *plan);

#endif
