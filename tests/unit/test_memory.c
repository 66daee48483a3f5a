/* Memory strategies of a given order: they fit, no uniform choice is faster, and mixes are used. */
#include <criterion/criterion.h>

#include "plan/compile.h"
#include "plan/shortage.h"
#include "search/fixed.h"
#include "search/memory.h"
#include "search/order_floor.h"
#include "search/variant.h"
#include "tests/unit/problems.h"

typedef struct fixture {
    weft_i_arena arena;
    weft_problem *problem;
    weft_i_graph graph;
    weft_i_variant variant;
    weft_order *order;
    int32_t *choices;
    int64_t *peaks;
} fixture;

static void open_random(fixture *f, const random_options *options, weft_i_rng *rng)
{
    weft_i_slots slots;
    *f = (fixture){.problem = NULL};
    f->problem = random_problem(&f->arena, rng, options);
    cr_assert_eq(weft_i_graph_build(f->problem, &f->arena, NULL, &f->graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_variant_init(&f->graph, &f->arena, NULL, &f->variant), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_derive(&f->graph, &f->arena, NULL, &slots), WEFT_STATUS_OK);
    weft_i_fixed_kind kind = random_chance(rng, 50) ? WEFT_I_FIXED_GPIPE : WEFT_I_FIXED_VPP;
    cr_assert_eq(weft_i_order_fixed(&f->graph, kind, &slots, 0, NULL, &f->order), WEFT_STATUS_OK);
    f->choices = weft_i_new(&f->arena, int32_t, f->problem->n_stages);
    f->peaks = weft_i_new(&f->arena, int64_t, f->problem->n_ranks);
}

static void close_random(fixture *f)
{
    weft_order_free(f->order);
    random_free(f->problem);
    weft_i_arena_free(&f->arena);
}

/* Makespan and peaks of the order under choices. */
static int64_t measure(fixture *f, const int32_t *choices)
{
    weft_schedule_time time;
    weft_i_variant_set_all(&f->variant, choices);
    cr_assert_eq(weft_i_compile_peaks(&f->variant.graph, f->order, NULL, f->peaks), WEFT_STATUS_OK);
    cr_assert_eq(weft_order_time(&f->variant.problem, f->order, NULL, NULL, NULL, &time),
                 WEFT_STATUS_OK);
    return time.pipeline_ns;
}

static bool fits(const fixture *f)
{
    for (int32_t r = 0; r < f->problem->n_ranks; r++)
        if (f->peaks[r] > f->problem->limit_bytes[r]) return false;
    return true;
}

/* Limits between the peaks of the leanest and of the fastest strategy; sometimes just too low. */
static void set_limits(fixture *f, weft_i_rng *rng, int32_t n_candidates, int32_t *uniform)
{
    int64_t high[8];
    for (int32_t s = 0; s < f->problem->n_stages; s++)
        uniform[s] = 0;
    measure(f, uniform);
    for (int32_t r = 0; r < f->problem->n_ranks; r++)
        high[r] = f->peaks[r];
    for (int32_t s = 0; s < f->problem->n_stages; s++)
        uniform[s] = n_candidates - 1;
    measure(f, uniform);
    for (int32_t r = 0; r < f->problem->n_ranks; r++) {
        int64_t limit =
            random_chance(rng, 5) ? f->peaks[r] - 1 : random_in(rng, f->peaks[r], high[r] + 1);
        f->problem->limit_bytes[r] = f->variant.problem.limit_bytes[r] = limit;
    }
}

/* Without the time for mixes: it fits, and is no faster than with them. */
static void expect_hurried(fixture *f, int64_t unhurried_ns, uint64_t seed)
{
    int32_t *choices = weft_i_new(&f->arena, int32_t, f->problem->n_stages);
    cr_assert_eq(weft_i_memory_choose_until(&f->graph, f->order, 1, NULL, NULL, choices),
                 WEFT_STATUS_OK, "seed %llu", (unsigned long long)seed);
    cr_assert_geq(measure(f, choices), unhurried_ns, "seed %llu", (unsigned long long)seed);
    cr_assert(fits(f), "seed %llu", (unsigned long long)seed);
}

Test(memory, fits_and_is_no_slower_than_uniform)
{
    enum { N = 3 };
    const random_options options = {.max_ranks = 4,
                                    .max_microbatches = 8,
                                    .max_modules = 2,
                                    .max_segments = 2,
                                    .max_time_ns = 20,
                                    .max_transfer_ns = 3,
                                    .max_bytes = 60,
                                    .straight = true,
                                    .n_candidates = N};
    int n_found = 0, n_infeasible = 0, n_mixed = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        fixture f;
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        open_random(&f, &options, &rng);
        int32_t *uniform = weft_i_new(&f.arena, int32_t, f.problem->n_stages);
        set_limits(&f, &rng, N, uniform);
        bool lean_fits = (measure(&f, uniform), fits(&f));
        weft_status status = weft_i_memory_choose(&f.graph, f.order, NULL, NULL, f.choices);
        if (!lean_fits) {
            /* Other ranks' strategies move messages: now and then that saves the last byte. */
            n_infeasible += status == WEFT_STATUS_INFEASIBLE;
        } else {
            cr_assert_eq(status, WEFT_STATUS_OK, "seed %llu", (unsigned long long)seed);
            int64_t found = measure(&f, f.choices), floor_ns = 0;
            cr_assert_eq(weft_i_order_floor(&f.graph, f.order, NULL, &floor_ns), WEFT_STATUS_OK);
            cr_assert_leq(floor_ns, found, "seed %llu", (unsigned long long)seed);
            cr_assert(fits(&f), "seed %llu", (unsigned long long)seed);
            expect_hurried(&f, found, seed);
            for (int32_t k = 0; k < N; k++) {
                for (int32_t s = 0; s < f.problem->n_stages; s++) {
                    n_mixed += f.choices[s] != f.choices[0];
                    uniform[s] = k;
                }
                int64_t time = measure(&f, uniform);
                cr_assert(!fits(&f) || found <= time, "seed %llu: %lld, uniform %d has %lld",
                          (unsigned long long)seed, (long long)found, k, (long long)time);
            }
            n_found++;
        }
        close_random(&f);
    }
    cr_expect_gt(n_found, 300);
    cr_expect_gt(n_infeasible, 5);
    cr_expect_gt(n_mixed, 1000);
}

