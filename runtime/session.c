/* runtime/session.c - see session.h. */
#include "runtime/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"
#include "plan/timeline_own.h"
#include "runtime/fault.h"
#include "runtime/mpi_transport.h"
#include "runtime/virtual.h"

/* So long after the last process is ready a step starts: all must have heard by then. Sleep ends so
 * long before an action does. */
enum { START_NS = 20000000, MARGIN_NS = 20000, HOST_SIZE = 256 };

/* Longest sleeps of a rank while messages have to be moved on, and while they come by themselves.
 */
enum { BUSY_LOOK_NS = 100000, CALM_LOOK_NS = 1000000 };

/* Where each rank has a processor it looks for so long before it sleeps: to wake takes as long as a
 * short pass. */
enum { SPIN_NS = 200000 };

struct weft_i_session {
    weft_i_world *world;
    const weft_i_launch *launch;
    const weft_plan *plan;
    int32_t pipeline, rank;
    const weft_rank_actions *actions;
    weft_i_virtual *device;    /* or: */
    weft_i_training *training; /* the caller's */
    weft_i_mpi_transport *transport;
    weft_i_fault fault;
    weft_run_device device_callbacks;
    weft_run_options options;
    int64_t clock_offset_ns, clock_error_ns;
    weft_i_arena arena;
    weft_run_time *times; /* per step and action, from the step's start by the common clock */
    int64_t *steps_ns;    /* per step: end of the last pass; after gathering, of all ranks */
};

/* What a rank tells beside its times. */
typedef struct rank_head {
    char host[HOST_SIZE];
    int64_t clock_offset_ns, clock_error_ns;
} rank_head;

static int64_t now_ns(void *context)
{
    (void)context;
    return weft_i_now_ns();
}

