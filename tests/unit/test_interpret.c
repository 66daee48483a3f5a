/* The interpreter alone: in which order it calls a device and a transport, when it sleeps, and how
 * a run ends early. (tests/runtime/test_virtual.c runs whole plans.) */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "weft/run.h"

/* One rank that does every kind of thing once, towards rank 1. */
static weft_action actions[] = {
    {.kind = WEFT_ACTION_IRECV, .operand = 1},
    {.kind = WEFT_ACTION_FW, .end_ns = 50},
    {.kind = WEFT_ACTION_ISEND},
    {.kind = WEFT_ACTION_WAIT_ISEND},
    {.kind = WEFT_ACTION_WAIT_IRECV, .operand = 1},
    {.kind = WEFT_ACTION_REDUCE},
    {.kind = WEFT_ACTION_WAIT_REDUCE},
    {.kind = WEFT_ACTION_OPTIMIZER},
};
enum { N_ACTIONS = sizeof(actions) / sizeof(actions[0]) };
static weft_chunk chunks[] = {{.module = "m", .rank = 0}, {.module = "m", .rank = 1}};
static weft_stage stages[] = {{.chunk = 0}, {.chunk = 1}};
static weft_edge edges[] = {{.from = 0, .to = 1}, {.from = 1, .to = 0, .pass = WEFT_PASS_BW}};
static weft_rank_actions ranks[] = {{actions, N_ACTIONS}, {NULL, 0}};
static weft_pipeline pipeline = {.problem = {.n_ranks = 2,
                                             .n_chunks = 2,
                                             .n_stages = 2,
                                             .n_edges = 2,
                                             .chunks = chunks,
                                             .stages = stages,
                                             .edges = edges},
                                 .ranks = ranks};
static const weft_plan plan = {.parallel = {1, 2, 1, 1, 1},
                               .n_chunks = 2,
                               .n_pipelines = 1,
                               .chunks = chunks,
                               .pipelines = &pipeline};

/* What was called, a letter or word each, and what the callbacks shall do. */
typedef struct script {
    char log[1024];
    int n_polls;       /* until the device is done */
    int64_t idle_ns;   /* that it says until then */
    int n_tests;       /* until the transport is done */
    int n_left;        /* of either */
    const char *fails; /* callback that fails, with... */
    weft_action_kind at;
    const char *text;
    int n_looks; /* until watch ends the run; 0 = never */
    int64_t now_ns;
    int64_t spin_ns, tick_ns; /* the option; by how much the clock goes on with each look at it */
    bool is_stuck;            /* the clock goes on, nothing else */
    bool puts_off;            /* an isend or a reduce goes on by itself... */
    int n_later;              /* for so many polls */
} script;

static void note(script *s, const char *what, const weft_run_action *action)
{
    size_t n = strlen(s->log);
    snprintf(s->log + n, sizeof(s->log) - n, "%s%s", n > 0 ? " " : "", what);
    if (action) {
        n = strlen(s->log);
        snprintf(s->log + n, sizeof(s->log) - n, ":%s", weft_action_name(action->kind));
    }
}

static weft_status answer(const script *s, const char *what, const weft_run_action *action,
                          weft_error *error)
{
    if (!s->fails || strcmp(s->fails, what) != 0 || action->kind != s->at) return WEFT_STATUS_OK;
    return s->text ? weft_i_fail(error, WEFT_STATUS_IO, "%s", s->text) : WEFT_STATUS_IO;
}

static weft_status begin(void *context, const weft_run_action *action, weft_error *error)
{
    script *s = context;
    note(s, "begin", action);
    s->n_left = s->n_polls;
    return answer(s, "begin", action, error);
}

static weft_status poll(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns)
{
    script *s = context;
    bool is_post = action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_REDUCE;
    if (s->puts_off && is_post) {
        note(s, "poll", s->n_later > 0 ? action : NULL);
        *out_idle_ns = s->n_later > 0 ? WEFT_RUN_LATER : WEFT_RUN_DONE;
        s->n_later -= s->n_later > 0;
        return answer(s, "poll", action, error);
    }
    note(s, "poll", NULL);
    *out_idle_ns = s->n_left-- == 0 ? WEFT_RUN_DONE : s->idle_ns;
    return answer(s, "poll", action, error);
}

static weft_status buffer(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out)
{
    script *s = context;
    note(s, "buffer", NULL);
    *out = (weft_run_buffer){.data = s, .n_bytes = 64, .element = WEFT_RUN_ELEMENT_BYTE};
    return answer(s, "buffer", action, error);
}

