/* planner/attempt_search.c - searching the replicas of an attempt side by side. */
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/threads.h"
#include "planner/attempt.h"
#include "search/starts.h"

/* After a first search of every replica, the slowest are searched again so many times: the step
 * waits for them. */
#define SLICES 4

/* What is known of one replica's search. */
typedef struct watched {
    struct side_by_side *all;
    int64_t best_ns, bound_ns, iterations;
} watched;

/* What the replicas' searches share. */
typedef struct side_by_side {
    weft_i_attempt *attempt;
    int32_t *replicas; /* which replica each job searches */
    double seconds;    /* of one search; 0 = no limit */
    int64_t iterations;
    int32_t threads; /* of one search */
    weft_status *status;
    weft_error *errors;
    pthread_mutex_t
        lock; /* of `stopped`; the caller's progress function is called by one at a time */
    bool stopped;
    int64_t began_ns;
    watched *watched; /* by replica */
} side_by_side;

/* Of a step the slowest replica counts. */
static weft_progress sum_up(const side_by_side *all)
{
    weft_progress told = {.seconds = (double)(weft_i_now_ns() - all->began_ns) / 1e9};
    for (int32_t r = 0; r < all->attempt->n_replicas; r++) {
        const watched *w = &all->watched[r];
        told.best_ns = w->best_ns > told.best_ns ? w->best_ns : told.best_ns;
        told.bound_ns = w->bound_ns > told.bound_ns ? w->bound_ns : told.bound_ns;
        told.iterations += w->iterations;
    }
    return told;
}

static bool tell(void *context, const weft_progress *progress)
{
    watched *w = context;
    side_by_side *all = w->all;
    const weft_planner_options *o = all->attempt->options;
    pthread_mutex_lock(&all->lock);
    if (progress->best_ns < w->best_ns) w->best_ns = progress->best_ns;
    w->bound_ns = progress->bound_ns;
    w->iterations = progress->iterations;
    weft_progress told = sum_up(all);
    if (!all->stopped && o->progress && !o->progress(o->context, &told)) all->stopped = true;
    bool go_on = !all->stopped;
    pthread_mutex_unlock(&all->lock);
    return go_on;
}

/* Search one replica on from what it has; the answer is no worse. */
static void search_replica(void *context, int job, int worker)
{
    (void)worker;
    side_by_side *all = context;
    int32_t r = all->replicas[job];
    weft_search_options options;
    weft_search_options_init(&options);
    options.objective = (weft_objective)all->attempt->options->objective;
    options.time_limit_s = all->seconds;
    options.iterations = all->iterations;
    options.seed = (uint64_t)all->attempt->options->seed + (uint64_t)all->attempt->n_searches;
    options.threads = all->threads;
    options.progress = tell;
    options.progress_context = &all->watched[r];
    options.method = (weft_search_method)all->attempt->options->search;
    options.ablate = (uint32_t)all->attempt->options->ablate;
    weft_solution found = {0}, *kept = &all->attempt->solutions[r];
    const weft_i_start start = {kept->order, kept->choices, kept->method, all->attempt->goes_on};
    all->status[r] = weft_i_search(all->attempt->problems[r], &options, &start, kept->order ? 1 : 0,
                                   &all->errors[r], &found);
    if (all->status[r]) return;
    weft_solution_free(kept);
    *kept = found;
}

static void begin_watching(side_by_side *all)
{
    for (int32_t r = 0; r < all->attempt->n_replicas; r++) {
        const weft_solution *kept = &all->attempt->solutions[r];
        bool span = all->attempt->options->objective == WEFT_OBJECTIVE_SPAN;
        int64_t ns = span ? kept->time.span_ns : kept->time.pipeline_ns;
        all->watched[r] = (watched){.all = all, .best_ns = kept->order ? ns : WEFT_INT_MAX};
    }
}

