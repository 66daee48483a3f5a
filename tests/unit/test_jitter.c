/* How a step spreads: without jitter it is the prediction; the spread of
 * a sum is known; numbers out of range are refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "weft/jitter.h"
#include "weft/planner.h"

static weft_plan *plan_of(const char *text)
{
    weft_plan *plan = NULL;
    weft_error error = {0};
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.iterations = 60;
    options.threads = 1;
    cr_assert_eq(weft_planner_synthetic(text, &options, &error, &plan), WEFT_STATUS_OK, "%s",
                 error.text);
    return plan;
}

static weft_spread spread_of(const weft_plan *plan, double jitter, int32_t n_samples, uint64_t seed)
{
    weft_spread spread;
    weft_error error = {0};
    cr_assert_eq(weft_plan_jitter(plan, jitter, n_samples, seed, &error, &spread), WEFT_STATUS_OK,
                 "%s", error.text);
    return spread;
}

Test(jitter, none_is_the_prediction)
{
    weft_plan *plan = plan_of("pp=4 microbatches=8 fw=100 bw=200 bww=90 transfer=7 limit=4");
    weft_spread spread = spread_of(plan, 0, 10, 1);
    cr_expect_eq(spread.predicted_ns, plan->predicted.step_ns);
    cr_expect_eq(spread.mean_ns, plan->predicted.step_ns);
    cr_expect_eq(spread.p50_ns, plan->predicted.step_ns);
    cr_expect_eq(spread.p95_ns, plan->predicted.step_ns);
    cr_expect_eq(spread.worst_ns, plan->predicted.step_ns);
    weft_plan_free(plan);
}

Test(jitter, percentiles_are_in_order_and_repeatable)
{
    weft_plan *plan = plan_of("pp=4 microbatches=16 fw=100 bw=200 transfer=7 limit=4 segments=1");
    weft_spread a = spread_of(plan, 0.2, 200, 5), b = spread_of(plan, 0.2, 200, 5);
    cr_expect_eq(memcmp(&a, &b, sizeof a), 0);
    cr_expect(a.p50_ns <= a.p95_ns && a.p95_ns <= a.worst_ns);
    cr_expect(a.mean_ns <= a.worst_ns);
    /* Ranks wait for the slowest of several: on average a step gets longer. */
    cr_expect_gt(a.mean_ns, a.predicted_ns);
    cr_expect_neq(spread_of(plan, 0.2, 200, 6).mean_ns, a.mean_ns);
    weft_plan_free(plan);
}

/* One rank runs one pass after the other: the step is their sum. Its mean is the prediction, its
 * variance that of a sum of uniform factors, here 2 * 50 passes of 1 ms. */
Test(jitter, a_sum_spreads_as_sums_do)
{
    weft_plan *plan = plan_of("pp=1 microbatches=50 fw=1000 bw=1000 segments=1");
    weft_spread spread = spread_of(plan, 0.3, 4000, 9);
    double deviation_ns = 1e6 * 0.3 / 1.7320508 * 10;
    cr_expect_float_eq((double)spread.mean_ns, 100e6, 4 * deviation_ns / 63);
    cr_expect_float_eq((double)spread.p50_ns, 100e6, 6 * deviation_ns / 63);
    cr_expect_float_eq((double)(spread.p95_ns - spread.mean_ns), 1.645 * deviation_ns,
                       0.15 * deviation_ns);
    weft_plan_free(plan);
}

/* Of one sample all four numbers are the same, and of three the middle one is the half. */
Test(jitter, few_samples)
{
    weft_plan *plan = plan_of("pp=2 microbatches=4 fw=100 bw=200 segments=1");
    weft_spread one = spread_of(plan, 0.5, 1, 3);
    cr_expect(one.mean_ns == one.p50_ns && one.p50_ns == one.p95_ns && one.p95_ns == one.worst_ns);
    weft_spread three = spread_of(plan, 0.5, 3, 3);
    cr_expect_eq(three.p95_ns, three.worst_ns);
    cr_expect_leq(three.p50_ns, three.worst_ns);
    weft_plan_free(plan);
}

Test(jitter, refuses_what_makes_no_sense)
{
    weft_plan *plan = plan_of("pp=2 microbatches=2 fw=100 bw=200 segments=1");
    static const struct {
        double jitter;
        int32_t n_samples;
        const char *text;
    } cases[] = {{1, 10, "jitter of 1, expected 0 or more, below 1"},
                 {-0.1, 10, "jitter of -0.1, expected 0 or more, below 1"},
                 {0.1, 0, "0 samples, expected 1 to 1000000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_error error = {0};
        weft_spread spread;
        cr_expect_eq(
            weft_plan_jitter(plan, cases[i].jitter, cases[i].n_samples, 1, &error, &spread),
            WEFT_STATUS_USAGE);
        cr_expect_str_eq(error.text, cases[i].text);
    }
    weft_plan_free(plan);
}

Test(jitter, every_allocation_fails_once)
{
    weft_plan *plan = plan_of("pp=2 microbatches=2 fw=100 bw=200 segments=1");
    weft_spread spread;
    weft_status status = WEFT_STATUS_NO_MEMORY;
    long k = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_plan_jitter(plan, 0.1, 2, 1, NULL, &spread);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 10);
    weft_plan_free(plan);
}