static weft_status post(void *context, const weft_run_action *action, const weft_run_buffer *data,
                        weft_error *error)
{
    script *s = context;
    note(s, "post", action);
    cr_expect(data->data == s && data->n_bytes == 64);
    s->n_left = s->n_tests;
    return answer(s, "post", action, error);
}

static weft_status test(void *context, const weft_run_action *action, weft_error *error,
                        bool *out_done)
{
    script *s = context;
    note(s, "test", NULL);
    if (!s->is_stuck) *out_done = s->n_left-- <= 0;
    return answer(s, "test", action, error);
}

static weft_status progress(void *context, weft_error *error)
{
    (void)error;
    note(context, "progress", NULL);
    return WEFT_STATUS_OK;
}

static bool watch(void *context, const weft_run_action *action, int64_t since_ns)
{
    (void)action;
    script *s = context;
    cr_expect_geq(since_ns, 0);
    return s->n_looks == 0 || --s->n_looks > 0;
}

static int64_t now_ns(void *context)
{
    script *s = context;
    return s->now_ns += s->tick_ns;
}

static void sleep_ns(void *context, int64_t ns)
{
    script *s = context;
    char text[32];
    snprintf(text, sizeof(text), "sleep=%d", (int)ns);
    if (!s->is_stuck) note(s, text, NULL);
    s->now_ns += ns;
}

static weft_status run(script *s, weft_error *error, weft_run_time *times)
{
    const weft_run_device device = {s, begin, poll, buffer};
    const weft_run_transport transport = {s, post, test, progress};
    weft_run_options options;
    weft_run_options_init(&options);
    options.watch = watch;
    options.watch_context = options.clock_context = s;
    options.now_ns = now_ns;
    options.sleep_ns = sleep_ns;
    options.timeout_ns = 1000000000;
    options.spin_ns = s->spin_ns;
    return weft_run_rank(&plan, 0, 0, &device, &transport, &options, error, times);
}

Test(interpret, calls_device_and_transport_in_turn)
{
    script s = {.log = ""};
    cr_assert_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    cr_expect_str_eq(s.log, "begin:irecv poll buffer post:irecv "
                            "begin:fw poll "
                            "begin:isend poll buffer post:isend "
                            "test begin:wait_isend poll "
                            "test begin:wait_irecv poll "
                            "begin:reduce poll buffer post:reduce "
                            "test begin:wait_reduce poll "
                            "begin:optimizer poll");
}

Test(interpret, moves_messages_while_the_device_works)
{
    script s = {.n_polls = 2, .idle_ns = 30};
    weft_run_time times[N_ACTIONS];
    cr_assert_eq(run(&s, NULL, times), WEFT_STATUS_OK);
    cr_expect(strstr(s.log, "begin:fw poll progress sleep=30 poll progress sleep=30 poll "));
    cr_expect_eq(times[1].end_ns - times[1].start_ns, 60);
    cr_expect_eq(times[1].start_ns, times[0].end_ns);
}

/* Where the wait follows at once, it waits for the post as well; the transport is not asked. */
Test(interpret, goes_on_while_a_send_gets_ready)
{
    script s = {.puts_off = true, .n_later = 3};
    cr_assert_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    cr_expect(strstr(s.log, "begin:isend poll:isend progress poll:isend sleep=10000 "
                            "progress poll:isend sleep=10000 progress poll buffer post:isend "
                            "sleep=10000 test begin:wait_isend "),
              "%s", s.log);
}

/* A send and a reduction that get ready during the pass behind them are posted in their order, at
 * the first look after they are. */
Test(interpret, posts_in_order_what_got_ready_later)
{
    static weft_action later[] = {
        {.kind = WEFT_ACTION_ISEND},      {.kind = WEFT_ACTION_REDUCE},
        {.kind = WEFT_ACTION_FW},         {.kind = WEFT_ACTION_WAIT_REDUCE},
        {.kind = WEFT_ACTION_WAIT_ISEND},
    };
    const weft_rank_actions before = ranks[0];
    script s = {.puts_off = true, .n_later = 4, .n_polls = 3, .idle_ns = 70};
    ranks[0] = (weft_rank_actions){later, 5};
    cr_expect_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    ranks[0] = before;
    cr_expect(strstr(s.log, "begin:isend poll:isend begin:reduce poll:reduce "
                            "begin:fw poll progress poll:isend sleep=70 "
                            "poll progress poll:isend sleep=70 "
                            "poll progress poll buffer post:isend poll buffer post:reduce sleep=70 "
                            "poll test begin:wait_reduce "),
              "%s", s.log);
}

