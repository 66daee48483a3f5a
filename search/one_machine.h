/* search/one_machine.h - jobs with heads and tails on one rank: the least time in which all are
 * through. */
#ifndef WEFT_SEARCH_ONE_MACHINE_H
#define WEFT_SEARCH_ONE_MACHINE_H

#include <stdint.h>

/* It can start at `head`, takes `work`, and keeps the step busy for `tail` after its end. */
typedef struct weft_i_job {
    int64_t head, work, tail;
} weft_i_job;

/* Jackson's preemptive schedule (Carlier 1982): always the available job with the longest tail; the
 * least possible largest end + tail when jobs may be interrupted, hence a lower bound when they may
 * not. Reorders `jobs`; `heap` has room for n numbers. O(n log n). */
int64_t weft_i_one_machine(weft_i_job *jobs, int32_t n, int32_t *heap);

#endif
