/* List scheduling: valid orders within memory under every rule, and no lock-up. */
#include <criterion/criterion.h>

#include "search/dispatch.h"
#include "search/keys.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

typedef struct fixture {
    weft_i_arena arena;
    const weft_problem *problem;
    weft_i_graph graph;
    weft_i_net net;
    weft_i_flow flow;
    weft_i_course course;
    weft_i_dispatcher *dispatcher;
    weft_i_turns turns;
    int64_t *key, *limit;
} fixture;

static void open_fixture(fixture *f, const weft_problem *problem, bool split, weft_i_rng *rng)
{
    weft_i_slots slots;
    *f = (fixture){.problem = problem};
    bool *splits = weft_i_new(&f->arena, bool, problem->n_stages);
    for (int32_t s = 0; s < problem->n_stages; s++)
        splits[s] = split;
    cr_assert_eq(weft_i_graph_build(problem, &f->arena, NULL, &f->graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_net_build(&f->graph, splits, &f->arena, NULL, &f->net), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_flow_build(&f->graph, &f->arena, NULL, &f->flow), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_derive(&f->graph, &f->arena, NULL, &slots), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_course_build(&f->net, &f->flow, &slots, &f->arena, NULL, &f->course),
                 WEFT_STATUS_OK);
    cr_assert_eq(weft_i_dispatcher_create(&f->net, &f->flow, &f->arena, NULL, &f->dispatcher),
                 WEFT_STATUS_OK);
    int32_t n = f->flow.n_microbatches, *turn = weft_i_new(&f->arena, int32_t, n);
    for (int32_t m = 0; m < n; m++) {
        int32_t j = (int32_t)random_in(rng, 0, m);
        turn[m] = turn[j];
        turn[j] = m;
    }
    weft_i_dispatcher_set_turns(f->dispatcher, turn);
    f->turns = (weft_i_turns){turn, weft_i_dispatcher_fw_turns(f->dispatcher),
                              weft_i_dispatcher_bw_turns(f->dispatcher)};
    f->key = weft_i_new(&f->arena, int64_t, 4 * (size_t)problem->n_stages);
    f->limit = weft_i_new(&f->arena, int64_t, problem->n_ranks);
}

static void close_fixture(fixture *f)
{
    weft_i_dispatcher_free(f->dispatcher);
    weft_i_arena_free(&f->arena);
}

static void make_keys(fixture *f, weft_i_rng *rng)
{
    weft_i_keys_by_turn(&f->net, &f->flow, &f->course, &f->turns, (int32_t)random_in(rng, 1, 5),
                        f->key);
    for (int32_t t = 0; t < 4 * f->problem->n_stages && random_chance(rng, 99); t++)
        if (random_chance(rng, 10)) f->key[t] = random_in(rng, 0, 1000);
}

static const random_options shapes = {.max_ranks = 5,
                                      .max_microbatches = 10,
                                      .max_modules = 3,
                                      .max_segments = 3,
                                      .max_time_ns = 9,
                                      .max_transfer_ns = 3,
                                      .max_bytes = 20};

/* Without messages the dispatcher's memory is the plan's: even with the least memory that one
 * microbatch needs alone, it must finish and fit. */
Test(dispatch, valid_and_within_memory)
{
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        fixture f;
        weft_i_dispatched result;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &shapes);
        for (int32_t e = 0; e < problem->n_edges; e++)
            problem->edges[e].bytes = 0;
        open_fixture(&f, problem, random_chance(&rng, 60), &rng);
        make_keys(&f, &rng);
        int64_t *soft = weft_i_new(&arena, int64_t, problem->n_ranks);
        for (int32_t r = 0; r < problem->n_ranks; r++) {
            f.limit[r] = weft_i_dispatcher_need(f.dispatcher, r) +
                         (random_chance(&rng, 30) ? random_in(&rng, 0, 100) : 0);
            soft[r] = random_in(&rng, 0, f.limit[r]);
            problem->limit_bytes[r] = f.limit[r];
        }
        weft_i_rule rule = {.prefer = (weft_i_prefer)random_in(&rng, 0, 3),
                            .weights = (weft_i_weights)random_in(&rng, 0, 2),
                            .patience = (int32_t)random_in(&rng, 0, 2) * 50,
                            .wait_ns = random_in(&rng, 0, 1) * random_in(&rng, 0, 9)};
        const int64_t *soft_or_none = random_chance(&rng, 30) ? soft : NULL;
        cr_assert(weft_i_dispatch(f.dispatcher, &rule, f.key, f.limit, soft_or_none, &result),
                  "seed %llu locks up", (unsigned long long)seed);
        weft_schedule_time time = expect_order(problem, result.order, NULL, true, "dispatch", seed);
        cr_assert_leq(time.pipeline_ns, result.pipeline_ns);
        bool no_delay = rule.patience == 0 && rule.wait_ns == 0;
        cr_assert(!no_delay || time.pipeline_ns == result.pipeline_ns, "seed %llu: %lld, %lld",
                  (unsigned long long)seed, (long long)time.pipeline_ns,
                  (long long)result.pipeline_ns);
        close_fixture(&f);
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

/* With messages and without a limit, the same orders are valid. */
Test(dispatch, messages)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        fixture f;
        weft_i_dispatched result;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &shapes);
        open_fixture(&f, problem, true, &rng);
        make_keys(&f, &rng);
        for (int32_t r = 0; r < problem->n_ranks; r++)
            f.limit[r] = weft_i_dispatcher_need(f.dispatcher, r);
        weft_i_rule rule = {.prefer = WEFT_I_PREFER_FORWARD};
        cr_assert(weft_i_dispatch(f.dispatcher, &rule, f.key, f.limit, NULL, &result),
                  "seed %llu locks up", (unsigned long long)seed);
        expect_order(problem, result.order, NULL, true, "messages", seed);
        close_fixture(&f);
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

