/* The paper's search and the exact one behind weft_search: answers are valid, keep to what is
 * switched off, and do not depend on threads; what is proven is so. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "search/exact.h"
#include "search/one_strategy.h"
#include "search/starts.h"
#include "search/unsplit.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

static const random_options shapes = {.max_ranks = 4,
                                      .max_microbatches = 6,
                                      .max_modules = 3,
                                      .max_segments = 2,
                                      .max_time_ns = 9,
                                      .max_transfer_ns = 3,
                                      .max_bytes = 40,
                                      .n_candidates = 3};

static weft_search_options paper(int64_t iterations, uint32_t ablate)
{
    weft_search_options options;
    weft_search_options_init(&options);
    options.iterations = iterations;
    options.method = WEFT_SEARCH_PAPER;
    options.ablate = ablate;
    return options;
}

/* Candidate k of every stage is strategy k for all its layers. */
static weft_problem *named_problem(weft_i_arena *arena, weft_i_rng *rng)
{
    static const char *const names[] = {"none", "selective", "full"};
    random_options options = shapes;
    options.n_candidates = random_chance(rng, 70) ? 3 : 0;
    weft_problem *problem = random_problem(arena, rng, &options);
    for (int32_t s = 0; s < problem->n_stages; s++)
        for (int32_t k = 0; k < problem->stages[s].n_candidates; k++) {
            weft_candidate *candidate = &problem->stages[s].candidates[k];
            candidate->memory = weft_i_new(arena, weft_memory_run, 1);
            candidate->memory[0] = (weft_memory_run){names[k], 1};
            candidate->n_memory = 1;
        }
    int64_t part = random_in(rng, 20, 120);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int64_t sum = 0;
        for (int32_t s = 0; s < problem->n_stages; s++)
            if (problem->chunks[problem->stages[s].chunk].rank == r)
                sum += problem->stages[s].now.cost.saved_bytes;
        problem->limit_bytes[r] = 60 + sum * part / 100;
    }
    return problem;
}

static void expect_unsplit(const weft_order *order)
{
    for (int32_t r = 0; r < order->n_ranks; r++)
        for (int32_t i = 0; i < order->n_tasks[r]; i++)
            cr_assert_leq((int)weft_task_pass(order->tasks[r][i]), (int)WEFT_PASS_BW);
}

static int64_t value(const weft_solution *solution, weft_objective objective)
{
    return objective == WEFT_OBJECTIVE_SPAN ? solution->time.span_ns : solution->time.pipeline_ns;
}

Test(paper, answers_are_valid)
{
    int n_found = 0, n_infeasible = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_error error = {0};
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = named_problem(&arena, &rng);
        weft_search_options options = paper(40, (uint32_t)random_in(&rng, 0, 15));
        options.objective = (weft_objective)random_in(&rng, 0, 2);
        options.seed = seed;
        weft_solution solution;
        weft_status status = weft_search(problem, &options, &error, &solution);
        if (status == WEFT_STATUS_OK) {
            weft_schedule_time time = expect_order(problem, solution.order, solution.choices, true,
                                                   solution.method, seed);
            cr_assert_eq(time.pipeline_ns, solution.time.pipeline_ns);
            cr_assert_eq(time.span_ns, solution.time.span_ns);
            cr_assert_leq(solution.bound_ns, value(&solution, options.objective), "seed %llu",
                          (unsigned long long)seed);
            expect_unsplit(solution.order);
            for (int32_t s = 0; (options.ablate & WEFT_ABLATE_MEMORY) && s < problem->n_stages; s++)
                cr_assert_eq(solution.choices[s], solution.choices[0]);
            weft_solution_free(&solution);
            n_found++;
        } else if (status == WEFT_STATUS_INFEASIBLE) {
            cr_assert(strstr(error.text, " needs ") != NULL, "%s", error.text);
            n_infeasible++;
        } else { /* VPP suits no V-shapes and no modules that run backwards */
            cr_assert(status == WEFT_STATUS_FAILED && (options.ablate & WEFT_ABLATE_INTERLEAVING),
                      "seed %llu: %s", (unsigned long long)seed, error.text);
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_found, 80);
    cr_expect_gt(n_infeasible, 5);
}

/* Of each pair of searches, the one with a part more is no worse. */
Test(paper, reordering_does_no_harm)
{
    int n_better = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = named_problem(&arena, &rng);
        weft_search_options options = paper(100, 0);
        weft_solution with, without;
        weft_status status = weft_search(problem, &options, NULL, &with);
        options.ablate = WEFT_ABLATE_REORDERING;
        cr_assert_eq(weft_search(problem, &options, NULL, &without), status);
        if (status == WEFT_STATUS_OK) {
            cr_assert_leq(with.time.pipeline_ns, without.time.pipeline_ns);
            cr_assert_leq(without.iterations, 4);
            n_better += with.time.pipeline_ns < without.time.pipeline_ns;
            weft_solution_free(&with);
            weft_solution_free(&without);
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_better, 10);
}