/* One rank, two forwards and two backwards: the fast strategy fits for one of them. */
static weft_problem *two_stages(weft_i_arena *arena, int64_t limit)
{
    weft_problem *p = weft_i_new(arena, weft_problem, 1);
    *p = (weft_problem){.n_ranks = 1, .n_chunks = 1, .n_submicrobatches = 2, .n_stages = 2};
    p->chunks = weft_i_new(arena, weft_chunk, 1);
    p->chunks[0].module = "language";
    p->stages = weft_i_new(arena, weft_stage, 2);
    p->submicrobatches = weft_i_new(arena, weft_submicrobatch, 2);
    p->static_bytes = weft_i_new(arena, int64_t, 1);
    p->limit_bytes = weft_i_new(arena, int64_t, 1);
    p->static_bytes[0] = INT64_C(1) << 30;
    p->limit_bytes[0] = limit;
    for (int32_t s = 0; s < 2; s++) {
        weft_submicrobatch *sub = &p->submicrobatches[s];
        sub->microbatches = weft_i_new(arena, int32_t, 1);
        sub->n_microbatches = 1;
        sub->microbatches[0] = s;
        weft_stage *stage = &p->stages[s];
        stage->submicrobatch = s;
        stage->backward = WEFT_BACKWARD_FULL;
        stage->candidates = weft_i_new(arena, weft_candidate, 2);
        stage->n_candidates = 2;
        stage->candidates[0].cost =
            (weft_cost){.fw_ns = 10, .bw_ns = 20, .saved_bytes = INT64_C(3) << 30};
        stage->candidates[1].cost =
            (weft_cost){.fw_ns = 10, .bw_ns = 30, .saved_bytes = INT64_C(1) << 30};
        stage->now = stage->candidates[0];
    }
    return p;
}