/* Where messages take time, a forward that is started just before a backward arrives delays all of
 * its way back. Who waits for backwards reaches the bound: filling, all work of the last rank's
 * forwards and backwards, and the way back. */
Test(dispatch, waits_for_backwards)
{
    weft_i_rng rng;
    fixture f;
    weft_problem *problem;
    weft_i_dispatched result;
    const char *text = "pp=16 microbatches=16 fw=1000 bw=2000 bww=1000 transfer=100 segments=1";
    weft_i_rng_seed(&rng, 1);
    cr_assert_eq(weft_problem_synthetic(text, NULL, &problem), WEFT_STATUS_OK);
    open_fixture(&f, problem, true, &rng);
    weft_i_keys_by_turn(&f.net, &f.flow, &f.course, &f.turns, 1, f.key);
    for (int32_t r = 0; r < problem->n_ranks; r++)
        f.limit[r] = WEFT_INT_MAX;
    weft_i_rule rule = {.prefer = WEFT_I_PREFER_BACKWARD, .patience = 100, .wait_ns = 1000000};
    cr_assert(weft_i_dispatch(f.dispatcher, &rule, f.key, f.limit, NULL, &result));
    cr_expect_eq(result.pipeline_ns, 66000000);
    rule.wait_ns = 0;
    cr_assert(weft_i_dispatch(f.dispatcher, &rule, f.key, f.limit, NULL, &result));
    cr_expect_gt(result.pipeline_ns, 66000000);
    close_fixture(&f);
    weft_problem_free(problem);
}

/* Of more ranks than fit beside a time into 64 bits, the first of those that wake first decides as
 * well: where passes take one time, every rank starts when its input is there. */
Test(dispatch, more_than_a_thousand_ranks)
{
    weft_i_rng rng;
    fixture f;
    weft_problem *problem;
    weft_i_dispatched result;
    weft_i_rng_seed(&rng, 1);
    cr_assert_eq(
        weft_problem_synthetic("pp=1100 microbatches=1 fw=10 bw=20 segments=1", NULL, &problem),
        WEFT_STATUS_OK);
    open_fixture(&f, problem, false, &rng);
    weft_i_keys_by_turn(&f.net, &f.flow, &f.course, &f.turns, 1, f.key);
    for (int32_t r = 0; r < problem->n_ranks; r++)
        f.limit[r] = WEFT_INT_MAX;
    weft_i_rule rule = {.prefer = WEFT_I_PREFER_BACKWARD};
    cr_assert(weft_i_dispatch(f.dispatcher, &rule, f.key, f.limit, NULL, &result));
    cr_expect_eq(result.pipeline_ns, 1100 * (int64_t)30000);
    close_fixture(&f);
    weft_problem_free(problem);
}

/* Forward first with a cap and no other rule: false when no rank can go on. */
static bool naive_greedy(const weft_i_net *net, const int64_t *limit)
{
    bool done[128] = {false};
    int64_t used[2] = {0, 0};
    for (int32_t n_done = 0; n_done < net->n_passes; n_done++) {
        weft_task chosen = -1;
        for (weft_task t = 0; t < 4 * net->n_stages && chosen < 0; t++) {
            int32_t stage = weft_task_stage(t), rank = net->rank[stage];
            int64_t saved = net->graph->problem->stages[stage].now.cost.saved_bytes;
            bool forward = weft_task_pass(t) == WEFT_PASS_FW;
            bool ready = net->ns[t] >= 0 && !done[t] && (forward || done[4 * stage]);
            for (int32_t i = net->in.first[t]; i < net->in.first[t + 1]; i++)
                ready = ready && done[net->in.arcs[i].task];
            if (ready && (!forward || used[rank] + saved <= limit[rank])) chosen = t;
        }
        if (chosen < 0) return false;
        int32_t stage = weft_task_stage(chosen);
        int64_t saved = net->graph->problem->stages[stage].now.cost.saved_bytes;
        used[net->rank[stage]] += weft_task_pass(chosen) == WEFT_PASS_FW ? saved : -saved;
        done[chosen] = true;
    }
    return true;
}

