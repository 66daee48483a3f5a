/* Stages with a time before which they cannot start: nobody waits behind them, and short searches
 * come near the proven best. */
#include <criterion/criterion.h>

#include "search/exact.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

/* Two ranks, two microbatches; the first one is ready after two thirds of a forward and backward.
 */
Test(ready, nobody_waits_behind_a_late_source)
{
    weft_problem *problem = NULL;
    weft_solution solution;
    weft_search_options options = {.iterations = 1};
    cr_assert_eq(
        weft_problem_synthetic("pp=2 microbatches=2 fw=500 bw=900 transfer=20", NULL, &problem),
        WEFT_STATUS_OK);
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        if (stage->submicrobatch == 0 && problem->chunks[stage->chunk].rank == 0)
            problem->stages[s].ready_ns = 1000000;
    }
    cr_assert_eq(weft_search(problem, &options, NULL, &solution), WEFT_STATUS_OK);
    cr_expect_eq(solution.time.pipeline_ns, 4240000, "%lld", (long long)solution.time.pipeline_ns);
    weft_solution_free(&solution);
    weft_problem_free(problem);
}

/* Draw ready times for the forwards that wait for nothing else. */
static void draw_ready(weft_problem *problem, weft_i_rng *rng)
{
    for (int32_t s = 0; s < problem->n_stages; s++) {
        bool is_source = true;
        for (int32_t e = 0; e < problem->n_edges; e++)
            if (problem->edges[e].pass == WEFT_PASS_FW && problem->edges[e].to == s)
                is_source = false;
        if (is_source) problem->stages[s].ready_ns = random_in(rng, 0, 1) * random_in(rng, 0, 60);
    }
}

/* What a search of a few schedules takes beyond the best, in percent; -1 where the problem is too
 * large to prove. */
static double excess(uint64_t seed, int64_t iterations)
{
    static const random_options shapes = {.max_ranks = 3,
                                          .max_microbatches = 4,
                                          .max_modules = 2,
                                          .max_segments = 1,
                                          .max_time_ns = 9,
                                          .max_transfer_ns = 3};
    weft_i_arena arena = {0};
    weft_i_rng rng;
    weft_i_graph graph;
    weft_solution solution;
    int64_t best = 0;
    double percent = -1;
    weft_i_rng_seed(&rng, seed);
    weft_problem *problem = random_problem(&arena, &rng, &shapes);
    draw_ready(problem, &rng);
    weft_i_exact_options exact = {.max_states = 20000};
    cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
    if (problem->n_stages <= 9 &&
        weft_i_exact(&graph, &exact, NULL, &best, NULL) == WEFT_STATUS_OK) {
        weft_search_options search = {.iterations = iterations, .seed = seed};
        cr_assert_eq(weft_search(problem, &search, NULL, &solution), WEFT_STATUS_OK);
        cr_assert_geq(solution.time.pipeline_ns, best, "seed %llu", (unsigned long long)seed);
        percent = 100 * ((double)solution.time.pipeline_ns / (double)best - 1);
        weft_solution_free(&solution);
    }
    random_free(problem);
    weft_i_arena_free(&arena);
    return percent;
}

/* While sources waited behind late ones, list scheduling alone was further off. */
Test(ready, short_searches_come_near_the_proven_best)
{
    double first = 0, sum = 0;
    int n = 0, n_best = 0;
    for (uint64_t seed = 1; n < 150; seed++) {
        double percent = excess(seed, 1);
        if (percent < 0) continue;
        first += percent;
        percent = excess(seed, 400);
        sum += percent;
        n_best += percent == 0;
        n++;
    }
    cr_expect_lt(first / n, 2, "%g", first / n);
    cr_expect_lt(sum / n, 0.3, "%g", sum / n);
    cr_expect_geq(n_best, 138, "%d", n_best);
}