Test(memory, mixes_and_names_what_is_missing)
{
    static const struct {
        int64_t limit_gib;
        int n_fast;
    } cases[] = {{7, 2}, {6, 1}, {5, 1}, {4, 0}, {3, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weft_i_arena arena = {0};
        weft_i_graph graph;
        weft_i_slots slots;
        weft_order *order = NULL;
        int32_t choices[2];
        weft_problem *p = two_stages(&arena, cases[i].limit_gib << 30);
        cr_assert_eq(weft_i_graph_build(p, &arena, NULL, &graph), WEFT_STATUS_OK);
        cr_assert_eq(weft_i_slots_single(p, &arena, NULL, &slots), WEFT_STATUS_OK);
        cr_assert_eq(weft_i_order_fixed(&graph, WEFT_I_FIXED_GPIPE, &slots, 0, NULL, &order),
                     WEFT_STATUS_OK);
        cr_assert_eq(weft_i_memory_choose(&graph, order, NULL, NULL, choices), WEFT_STATUS_OK);
        cr_expect_eq((choices[0] == 0) + (choices[1] == 0), cases[i].n_fast, "%d GiB",
                     (int)cases[i].limit_gib);
        weft_order_free(order);
        weft_i_arena_free(&arena);
    }
}

/* Room for 10 GiB more: what is worth most for a byte takes 5 of them for 60 ns and leaves none for
 * the other stage's 10 GiB and 100 ns. */
Test(memory, picks_what_a_greedy_misses)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_order *order = NULL;
    int32_t choices[2];
    const int64_t gib = INT64_C(1) << 30;
    weft_problem *p = two_stages(&arena, 13 * gib);
    p->stages[0].candidates[0].cost.saved_bytes = 6 * gib;
    p->stages[1].candidates[0].cost.saved_bytes = 11 * gib;
    p->stages[0].candidates[1].cost.bw_ns = 80;
    p->stages[1].candidates[1].cost.bw_ns = 120;
    cr_assert_eq(weft_i_graph_build(p, &arena, NULL, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_single(p, &arena, NULL, &slots), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_order_fixed(&graph, WEFT_I_FIXED_GPIPE, &slots, 0, NULL, &order),
                 WEFT_STATUS_OK);
    cr_assert_eq(weft_i_memory_choose(&graph, order, NULL, NULL, choices), WEFT_STATUS_OK);
    cr_expect(choices[0] == 1 && choices[1] == 0);
    weft_order_free(order);
    weft_i_arena_free(&arena);
}

Test(memory, infeasible)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_order *order = NULL;
    weft_error error = {0};
    int32_t choices[2] = {7, 7};
    int64_t missing = 0;
    weft_problem *p = two_stages(&arena, (INT64_C(5) << 29) + 1);
    cr_assert_eq(weft_i_graph_build(p, &arena, NULL, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_single(p, &arena, NULL, &slots), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_order_fixed(&graph, WEFT_I_FIXED_GPIPE, &slots, 0, NULL, &order),
                 WEFT_STATUS_OK);
    cr_expect_eq(weft_i_memory_choose(&graph, order, &error, &missing, choices),
                 WEFT_STATUS_INFEASIBLE);
    cr_expect_str_eq(error.text, "rank 0 needs 3.0 GiB of 2.5 GiB");
    cr_expect_eq(missing, (INT64_C(1) << 29) - 1);
    cr_expect_eq(choices[0], 7);
    weft_order_free(order);
    weft_i_arena_free(&arena);
}

Test(memory, says_a_shortage_so_that_it_shows)
{
    static const struct {
        int64_t needed, limit;
        const char *text;
    } cases[] = {
        {1024, 1, "rank 3 needs 1024 bytes of 1 bytes"},
        {INT64_C(2) << 30, 1 << 20, "rank 3 needs 2048.0 MiB of 1.0 MiB"},
        {INT64_C(2) << 30, 0, "rank 3 needs 2.0 GiB of 0.0 GiB"},
        {1000, 999, "rank 3 needs 1000 bytes of 999 bytes"},
        {INT64_C(1) << 40, (INT64_C(1) << 40) - 1,
         "rank 3 needs 1099511627776 bytes of "
         "1099511627775 bytes"},
        {INT64_C(91) << 30, (INT64_C(91) << 30) - (1 << 20),
         "rank 3 needs 93184.0 MiB of "
         "93183.0 MiB"},
        {INT64_C(91) << 30, INT64_C(76) << 30, "rank 3 needs 91.0 GiB of 76.0 GiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_error error = {0};
        cr_expect_eq(weft_i_shortage(-1, 3, cases[i].needed, cases[i].limit, &error),
                     WEFT_STATUS_INFEASIBLE);
        cr_expect_str_eq(error.text, cases[i].text);
    }
}