/* Two segments of two ranks: 4 microbatches of one byte a stage; a rank holds 3. The first segment,
 * as it were the encoder, has the lower stage numbers, so greed fills rank 0 with it. */
static weft_problem *encoder_problem(weft_i_arena *arena)
{
    enum { N = 4 };
    weft_problem *p = weft_i_new(arena, weft_problem, 1);
    *p = (weft_problem){.n_ranks = 2, .n_chunks = 4, .n_submicrobatches = N, .n_stages = 4 * N};
    p->chunks = weft_i_new(arena, weft_chunk, 4);
    p->submicrobatches = weft_i_new(arena, weft_submicrobatch, N);
    p->stages = weft_i_new(arena, weft_stage, 4 * N);
    p->edges = weft_i_new(arena, weft_edge, 6 * N);
    p->static_bytes = weft_i_new(arena, int64_t, 2);
    p->limit_bytes = weft_i_new(arena, int64_t, 2);
    for (int32_t c = 0; c < 4; c++) {
        p->chunks[c] = (weft_chunk){.module = "all", .segment = c / 2, .rank = c % 2};
        for (int32_t m = 0; m < N; m++) {
            weft_stage *stage = &p->stages[c * N + m];
            *stage = (weft_stage){.chunk = c, .submicrobatch = m, .backward = WEFT_BACKWARD_FULL};
            stage->now.cost = (weft_cost){.fw_ns = 1, .bw_ns = 2, .saved_bytes = 1};
            if (c == 3) continue;
            int32_t from = c * N + m, to = from + N;
            p->edges[p->n_edges++] = (weft_edge){.pass = WEFT_PASS_FW, .from = from, .to = to};
            p->edges[p->n_edges++] = (weft_edge){.pass = WEFT_PASS_BW, .from = to, .to = from};
        }
    }
    for (int32_t m = 0; m < N; m++) {
        p->submicrobatches[m].module = "all";
        p->submicrobatches[m].microbatches = weft_i_new(arena, int32_t, 1);
        p->submicrobatches[m].microbatches[0] = m;
        p->submicrobatches[m].n_microbatches = 1;
    }
    for (int32_t r = 0; r < 2; r++)
        p->limit_bytes[r] = 3;
    return p;
}

Test(dispatch, a_rank_full_of_encoder_outputs)
{
    weft_i_arena arena = {0};
    weft_problem *problem = encoder_problem(&arena);
    weft_i_rng rng;
    fixture f;
    weft_i_dispatched result;
    weft_i_rng_seed(&rng, 1);
    open_fixture(&f, problem, false, &rng);
    cr_expect_not(naive_greedy(&f.net, problem->limit_bytes), "the trap does not close");
    for (int prefer = 0; prefer < 4; prefer++) {
        weft_i_rule rule = {.prefer = (weft_i_prefer)prefer};
        weft_i_keys_by_turn(&f.net, &f.flow, &f.course, &f.turns, 4, f.key);
        cr_assert(weft_i_dispatch(f.dispatcher, &rule, f.key, problem->limit_bytes, NULL, &result));
        expect_order(problem, result.order, NULL, true, "encoder", 0);
    }
    close_fixture(&f);
    weft_i_arena_free(&arena);
}

/* Below what a microbatch needs, the answer is that it locks up, not an order over the limit. */
Test(dispatch, too_little_memory)
{
    weft_i_arena arena = {0};
    weft_problem *problem = encoder_problem(&arena);
    weft_i_rng rng;
    fixture f;
    weft_i_dispatched result;
    weft_i_rng_seed(&rng, 1);
    open_fixture(&f, problem, false, &rng);
    problem->limit_bytes[1] = 1;
    cr_expect_eq(weft_i_dispatcher_need(f.dispatcher, 1), 2);
    weft_i_keys_by_turn(&f.net, &f.flow, &f.course, &f.turns, 1, f.key);
    weft_i_rule rule = {.prefer = WEFT_I_PREFER_BACKWARD};
    cr_expect_not(weft_i_dispatch(f.dispatcher, &rule, f.key, problem->limit_bytes, NULL, &result));
    close_fixture(&f);
    weft_i_arena_free(&arena);
}
