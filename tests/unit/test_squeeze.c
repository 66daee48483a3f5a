/* The last resort: limits that the order of one microbatch at a time goes over. */
#include <criterion/criterion.h>

#include "plan/compile.h"
#include "search/dual_queue.h"
#include "search/squeeze.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

static const random_options shapes = {.max_ranks = 4,
                                      .max_microbatches = 3,
                                      .max_modules = 3,
                                      .max_segments = 2,
                                      .max_time_ns = 9,
                                      .max_transfer_ns = 3,
                                      .max_bytes = 40,
                                      .n_candidates = 3};

/* A problem, and an order that does not fit it. */
typedef struct fixture {
    weft_i_arena arena;
    weft_i_rng rng;
    weft_problem *problem;
    weft_i_graph graph;
    weft_i_workbench workbench;
    const weft_order *order;
    int32_t *choices;
    weft_i_incumbent incumbent;
} fixture;

/* Limits at `percent` of the serial order's peaks under the stages' fastest candidates. */
static void fixture_open(fixture *f, uint64_t seed, int64_t percent)
{
    int64_t peaks[4];
    *f = (fixture){.problem = NULL};
    weft_i_rng_seed(&f->rng, seed);
    f->problem = random_problem(&f->arena, &f->rng, &shapes);
    f->choices = weft_i_new(&f->arena, int32_t, f->problem->n_stages);
    cr_assert_eq(weft_i_graph_build(f->problem, &f->arena, NULL, &f->graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_workbench_open(&f->graph, f->choices, NULL, NULL, &f->workbench),
                 WEFT_STATUS_OK);
    cr_assert_eq(weft_i_dual_queue_serial(&f->workbench, NULL, &f->order), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_compile_peaks(&f->graph, f->order, NULL, peaks), WEFT_STATUS_OK);
    for (int32_t r = 0; r < f->problem->n_ranks; r++)
        f->problem->limit_bytes[r] = peaks[r] * percent / 100;
    cr_assert_eq(
        weft_i_incumbent_init(&f->graph, WEFT_OBJECTIVE_STEP, &f->arena, NULL, &f->incumbent),
        WEFT_STATUS_OK);
}

static void squeeze(fixture *f)
{
    weft_search_options options = {.iterations = 1};
    weft_i_budget budget = weft_i_budget_begin(&options);
    cr_assert_eq(
        weft_i_squeeze(&f->graph, f->order, f->choices, &budget, &f->rng, &f->incumbent, NULL),
        WEFT_STATUS_OK);
}

static void fixture_close(fixture *f)
{
    weft_i_incumbent_free(&f->incumbent);
    weft_i_workbench_close(&f->workbench);
    random_free(f->problem);
    weft_i_arena_free(&f->arena);
}

static int count_found(int64_t percent)
{
    int n_found = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        fixture f;
        fixture_open(&f, seed, percent);
        squeeze(&f);
        const weft_i_incumbent *found = &f.incumbent;
        if (found->order)
            expect_order(f.problem, found->order, found->choices, true, found->method, seed);
        n_found += found->order != NULL;
        fixture_close(&f);
    }
    return n_found;
}

Test(squeeze, less_memory_than_the_serial_order_takes)
{
    int n_tight = count_found(95), n_tighter = count_found(70), n_impossible = count_found(0);
    cr_expect_geq(n_tight, 30, "%d of 40", n_tight);
    cr_expect_geq(n_tighter, 10, "%d of 40", n_tighter);
    cr_expect_leq(n_impossible, 1, "%d of 40 (one without a backward)", n_impossible);
}

Test(squeeze, the_same_seed_gives_the_same_order)
{
    fixture a, b;
    fixture_open(&a, 5, 90);
    fixture_open(&b, 5, 90);
    squeeze(&a);
    squeeze(&b);
    cr_assert(a.incumbent.order && b.incumbent.order);
    cr_assert_eq(a.incumbent.order->n_ranks, b.incumbent.order->n_ranks);
    for (int32_t r = 0; r < a.incumbent.order->n_ranks; r++) {
        int32_t n = a.incumbent.order->n_tasks[r];
        cr_assert_eq(n, b.incumbent.order->n_tasks[r]);
        cr_assert_arr_eq(a.incumbent.order->tasks[r], b.incumbent.order->tasks[r],
                         (size_t)n * sizeof(weft_task));
    }
    fixture_close(&a);
    fixture_close(&b);
}