static void sleep_ns(void *context, int64_t ns)
{
    (void)context;
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

static void sleep_until_rung(void *context, int64_t ns)
{
    weft_i_world_sleep(context, ns);
}

/* Large messages move only while MPI is called, and nobody rings for one of another machine. */
static int64_t progress_ns(const weft_i_world *world, const weft_i_launch *launch)
{
    bool is_small = launch->device == WEFT_I_DEVICE_VIRTUAL && !launch->payload;
    return !is_small || !weft_i_world_is_one_machine(world) ? BUSY_LOOK_NS : CALM_LOOK_NS;
}

/* Ranks that wait out times leave the processors to others. */
static int64_t spin_ns(const weft_i_world *world, const weft_i_launch *launch)
{
    bool computes = launch->device != WEFT_I_DEVICE_VIRTUAL;
    return computes && weft_i_world_has_processors(world) ? SPIN_NS : 0;
}

static weft_status make_virtual(weft_i_session *session, weft_error *error)
{
    const weft_i_virtual_options options = {.scale = session->launch->scale,
                                            .payload = session->launch->payload,
                                            .clock_offset_ns = session->clock_offset_ns,
                                            .margin_ns = MARGIN_NS,
                                            .now_ns = now_ns};
    weft_status status = weft_i_virtual_create(session->plan, session->pipeline, session->rank,
                                               &options, error, &session->device);
    if (status == WEFT_STATUS_OK)
        session->device_callbacks = weft_i_virtual_callbacks(session->device);
    return status;
}

static weft_status make_device(weft_i_session *session, weft_error *error)
{
    weft_status status = session->training
                             ? weft_i_training_begin(session->training, session->world, error,
                                                     &session->device_callbacks)
                             : make_virtual(session, error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_fault_wrap(getenv("WEFT_RUN_FAULT"), weft_i_world_process(session->world),
                             &session->fault, error, &session->device_callbacks);
}

/* A payload of a large model can be more than a machine has, which would end in its processes being
 * killed one by one. */
static weft_status check_memory(const weft_i_session *session, weft_error *error)
{
    const double gib = 1 << 30;
    int64_t bytes = 0, has_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    weft_status status = weft_i_world_machine_sum(
        session->world, weft_i_virtual_buffer_bytes(session->device), error, &bytes);
    if (status != WEFT_STATUS_OK || bytes <= has_bytes || has_bytes <= 0) return status;
    return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                       "the payload takes %.1f GiB of %s, which has %.1f", (double)bytes / gib,
                       weft_i_world_host(session->world), (double)has_bytes / gib);
}

static weft_status set_up(weft_i_session *session, weft_error *error)
{
    size_t n_steps = (size_t)session->launch->n_steps;
    session->times =
        weft_i_alloc(n_steps * (size_t)session->actions->n_actions + 1, sizeof(*session->times));
    session->steps_ns = weft_i_alloc(n_steps, sizeof(*session->steps_ns));
    if (!session->times || !session->steps_ns) return weft_i_no_memory(error);
    weft_status status = weft_i_world_clock(session->world, error, &session->clock_offset_ns,
                                            &session->clock_error_ns);
    if (status == WEFT_STATUS_OK) status = make_device(session, error);
    if (status == WEFT_STATUS_OK && session->device) status = check_memory(session, error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_mpi_transport_create(session->world, session->plan, error, &session->transport);
}

weft_status weft_i_session_create(weft_i_world *world, const weft_i_launch *launch,
                                  const weft_plan *plan, weft_i_training *training,
                                  weft_error *error, weft_i_session **out_session)
{
    weft_i_session *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return weft_i_no_memory(error);
    made->world = world;
    made->launch = launch;
    made->plan = plan;
    made->training = training;
    made->pipeline = weft_i_world_replica(world);
    made->rank = weft_i_world_rank(world);
    made->actions = &plan->pipelines[made->pipeline].ranks[made->rank];
    weft_run_options_init(&made->options);
    made->options.timeout_ns = weft_i_world_patience_ns(world);
    made->options.scale = launch->scale;
    made->options.watch = weft_i_world_watch;
    made->options.watch_context = world;
    made->options.now_ns = now_ns;
    made->options.sleep_ns = sleep_until_rung;
    made->options.clock_context = world;
    made->options.progress_ns = progress_ns(world, launch);
    made->options.spin_ns = spin_ns(world, launch);
    prctl(PR_SET_TIMERSLACK, 1UL); /* sleep to the microsecond, not to 50 of them */
    weft_status status = set_up(made, error);
    if (status != WEFT_STATUS_OK) {
        weft_i_session_free(made);
        return status;
    }
    *out_session = made;
    return status;
}

/* Agree on a moment and wait for it. */
static weft_status start_together(weft_i_session *session, weft_error *error, int64_t *out_start_ns)
{
    int64_t start_ns = weft_i_now_ns() - session->clock_offset_ns + START_NS;
    weft_status status = weft_i_world_largest(session->world, &start_ns, 1, error);
    if (status != WEFT_STATUS_OK) return status;
    for (;;) {
        int64_t left_ns = start_ns + session->clock_offset_ns - weft_i_now_ns();
        if (left_ns <= 0) break;
        if (left_ns > MARGIN_NS) sleep_ns(NULL, left_ns - MARGIN_NS);
    }
    *out_start_ns = start_ns;
    return status;
}

/* From the step's start; a clock that was thought fast by a little must not begin before it. */
static void shift_times(const weft_i_session *session, int64_t start_ns, int64_t step)
{
    int32_t n = session->actions->n_actions;
    weft_run_time *times = session->times + step * n;
    int64_t zero_ns = start_ns + session->clock_offset_ns;
    for (int32_t a = 0; a < n; a++) {
        int64_t begun_ns = times[a].start_ns - zero_ns, ended_ns = times[a].end_ns - zero_ns;
        times[a].start_ns = begun_ns > 0 ? begun_ns : 0;
        times[a].end_ns = ended_ns > 0 ? ended_ns : 0;
        if (session->actions->actions[a].kind <= WEFT_ACTION_BWW)
            session->steps_ns[step] = times[a].end_ns;
    }
}

weft_status weft_i_session_run(weft_i_session *session, weft_error *error)
{
    weft_run_transport transport = weft_i_mpi_transport_callbacks(session->transport);
    for (int64_t step = 0; step < session->launch->n_steps; step++) {
        int64_t start_ns = 0;
        if (session->training) weft_i_training_step(session->training, (int32_t)step);
        weft_status status = start_together(session, error, &start_ns);
        if (status != WEFT_STATUS_OK) return status;
        if (!session->training) weft_i_virtual_step(session->device, (int32_t)step, start_ns);
        status = weft_run_rank(session->plan, session->pipeline, session->rank,
                               &session->device_callbacks, &transport, &session->options, error,
                               session->times + step * session->actions->n_actions);
        if (status != WEFT_STATUS_OK) return status;
        shift_times(session, start_ns, step);
        if (session->training)
            status = weft_i_training_end_step(session->training, (int32_t)step, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    return weft_i_mpi_transport_drain(session->transport, error);
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The lower one of two. */
static weft_status find_median(const int64_t *values, int32_t n, weft_error *error, int32_t *out_at)
{
    int64_t *sorted = weft_i_alloc((size_t)n, sizeof(*sorted));
    if (!sorted) return weft_i_no_memory(error);
    memcpy(sorted, values, (size_t)n * sizeof(*sorted));
    qsort(sorted, (size_t)n, sizeof(*sorted), compare);
    int64_t median = sorted[(n - 1) / 2];
    free(sorted);
    for (*out_at = 0; values[*out_at] != median;)
        ++*out_at;
    return WEFT_STATUS_OK;
}

/* Where the plan has the rank of a process. */
static weft_timeline_rank *rank_of_process(const weft_timeline *timeline, int32_t process)
{
    int32_t p = process % timeline->n_pipelines, r = process / timeline->n_pipelines;
    return &timeline->pipelines[p].ranks[r];
}

static weft_status gather_heads(const weft_i_session *session, int32_t *counts,
                                weft_timeline *timeline, weft_error *error)
{
    rank_head own = {.clock_offset_ns = session->clock_offset_ns,
                     .clock_error_ns = session->clock_error_ns};
    int32_t n = weft_i_world_size(session->world);
    weft_i_arena *arena = timeline ? weft_i_timeline_arena(timeline) : NULL;
    rank_head *all = timeline ? weft_i_new(arena, rank_head, n) : NULL;
    if (timeline && !all) return weft_i_no_memory(error);
    strncpy(own.host, weft_i_world_host(session->world), HOST_SIZE - 1);
    for (int32_t i = 0; timeline && i < n; i++)
        counts[i] = (int32_t)sizeof(own);
    weft_status status =
        weft_i_world_gather(session->world, &own, (int32_t)sizeof(own), counts, error, all);
    for (int32_t i = 0; timeline && status == WEFT_STATUS_OK && i < n; i++) {
        weft_timeline_rank *rank = rank_of_process(timeline, i);
        rank->host = all[i].host;
        rank->clock_offset_ns = all[i].clock_offset_ns;
        rank->clock_error_ns = all[i].clock_error_ns;
    }
    return status;
}

static weft_status gather_times(const weft_i_session *session, int32_t step, int32_t *counts,
                                weft_timeline *timeline, weft_error *error)
{
    int32_t n = weft_i_world_size(session->world), n_own = session->actions->n_actions;
    size_t n_all = 0;
    for (int32_t i = 0; timeline && i < n; i++) {
        int32_t n_actions = rank_of_process(timeline, i)->actions.n_actions;
        counts[i] = n_actions * (int32_t)sizeof(weft_run_time);
        n_all += (size_t)n_actions;
    }
    weft_run_time *all = timeline ? weft_i_alloc(n_all + 1, sizeof(*all)) : NULL;
    if (timeline && !all) return weft_i_no_memory(error);
    weft_status status =
        weft_i_world_gather(session->world, session->times + (int64_t)step * n_own,
                            n_own * (int32_t)sizeof(weft_run_time), counts, error, all);
    const weft_run_time *next = all;
    for (int32_t i = 0; timeline && status == WEFT_STATUS_OK && i < n; i++) {
        const weft_rank_actions *actions = &rank_of_process(timeline, i)->actions;
        for (int32_t a = 0; a < actions->n_actions; a++, next++) {
            actions->actions[a].start_ns = next->start_ns;
            actions->actions[a].end_ns = next->end_ns;
        }
    }
    free(all);
    return status;
}

static weft_status gather(weft_i_session *session, int32_t step, weft_timeline *timeline,
                          weft_error *error)
{
    int32_t *counts = weft_i_new(&session->arena, int32_t, weft_i_world_size(session->world));
    if (!counts) return weft_i_no_memory(error);
    weft_status status = gather_heads(session, counts, timeline, error);
    if (status != WEFT_STATUS_OK) return status;
    return gather_times(session, step, counts, timeline, error);
}

weft_status weft_i_session_gather(weft_i_session *session, weft_error *error,
                                  weft_timeline **out_timeline, const int64_t **out_steps_ns)
{
    int32_t n_steps = (int32_t)session->launch->n_steps, step = 0;
    weft_timeline *timeline = NULL;
    weft_status status = weft_i_world_largest(session->world, session->steps_ns, n_steps, error);
    if (status == WEFT_STATUS_OK) status = find_median(session->steps_ns, n_steps, error, &step);
    if (status == WEFT_STATUS_OK && weft_i_world_process(session->world) == 0)
        status = weft_timeline_of_plan(session->plan, weft_i_device_name(session->launch->device),
                                       error, &timeline);
    if (status == WEFT_STATUS_OK) status = gather(session, step, timeline, error);
    if (status != WEFT_STATUS_OK) {
        weft_timeline_free(timeline);
        return status;
    }
    if (timeline) {
        timeline->scale = session->launch->scale;
        timeline->n_steps = n_steps;
        timeline->step = step;
    }
    *out_timeline = timeline;
    *out_steps_ns = session->steps_ns;
    return status;
}

void weft_i_session_free(weft_i_session *session)
{
    if (!session) return;
    weft_i_mpi_transport_free(session->transport);
    weft_i_virtual_free(session->device);
    free(session->times);
    free(session->steps_ns);
    weft_i_arena_free(&session->arena);
    free(session);
}
