/* weft_search: every answer is valid and within memory, no worse than its starts, reproducible. */
#include <criterion/criterion.h>
#include <string.h>

#include "search/fixed.h"
#include "search/starts.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

static const random_options shapes = {.max_ranks = 4,
                                      .max_microbatches = 8,
                                      .max_modules = 3,
                                      .max_segments = 2,
                                      .max_time_ns = 9,
                                      .max_transfer_ns = 3,
                                      .max_bytes = 40,
                                      .n_candidates = 3};

static weft_search_options iterations(int64_t n)
{
    weft_search_options options;
    weft_search_options_init(&options);
    options.iterations = n;
    return options;
}

/* Limits somewhere between the peaks of two answers: one that was short of nothing, and one
 * microbatch at a time. */
static void set_limits(weft_problem *problem, weft_i_rng *rng)
{
    weft_search_options options = iterations(1);
    weft_solution solution;
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_variant variant;
    int64_t peaks[8];
    cr_assert_eq(weft_search(problem, &options, NULL, &solution), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_variant_init(&graph, &arena, NULL, &variant), WEFT_STATUS_OK);
    weft_i_variant_set_all(&variant, solution.choices);
    cr_assert_eq(weft_i_compile_peaks(&variant.graph, solution.order, NULL, peaks), WEFT_STATUS_OK);
    for (int32_t r = 0; r < problem->n_ranks; r++)
        problem->limit_bytes[r] = peaks[r] * random_in(rng, 20, 110) / 100;
    weft_solution_free(&solution);
    weft_i_arena_free(&arena);
}

Test(search, answers_are_valid)
{
    int n_found = 0, n_infeasible = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_error error = {0};
        weft_i_rng_seed(&rng, seed);
        random_options options = shapes;
        options.n_candidates = random_chance(&rng, 50) ? 3 : 0;
        weft_problem *problem = random_problem(&arena, &rng, &options);
        set_limits(problem, &rng);
        weft_search_options search = iterations(300);
        search.objective = (weft_objective)random_in(&rng, 0, 2);
        search.seed = seed;
        weft_solution solution;
        weft_status status = weft_search(problem, &search, &error, &solution);
        cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_INFEASIBLE, "seed %llu: %s",
                  (unsigned long long)seed, error.text);
        if (status == WEFT_STATUS_OK) {
            weft_schedule_time time = expect_order(problem, solution.order, solution.choices, true,
                                                   solution.method, seed);
            cr_assert_eq(time.pipeline_ns, solution.time.pipeline_ns);
            cr_assert_eq(time.span_ns, solution.time.span_ns);
            weft_solution_free(&solution);
            n_found++;
        } else {
            cr_assert(strstr(error.text, " needs ") != NULL, "%s", error.text);
            n_infeasible++;
        }
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_found, 150);
    cr_expect_gt(n_infeasible, 50);
}

static weft_problem *synthetic(const char *text)
{
    weft_problem *problem = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_problem_synthetic(text, &error, &problem), WEFT_STATUS_OK, "%s", error.text);
    return problem;
}

Test(search, no_worse_than_a_start)
{
    /* A start better than anything 1 iteration finds: the answer of a longer search. */
    weft_problem *problem =
        synthetic("pp=4 microbatches=12 fw=90 bw=200 bww=100 transfer=9 limit=3 vary=0.5 seed=4");
    weft_search_options options = iterations(3000);
    weft_solution good, answer;
    cr_assert_eq(weft_search(problem, &options, NULL, &good), WEFT_STATUS_OK);
    options.iterations = 1;
    weft_i_start start = {good.order, good.choices, "mine", false};
    cr_assert_eq(weft_i_search(problem, &options, &start, 1, NULL, &answer), WEFT_STATUS_OK);
    cr_expect_leq(answer.time.pipeline_ns, good.time.pipeline_ns);
    cr_expect(answer.time.pipeline_ns < good.time.pipeline_ns ||
              strcmp(answer.method, "mine") == 0);
    weft_solution_free(&answer);
    /* The answer of an earlier search is only improved. */
    start.searched = true;
    options.iterations = 3000;
    cr_assert_eq(weft_i_search(problem, &options, &start, 1, NULL, &answer), WEFT_STATUS_OK);
    cr_expect(answer.time.pipeline_ns <= good.time.pipeline_ns &&
              strcmp(answer.method, "mine") == 0);
    start.searched = false;
    options.iterations = 1;
    weft_solution_free(&answer);
    /* Its own strategies are chosen where none are given. */
    start.choices = NULL;
    cr_assert_eq(weft_i_search(problem, &options, &start, 1, NULL, &answer), WEFT_STATUS_OK);
    cr_expect_leq(answer.time.pipeline_ns, good.time.pipeline_ns);
    weft_solution_free(&answer);
    /* What is no order is an error. */
    good.order->n_tasks[1]--;
    weft_error error = {0};
    cr_expect_eq(weft_i_search(problem, &options, &start, 1, &error, &answer), WEFT_STATUS_FAILED);
    cr_expect_neq(error.text[0], '\0');
    good.order->n_tasks[1]++;
    weft_solution_free(&good);
    weft_problem_free(problem);
}

Test(search, the_same_seed_and_iterations_give_the_same_order)
{
    weft_problem *problem =
        synthetic("pp=4 microbatches=10 fw=90 bw=200 bww=100 transfer=9 limit=4 vary=0.3 seed=2");
    weft_search_options options = iterations(2000);
    weft_solution a, b;
    cr_assert_eq(weft_search(problem, &options, NULL, &a), WEFT_STATUS_OK);
    cr_assert_eq(weft_search(problem, &options, NULL, &b), WEFT_STATUS_OK);
    cr_expect_eq(a.iterations, b.iterations);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        cr_assert_eq(a.order->n_tasks[r], b.order->n_tasks[r]);
        cr_expect_arr_eq(a.order->tasks[r], b.order->tasks[r],
                         (size_t)a.order->n_tasks[r] * sizeof(weft_task));
    }
    weft_solution_free(&a);
    weft_solution_free(&b);
    weft_problem_free(problem);
}

static bool stop_at_once(void *context, const weft_progress *progress)
{
    (void)progress;
    ++*(int *)context;
    return false;
}

Test(search, a_callback_stops_it)
{
    weft_problem *problem = synthetic("pp=4 microbatches=16 fw=9 bw=20 bww=10 transfer=1 limit=4");
    int n_calls = 0;
    weft_search_options options;
    weft_search_options_init(&options);
    options.time_limit_s = 100;
    options.progress = stop_at_once;
    options.progress_context = &n_calls;
    weft_solution solution;
    cr_assert_eq(weft_search(problem, &options, NULL, &solution), WEFT_STATUS_OK);
    cr_expect(solution.stopped);
    cr_expect_eq(n_calls, 1);
    expect_order(problem, solution.order, solution.choices, true, "stopped", 0);
    weft_solution_free(&solution);
    weft_problem_free(problem);
}

Test(search, infeasible_names_rank_and_bytes)
{
    weft_problem *problem = synthetic("pp=2 microbatches=3 fw=9 bw=20 transfer=1 limit=0.75");
    weft_error error = {0};
    weft_solution solution;
    weft_search_options options = iterations(10);
    cr_expect_eq(weft_search(problem, &options, &error, &solution), WEFT_STATUS_INFEASIBLE);
    cr_expect_str_eq(error.text, "rank 0 needs 1.0 GiB of 0.8 GiB");
    weft_problem_free(problem);
}
