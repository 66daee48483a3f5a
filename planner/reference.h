/* planner/reference.h - the paper's planner, part by part: its layout by its rule, its search, and
 * what stands in for each part that is switched off. Not: the search itself (search/paper.h). */
#ifndef WEFT_PLANNER_REFERENCE_H
#define WEFT_PLANNER_REFERENCE_H

#include "planner/attempt.h"

/* The case planned by the paper's method, less what its options ablate, within `seconds` in all (0
 * = no limit) and `iterations` a replica (0 = no limit). With the partitioner: the case's layout,
 * or one by the paper's rule, or with 1 or 2 segments a module where that does not fit. Without: as
 * Megatron, P x v pieces of equal parameters and whole microbatches, the best v of 1 to 4.
 * INFEASIBLE with the reason of the first layout. Close *out_attempt. */
weft_status weft_i_reference_attempt(const weft_i_case *plan_case, double seconds,
                                     int64_t iterations, weft_error *error,
                                     weft_i_attempt *out_attempt);

#endif
