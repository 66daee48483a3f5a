/* runtime/interpret.c - walks the actions of one rank: the device works, the transport moves, and
 * whoever has nothing to do lets the other go on. Not: what a device or a transport is. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/threads.h"
#include "weft/run.h"

/* A first look again comes after this long; then ever later, as what has not come for long seldom
 * comes just now. */
enum { SHORTEST_SLEEP_NS = 10000, SLEEP_SHARE = 8, MOST_LATER = 32 };

typedef struct runner {
    const weft_pipeline *pipeline;
    const weft_chunk *chunks;
    const weft_run_device *device;
    const weft_run_transport *transport;
    weft_run_options options;
    weft_error *error;
    weft_run_action now;
    int64_t since_ns; /* begin of the action */
    /* Begun and to be posted when the device is ready, in this order. */
    weft_run_action later[MOST_LATER];
    int n_later;
} runner;

static int64_t clock_now_ns(void *context)
{
    (void)context;
    return weft_i_now_ns();
}

static void clock_sleep_ns(void *context, int64_t ns)
{
    (void)context;
    struct timespec span = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&span, NULL); /* cut short by a signal: as well */
}

void weft_run_options_init(weft_run_options *options)
{
    *options = (weft_run_options){.struct_size = sizeof(*options),
                                  .timeout_ns = INT64_C(60000000000),
                                  .scale = 1,
                                  .progress_ns = 100000,
                                  .now_ns = clock_now_ns,
                                  .sleep_ns = clock_sleep_ns};
}

/* The caller's options over the defaults: a caller of an older version has a shorter struct. */
static void take_options(const weft_run_options *given, weft_run_options *out)
{
    weft_run_options_init(out);
    if (!given) return;
    size_t n = given->struct_size < sizeof(*out) ? given->struct_size : sizeof(*out);
    weft_run_options defaults = *out;
    memcpy(out, given, n);
    if (out->now_ns && out->sleep_ns) return;
    out->now_ns = defaults.now_ns;
    out->sleep_ns = defaults.sleep_ns;
}

void weft_run_action_words(const weft_run_action *action, char *text, size_t size)
{
    static const char *const links[WEFT_N_ACTIONS] = {[WEFT_ACTION_ISEND] = "to",
                                                      [WEFT_ACTION_WAIT_ISEND] = "to",
                                                      [WEFT_ACTION_IRECV] = "from",
                                                      [WEFT_ACTION_WAIT_IRECV] = "from"};
    const char *name = weft_action_name(action->kind);
    if (weft_action_operand(action->kind) == WEFT_OPERAND_NONE)
        snprintf(text, size, "%s (action %d)", name, action->index);
    else if (action->peer < 0 || !links[action->kind])
        snprintf(text, size, "%s %d (action %d)", name, action->operand, action->index);
    else
        snprintf(text, size, "%s %d %s rank %d (action %d)", name, action->operand,
                 links[action->kind], action->peer, action->index);
}

/* Say which action a failure belongs to. */
static weft_status fail(const runner *run, const weft_run_action *action, weft_status status,
                        const char *text)
{
    char words[96];
    weft_run_action_words(action, words, sizeof(words));
    return weft_i_fail(run->error, status, "%s: %s", words, text);
}

static weft_status wrap(const runner *run, const weft_run_action *action, weft_status status,
                        const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return status;
    return fail(run, action, status, error->text[0] ? error->text : weft_status_text(status));
}

static int64_t clock_of(const runner *run)
{
    return run->options.now_ns(run->options.clock_context);
}

static int32_t rank_of_stage(const runner *run, int32_t stage)
{
    return run->chunks[run->pipeline->problem.stages[stage].chunk].rank;
}

static int32_t peer_of(const runner *run, const weft_action *action)
{
    if (weft_action_operand(action->kind) != WEFT_OPERAND_EDGE) return -1;
    const weft_edge *edge = &run->pipeline->problem.edges[action->operand];
    bool sends = action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_WAIT_ISEND;
    return rank_of_stage(run, sends ? edge->to : edge->from);
}

