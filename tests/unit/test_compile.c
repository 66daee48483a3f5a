/* tests/unit/test_compile.c - orders compiled to actions: times against weft_order_time, memory
 * against a slow twin, where posts and waits stand, and plans as a whole. */
#include <criterion/criterion.h>

#include "base/arena.h"
#include "plan/compile.h"
#include "plan/order_time.h"
#include "plan/peaks.h"
#include "plan/sequence.h"
#include "tests/unit/plan_twins.h"
#include "tests/unit/random_problem.h"

enum { N_RANDOM = 150 };

/* A random problem and order, its graph, and what compile made of it. */
typedef struct compiled {
    weft_problem *problem;
    weft_order *order;
    weft_i_arena arena;
    weft_i_graph graph;
    weft_pipeline pipeline;
} compiled;

static void compile_random(weft_i_rng *rng, int64_t post_ns, compiled *c)
{
    weft_error error = {0};
    *c = (compiled){.problem = random_problem(rng)};
    c->problem->post_ns = post_ns;
    c->order = random_order(rng, c->problem);
    c->pipeline.problem = *c->problem;
    cr_assert_eq(weft_i_graph_build(c->problem, &c->arena, NULL, &c->graph), WEFT_STATUS_OK);
    const weft_i_reductions none = {.n = 0};
    cr_assert_eq(weft_i_compile(&c->graph, c->order, &none, &c->arena, &error, &c->pipeline),
                 WEFT_STATUS_OK, "%s", error.text);
}

static void compiled_free(compiled *c)
{
    weft_i_arena_free(&c->arena);
    weft_order_free(c->order);
    weft_problem_free(c->problem);
}

static void expect_times(const compiled *c, uint64_t seed)
{
    int64_t *start_ns = weft_i_alloc(4 * (size_t)c->problem->n_stages, sizeof(int64_t));
    int64_t *end_ns = weft_i_alloc(4 * (size_t)c->problem->n_stages, sizeof(int64_t));
    weft_schedule_time time;
    cr_assert_eq(weft_i_order_time(&c->graph, c->order, NULL, start_ns, end_ns, &time),
                 WEFT_STATUS_OK);
    cr_expect_eq(c->pipeline.pipeline_ns, time.pipeline_ns, "seed %llu", (unsigned long long)seed);
    cr_expect_eq(c->pipeline.span_ns, time.span_ns, "seed %llu", (unsigned long long)seed);
    for (int32_t r = 0; r < c->problem->n_ranks; r++) {
        for (int32_t a = 0; a < c->pipeline.ranks[r].n_actions; a++) {
            const weft_action *action = &c->pipeline.ranks[r].actions[a];
            if (action->kind > WEFT_ACTION_BWW) continue;
            weft_task task = weft_task_make(action->operand, (weft_pass)action->kind);
            cr_expect_eq(action->start_ns, start_ns[task], "seed %llu", (unsigned long long)seed);
            cr_expect_eq(action->end_ns, end_ns[task], "seed %llu", (unsigned long long)seed);
        }
    }
    free(start_ns);
    free(end_ns);
}

static void expect_peaks(const compiled *c, uint64_t seed)
{
    int64_t peaks[RANDOM_RANKS] = {0};
    cr_assert_eq(weft_i_compile_peaks(&c->graph, c->order, NULL, peaks), WEFT_STATUS_OK);
    for (int32_t r = 0; r < c->problem->n_ranks; r++) {
        int64_t slow = twin_peak(&c->pipeline, r);
        cr_expect_eq(c->pipeline.peak_bytes[r], slow, "seed %llu, rank %d: compile %lld, slow %lld",
                     (unsigned long long)seed, r, (long long)c->pipeline.peak_bytes[r],
                     (long long)slow);
        cr_expect_eq(peaks[r], slow, "seed %llu, rank %d: peaks %lld, slow %lld",
                     (unsigned long long)seed, r, (long long)peaks[r], (long long)slow);
    }
}

Test(compile, random_orders_have_the_times_of_order_time)
{
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        compiled c;
        compile_random(&rng, 0, &c);
        expect_times(&c, seed);
        compiled_free(&c);
    }
}

Test(compile, random_orders_have_the_peaks_of_the_slow_twin)
{
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        compiled c;
        compile_random(&rng, (int64_t)(seed % 3), &c);
        expect_peaks(&c, seed);
        compiled_free(&c);
    }
}

