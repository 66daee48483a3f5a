/* weft/jitter.h - how a plan's step spreads when stages do not take the times that were predicted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_JITTER_H
#define WEFT_JITTER_H

#include "weft/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Steps of a plan whose passes took random times. Percentiles are those of the sorted samples: the
 * smallest that so many of a hundred do not exceed. */
typedef struct weft_spread {
    int32_t n_samples;
    double jitter;
    int64_t predicted_ns; /* without jitter */
    int64_t mean_ns, p50_ns, p95_ns, worst_ns;
} weft_spread;

/* Run a plan `n_samples` times (1 to 1,000,000) with the time of each pass multiplied by a factor
 * of its own, uniform in 1-jitter..1+jitter (0 <= jitter < 1). Orders stay as planned, and passes
 * run as soon as possible; transfers, the reduction's tail and the optimizer take the times of the
 * plan, posting takes none. The same seed gives the same spread. The plan keeps the rules
 * (weft_plan_check). USAGE for numbers out of range; NO_MEMORY. O(samples x (passes + edges)). */
WEFT_API weft_status weft_plan_jitter(const weft_plan *plan, double jitter, int32_t n_samples,
                                      uint64_t seed, weft_error *error, weft_spread *out_spread);

#ifdef __cplusplus
}
#endif
#endif
