/* Lower bounds and the exact search, against every order of tiny problems. */
#include <criterion/criterion.h>

#include "plan/order_time.h"
#include "search/exact.h"
#include "search/one_machine.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

/* The best of all orders, one by one: each of them in full, with nothing cut off. */
typedef struct enumeration {
    const weft_i_graph *graph;
    weft_objective objective;
    bool has[64]; /* by task */
    weft_order *order;
    int64_t best_ns, n_orders;
} enumeration;

static bool stage_is_done(const enumeration *e, int32_t s)
{
    const weft_stage *stage = &e->graph->problem->stages[s];
    return e->has[4 * s] &&
           (stage->backward == WEFT_BACKWARD_NONE || e->has[4 * s + 1] || e->has[4 * s + 3]);
}

static bool can_run(const enumeration *e, int32_t s, weft_pass pass)
{
    const weft_stage *stage = &e->graph->problem->stages[s];
    const bool *has = e->has + 4 * s;
    bool split = stage->backward == WEFT_BACKWARD_FULL && weft_cost_can_split(&stage->now.cost);
    bool back = stage->backward != WEFT_BACKWARD_NONE && has[0] && !has[1] && !has[2];
    const bool may[4] = {!has[0], back, back && split, has[2] && !has[3]};
    if (!may[pass]) return false;
    for (int32_t i = 0; i < e->graph->problem->n_edges; i++) {
        const weft_edge *edge = &e->graph->problem->edges[i];
        bool forward = edge->pass == WEFT_PASS_FW;
        if (edge->to != s || pass == WEFT_PASS_BWW || forward != (pass == WEFT_PASS_FW)) continue;
        const bool *from = e->has + 4 * edge->from;
        if (forward ? !from[0] : !from[1] && !from[2]) return false;
    }
    return true;
}

static bool keeps_limits(const enumeration *e)
{
    int64_t peaks[8];
    cr_assert_eq(weft_i_compile_peaks(e->graph, e->order, NULL, peaks), WEFT_STATUS_OK);
    for (int32_t r = 0; r < e->order->n_ranks; r++)
        if (peaks[r] > e->graph->problem->limit_bytes[r]) return false;
    return true;
}

static void enumerate(enumeration *e)
{
    bool complete = true;
    for (int32_t s = 0; s < e->graph->problem->n_stages; s++) {
        complete = complete && stage_is_done(e, s);
        for (int pass = 0; pass < 4; pass++) {
            int32_t rank = e->graph->rank[s];
            if (!can_run(e, s, (weft_pass)pass)) continue;
            e->has[4 * s + pass] = true;
            e->order->tasks[rank][e->order->n_tasks[rank]++] = 4 * s + pass;
            enumerate(e);
            e->order->n_tasks[rank]--;
            e->has[4 * s + pass] = false;
        }
    }
    weft_schedule_time time;
    if (!complete) return;
    e->n_orders++;
    cr_assert_eq(weft_i_order_time(e->graph, e->order, NULL, NULL, NULL, &time), WEFT_STATUS_OK);
    int64_t ns = e->objective == WEFT_OBJECTIVE_SPAN ? time.span_ns : time.pipeline_ns;
    if (ns < e->best_ns && keeps_limits(e)) e->best_ns = ns;
}

static int64_t enumerate_all(const weft_i_graph *graph, weft_objective objective)
{
    int32_t capacity[8];
    for (int32_t r = 0; r < graph->problem->n_ranks; r++)
        capacity[r] = 3 * graph->n_rank_stages[r];
    enumeration e = {.graph = graph, .objective = objective, .best_ns = WEFT_INT_MAX};
    e.order = weft_order_create(graph->problem->n_ranks, capacity);
    enumerate(&e);
    weft_order_free(e.order);
    return e.best_ns;
}

static random_options tiny(int32_t max_ranks, int32_t max_microbatches)
{
    return (random_options){.max_ranks = max_ranks,
                            .max_microbatches = max_microbatches,
                            .max_modules = 2,
                            .max_segments = 2,
                            .max_time_ns = 6,
                            .max_transfer_ns = 3,
                            .max_bytes = 12};
}

