/* Orders that bear jitter: better than plain ones on samples that they were not chosen by, within
 * memory, reproducible. */
#include <criterion/criterion.h>
#include <string.h>

#include "search/robust.h"
#include "tests/unit/orders.h"
#include "weft/jitter.h"
#include "weft/planner.h"

static weft_plan *plan_of(const char *text, double jitter)
{
    weft_plan *plan = NULL;
    weft_error error = {0};
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.iterations = 2000;
    options.threads = 1;
    options.jitter = jitter;
    options.samples = 40;
    cr_assert_eq(weft_planner_synthetic(text, &options, &error, &plan), WEFT_STATUS_OK, "%s",
                 error.text);
    return plan;
}

static double mean_of(const weft_plan *plan, double jitter)
{
    weft_spread spread;
    cr_assert_eq(weft_plan_jitter(plan, jitter, 400, 77, NULL, &spread), WEFT_STATUS_OK);
    return (double)spread.mean_ns;
}

static const char *const problems[] = {
    "pp=4 microbatches=10 fw=100 bw=200 bww=100 transfer=5 limit=4 segments=1",
    "pp=4 microbatches=12 fw=90 bw=200 bww=100 transfer=9 limit=3 vary=0.5 seed=4 segments=1",
    "pp=3 microbatches=8 fw=100 bw=200 transfer=20 limit=6 segments=2",
    "pp=6 microbatches=12 fw=100 bw=210 bww=90 transfer=5 limit=6 vary=0.3 seed=2 segments=1",
};
enum { N_PROBLEMS = sizeof problems / sizeof problems[0] };

Test(robust, better_on_samples_it_has_not_seen)
{
    static const double JITTER = 0.25;
    double gain = 0;
    for (int i = 0; i < N_PROBLEMS; i++) {
        weft_plan *plain = plan_of(problems[i], 0), *robust = plan_of(problems[i], JITTER);
        double ratio = mean_of(robust, JITTER) / mean_of(plain, JITTER);
        cr_expect_leq(ratio, 1.001, "%s: %g", problems[i], ratio);
        gain += 1 - ratio;
        weft_plan_free(plain);
        weft_plan_free(robust);
    }
    cr_expect_gt(gain / N_PROBLEMS, 0.005, "%g", gain / N_PROBLEMS);
}

Test(robust, the_same_seed_and_iterations_give_the_same_order)
{
    weft_plan *a = plan_of(problems[1], 0.2), *b = plan_of(problems[1], 0.2);
    cr_expect_eq(a->pipelines[0].pipeline_ns, b->pipelines[0].pipeline_ns);
    cr_expect_eq(mean_of(a, 0.5), mean_of(b, 0.5));
    weft_plan_free(a);
    weft_plan_free(b);
}

/* Solve a problem, and make the order of its solution robust with the k-th allocation failing. */
static weft_status make_robust(const weft_problem *problem, long k, weft_solution *out_solution)
{
    const weft_i_robust_options options = {.jitter = 0.3, .n_samples = 20, .seed = 3};
    weft_search_options search = {.iterations = 400};
    cr_assert_eq(weft_search(problem, &search, NULL, out_solution), WEFT_STATUS_OK);
    weft_i_budget budget = weft_i_budget_begin(&search);
    weft_i_alloc_fail_after(k);
    weft_status status = weft_i_robust(problem, &options, &budget, NULL, out_solution);
    weft_i_alloc_fail_after(0);
    return status;
}

Test(robust, keeps_memory_and_times)
{
    for (int i = 0; i < N_PROBLEMS; i++) {
        weft_problem *problem = NULL;
        weft_solution solution;
        cr_assert_eq(weft_problem_synthetic(problems[i], NULL, &problem), WEFT_STATUS_OK);
        cr_assert_eq(make_robust(problem, 0, &solution), WEFT_STATUS_OK);
        weft_schedule_time time =
            expect_order(problem, solution.order, solution.choices, true, problems[i], 3);
        cr_expect_eq(time.pipeline_ns, solution.time.pipeline_ns);
        cr_expect_eq(time.span_ns, solution.time.span_ns);
        weft_solution_free(&solution);
        weft_problem_free(problem);
    }
}

Test(robust, survives_failing_allocations)
{
    weft_problem *problem = NULL;
    weft_status status = WEFT_STATUS_NO_MEMORY;
    cr_assert_eq(weft_problem_synthetic(problems[2], NULL, &problem), WEFT_STATUS_OK);
    for (long k = 1; status == WEFT_STATUS_NO_MEMORY; k += k < 60 ? 1 : 17) {
        weft_solution solution;
        status = make_robust(problem, k, &solution);
        cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_NO_MEMORY);
        cr_expect_not_null(solution.order);
        weft_solution_free(&solution);
    }
    weft_problem_free(problem);
}

Test(robust, refuses_what_it_cannot_do)
{
    const struct {
        double jitter;
        int64_t samples;
        int objective, search;
    } cases[] = {{1, 10, 0, WEFT_SEARCH_DEFAULT},
                 {-0.1, 10, 0, WEFT_SEARCH_DEFAULT},
                 {0.1, -1, 0, WEFT_SEARCH_DEFAULT},
                 {0.1, 10001, 0, WEFT_SEARCH_DEFAULT},
                 {0.1, 10, WEFT_OBJECTIVE_SPAN, WEFT_SEARCH_DEFAULT},
                 {0.1, 10, 0, WEFT_SEARCH_PAPER},
                 {0.1, 10, 0, WEFT_SEARCH_EXACT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_plan *plan = NULL;
        weft_planner_options options;
        weft_planner_options_init(&options);
        options.iterations = 1;
        options.jitter = cases[i].jitter;
        options.samples = cases[i].samples;
        options.objective = cases[i].objective;
        options.search = cases[i].search;
        cr_expect_eq(weft_planner_synthetic("pp=2 microbatches=2 fw=9 bw=9 segments=1", &options,
                                            NULL, &plan),
                     WEFT_STATUS_USAGE, "case %zu", i);
    }
}
