/* planner/attempt_search.c - searching the replicas of an attempt side by side. */
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/threads.h"
#include "planner/attempt.h"

/* What the replicas' searches share. */
typedef struct side_by_side {
    weft_i_attempt *attempt;
    double seconds; /* of one search; 0 = no limit */
    int64_t iterations;
    int32_t threads; /* of one search */
    weft_status *status;
    weft_error *errors;
    pthread_mutex_t
        lock; /* of the two below: the caller's progress function is called by one at a time */
    bool stopped;
    int64_t began_ns;
} side_by_side;

static bool tell(void *context, const weft_progress *progress)
{
    side_by_side *all = context;
    const weft_planner_options *o = all->attempt->options;
    pthread_mutex_lock(&all->lock);
    weft_progress told = *progress;
    told.seconds = (double)(weft_i_now_ns() - all->began_ns) / 1e9;
    if (!all->stopped && o->progress && !o->progress(o->context, &told)) all->stopped = true;
    bool go_on = !all->stopped;
    pthread_mutex_unlock(&all->lock);
    return go_on;
}

static int64_t objective_ns(const side_by_side *all, const weft_solution *solution)
{
    return all->attempt->options->objective == WEFT_OBJECTIVE_SPAN ? solution->time.span_ns
                                                                   : solution->time.pipeline_ns;
}

static void search_replica(void *context, int r, int worker)
{
    (void)worker;
    side_by_side *all = context;
    weft_search_options options;
    weft_search_options_init(&options);
    options.objective = (weft_objective)all->attempt->options->objective;
    options.time_limit_s = all->seconds;
    options.iterations = all->iterations;
    options.seed = (uint64_t)all->attempt->options->seed;
    options.threads = all->threads;
    options.progress = tell;
    options.progress_context = all;
    weft_solution found = {0}, *kept = &all->attempt->solutions[r];
    all->status[r] = weft_search(all->attempt->problems[r], &options, &all->errors[r], &found);
    if (all->status[r]) return;
    if (!kept->order || objective_ns(all, &found) < objective_ns(all, kept)) {
        weft_solution_free(kept);
        *kept = found;
    } else {
        weft_solution_free(&found);
    }
}

/* Run the jobs; the first replica without any solution gives the error. */
static weft_status run(side_by_side *all, int32_t workers, weft_error *error)
{
    int32_t n = all->attempt->n_replicas;
    weft_i_team *team = weft_i_team_create(workers);
    if (!team) return weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "cannot start %d threads", workers);
    weft_i_team_run(team, search_replica, all, n);
    weft_i_team_free(team);
    for (int32_t r = 0; r < n; r++) {
        if (!all->attempt->solutions[r].order)
            return weft_i_fail(error, all->status[r], "%s", all->errors[r].text);
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_attempt_search(weft_i_attempt *attempt, double seconds, int64_t iterations,
                                  weft_error *error)
{
    int32_t n = attempt->n_replicas, threads = (int32_t)attempt->options->threads;
    int32_t workers = threads < n ? threads : n;
    int32_t rounds = (n + workers - 1) / workers;
    side_by_side all = {.attempt = attempt,
                        .seconds = seconds / rounds,
                        .iterations = iterations,
                        .threads = threads / workers,
                        .status = weft_i_alloc((size_t)n, sizeof *all.status),
                        .errors = weft_i_alloc((size_t)n, sizeof *all.errors),
                        .began_ns = weft_i_now_ns()};
    weft_status status = WEFT_STATUS_OK;
    if (!all.status || !all.errors)
        status = weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "out of memory");
    pthread_mutex_init(&all.lock, NULL);
    if (!status) status = run(&all, workers, error);
    pthread_mutex_destroy(&all.lock);
    attempt->stopped = all.stopped;
    free(all.status);
    free(all.errors);
    return status;
}