/* No messages, and on some problems a limit between one microbatch's need and all. */
static void set_limits(weft_problem *problem, weft_i_rng *rng)
{
    for (int32_t e = 0; e < problem->n_edges; e++)
        problem->edges[e].bytes = 0;
    if (random_chance(rng, 50)) return;
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int64_t sum = 0;
        for (int32_t s = 0; s < problem->n_stages; s++)
            if (problem->chunks[problem->stages[s].chunk].rank == r)
                sum += problem->stages[s].now.cost.saved_bytes;
        problem->static_bytes[r] = random_in(rng, 0, 5);
        problem->limit_bytes[r] = problem->static_bytes[r] + random_in(rng, sum / 2, sum + 12);
    }
}

Test(exact, equals_every_order_tried)
{
    const random_options options = tiny(2, 2);
    int n = 0, n_infeasible = 0;
    for (uint64_t seed = 1; n < 300; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_graph graph;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &options);
        set_limits(problem, &rng);
        cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
        if (problem->n_stages <= 4) {
            weft_i_exact_options exact = {.objective = (weft_objective)random_in(&rng, 1, 2)};
            int64_t all = enumerate_all(&graph, exact.objective), found = WEFT_INT_MAX;
            weft_order *order = NULL;
            weft_status status = weft_i_exact(&graph, &exact, NULL, &found, &order);
            cr_assert_eq(status, all < WEFT_INT_MAX ? WEFT_STATUS_OK : WEFT_STATUS_INFEASIBLE);
            cr_assert_eq(found, all, "seed %llu: %lld, expected %lld", (unsigned long long)seed,
                         (long long)found, (long long)all);
            if (order) {
                weft_schedule_time time = expect_order(problem, order, NULL, true, "exact", seed);
                cr_assert_eq(all, exact.objective == WEFT_OBJECTIVE_SPAN ? time.span_ns
                                                                         : time.pipeline_ns);
            }
            weft_order_free(order);
            n_infeasible += !order;
            n++;
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_infeasible, 5);
}

/* What a problem has that a bound could stumble over. */
enum {
    FROZEN,     /* no backward */
    INPUT_ONLY, /* no weight gradient */
    DETACHED,   /* trains, but gets no gradient from what it feeds */
    SEGMENTS,   /* several */
    SUBS,       /* several sub-microbatches of a microbatch */
    JOINT,      /* a sub-microbatch of several microbatches */
    SPLIT,      /* backward can be */
    TRANSFERS,  /* that take time */
    UNEQUAL,    /* ranks do not have the same work */
    LIMITED,    /* memory */
    N_FEATURES
};

static bool has_gradient(const weft_problem *problem, const weft_edge *forward)
{
    for (int32_t e = 0; e < problem->n_edges; e++)
        if (problem->edges[e].pass == WEFT_PASS_BW && problem->edges[e].to == forward->from &&
            problem->edges[e].from == forward->to)
            return true;
    return false;
}

static void find_ranks(const weft_problem *problem, bool *out)
{
    int64_t work[8] = {0};
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_cost *cost = &problem->stages[s].now.cost;
        work[problem->chunks[problem->stages[s].chunk].rank] += cost->fw_ns + cost->bw_ns;
    }
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        out[UNEQUAL] = out[UNEQUAL] || work[r] != work[0];
        out[LIMITED] = out[LIMITED] || problem->limit_bytes[r] < WEFT_INT_MAX;
    }
}

