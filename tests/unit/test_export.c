/* tests/unit/test_export.c - plans in other tools' formats, read back: Chrome traces by their
 * rules, and schedules of torch.distributed.pipelining by those of its loader. */
#include "weft/export.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/plan_edit.h"
#include "tests/unit/random_plan.h"
#include "tests/unit/show_case.h"

typedef enum format { CHROME, TORCH_CSV, TORCH_COMMS } format;

static weft_status export_to(format form, const weft_plan *plan, int32_t replica, const char *file,
                             weft_error *error)
{
    if (form == CHROME) return weft_export_chrome(plan, file, error);
    if (form == TORCH_COMMS) return weft_export_torch_comms(plan, replica, file, error);
    return weft_export_torch_csv(plan, replica, file, error);
}

/* The file's text; free it. */
static char *exported(format form, const weft_plan *plan, int32_t replica)
{
    char name[] = "export_XXXXXX";
    char *text = NULL;
    size_t n;
    weft_error error = {0};
    close(mkstemp(name));
    cr_assert_eq(export_to(form, plan, replica, name, &error), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_i_file_read(name, &error, &text, &n), WEFT_STATUS_OK, "%s", error.text);
    unlink(name);
    return text;
}

static void expect_refusal(format form, const weft_plan *plan, int32_t replica,
                           weft_status expected, const char *text)
{
    weft_error error = {0};
    weft_status status = export_to(form, plan, replica, "/nowhere/file", &error);
    cr_expect_eq(status, expected, "%s: %s", weft_status_name(status), error.text);
    cr_expect(strstr(error.text, text), "'%s' is not in '%s'", text, error.text);
}

/* --- Chrome traces --- */

/* Events of one kind, in the order of the file. */
typedef struct events {
    const json_t *all;
    size_t next;
} events;

static const json_t *next_event(events *e, const char *phase)
{
    while (e->next < json_array_size(e->all)) {
        const json_t *event = json_array_get(e->all, e->next++);
        if (strcmp(json_string_value(json_object_get(event, "ph")), phase) == 0) return event;
    }
    return NULL;
}

static int64_t int_of(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    cr_assert(json_is_integer(value), "no integer '%s'", key);
    return json_integer_value(value);
}

static int64_t ns_of(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    cr_assert(json_is_number(value), "no number '%s'", key);
    double ns = json_number_value(value) * 1000;
    cr_expect_float_eq(ns, round(ns), 1e-4);
    return llround(ns);
}

static bool has_category(const json_t *event, const char *category)
{
    return strcmp(json_string_value(json_object_get(event, "cat")), category) == 0;
}

/* Slices of one thread follow each other, and a thread is of one process. */
static void expect_threads(const json_t *all)
{
    enum { THREADS = 400 };
    int64_t end_ns[THREADS] = {0}, process[THREADS];
    memset(process, -1, sizeof process);
    events slices = {all, 0};
    for (const json_t *event; (event = next_event(&slices, "X"));) {
        int64_t thread = int_of(event, "tid"), start_ns = ns_of(event, "ts");
        cr_assert(thread >= 0 && thread < THREADS, "thread %" PRId64, thread);
        cr_expect_geq(start_ns, end_ns[thread], "thread %" PRId64, thread);
        end_ns[thread] = start_ns + ns_of(event, "dur");
        if (process[thread] < 0) process[thread] = int_of(event, "pid");
        cr_expect_eq(process[thread], int_of(event, "pid"));
    }
}

