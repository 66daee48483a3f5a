/* emu/minimize.h - the point of a box where weighted absolute residuals have the least sum, as far
 * as a search from a given point finds it. Not: what the residuals are of.
 */
#ifndef WEFT_EMU_MINIMIZE_H
#define WEFT_EMU_MINIMIZE_H

#include <stdint.h>

#include "weft/status.h"

/* Residuals at x. `out` holds those of a point that differs from x in variable `changed` alone, so
 * that what does not depend on it may stay; -1 = in any. */
typedef weft_status (*weft_i_residuals)(void *context, const double *x, int32_t changed,
                                        double *out);

typedef struct weft_i_minimization {
    int32_t n, n_residuals;
    const double *weights; /* n_residuals, >= 0 */
    const double *home;    /* n: where a variable stays that nothing determines */
    double pull;           /* the cost of a variable's way from home through its whole range */
    int32_t rounds;        /* steps at most */
    weft_i_residuals residuals;
    void *context;
} weft_i_minimization;

/* Search from x, n variables between 0 and 1, which becomes the best point found. Residuals are
 * taken as linear around a point, by differences; the sum of the linear model's absolute values is
 * made least within a trust region (iteratively reweighted least squares, Lawson 1961; the
 * quadratic in a box by coordinate descent); the step is taken where the true sum falls. *out_sum:
 * the weighted sum without the pull. Statuses of `residuals`, NO_MEMORY. */
weft_status weft_i_minimize(const weft_i_minimization *job, weft_error *error, double *x,
                            double *out_sum);

#endif