/* The n slowest replicas first. */
static void pick_slowest(const weft_i_attempt *a, int32_t n, int32_t *replicas)
{
    int32_t n_picked = 0;
    while (n_picked < n) {
        int32_t worst = -1;
        for (int32_t r = 0; r < a->n_replicas; r++) {
            bool is_picked = false;
            for (int32_t i = 0; i < n_picked; i++)
                is_picked = is_picked || replicas[i] == r;
            if (!is_picked && (worst < 0 || a->solutions[r].time.pipeline_ns >
                                                a->solutions[worst].time.pipeline_ns))
                worst = r;
        }
        replicas[n_picked++] = worst;
    }
}

/* Every replica once; then, by the clock, the slowest again. The first replica without any solution
 * gives the error. */
static weft_status run(side_by_side *all, int32_t workers, double seconds, weft_error *error)
{
    weft_i_attempt *a = all->attempt;
    int32_t n = a->n_replicas, rounds = (n + workers - 1) / workers;
    bool again = seconds > 0 && rounds > 1;
    weft_i_team *team = weft_i_team_create(workers);
    if (!team) return weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "cannot start %d threads", workers);
    for (int32_t r = 0; r < n; r++)
        all->replicas[r] = r;
    all->seconds = seconds / rounds / (again ? 2 : 1);
    weft_i_team_run(team, search_replica, all, n);
    bool went_on = a->goes_on;
    a->goes_on = true;
    for (int i = 0; again && i < SLICES && !all->stopped; i++) {
        pick_slowest(a, workers, all->replicas);
        all->seconds = seconds / 2 / SLICES;
        a->n_searches++;
        weft_i_team_run(team, search_replica, all, workers);
    }
    a->goes_on = went_on;
    weft_i_team_free(team);
    for (int32_t r = 0; r < n; r++) {
        if (!a->solutions[r].order)
            return weft_i_fail(error, all->status[r], "%s", all->errors[r].text);
    }
    return WEFT_STATUS_OK;
}

/* A problem alone has its baselines as orders only. The search makes them itself, but for Optimus
 * in groups: it begins with that, so that no baseline is better than the plan. */
static weft_status start_from_groups(weft_i_attempt *attempt, double seconds, weft_error *error)
{
    if (attempt->plan_case || attempt->solutions[0].order ||
        attempt->options->search != WEFT_SEARCH_DEFAULT)
        return WEFT_STATUS_OK;
    const weft_i_effort effort = {.beat_ns = WEFT_INT_MAX,
                                  .until_ns =
                                      seconds > 0 ? weft_i_now_ns() + (int64_t)(seconds * 1e9) : 0};
    weft_status status = weft_i_attempt_fixed(attempt, WEFT_I_FIXED_OPTIMUS, &effort, NULL);
    return status == WEFT_STATUS_NO_MEMORY ? weft_i_no_memory(error) : WEFT_STATUS_OK;
}

weft_status weft_i_attempt_search(weft_i_attempt *attempt, double seconds, int64_t iterations,
                                  weft_error *error)
{
    int32_t n = attempt->n_replicas, threads = (int32_t)attempt->options->threads;
    int32_t workers = threads < n ? threads : n;
    side_by_side all = {.attempt = attempt,
                        .replicas = weft_i_alloc((size_t)n, sizeof *all.replicas),
                        .iterations = iterations,
                        .threads = threads / workers,
                        .status = weft_i_alloc((size_t)n, sizeof *all.status),
                        .errors = weft_i_alloc((size_t)n, sizeof *all.errors),
                        .watched = weft_i_alloc((size_t)n, sizeof *all.watched),
                        .began_ns = weft_i_now_ns()};
    weft_status status = WEFT_STATUS_OK;
    if (!all.replicas || !all.status || !all.errors || !all.watched)
        status = weft_i_no_memory(error);
    if (!status) status = start_from_groups(attempt, seconds, error);
    if (!status) {
        begin_watching(&all);
        pthread_mutex_init(&all.lock, NULL);
        status = run(&all, workers, seconds, error);
        pthread_mutex_destroy(&all.lock);
    }
    attempt->stopped = all.stopped;
    attempt->n_searches++;
    free(all.replicas);
    free(all.status);
    free(all.errors);
    free(all.watched);
    return status;
}