Test(interpret, does_not_sleep_where_the_device_has_work)
{
    script s = {.n_polls = 2, .idle_ns = 0};
    cr_assert_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    cr_expect(strstr(s.log, "begin:fw poll progress poll progress poll "));
}

Test(interpret, sleeps_no_longer_than_messages_can_wait)
{
    script s = {.n_polls = 1, .idle_ns = 100000000};
    cr_assert_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    cr_expect(strstr(s.log, "begin:fw poll progress sleep=100000 poll "));
}

Test(interpret, looks_again_ever_later)
{
    script s = {.n_tests = 12};
    cr_assert_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    const char *first = strstr(s.log, "test sleep=10000 test sleep=10000 ");
    cr_assert(first, "%s", s.log);
    cr_expect(strstr(first, "test sleep=10000 test sleep=11250 test "), "%s", s.log);
}

Test(interpret, looks_for_a_while_before_it_sleeps)
{
    script s = {.n_tests = 4, .spin_ns = 250, .tick_ns = 100};
    cr_assert_eq(run(&s, NULL, NULL), WEFT_STATUS_OK);
    cr_expect(strstr(s.log, "test test test sleep=10000 test sleep=10000 test "), "%s", s.log);
    cr_expect_null(strstr(s.log, "test test test test"), "%s", s.log);
    script device = {.n_polls = 1, .idle_ns = 5000, .spin_ns = 250};
    cr_assert_eq(run(&device, NULL, NULL), WEFT_STATUS_OK);
    cr_expect(strstr(device.log, "begin:fw poll progress sleep=5000 poll "), "%s", device.log);
}

Test(interpret, ends_when_an_action_takes_too_long)
{
    script s = {.is_stuck = true};
    weft_error error = {0};
    cr_assert_eq(run(&s, &error, NULL), WEFT_STATUS_LIMIT);
    cr_expect_str_eq(error.text, "wait_isend 0 to rank 1 (action 3): not done after 1.0 s, "
                                 "expected at most 1.0 s");
}

Test(interpret, ends_when_watched_to)
{
    script s = {.n_looks = 2};
    weft_error error = {0};
    cr_assert_eq(run(&s, &error, NULL), WEFT_STATUS_INTERRUPTED);
    cr_expect_str_eq(error.text, "fw 0 (action 1): interrupted");
}

static void expect_failure(const char *callback, weft_action_kind at, const char *text,
                           const char *expected)
{
    script s = {.n_polls = 1, .fails = callback, .at = at, .text = text};
    weft_error error = {0};
    cr_expect_eq(run(&s, &error, NULL), WEFT_STATUS_IO);
    cr_expect_eq(error.status, WEFT_STATUS_IO);
    cr_expect_str_eq(error.text, expected);
}

Test(interpret, says_which_action_failed)
{
    expect_failure("begin", WEFT_ACTION_FW, "no room", "fw 0 (action 1): no room");
    expect_failure("poll", WEFT_ACTION_OPTIMIZER, "no room", "optimizer (action 7): no room");
    expect_failure("buffer", WEFT_ACTION_IRECV, "no room",
                   "irecv 1 from rank 1 (action 0): no room");
    expect_failure("post", WEFT_ACTION_ISEND, "no room", "isend 0 to rank 1 (action 2): no room");
    expect_failure("test", WEFT_ACTION_WAIT_REDUCE, NULL,
                   "wait_reduce 0 (action 6): cannot read or write");
}

Test(interpret, refuses_a_rank_that_is_not_there)
{
    weft_error error = {0};
    cr_expect_eq(weft_run_rank(&plan, 0, 2, NULL, NULL, NULL, &error, NULL), WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "expected a rank from 0 to 1, found 2");
    error = (weft_error){0};
    cr_expect_eq(weft_run_rank(&plan, 1, 0, NULL, NULL, NULL, &error, NULL), WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "expected a pipeline from 0 to 0, found 1");
}

Test(interpret, sleeps_by_the_clock_of_the_machine)
{
    script s = {.n_polls = 3, .idle_ns = 1000};
    const weft_run_device device = {&s, begin, poll, buffer};
    const weft_run_transport transport = {&s, post, test, progress};
    weft_run_time times[N_ACTIONS];
    cr_assert_eq(weft_run_rank(&plan, 0, 0, &device, &transport, NULL, NULL, times),
                 WEFT_STATUS_OK);
    for (int a = 0; a < N_ACTIONS; a++)
        cr_expect_geq(times[a].end_ns - times[a].start_ns, 3000);
}