static void find_features(const weft_problem *problem, bool *out)
{
    find_ranks(problem, out);
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        const weft_submicrobatch *sub = &problem->submicrobatches[stage->submicrobatch];
        out[FROZEN] = out[FROZEN] || stage->backward == WEFT_BACKWARD_NONE;
        out[INPUT_ONLY] = out[INPUT_ONLY] || stage->backward == WEFT_BACKWARD_INPUT;
        out[SEGMENTS] = out[SEGMENTS] || problem->chunks[stage->chunk].segment > 0;
        out[SUBS] = out[SUBS] || sub->index > 0;
        out[JOINT] = out[JOINT] || sub->n_microbatches > 1;
        out[SPLIT] = out[SPLIT] || weft_cost_can_split(&stage->now.cost);
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        out[TRANSFERS] = out[TRANSFERS] || edge->transfer_ns > 0;
        out[DETACHED] =
            out[DETACHED] || (edge->pass == WEFT_PASS_FW && !has_gradient(problem, edge) &&
                              problem->stages[edge->from].backward != WEFT_BACKWARD_NONE &&
                              problem->stages[edge->to].backward != WEFT_BACKWARD_NONE);
    }
}

/* How bounds did on many problems; of_n: on those with a feature. */
typedef struct tally {
    int n, n_tight, of_n[N_FEATURES], of_tight[N_FEATURES];
} tally;

static void check_bounds(const weft_problem *problem, weft_objective objective, uint64_t seed,
                         tally *out)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_bounds bounds;
    bool has[N_FEATURES] = {false};
    int64_t best = 0;
    cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
    weft_i_exact_options options = {.objective = objective, .max_states = 3000};
    weft_status status = weft_i_exact(&graph, &options, NULL, &best, NULL);
    if (status == WEFT_STATUS_OK) {
        cr_assert_eq(weft_bounds_compute(problem, NULL, NULL, &bounds), WEFT_STATUS_OK);
        int64_t bound = objective == WEFT_OBJECTIVE_SPAN ? bounds.span_ns : bounds.makespan_ns;
        cr_assert_leq(bound, best, "seed %llu, %s: bound %lld, best %lld", (unsigned long long)seed,
                      objective == WEFT_OBJECTIVE_SPAN ? "span" : "makespan", (long long)bound,
                      (long long)best);
        find_features(problem, has);
        out->n++;
        out->n_tight += bound == best;
        for (int i = 0; i < N_FEATURES; i++) {
            out->of_n[i] += has[i];
            out->of_tight[i] += has[i] && bound == best;
        }
    }
    weft_i_arena_free(&arena);
}