/* Starts rise along the sequence, ends are those of the timeline, places and positions agree. */
static void expect_sequence(const compiled *c, uint64_t seed)
{
    weft_i_arena arena = {0};
    weft_i_sequence sequence;
    int64_t *end_ns = weft_i_new(&arena, int64_t, 4 * (size_t)c->problem->n_stages);
    weft_schedule_time time;
    cr_assert_eq(weft_i_sequence_build(&c->graph, c->order, &arena, NULL, &sequence),
                 WEFT_STATUS_OK);
    cr_assert_eq(weft_i_order_time(&c->graph, c->order, NULL, NULL, end_ns, &time), WEFT_STATUS_OK);
    int64_t last_ns = 0;
    for (int32_t i = 0; i < sequence.n_tasks; i++) {
        weft_task task = sequence.tasks[i];
        int32_t rank = c->graph.rank[weft_task_stage(task)];
        int64_t start_ns = end_ns[task] - weft_i_task_ns(&c->graph, task);
        cr_expect_geq(start_ns, last_ns, "seed %llu, place %d", (unsigned long long)seed, i);
        cr_expect_eq(sequence.end_ns[task], end_ns[task]);
        cr_expect_eq(sequence.place[task], i);
        cr_expect_eq(c->order->tasks[rank][sequence.position[task]], task);
        last_ns = start_ns;
    }
    weft_i_arena_free(&arena);
}

Test(compile, global_sequence_is_by_start)
{
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        compiled c;
        compile_random(&rng, 0, &c);
        expect_sequence(&c, seed);
        compiled_free(&c);
    }
}

static weft_action_kind kind_at(const weft_rank_actions *rank, int32_t a)
{
    return a >= 0 && a < rank->n_actions ? rank->actions[a].kind : WEFT_N_ACTIONS;
}

/* Last pass before place `a`; -1 = none. */
static int32_t pass_before(const weft_rank_actions *rank, int32_t a)
{
    while (--a >= 0 && rank->actions[a].kind > WEFT_ACTION_BWW) {
    }
    return a;
}

/* Whether the pass at place `a` of a rank is sent to `peer`. */
static bool sends_to(const weft_pipeline *pipeline, int32_t rank, int32_t a, int32_t peer)
{
    const weft_rank_actions *actions = &pipeline->ranks[rank];
    while (kind_at(actions, ++a) == WEFT_ACTION_ISEND) {
        const weft_edge *edge = &pipeline->problem.edges[actions->actions[a].operand];
        if (twin_rank(&pipeline->problem, edge->to) == peer) return true;
    }
    return false;
}

/* isend right after its producer, wait_irecv right before its consumer; the receive is posted a
 * whole pass ahead unless that pass itself is sent to the same rank first. */
static void expect_posts(const compiled *c, int32_t e, uint64_t seed)
{
    const weft_pipeline *pipeline = &c->pipeline;
    const weft_edge *edge = &c->problem->edges[e];
    int32_t from = c->graph.rank[edge->from], to = c->graph.rank[edge->to];
    if (from == to) return;
    const weft_rank_actions *sender = &pipeline->ranks[from], *receiver = &pipeline->ranks[to];
    int32_t isend = twin_find(pipeline, from, WEFT_ACTION_ISEND, e);
    int32_t irecv = twin_find(pipeline, to, WEFT_ACTION_IRECV, e);
    int32_t wait = twin_find(pipeline, to, WEFT_ACTION_WAIT_IRECV, e);
    int32_t producer = twin_find_end(pipeline, edge, edge->from);
    int32_t consumer = twin_find_end(pipeline, edge, edge->to);
    for (int32_t a = producer + 1; a < isend; a++)
        cr_expect_eq(kind_at(sender, a), WEFT_ACTION_ISEND, "seed %llu", (unsigned long long)seed);
    for (int32_t a = wait + 1; a < consumer; a++)
        cr_expect_eq(kind_at(receiver, a), WEFT_ACTION_WAIT_IRECV, "seed %llu",
                     (unsigned long long)seed);
    int32_t previous = pass_before(receiver, consumer);
    cr_expect(previous < 0 || irecv < previous || sends_to(pipeline, to, previous, from),
              "seed %llu: irecv %d of rank %d at %d, pass at %d", (unsigned long long)seed, e, to,
              irecv, previous);
}

Test(compile, posts_stand_by_their_passes)
{
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        compiled c;
        compile_random(&rng, 0, &c);
        for (int32_t e = 0; e < c.problem->n_edges; e++)
            expect_posts(&c, e, seed);
        compiled_free(&c);
    }
}

/* Every allocation of the exact memory test fails once. */
Test(compile, peaks_without_memory)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 7);
    compiled c;
    compile_random(&rng, 0, &c);
    int64_t peaks[RANDOM_RANKS];
    weft_status status = WEFT_STATUS_NO_MEMORY;
    long k = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_i_compile_peaks(&c.graph, c.order, NULL, peaks);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 1);
    compiled_free(&c);
}
