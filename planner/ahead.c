/* planner/ahead.c - planning the next batch beside training: one thread, one batch ahead. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "planner/make.h"

typedef enum planner_state {
    IDLE,      /* nothing submitted */
    SUBMITTED, /* the thread has not begun or is at it */
    READY      /* an answer waits to be taken */
} planner_state;

struct weft_planner {
    weft_i_case plan_case; /* the thread's while SUBMITTED */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    planner_state state;
    const weft_batch *batch;
    bool stop; /* end the search; the best so far is the answer */
    bool quit;
    weft_status status;
    weft_error error;
    weft_plan *plan;
    weft_progress_fn progress; /* the caller's */
    void *context;
};

/* The search's progress: ends it once someone waits no longer. */
static bool go_on(void *context, const weft_progress *progress)
{
    weft_planner *planner = context;
    pthread_mutex_lock(&planner->lock);
    bool stop = planner->stop;
    pthread_mutex_unlock(&planner->lock);
    if (stop) return false;
    return !planner->progress || planner->progress(planner->context, progress);
}

static weft_status plan_batch(weft_planner *planner, const weft_batch *batch, weft_error *error,
                              weft_plan **out_plan)
{
    weft_status status = weft_i_case_pack(&planner->plan_case, batch, error);
    if (status) return status;
    return weft_i_make_plan(&planner->plan_case, NULL, NULL, error, out_plan);
}

static void *run(void *context)
{
    weft_planner *planner = context;
    pthread_mutex_lock(&planner->lock);
    while (!planner->quit) {
        if (planner->state != SUBMITTED) {
            pthread_cond_wait(&planner->changed, &planner->lock);
            continue;
        }
        const weft_batch *batch = planner->batch;
        pthread_mutex_unlock(&planner->lock);
        weft_error error = {0};
        weft_plan *plan = NULL;
        weft_status status = plan_batch(planner, batch, &error, &plan);
        pthread_mutex_lock(&planner->lock);
        planner->status = status;
        planner->error = error;
        planner->plan = plan;
        planner->state = READY;
        pthread_cond_broadcast(&planner->changed);
    }
    pthread_mutex_unlock(&planner->lock);
    return NULL;
}

/* The condition waits by the monotonic clock. */
static void init_sync(weft_planner *planner)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&planner->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&planner->lock, NULL);
}

weft_status weft_planner_create(const weft_planner_input *input,
                                const weft_planner_options *options, weft_error *error,
                                weft_planner **out_planner)
{
    weft_planner *planner = weft_i_alloc(1, sizeof *planner);
    if (!planner) return weft_i_no_memory(error);
    init_sync(planner);
    weft_status status = weft_i_case_open(input, options, error, &planner->plan_case);
    if (!status) {
        planner->progress = planner->plan_case.options.progress;
        planner->context = planner->plan_case.options.context;
        planner->plan_case.options.progress = go_on;
        planner->plan_case.options.note = NULL; /* has the caller's context */
        planner->plan_case.options.context = planner;
        planner->started = pthread_create(&planner->thread, NULL, run, planner) == 0;
        if (!planner->started)
            status = weft_i_fail(error, WEFT_STATUS_FAILED, "cannot start a thread");
    }
    if (status)
        weft_planner_free(planner);
    else
        *out_planner = planner;
    return status;
}

weft_status weft_planner_submit(weft_planner *planner, const weft_batch *batch, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    pthread_mutex_lock(&planner->lock);
    if (planner->state != IDLE) {
        status = weft_i_fail(error, WEFT_STATUS_USAGE,
                             "a batch is under way already; take its plan or cancel it first");
    } else {
        planner->batch = batch;
        planner->stop = false;
        planner->state = SUBMITTED;
        pthread_cond_broadcast(&planner->changed);
    }
    pthread_mutex_unlock(&planner->lock);
    return status;
}

bool weft_planner_poll(weft_planner *planner)
{
    pthread_mutex_lock(&planner->lock);
    bool ready = planner->state == READY;
    pthread_mutex_unlock(&planner->lock);
    return ready;
}

/* With the lock held: wait until READY, at most `seconds` (< 0 = no limit). */
static void wait_ready(weft_planner *planner, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = seconds > 0 ? seconds : 0;
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((whole - (double)(time_t)whole) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int late = 0;
    while (planner->state == SUBMITTED && !late) {
        if (seconds < 0)
            pthread_cond_wait(&planner->changed, &planner->lock);
        else
            late = pthread_cond_timedwait(&planner->changed, &planner->lock, &until);
    }
}

weft_status weft_planner_wait(weft_planner *planner, double seconds, weft_error *error,
                              weft_plan **out_plan)
{
    pthread_mutex_lock(&planner->lock);
    weft_status status;
    if (planner->state == IDLE) {
        status = weft_i_fail(error, WEFT_STATUS_USAGE, "no batch was submitted");
    } else {
        wait_ready(planner, seconds);
        /* Late: the search ends at its next look, with the best it has. */
        planner->stop = true;
        wait_ready(planner, -1);
        status = planner->status;
        if (status)
            weft_i_fail_at(error, status, planner->error.file, planner->error.line,
                           planner->error.path, "%s", planner->error.text);
        else
            *out_plan = planner->plan;
        planner->plan = NULL;
        planner->state = IDLE;
    }
    pthread_mutex_unlock(&planner->lock);
    return status;
}

void weft_planner_cancel(weft_planner *planner)
{
    if (!planner) return;
    pthread_mutex_lock(&planner->lock);
    if (planner->state != IDLE) {
        planner->stop = true;
        wait_ready(planner, -1);
        weft_plan_free(planner->plan);
        planner->plan = NULL;
        planner->state = IDLE;
    }
    pthread_mutex_unlock(&planner->lock);
}

void weft_planner_free(weft_planner *planner)
{
    if (!planner) return;
    if (planner->started) {
        weft_planner_cancel(planner);
        pthread_mutex_lock(&planner->lock);
        planner->quit = true;
        pthread_cond_broadcast(&planner->changed);
        pthread_mutex_unlock(&planner->lock);
        pthread_join(planner->thread, NULL);
    }
    weft_i_case_close(&planner->plan_case);
    pthread_cond_destroy(&planner->changed);
    pthread_mutex_destroy(&planner->lock);
    free(planner);
}
