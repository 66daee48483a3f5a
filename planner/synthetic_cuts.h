/* planner/synthetic_cuts.h - the cuts that a synthetic text leaves open: 1 to 4 segments, straight
 * and V-shaped. */
#ifndef WEFT_PLANNER_SYNTHETIC_CUTS_H
#define WEFT_PLANNER_SYNTHETIC_CUTS_H

#include "weft/problem.h"

#define WEFT_I_SYNTHETIC_CUTS_MAX 7

/* Build the problem of each cut that the text allows: one where it fixes the cut. Free the
 * problems. */
weft_status weft_i_synthetic_cuts(const char *text, weft_error *error, int32_t *out_n,
                                  weft_problem *out_problems[WEFT_I_SYNTHETIC_CUTS_MAX]);

#endif
