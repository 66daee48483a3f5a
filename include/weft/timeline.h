/* weft/timeline.h - measured times of a run: the actions of a plan as they really started and
 * ended.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_TIMELINE_H
#define WEFT_TIMELINE_H

#include "weft/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One rank. Times are from the common start of the step, by process 0's clock. An action starts
 * when the one before it has ended and the rank came to it, so that a forward that has to wait for
 * its ready_ns starts before that. */
typedef struct weft_timeline_rank {
    const char *host;          /* name of its machine */
    int64_t clock_offset_ns;   /* of its clock less process 0's; taken out of the times */
    int64_t clock_error_ns;    /* the true offset is within so much */
    weft_rank_actions actions; /* with the times measured */
} weft_timeline_rank;

typedef struct weft_timeline_pipeline {
    int32_t replica;
    weft_timeline_rank *ranks; /* n_ranks of the timeline */
} weft_timeline_pipeline;

typedef struct weft_timeline {
    const char *device; /* "virtual" */
    double scale;       /* of the plan's times, over 0; 1 where a device computes */
    int32_t n_steps;    /* that the run took */
    int32_t step;       /* the one these times are of, from 0 */
    int32_t n_ranks;    /* of each pipeline */
    int32_t n_pipelines;
    weft_timeline_pipeline *pipelines;
    void *owner;
} weft_timeline;

/* Read a weft.timeline file ("-" = stdin). BAD_INPUT with file, line and path; IO; NO_MEMORY. Free
 * *out_timeline. */
WEFT_API weft_status weft_timeline_read(const char *file, weft_error *error,
                                        weft_timeline **out_timeline);

/* Write a timeline ("-" = stdout), complete or not at all. */
WEFT_API weft_status weft_timeline_write(const weft_timeline *timeline, const char *file,
                                         weft_error *error);

/* Whether the timeline is one of this plan: the same replicas, ranks and actions. OK, or BAD_INPUT
 * with the first difference. */
WEFT_API weft_status weft_timeline_match(const weft_timeline *timeline, const weft_plan *plan,
                                         weft_error *error);

/* An empty timeline (no times yet) of a plan's actions; strings are copied. Free with
 * weft_timeline_free. NO_MEMORY. */
WEFT_API weft_status weft_timeline_of_plan(const weft_plan *plan, const char *device,
                                           weft_error *error, weft_timeline **out_timeline);

WEFT_API void weft_timeline_free(weft_timeline *timeline);

#ifdef __cplusplus
}
#endif
#endif
