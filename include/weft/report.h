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

/* From ns on a rank holds so many bytes, until the next point. Several points at one ns follow each
 * other as the actions do. */
typedef struct weft_memory_point {
    int64_t ns, bytes;
} weft_memory_point;

/* One rank of one replica. Bytes are per device and those of the first moment at which the rank's
 * memory is highest: static, saved, held, buffer and work bytes add up to peak_bytes. */
typedef struct weft_rank_report {
    int64_t busy_ns;           /* in passes, recomputation included */
    int64_t recompute_ns;      /* part of busy_ns that computes again */
    int64_t first_ns, last_ns; /* start of the first pass, end of the last; both 0 without passes */
    int64_t static_bytes;      /* parameters, gradients, optimizer state */
    int64_t saved_bytes;  /* from the start of fw to the end of bw, or of bwi where it is split */
    int64_t held_bytes;   /* for a weight gradient alone: from the end of bwi to that of bww */
    int64_t buffer_bytes; /* messages, and outputs for the same rank */
    int64_t work_bytes;   /* of the pass that runs */
    int64_t peak_bytes;
    int64_t peak_ns; /* start of the action under which it is reached first; 0 before all actions */
    int32_t n_saved; /* stages with a backward that have saved or held bytes then */
    int64_t *chunk_bytes;      /* of each chunk of the problem: its part of saved and held bytes */
    weft_memory_point *memory; /* all that changes, from static_bytes at 0 */
    int32_t n_memory;
} weft_rank_report;

/* One replica's pipeline in three phases, by the ranks that have passes. A pipeline with more
 * segments or modules than one has bubbles in its steady phase too. */
typedef struct weft_pipeline_report {
    int32_t replica, n_ranks;
    weft_rank_report *ranks;
    int64_t fill_ns;   /* from 0 until the last rank starts: the largest first_ns */
    int64_t drain_ns;  /* from the smallest last_ns to the end of the pipeline */
    int64_t steady_ns; /* between the two; 0 where they overlap */
} weft_pipeline_report;

typedef struct weft_report {
    weft_pipeline_report *pipelines; /* as in the plan */
    int32_t n_pipelines;
    void *owner;
} weft_report;

/* Take a plan that keeps the rules (weft_plan_check) apart. NO_MEMORY. Free *out_report. O(actions
 * + edges). */
WEFT_API weft_status weft_report_make(const weft_plan *plan, weft_error *error,
                                      weft_report **out_report);
WEFT_API void weft_report_free(weft_report *report);

#ifdef __cplusplus
}
#endif
#endif