/* The passes of each rank are there, in order, with their times. */
static void expect_slices(const weft_plan *plan, const json_t *all)
{
    events slices = {all, 0};
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        const weft_pipeline *pipeline = &plan->pipelines[p];
        for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
            for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
                const weft_action *action = &pipeline->ranks[r].actions[a];
                if (action->kind > WEFT_ACTION_BWW) continue;
                const json_t *event;
                do {
                    event = next_event(&slices, "X");
                    cr_assert(event, "rank %d lacks a pass", r);
                } while (!has_category(event, "pass"));
                cr_expect_eq(int_of(json_object_get(event, "args"), "stage"), action->operand);
                cr_expect_eq(int_of(event, "pid"), pipeline->replica);
                cr_expect_eq(ns_of(event, "ts"), action->start_ns);
                cr_expect_eq(ns_of(event, "dur"), action->end_ns - action->start_ns);
            }
        }
    }
    for (const json_t *event; (event = next_event(&slices, "X"));)
        cr_expect(!has_category(event, "pass"), "more passes than in the plan");
}

/* Each message has one slice and one arrow, whose ends stand at the start of a pass. */
static void expect_arrows(const weft_plan *plan, const json_t *all)
{
    size_t n_messages = 0, n_slices = 0, n_ends = 0;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        for (int32_t r = 0; r < plan->pipelines[p].problem.n_ranks; r++) {
            const weft_rank_actions *rank = &plan->pipelines[p].ranks[r];
            for (int32_t a = 0; a < rank->n_actions; a++)
                n_messages += rank->actions[a].kind == WEFT_ACTION_ISEND;
        }
    }
    events slices = {all, 0}, starts = {all, 0}, ends = {all, 0};
    for (const json_t *event; (event = next_event(&slices, "X"));)
        n_slices += has_category(event, "message");
    cr_expect_eq(n_slices, n_messages);
    enum { IDS = 8192 };
    bool is_taken[IDS] = {false};
    for (const json_t *start; (start = next_event(&starts, "s")); n_ends++) {
        const json_t *end = next_event(&ends, "f");
        cr_assert(end);
        cr_expect_eq(int_of(start, "id"), int_of(end, "id"));
        cr_assert_lt(int_of(start, "id"), IDS);
        cr_expect(!is_taken[int_of(start, "id")]);
        is_taken[int_of(start, "id")] = true;
        cr_expect_str_eq(json_string_value(json_object_get(end, "bp")), "e");
        cr_expect_neq(int_of(start, "tid"), int_of(end, "tid"));
        cr_expect_leq(ns_of(start, "ts"), ns_of(end, "ts"));
    }
    cr_expect_eq(n_ends, n_messages);
}

/* The highest value of a rank's counter, where its peak lasts for some time. */
static void expect_counters(const weft_plan *plan, const json_t *all)
{
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        for (int32_t r = 0; r < plan->pipelines[p].problem.n_ranks; r++) {
            char name[32];
            int64_t most = 0, last_ns = -1;
            snprintf(name, sizeof name, "memory of rank %d", r);
            events counters = {all, 0};
            for (const json_t *event; (event = next_event(&counters, "C"));) {
                if (int_of(event, "pid") != plan->pipelines[p].replica ||
                    strcmp(json_string_value(json_object_get(event, "name")), name) != 0)
                    continue;
                int64_t bytes = int_of(json_object_get(event, "args"), "bytes");
                if (bytes > most) most = bytes;
                cr_expect_gt(ns_of(event, "ts"), last_ns);
                last_ns = ns_of(event, "ts");
            }
            cr_expect_eq(most, plan->pipelines[p].peak_bytes[r], "rank %d", r);
        }
    }
}

/* Every thread with a slice has a name and a place. */
static void expect_names(const json_t *all)
{
    events slices = {all, 0};
    for (const json_t *event; (event = next_event(&slices, "X"));) {
        events names = {all, 0};
        int n = 0;
        for (const json_t *name; (name = next_event(&names, "M"));) {
            if (strcmp(json_string_value(json_object_get(name, "name")), "process_name") != 0)
                n += int_of(name, "tid") == int_of(event, "tid");
        }
        cr_expect_eq(n, 2, "thread %" PRId64 " has %d names", int_of(event, "tid"), n);
    }
}