static void expect_same_order(const weft_order *a, const weft_order *b)
{
    cr_assert_eq(a->n_ranks, b->n_ranks);
    for (int32_t r = 0; r < a->n_ranks; r++) {
        cr_assert_eq(a->n_tasks[r], b->n_tasks[r]);
        cr_assert_eq(memcmp(a->tasks[r], b->tasks[r], (size_t)a->n_tasks[r] * sizeof *a->tasks[r]),
                     0);
    }
}

Test(paper, does_not_depend_on_threads)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = named_problem(&arena, &rng);
        weft_search_options options = paper(73, 0);
        weft_solution one, three;
        options.seed = seed;
        weft_status status = weft_search(problem, &options, NULL, &one);
        options.threads = 3;
        cr_assert_eq(weft_search(problem, &options, NULL, &three), status);
        if (status == WEFT_STATUS_OK) {
            expect_same_order(one.order, three.order);
            cr_assert_eq(one.iterations, three.iterations);
            cr_assert_eq(
                memcmp(one.choices, three.choices, (size_t)problem->n_stages * sizeof *one.choices),
                0);
            weft_solution_free(&one);
            weft_solution_free(&three);
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

/* The tree runs out of sequences long before the limit. The last leaves have one completion each,
 * so that rounds of all sizes are met; all sequences give one answer, in whatever rounds. */
Test(paper, ends_when_all_sequences_have_been_seen)
{
    for (int m = 2; m <= 5; m++) {
        char text[100];
        int64_t pipeline_ns[2];
        weft_problem *problem = NULL;
        snprintf(text, sizeof text, "pp=2 microbatches=%d fw=90 bw=200 limit=2 vary=0.5 seed=4", m);
        cr_assert_eq(weft_problem_synthetic(text, NULL, &problem), WEFT_STATUS_OK);
        for (int i = 0; i < 2; i++) {
            weft_search_options options = paper(1000000, 0);
            weft_solution solution;
            options.threads = i == 0 ? 1 : 11; /* a leaf a round, or two */
            cr_assert_eq(weft_search(problem, &options, NULL, &solution), WEFT_STATUS_OK);
            cr_expect_lt(solution.iterations, 4000);
            pipeline_ns[i] = solution.time.pipeline_ns;
            weft_solution_free(&solution);
        }
        cr_expect_eq(pipeline_ns[0], pipeline_ns[1], "%d microbatches", m);
        weft_problem_free(problem);
    }
}

static bool stop_at_once(void *context, const weft_progress *progress)
{
    (void)progress;
    ++*(int *)context;
    return false;
}

Test(paper, stops_when_told)
{
    weft_problem *problem = NULL;
    weft_solution solution;
    int n_calls = 0;
    weft_search_options options = paper(1000000000, 0);
    options.progress = stop_at_once;
    options.progress_context = &n_calls;
    cr_assert_eq(weft_problem_synthetic("pp=4 microbatches=12 fw=90 bw=200 limit=4 vary=0.5 seed=2",
                                        NULL, &problem),
                 WEFT_STATUS_OK);
    cr_assert_eq(weft_search(problem, &options, NULL, &solution), WEFT_STATUS_OK);
    cr_expect(solution.stopped);
    cr_expect_gt(n_calls, 0);
    expect_order(problem, solution.order, solution.choices, true, "stopped", 0);
    weft_solution_free(&solution);
    weft_problem_free(problem);
}

Test(paper, unsplit_problems_have_the_same_orders)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = named_problem(&arena, &rng), whole;
        cr_assert_eq(weft_i_unsplit(problem, &arena, NULL, &whole), WEFT_STATUS_OK);
        for (int32_t s = 0; s < problem->n_stages; s++) {
            const weft_cost *a = &problem->stages[s].now.cost, *b = &whole.stages[s].now.cost;
            cr_assert_not(weft_cost_can_split(b));
            cr_assert(a->fw_ns == b->fw_ns && a->bw_ns == b->bw_ns);
            cr_assert_eq(a->saved_bytes, b->saved_bytes);
            cr_assert_eq(problem->stages[s].n_candidates, whole.stages[s].n_candidates);
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

/* The fastest of all strategies that fit, by trying each in full. */
Test(one_strategy, is_the_fastest_that_fits)
{
    int n_found = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_graph graph;
        weft_error error = {0};
        weft_solution serial;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = named_problem(&arena, &rng);
        weft_search_options options = paper(1, 0);
        int32_t *choices = weft_i_new(&arena, int32_t, problem->n_stages);
        cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
        int32_t n = problem->stages[0].n_candidates;
        cr_assert_eq(weft_i_one_strategy_list(problem).n, n > 0 ? n : 1);
        if (weft_search(problem, &options, NULL, &serial) == WEFT_STATUS_OK) {
            int64_t best = INT64_MAX, peaks[8];
            weft_i_variant variant;
            cr_assert_eq(weft_i_variant_init(&graph, &arena, NULL, &variant), WEFT_STATUS_OK);
            for (int32_t k = n > 0 ? 0 : -1; k < n; k++) {
                weft_schedule_time time;
                bool fits = true;
                for (int32_t s = 0; s < problem->n_stages; s++)
                    weft_i_variant_set(&variant, s, k);
                weft_i_compile_peaks(&variant.graph, serial.order, NULL, peaks);
                weft_order_time(&variant.problem, serial.order, NULL, NULL, NULL, &time);
                for (int32_t r = 0; r < problem->n_ranks; r++)
                    fits = fits && peaks[r] <= problem->limit_bytes[r];
                if (fits && time.pipeline_ns < best) best = time.pipeline_ns;
            }
            weft_status status = weft_i_one_strategy_choose(&graph, serial.order, &error, choices);
            cr_assert_eq(status, best < INT64_MAX ? WEFT_STATUS_OK : WEFT_STATUS_INFEASIBLE);
            if (status == WEFT_STATUS_OK) {
                weft_schedule_time time =
                    expect_order(problem, serial.order, choices, true, "one strategy", seed);
                cr_assert_eq(time.pipeline_ns, best);
                n_found++;
            }
            weft_solution_free(&serial);
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_found, 30);
}

Test(exact_search, is_the_best_of_all_orders)
{
    random_options options = shapes;
    options.max_ranks = options.max_microbatches = options.max_modules = 2;
    options.max_segments = 1;
    options.n_candidates = 0;
    int n = 0;
    for (uint64_t seed = 1; n < 60; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_graph graph;
        weft_solution solution;
        int64_t best;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &options);
        for (int32_t r = 0; r < problem->n_ranks; r++)
            problem->limit_bytes[r] = random_in(&rng, 40, 160);
        for (int32_t e = 0; e < problem->n_edges; e++)
            problem->edges[e].bytes = 0;
        weft_search_options search = {.objective = (weft_objective)random_in(&rng, 0, 2),
                                      .method = WEFT_SEARCH_EXACT};
        weft_i_exact_options exact = {.objective = search.objective, .max_states = 100000};
        cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
        weft_status status = weft_i_exact(&graph, &exact, NULL, &best, NULL);
        if (problem->n_stages <= 8 && status != WEFT_STATUS_LIMIT) {
            cr_assert_eq(weft_search(problem, &search, NULL, &solution), status, "seed %llu",
                         (unsigned long long)seed);
            if (status == WEFT_STATUS_OK) {
                expect_order(problem, solution.order, solution.choices, true, "exact", seed);
                cr_assert_eq(value(&solution, search.objective), best);
                cr_assert_eq(solution.bound_ns, best);
                weft_solution_free(&solution);
            }
            n++;
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

Test(exact_search, says_what_is_too_large)
{
    static const char *const cases[][2] = {
        {"pp=8 microbatches=8 fw=10 bw=20", "exact search takes at most 42 stages, found 64"},
        {"pp=4 microbatches=10 fw=10 bw=20 bww=9 vary=0.5 seed=3", "exact search stopped after "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_problem *problem = NULL;
        weft_solution solution;
        weft_error error = {0};
        weft_search_options options = {.method = WEFT_SEARCH_EXACT, .iterations = 500};
        cr_assert_eq(weft_problem_synthetic(cases[i][0], NULL, &problem), WEFT_STATUS_OK);
        cr_expect_eq(weft_search(problem, &options, &error, &solution), WEFT_STATUS_LIMIT);
        cr_expect_eq(strncmp(error.text, cases[i][1], strlen(cases[i][1])), 0, "%s", error.text);
        weft_problem_free(problem);
    }
}

/* Allocations fail in turn, all of the first and some of the later ones, until a search gets
 * through without: no other status, no leak. */
static void fail_allocations(const weft_problem *problem, const weft_search_options *options)
{
    long k = 0;
    for (weft_status status = WEFT_STATUS_NO_MEMORY; status != WEFT_STATUS_OK;) {
        weft_solution solution = {.order = NULL};
        weft_error error = {0};
        k += k < 200 ? 1 : 13;
        weft_i_alloc_fail_after(k);
        status = weft_search(problem, options, &error, &solution);
        weft_i_alloc_fail_after(0);
        cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_NO_MEMORY, "%ld: %s", k,
                  error.text);
        weft_solution_free(&solution);
    }
    cr_expect_gt(k, 8, "%ld", k);
}

Test(paper, survives_failing_allocations)
{
    weft_problem *problem = NULL;
    cr_assert_eq(weft_problem_synthetic("pp=2 microbatches=3 fw=90 bw=200 limit=2 vary=0.5 seed=2",
                                        NULL, &problem),
                 WEFT_STATUS_OK);
    weft_search_options options = paper(11, 0);
    fail_allocations(problem, &options);
    options = paper(1, WEFT_ABLATE_INTERLEAVING | WEFT_ABLATE_MEMORY);
    fail_allocations(problem, &options);
    options.method = WEFT_SEARCH_EXACT;
    options.ablate = 0;
    options.iterations = 0;
    fail_allocations(problem, &options);
    weft_problem_free(problem);
}