/* Whether the run goes on; looked at between any two polls. */
static weft_status look(const runner *run, int64_t now_ns)
{
    const weft_run_options *options = &run->options;
    int64_t since_ns = now_ns - run->since_ns;
    if (options->watch && !options->watch(options->watch_context, &run->now, since_ns))
        return fail(run, &run->now, WEFT_STATUS_INTERRUPTED, "interrupted");
    if (options->timeout_ns == 0) return WEFT_STATUS_OK;
    double limit_ns = (double)options->timeout_ns + (double)run->now.planned_ns * options->scale;
    if ((double)since_ns <= limit_ns) return WEFT_STATUS_OK;
    char text[96];
    snprintf(text, sizeof(text), "not done after %.1f s, expected at most %.1f s",
             (double)since_ns / 1e9, limit_ns / 1e9);
    return fail(run, &run->now, WEFT_STATUS_LIMIT, text);
}

static void sleep_for(const runner *run, int64_t ns)
{
    if (ns > run->options.progress_ns) ns = run->options.progress_ns;
    if (ns > 0) run->options.sleep_ns(run->options.clock_context, ns);
}

static weft_status post(const runner *run, const weft_run_action *action)
{
    weft_error error = {0};
    weft_run_buffer buffer = {0};
    weft_status status = run->device->buffer(run->device->context, action, &error, &buffer);
    if (status == WEFT_STATUS_OK)
        status = run->transport->post(run->transport->context, action, &buffer, &error);
    return wrap(run, action, status, &error);
}