/* Passes of no length have peaks of no length, which no counter shows. */
static void lengthen(weft_problem *problem)
{
    for (int32_t s = 0; s < problem->n_stages; s++) {
        weft_cost *cost = &problem->stages[s].now.cost;
        cost->fw_ns++;
        if (cost->bw_ns > 0 || problem->stages[s].backward != WEFT_BACKWARD_NONE) cost->bw_ns++;
        if (weft_cost_can_split(cost)) {
            cost->bwi_ns++;
            cost->bww_ns++;
        }
    }
}

static weft_plan *lengthened_plan(weft_i_rng *rng, int32_t n_replicas)
{
    weft_pipeline_input inputs[RANDOM_REPLICAS] = {0};
    weft_order *orders[RANDOM_REPLICAS];
    weft_problem *problem = random_problem(rng);
    problem->post_ns = 1 + random_to(rng, 2);
    lengthen(problem);
    for (int32_t i = 0; i < n_replicas; i++) {
        orders[i] = random_order(rng, problem);
        inputs[i] = (weft_pipeline_input){.problem = problem, .order = orders[i]};
    }
    weft_plan *plan = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_plan_build(inputs, n_replicas, random_to(rng, 100), &error, &plan),
                 WEFT_STATUS_OK, "%s", error.text);
    for (int32_t i = 0; i < n_replicas; i++)
        weft_order_free(orders[i]);
    weft_problem_free(problem);
    return plan;
}

Test(export, chrome_traces_of_random_plans)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 21);
    for (int k = 0; k < 30; k++) {
        weft_plan *plan = lengthened_plan(&rng, 1 + random_to(&rng, 2));
        char *text = exported(CHROME, plan, -1);
        json_error_t error;
        json_t *trace = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        cr_assert(trace, "seed 21, plan %d, line %d: %s", k, error.line, error.text);
        const json_t *all = json_object_get(trace, "traceEvents");
        expect_threads(all);
        expect_slices(plan, all);
        expect_arrows(plan, all);
        expect_counters(plan, all);
        if (k % 10 == 0) expect_names(all);
        json_decref(trace);
        free(text);
        weft_plan_free(plan);
    }
}

/* --- torch schedules --- */

enum { STAGES = 64, MICROBATCHES = 64 };

/* What the loader knows of each stage and microbatch. */
typedef struct loader {
    bool has[STAGES][MICROBATCHES][4]; /* F, I, B, W */
    int rank[STAGES];
    int n_stages, n_microbatches;
} loader;

static void load_cell(loader *l, int rank, int stage, char letter, int microbatch)
{
    const char *letters = "FIBW", *found = strchr(letters, letter);
    cr_assert(found, "action '%c'", letter);
    cr_assert(stage < STAGES && microbatch < MICROBATCHES);
    bool *has = l->has[stage][microbatch];
    cr_expect(!has[found - letters], "%d%c%d is there twice", stage, letter, microbatch);
    has[found - letters] = true;
    if (letter == 'I' || letter == 'B')
        cr_expect(has[0], "%d%c%d: no F", stage, letter, microbatch);
    if (letter == 'W') cr_expect(has[1], "%dW%d: no I", stage, microbatch);
    if (l->rank[stage] < 0) l->rank[stage] = rank;
    cr_expect_eq(l->rank[stage], rank, "stage %d is on two ranks", stage);
    if (stage >= l->n_stages) l->n_stages = stage + 1;
    if (microbatch >= l->n_microbatches) l->n_microbatches = microbatch + 1;
}

/* The rules of the loader. */
static void load(const char *text, int n_ranks, loader *l)
{
    *l = (loader){0};
    memset(l->rank, -1, sizeof l->rank);
    int rank = 0;
    for (const char *c = text; *c; rank++) {
        for (bool is_open = true; is_open;) {
            int stage, microbatch, n;
            char letter;
            cr_assert_eq(sscanf(c, "%d%c%d%n", &stage, &letter, &microbatch, &n), 3, "'%.20s'", c);
            load_cell(l, rank, stage, letter, microbatch);
            c += n;
            cr_assert(*c == ',' || *c == '\n', "'%.20s'", c);
            is_open = *c++ == ',';
        }
    }
    cr_expect_eq(rank, n_ranks);
    for (int s = 0; s < l->n_stages; s++) {
        cr_expect_geq(l->rank[s], 0, "stage %d is nowhere", s);
        for (int m = 0; m < l->n_microbatches; m++) {
            const bool *has = l->has[s][m];
            cr_expect(has[0] && has[1] == has[3] && has[1] != has[2], "stage %d, microbatch %d", s,
                      m);
        }
    }
}

