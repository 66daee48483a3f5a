/* search/robust.h - an order that is short on average when passes do not take the times planned.
 * Memory strategies and what is split stay as they are. Not: how a plan's step spreads, which
 * weft_plan_jitter says. */
#ifndef WEFT_SEARCH_ROBUST_H
#define WEFT_SEARCH_ROBUST_H

#include "search/budget.h"
#include "weft/search.h"

typedef struct weft_i_robust_options {
    double jitter;     /* each pass takes a factor of its own, uniform in 1-jitter..1+jitter */
    int32_t n_samples; /* steps that the mean is over, the same for all orders */
    uint64_t seed;
} weft_i_robust_options;

/* Change the order of a solution so that its mean makespan over sampled steps falls, until the
 * budget is used up; an iteration is a move that was tried. It is left alone where nothing better
 * is found. The mean is over samples of this search's own: other samples show what it is worth.
 * NO_MEMORY or OK. O(passes x samples) an iteration at most, most end after 8 samples. */
weft_status weft_i_robust(const weft_problem *problem, const weft_i_robust_options *options,
                          weft_i_budget *budget, weft_error *error, weft_solution *solution);

#endif
