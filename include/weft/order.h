/* weft/order.h - the order of a problem's passes on each rank, its times and its memory.
 *
 * An order says only what follows what; times follow from the time rule (docs/formats.md), as soon
 * as possible.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_ORDER_H
#define WEFT_ORDER_H

#include <stdbool.h>

#include "weft/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A pass of a stage in one number: 4 * stage + pass. */
typedef int32_t weft_task;

static inline weft_task weft_task_make(int32_t stage, weft_pass pass)
{
    return stage * 4 + (int32_t)pass;
}
static inline int32_t weft_task_stage(weft_task task)
{
    return task >> 2;
}
static inline weft_pass weft_task_pass(weft_task task)
{
    return (weft_pass)(task & 3);
}

/* Per rank, the sequence of its passes. A stage whose BWI is there is split: it has BWW later and
 * no BW. tasks[rank] points into one array. */
typedef struct weft_order {
    int32_t n_ranks;
    int32_t *n_tasks;
    weft_task **tasks;
} weft_order;

/* An empty order with room for `capacity[rank]` tasks on each rank. NULL when out of memory. Free
 * with weft_order_free. */
WEFT_API weft_order *weft_order_create(int32_t n_ranks, const int32_t *capacity);

/* A copy, with room for no more tasks than it has. NULL when out of memory. */
WEFT_API weft_order *weft_order_copy(const weft_order *order);
WEFT_API void weft_order_free(weft_order *order);

/* What an order takes under the time rule. */
typedef struct weft_schedule_time {
    int64_t pipeline_ns; /* makespan: from 0 to the last end */
    int64_t span_ns;     /* longest span of one rank: last end minus first start */
} weft_schedule_time;

/* Time every pass as soon as possible in the given order, with the costs in `now`. Posting takes no
 * time here: a message leaves when its producer ends. A compiled plan posts as well; its times are
 * the same where post_ns is 0, the default. start_ns and end_ns have 4 * n_stages entries by task,
 * -1 for passes that do not run; each may be NULL, and is written only on OK. FAILED when the order
 * deadlocks or does not run every stage exactly once on its rank; the error says which. NO_MEMORY.
 * O(passes + edges). */
WEFT_API weft_status weft_order_time(const weft_problem *problem, const weft_order *order,
                                     weft_error *error, int64_t *start_ns, int64_t *end_ns,
                                     weft_schedule_time *out_time);

#ifdef __cplusplus
}
#endif
#endif