Test(export, torch_schedule_by_hand)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20 bww=10", WEFT_I_FIXED_ZB_H1);
    char *text = exported(TORCH_CSV, plan, -1);
    cr_expect_str_eq(text, "0F0,0F1,0B0,0B1\n1F0,1I0,1F1,1I1,1W0,1W1\n", "%s", text);
    free(text);
    weft_plan_free(plan);
}

/* Two segments down and up again: rank 0 holds the first stage and the last. */
Test(export, torch_schedule_in_v_shape)
{
    weft_plan *plan =
        show_plan("pp=2 microbatches=3 fw=10 bw=20 segments=2 v=1", WEFT_I_FIXED_GPIPE);
    char *text = exported(TORCH_CSV, plan, -1);
    loader *l = malloc(sizeof *l);
    load(text, 2, l);
    cr_expect_eq(l->n_stages, 4);
    cr_expect_eq(l->n_microbatches, 3);
    static const int ranks[] = {0, 1, 1, 0};
    cr_expect_eq(memcmp(l->rank, ranks, sizeof ranks), 0);
    free(l);
    free(text);
    weft_plan_free(plan);
}

Test(export, torch_schedules_of_published_orders)
{
    static const weft_i_fixed_kind kinds[] = {WEFT_I_FIXED_GPIPE, WEFT_I_FIXED_VPP,
                                              WEFT_I_FIXED_1F1B};
    loader *l = malloc(sizeof *l);
    for (int k = 0; k < 9; k++) {
        char problem[120];
        int segments = kinds[k % 3] == WEFT_I_FIXED_1F1B ? 1 : 1 + k % 2;
        snprintf(problem, sizeof problem,
                 "pp=%d microbatches=%d fw=10 bw=20 bww=8 segments=%d vary=0.5", 1 + k, 2 + 3 * k,
                 segments);
        weft_plan *plan = show_plan(problem, kinds[k % 3]);
        char *text = exported(TORCH_CSV, plan, 0);
        load(text, 1 + k, l);
        cr_expect_eq(l->n_stages, (1 + k) * segments, "%s", problem);
        cr_expect_eq(l->n_microbatches, 2 + 3 * k, "%s", problem);
        free(text);
        weft_plan_free(plan);
    }
    free(l);
}

/* A module's two sub-microbatches into one stage of another, a frozen module, and so on: problems
 * of two ranks that differ in one point from one that can be said. */
typedef struct tiny {
    weft_chunk chunks[3];
    weft_submicrobatch subs[3];
    weft_stage stages[4];
    weft_edge edges[6];
    int64_t zeros[3], limits[3];
    weft_task tasks[3][8], *rank_tasks[3];
    int32_t n_tasks[3];
    weft_problem problem;
    weft_order order;
} tiny;

/* Stage s of chunk c on sub-microbatch m; forward, or backward too. */
static void add_stage(tiny *t, int32_t chunk, int32_t sub, weft_backward backward)
{
    weft_stage *stage = &t->stages[t->problem.n_stages];
    *stage = (weft_stage){.chunk = chunk, .submicrobatch = sub, .backward = backward, .label = -1};
    stage->now.cost.fw_ns = 10;
    if (backward != WEFT_BACKWARD_NONE) stage->now.cost.bw_ns = 20;
    t->problem.n_stages++;
}

static void add_edge(tiny *t, weft_pass pass, int32_t from, int32_t to)
{
    t->edges[t->problem.n_edges++] = (weft_edge){.pass = pass, .from = from, .to = to};
}

