/* base/threads.h - a fixed team of threads that runs numbered jobs, and the clock. */
#ifndef WEFT_BASE_THREADS_H
#define WEFT_BASE_THREADS_H

#include <stdint.h>

typedef struct weft_i_team weft_i_team;

/* A team of n >= 1 threads, the caller counted: n == 1 starts none. NULL when out of memory or when
 * a thread cannot be started. */
weft_i_team *weft_i_team_create(int n);
/* Run job(context, i, worker) for i in 0..n_jobs-1, worker in 0..n-1, and return when all are done.
 * Which worker runs which job is not fixed: results must not depend on it. */
void weft_i_team_run(weft_i_team *team, void (*job)(void *context, int i, int worker),
                     void *context, int n_jobs);
void weft_i_team_free(weft_i_team *team);

/* Monotonic time in ns. */
int64_t weft_i_now_ns(void);
/* Processors this process may use, at least 1. */
int weft_i_processors(void);

#endif