/* Post what was put off, as far as it is ready; in order, as reductions have to be. */
static weft_status post_later(runner *run)
{
    while (run->n_later > 0) {
        const weft_run_action first = run->later[0];
        weft_error error = {0};
        int64_t idle_ns = WEFT_RUN_DONE;
        weft_status status = run->device->poll(run->device->context, &first, &error, &idle_ns);
        if (status != WEFT_STATUS_OK) return wrap(run, &first, status, &error);
        if (idle_ns != WEFT_RUN_DONE) return status;
        run->n_later--;
        memmove(run->later, run->later + 1, (size_t)run->n_later * sizeof(run->later[0]));
        status = post(run, &first);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static bool can_be_later(const runner *run)
{
    bool is_post = run->now.kind == WEFT_ACTION_ISEND || run->now.kind == WEFT_ACTION_REDUCE;
    return is_post && run->n_later < MOST_LATER;
}

/* Between two looks at whatever the action waits for. */
static weft_status go_on(runner *run, int64_t now_ns, int64_t idle_ns)
{
    weft_status status = post_later(run);
    if (status == WEFT_STATUS_OK) status = look(run, now_ns);
    if (status == WEFT_STATUS_OK) sleep_for(run, idle_ns);
    return status;
}

/* begin, then poll until done, or until the device goes on by itself; the transport goes on in
 * between. */
static weft_status work(runner *run, bool *out_is_later)
{
    const weft_run_device *device = run->device;
    weft_error error = {0};
    weft_status status = device->begin(device->context, &run->now, &error);
    *out_is_later = false;
    while (status == WEFT_STATUS_OK) {
        int64_t idle_ns = WEFT_RUN_DONE;
        status = device->poll(device->context, &run->now, &error, &idle_ns);
        *out_is_later = idle_ns == WEFT_RUN_LATER && can_be_later(run);
        if (status != WEFT_STATUS_OK || idle_ns == WEFT_RUN_DONE || *out_is_later) break;
        status = run->transport->progress(run->transport->context, &error);
        if (status != WEFT_STATUS_OK) break;
        weft_status gone_on =
            go_on(run, clock_of(run), idle_ns == WEFT_RUN_LATER ? SHORTEST_SLEEP_NS : idle_ns);
        if (gone_on != WEFT_STATUS_OK) return gone_on;
    }
    return wrap(run, &run->now, status, &error);
}

/* Whether what a wait is for has not been posted yet. */
static bool is_later(const runner *run)
{
    weft_action_kind kind =
        run->now.kind == WEFT_ACTION_WAIT_REDUCE ? WEFT_ACTION_REDUCE : WEFT_ACTION_ISEND;
    if (run->now.kind == WEFT_ACTION_WAIT_IRECV) return false;
    for (int i = 0; i < run->n_later; i++)
        if (run->later[i].kind == kind && run->later[i].operand == run->now.operand) return true;
    return false;
}

/* Ask the transport until what was posted is complete. */
static weft_status wait(runner *run)
{
    weft_error error = {0};
    for (;;) {
        bool done = false;
        weft_status status =
            is_later(run) ? run->transport->progress(run->transport->context, &error)
                          : run->transport->test(run->transport->context, &run->now, &error, &done);
        if (status != WEFT_STATUS_OK) return wrap(run, &run->now, status, &error);
        if (done) return WEFT_STATUS_OK;
        int64_t now_ns = clock_of(run), waited_ns = now_ns - run->since_ns;
        int64_t sleep_ns = waited_ns / SLEEP_SHARE;
        if (sleep_ns < SHORTEST_SLEEP_NS) sleep_ns = SHORTEST_SLEEP_NS;
        status = go_on(run, now_ns, waited_ns < run->options.spin_ns ? 0 : sleep_ns);
        if (status != WEFT_STATUS_OK) return status;
    }
}

/* Work, and post it at once, or put that off. What is ready never overtakes what is not. */
static weft_status work_and_post(runner *run)
{
    bool is_put_off = false;
    weft_status status = work(run, &is_put_off);
    while (status == WEFT_STATUS_OK && !is_put_off && run->n_later > 0 &&
           run->now.kind != WEFT_ACTION_IRECV)
        status = go_on(run, clock_of(run), SHORTEST_SLEEP_NS);
    if (status != WEFT_STATUS_OK) return status;
    if (!is_put_off) return post(run, &run->now);
    run->later[run->n_later++] = run->now;
    return status;
}

static weft_status run_action(runner *run)
{
    bool is_put_off;
    weft_status status;
    switch (run->now.kind) {
    case WEFT_ACTION_WAIT_ISEND:
    case WEFT_ACTION_WAIT_IRECV:
    case WEFT_ACTION_WAIT_REDUCE:
        status = wait(run);
        return status == WEFT_STATUS_OK ? work(run, &is_put_off) : status;
    case WEFT_ACTION_ISEND:
    case WEFT_ACTION_IRECV:
    case WEFT_ACTION_REDUCE:
        return work_and_post(run);
    case WEFT_ACTION_FW:
    case WEFT_ACTION_BW:
    case WEFT_ACTION_BWI:
    case WEFT_ACTION_BWW:
    case WEFT_ACTION_OFFLOAD:
    case WEFT_ACTION_PREFETCH:
    case WEFT_ACTION_WAIT_OFFLOAD:
    case WEFT_ACTION_WAIT_PREFETCH:
    case WEFT_ACTION_UNSHARD:
    case WEFT_ACTION_RESHARD:
    case WEFT_ACTION_OPTIMIZER:
    case WEFT_N_ACTIONS:
        break;
    }
    return work(run, &is_put_off);
}

static weft_status run_all(runner *run, const weft_rank_actions *rank, weft_run_time *times)
{
    for (int32_t a = 0; a < rank->n_actions; a++) {
        const weft_action *action = &rank->actions[a];
        run->now = (weft_run_action){.kind = action->kind,
                                     .operand = action->operand,
                                     .index = a,
                                     .peer = peer_of(run, action),
                                     .planned_ns = action->end_ns - action->start_ns};
        run->since_ns = clock_of(run);
        weft_status status = look(run, run->since_ns);
        if (status == WEFT_STATUS_OK) status = run_action(run);
        if (status != WEFT_STATUS_OK) return status;
        if (!times) continue;
        times[a].start_ns = run->since_ns;
        times[a].end_ns = clock_of(run);
    }
    return WEFT_STATUS_OK;
}

weft_status weft_run_rank(const weft_plan *plan, int32_t pipeline, int32_t rank,
                          const weft_run_device *device, const weft_run_transport *transport,
                          const weft_run_options *options, weft_error *error, weft_run_time *times)
{
    if (pipeline < 0 || pipeline >= plan->n_pipelines) {
        return weft_i_fail(error, WEFT_STATUS_USAGE, "expected a pipeline from 0 to %d, found %d",
                           plan->n_pipelines - 1, pipeline);
    }
    const weft_pipeline *own = &plan->pipelines[pipeline];
    if (rank < 0 || rank >= own->problem.n_ranks) {
        return weft_i_fail(error, WEFT_STATUS_USAGE, "expected a rank from 0 to %d, found %d",
                           own->problem.n_ranks - 1, rank);
    }
    runner run = {.pipeline = own,
                  .chunks = plan->chunks,
                  .device = device,
                  .transport = transport,
                  .error = error};
    take_options(options, &run.options);
    return run_all(&run, &own->ranks[rank], times);
}
