/* weft/report.h - what a plan's step is made of: phases, busy and idle time, memory at the peak.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_REPORT_H
#define WEFT_REPORT_H

#include "weft/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One rank of one replica. Bytes are those at the moment of the rank's peak, per device; they add
 * up to peak_bytes. */
typedef struct weft_rank_report {
    int64_t busy_ns;           /* in passes, recomputation included */
    int64_t recompute_ns;      /* part of busy_ns that computes again */
    int64_t first_ns, last_ns; /* start of the first pass, end of the last; both 0 without passes */
    int64_t static_bytes;
    int64_t saved_bytes;  /* activations of forwards whose backward is to come */
    int64_t held_bytes;   /* of these, what waits for a weight gradient alone */
    int64_t buffer_bytes; /* messages, and outputs for the same rank */
    int64_t work_bytes;
    int64_t peak_bytes;
    int32_t n_saved; /* stages whose activations are held */
} weft_rank_report;

/* One replica. fill: until every rank that works has started; drain: from the first rank's last end
 * to the pipeline's end; steady: between the two, 0 where they overlap. */
typedef struct weft_pipeline_report {
    int32_t replica, n_ranks;
    weft_rank_report *ranks;
    int64_t fill_ns, steady_ns, drain_ns;
} weft_pipeline_report;

typedef struct weft_report {
    weft_pipeline_report *pipelines; /* as in the plan */
    int32_t n_pipelines;
    void *owner;
} weft_report;

/* Take a plan that keeps the rules (weft_plan_check) apart. NO_MEMORY. Free *out_report. */
WEFT_API weft_status weft_report_make(const weft_plan *plan, weft_error *error,
                                      weft_report **out_report);
WEFT_API void weft_report_free(weft_report *report);

#ifdef __cplusplus
}
#endif
#endif