static void add_task(tiny *t, int32_t rank, int32_t stage, weft_pass pass)
{
    t->tasks[rank][t->n_tasks[rank]++] = weft_task_make(stage, pass);
}

static void begin(tiny *t)
{
    static int32_t numbers[] = {0, 1};
    *t = (tiny){.chunks = {{.module = "a"}, {.module = "b", .rank = 1}},
                .subs = {{.module = "a", .microbatches = numbers, .n_microbatches = 1},
                         {.module = "b", .microbatches = numbers, .n_microbatches = 1}},
                .limits = {WEFT_INT_MAX, WEFT_INT_MAX, WEFT_INT_MAX}};
    t->problem = (weft_problem){.n_ranks = 2,
                                .n_chunks = 2,
                                .n_submicrobatches = 2,
                                .chunks = t->chunks,
                                .submicrobatches = t->subs,
                                .stages = t->stages,
                                .edges = t->edges,
                                .static_bytes = t->zeros,
                                .limit_bytes = t->limits};
    t->rank_tasks[0] = t->tasks[0];
    t->rank_tasks[1] = t->tasks[1];
    t->order = (weft_order){.n_ranks = 2, .n_tasks = t->n_tasks, .tasks = t->rank_tasks};
}

static weft_plan *end(tiny *t)
{
    const weft_pipeline_input input = {.problem = &t->problem, .order = &t->order};
    weft_plan *plan = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_problem_check(&t->problem, &error), WEFT_STATUS_OK, "%s: %s", error.path,
                 error.text);
    cr_assert_eq(weft_plan_build(&input, 1, 0, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    return plan;
}

static void expect_torch_refusal(tiny *t, const char *text)
{
    weft_plan *plan = end(t);
    expect_refusal(TORCH_CSV, plan, -1, WEFT_STATUS_FAILED, text);
    weft_plan_free(plan);
}

static void two_modules(tiny *t, weft_backward first, bool has_gradient)
{
    begin(t);
    add_stage(t, 0, 0, first);
    add_stage(t, 1, 1, WEFT_BACKWARD_FULL);
    add_edge(t, WEFT_PASS_FW, 0, 1);
    if (has_gradient) add_edge(t, WEFT_PASS_BW, 1, 0);
    add_task(t, 0, 0, WEFT_PASS_FW);
    add_task(t, 1, 1, WEFT_PASS_FW);
    add_task(t, 1, 1, WEFT_PASS_BW);
    if (first != WEFT_BACKWARD_NONE) add_task(t, 0, 0, WEFT_PASS_BW);
}

Test(export, torch_schedule_of_two_modules)
{
    tiny t;
    two_modules(&t, WEFT_BACKWARD_FULL, true);
    weft_plan *plan = end(&t);
    char *text = exported(TORCH_CSV, plan, -1);
    cr_expect_str_eq(text, "0F0,0B0\n1F0,1B0\n", "%s", text);
    free(text);
    weft_plan_free(plan);
}

Test(export, what_torch_has_no_place_for)
{
    tiny t;
    two_modules(&t, WEFT_BACKWARD_NONE, false);
    expect_torch_refusal(&t, "stage 0 of module 'a' is frozen, expected a backward");
    two_modules(&t, WEFT_BACKWARD_FULL, false);
    expect_torch_refusal(&t, "stage 0 takes no gradient, expected one from stage 1");
    two_modules(&t, WEFT_BACKWARD_FULL, true);
    t.problem.n_ranks = t.order.n_ranks = 3;
    expect_torch_refusal(&t, "rank 2 has no pass, expected some");
    t.problem.n_edges = 0;
    expect_torch_refusal(&t, "chunks 0 and 1 both take no data");
}

/* Two microbatches through both chunks, the second without one of the edges. */
static void two_microbatches(tiny *t, bool has_last)
{
    begin(t);
    t->subs[0].index = 1; /* so that it comes second */
    t->subs[2] = t->subs[0];
    t->subs[2].index = 0;
    t->subs[1].module = "a";
    t->chunks[1].module = "a";
    t->problem.n_submicrobatches = 3;
    for (int32_t s = 0; s < 4; s++) {
        add_stage(t, s / 2, s % 2 == 0 ? 0 : 2, WEFT_BACKWARD_FULL);
        add_task(t, s / 2, s, WEFT_PASS_FW);
    }
    for (int32_t s = 0; s < 4; s++)
        add_task(t, s / 2, s, WEFT_PASS_BW);
    for (int32_t s = 0; s < 1 + has_last; s++) {
        add_edge(t, WEFT_PASS_FW, s, s + 2);
        add_edge(t, WEFT_PASS_BW, s + 2, s);
    }
}

Test(export, torch_microbatches_are_numbered_by_the_data)
{
    tiny t;
    two_microbatches(&t, true);
    weft_plan *plan = end(&t);
    char *text = exported(TORCH_CSV, plan, -1);
    cr_expect_str_eq(text, "0F1,0F0,0B1,0B0\n1F1,1F0,1B1,1B0\n", "%s", text);
    free(text);
    weft_plan_free(plan);
}

Test(export, torch_chains_are_whole)
{
    tiny t;
    two_microbatches(&t, false);
    expect_torch_refusal(&t, "stage 1 hands no data on, expected some to chunk 1");
    two_microbatches(&t, false);
    t.stages[1].chunk = 1;
    t.problem.n_stages = 2;
    t.stages[1].submicrobatch = 2;
    t.n_tasks[0] = t.n_tasks[1] = 0;
    t.problem.n_edges = 0;
    add_stage(&t, 1, 0, WEFT_BACKWARD_FULL);
    add_edge(&t, WEFT_PASS_FW, 0, 2);
    add_edge(&t, WEFT_PASS_BW, 2, 0);
    add_task(&t, 0, 0, WEFT_PASS_FW);
    add_task(&t, 0, 0, WEFT_PASS_BW);
    for (int32_t s = 1; s < 3; s++) {
        add_task(&t, 1, s, WEFT_PASS_FW);
        add_task(&t, 1, s, WEFT_PASS_BW);
    }
    expect_torch_refusal(&t, "stage 1 takes no data, expected some from chunk 0");
    two_microbatches(&t, false);
    add_edge(&t, WEFT_PASS_FW, 0, 1);
    expect_torch_refusal(&t, "chunk 0 hands data to itself");
}

/* Between a forward's end at 10 us and the backward, both ways in no time. */
Test(export, torch_offloads_nothing)
{
    weft_plan *plan = show_plan("pp=1 microbatches=1 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_i_arena arena = {0};
    edit_open(plan, &arena);
    static const weft_action_kind kinds[] = {WEFT_ACTION_OFFLOAD, WEFT_ACTION_WAIT_OFFLOAD,
                                             WEFT_ACTION_PREFETCH, WEFT_ACTION_WAIT_PREFETCH};
    for (int32_t i = 0; i < 4; i++) {
        const weft_action action = {kinds[i], .group = -1, .start_ns = 10000, .end_ns = 10000};
        edit_insert(&plan->pipelines[0].ranks[0], 1 + i, action);
    }
    expect_refusal(TORCH_CSV, plan, -1, WEFT_STATUS_FAILED, "rank 0 offloads what stage 0 saves");
    weft_i_arena_free(&arena);
    weft_plan_free(plan);
}

/* Sub-microbatches of one microbatch: two of module a into one stage of b, or one into two. */
Test(export, torch_joins_and_splits_nothing)
{
    for (int is_split = 0; is_split < 2; is_split++) {
        tiny t;
        two_modules(&t, WEFT_BACKWARD_FULL, true);
        t.subs[2] = t.subs[is_split ? 1 : 0];
        t.subs[2].index = 1;
        t.problem.n_submicrobatches = 3;
        add_stage(&t, is_split ? 1 : 0, 2, WEFT_BACKWARD_FULL);
        if (is_split) {
            add_edge(&t, WEFT_PASS_FW, 0, 2);
            add_edge(&t, WEFT_PASS_BW, 2, 0);
            add_task(&t, 1, 2, WEFT_PASS_FW);
            add_task(&t, 1, 2, WEFT_PASS_BW);
            expect_torch_refusal(&t, "stage 0 hands data to stages 1 and 2");
        } else {
            add_edge(&t, WEFT_PASS_FW, 2, 1);
            add_edge(&t, WEFT_PASS_BW, 1, 2);
            t.tasks[0][1] = weft_task_make(2, WEFT_PASS_FW);
            t.tasks[0][2] = weft_task_make(0, WEFT_PASS_BW);
            t.tasks[0][3] = weft_task_make(2, WEFT_PASS_BW);
            t.n_tasks[0] = 4;
            expect_torch_refusal(&t, "stage 1 takes data from stages 0 and 2");
        }
    }
}

/* A skip connection over the middle of three chunks. */
Test(export, torch_has_one_line_of_stages)
{
    tiny t;
    begin(&t);
    t.chunks[2] = (weft_chunk){.module = "a", .segment = 1};
    t.problem.n_chunks = 3;
    add_stage(&t, 0, 0, WEFT_BACKWARD_FULL);
    add_stage(&t, 1, 1, WEFT_BACKWARD_FULL);
    add_stage(&t, 2, 0, WEFT_BACKWARD_FULL);
    add_edge(&t, WEFT_PASS_FW, 0, 1);
    add_edge(&t, WEFT_PASS_FW, 0, 2);
    add_edge(&t, WEFT_PASS_FW, 1, 2);
    add_task(&t, 0, 0, WEFT_PASS_FW);
    add_task(&t, 1, 1, WEFT_PASS_FW);
    add_task(&t, 0, 2, WEFT_PASS_FW);
    add_task(&t, 0, 2, WEFT_PASS_BW);
    add_task(&t, 1, 1, WEFT_PASS_BW);
    add_task(&t, 0, 0, WEFT_PASS_BW);
    expect_torch_refusal(&t, "chunk 0 hands data to chunks 1 and 2");
    t.edges[1] = (weft_edge){.pass = WEFT_PASS_BW, .from = 2, .to = 0};
    expect_torch_refusal(&t, "a gradient of stage 2 goes to stage 0, expected to stage 1");
}

Test(export, refusals)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    for (int form = CHROME; form <= TORCH_COMMS; form++) {
        expect_refusal((format)form, plan, -1, WEFT_STATUS_IO, "cannot write");
        plan->pipelines[0].span_ns++;
        expect_refusal((format)form, plan, -1, WEFT_STATUS_VIOLATION, "span_ns");
        plan->pipelines[0].span_ns--;
    }
    expect_refusal(TORCH_CSV, plan, 1, WEFT_STATUS_USAGE, "no replica 1");
    plan->pipelines[0].replica = 1;
    plan->parallel.dp = 2;
    expect_refusal(TORCH_CSV, plan, 0, WEFT_STATUS_USAGE, "no replica 0");
    weft_plan_free(plan);
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 22);
    plan = random_plan(&rng, 2, 0);
    expect_refusal(TORCH_CSV, plan, -1, WEFT_STATUS_USAGE, "the plan has 2 replicas");
    weft_plan_free(plan);
}

Test(export, every_allocation_fails_once)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    char name[] = "export_XXXXXX";
    close(mkstemp(name));
    for (int form = CHROME; form <= TORCH_COMMS; form++) {
        weft_status status = WEFT_STATUS_NO_MEMORY;
        long k = 0;
        while (status == WEFT_STATUS_NO_MEMORY) {
            weft_i_alloc_fail_after(++k);
            status = export_to((format)form, plan, -1, name, NULL);
        }
        weft_i_alloc_fail_after(0);
        cr_expect_eq(status, WEFT_STATUS_OK);
        cr_expect_gt(k, 5);
    }
    unlink(name);
    weft_plan_free(plan);
}
