/* Climbing over sequences: valid orders, better ones than data order, the same for the same seed.
 */
#include <criterion/criterion.h>

#include "search/climb.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

static const random_options shapes = {.max_ranks = 4,
                                      .max_microbatches = 8,
                                      .max_modules = 3,
                                      .max_segments = 2,
                                      .max_time_ns = 30,
                                      .max_transfer_ns = 3,
                                      .max_bytes = 40};

/* The best of `iterations` sequences; checked. `split`: all backwards that can be. */
static int64_t climb(const weft_problem *problem, int64_t iterations, bool split, uint64_t seed)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_incumbent best;
    weft_i_player player;
    weft_i_rng rng;
    weft_search_options options = {.iterations = iterations};
    weft_i_budget budget = weft_i_budget_begin(&options);
    bool *splits = weft_i_new(&arena, bool, problem->n_stages);
    for (int32_t s = 0; s < problem->n_stages; s++)
        splits[s] = split;
    weft_i_rng_seed(&rng, seed);
    cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_incumbent_init(&graph, WEFT_OBJECTIVE_MAKESPAN, &arena, NULL, &best),
                 WEFT_STATUS_OK);
    cr_assert_eq(
        weft_i_player_open(&graph, NULL, splits, false, WEFT_OBJECTIVE_MAKESPAN, NULL, &player),
        WEFT_STATUS_OK);
    cr_assert_eq(weft_i_climb(&player, &budget, 1, &rng, &best, NULL), WEFT_STATUS_OK);
    int64_t ns = weft_i_incumbent_ns(&best);
    cr_assert_leq(budget.iterations, iterations);
    if (best.order) {
        weft_schedule_time time = expect_order(problem, best.order, NULL, true, "sequence", seed);
        cr_assert_eq(time.pipeline_ns, ns);
    }
    weft_i_player_close(&player);
    weft_i_incumbent_free(&best);
    weft_i_arena_free(&arena);
    return ns;
}

Test(climb, finds_better_sequences)
{
    int n_better = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &shapes);
        bool split = random_chance(&rng, 50);
        for (int32_t r = 0; r < problem->n_ranks; r++)
            problem->limit_bytes[r] = random_in(&rng, 100, 400);
        int64_t first = climb(problem, 1, split, seed), best = climb(problem, 150, split, seed);
        cr_assert_leq(best, first);
        cr_assert_eq(climb(problem, 150, split, seed), best, "seed %llu: not reproducible",
                     (unsigned long long)seed);
        n_better += best < first;
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_better, 25, "%d of 60", n_better);
}