static void check_many(const random_options *options, uint64_t first, uint64_t last,
                       tally *makespan, tally *span)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, options);
        set_limits(problem, &rng);
        if (problem->n_stages <= 12) {
            check_bounds(problem, WEFT_OBJECTIVE_MAKESPAN, seed, makespan);
            check_bounds(problem, WEFT_OBJECTIVE_SPAN, seed, span);
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

Test(bounds, never_above_the_best_order)
{
    random_options any = tiny(3, 3), straight = tiny(3, 3);
    straight.straight = straight.uniform = true;
    any.detached = straight.detached = 25;
    tally makespan = {0}, span = {0};
    check_many(&any, 1, 3000, &makespan, &span);
    check_many(&straight, 5000, 8000, &makespan, &span);
    cr_log_info("makespan: %d of %d tight; span: %d of %d", makespan.n_tight, makespan.n,
                span.n_tight, span.n);
    cr_expect_gt(makespan.n, 2000);
    /* So that a bound that falls to nothing is noticed. */
    cr_expect_gt(makespan.n_tight * 10, makespan.n * 5);
    cr_expect_gt(span.n_tight * 10, span.n * 5);
    for (int i = 0; i < N_FEATURES; i++) {
        cr_log_info("feature %d: makespan %d of %d tight, span %d of %d", i, makespan.of_tight[i],
                    makespan.of_n[i], span.of_tight[i], span.of_n[i]);
        cr_expect_gt(makespan.of_n[i], 100, "feature %d on %d problems", i, makespan.of_n[i]);
        cr_expect_gt(makespan.of_tight[i], 50, "feature %d", i);
        cr_expect_gt(span.of_n[i], 100, "feature %d on %d problems", i, span.of_n[i]);
        cr_expect_gt(span.of_tight[i], 50, "feature %d", i);
    }
}

/* F = B = W = 1: the published optima, and those of the conditions' other sides. */
Test(bounds, uniform)
{
    static const struct {
        const char *text;
        double makespan;
    } cases[] = {
        {"pp=4 microbatches=8 fw=1000 bw=2000 bww=1000 transfer=0 limit=99", 27},
        {"pp=4 microbatches=8 fw=1000 bw=2000 bww=1000 transfer=100 limit=99", 27.3},
        {"pp=16 microbatches=16 fw=1000 bw=2000 bww=1000 transfer=0 limit=99 segments=2 v=1", 55.5},
        {"pp=16 microbatches=128 fw=1000 bw=2000 bww=1000 transfer=100 limit=99 segments=2", 393},
        /* Not split: W + (P-1)(f + b + 2c). */
        {"pp=8 microbatches=32 fw=1000 bw=2000 transfer=100 limit=99", 118.4},
        {"pp=8 microbatches=32 fw=1000 bw=2000 transfer=100 limit=99 segments=2", 107.9},
        /* One activation at a time: no two microbatches overlap. */
        {"pp=4 microbatches=8 fw=1000 bw=2000 transfer=0 limit=1", 96},
        {"pp=4 microbatches=8 fw=1000 bw=2000 bww=1000 transfer=0 limit=2", 36},
        /* A V in half of the memory: the best that is known. */
        {"pp=4 microbatches=8 fw=1000 bw=2000 bww=1000 transfer=0 limit=2 v=1", 29.5},
        {"pp=8 microbatches=16 fw=1000 bw=2000 bww=1000 transfer=0 limit=4 v=1", 59.5},
        {"pp=16 microbatches=128 fw=1000 bw=2000 bww=1000 transfer=0 limit=8 v=1", 407.5},
        /* A slow last rank: its own work, and the way there and back. */
        {"pp=4 microbatches=8 fw=1000 bw=2000 transfer=0 limit=99 stage_scale=1,1,1,3", 81},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weft_problem *problem = NULL;
        weft_bounds bounds;
        weft_error error = {0};
        cr_assert_eq(weft_problem_synthetic(cases[i].text, &error, &problem), WEFT_STATUS_OK, "%s",
                     error.text);
        cr_assert_eq(weft_bounds_compute(problem, NULL, NULL, &bounds), WEFT_STATUS_OK);
        cr_expect_float_eq((double)bounds.makespan_ns / 1e6, cases[i].makespan, 1e-6, "%s: %.6f",
                           cases[i].text, (double)bounds.makespan_ns / 1e6);
        weft_problem_free(problem);
    }
}

/* Jackson's schedule of small job sets, by unit steps. */
static int64_t slow_one_machine(const weft_i_job *jobs, int32_t n)
{
    int64_t left[8], most = 0, n_left = n;
    for (int32_t i = 0; i < n; i++)
        left[i] = jobs[i].work;
    for (int64_t now = 0; n_left > 0; now++) {
        int32_t best = -1;
        for (int32_t i = 0; i < n; i++) {
            if (left[i] == 0) { /* over, at the latest now */
                int64_t end = jobs[i].head > now ? jobs[i].head : now;
                most = end + jobs[i].tail > most ? end + jobs[i].tail : most;
                left[i] = -1;
                n_left--;
            }
            if (left[i] > 0 && jobs[i].head <= now && (best < 0 || jobs[i].tail > jobs[best].tail))
                best = i;
        }
        if (best >= 0) left[best]--;
    }
    return most;
}

Test(bounds, one_machine)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        weft_i_job jobs[8];
        int32_t heap[8], n = (int32_t)random_in(&rng, 1, 8);
        for (int32_t i = 0; i < n; i++)
            jobs[i] =
                (weft_i_job){random_in(&rng, 0, 12), random_in(&rng, 1, 5), random_in(&rng, 0, 12)};
        int64_t slow = slow_one_machine(jobs, n);
        cr_assert_eq(weft_i_one_machine(jobs, n, heap), slow, "round %d", round);
    }
}
