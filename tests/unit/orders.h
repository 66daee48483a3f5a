/* tests/unit/orders.h - what every order that a search returns must stand: the time rule, the exact
 * peaks, and the check of the plan that is built from it. */
#ifndef WEFT_TESTS_ORDERS_H
#define WEFT_TESTS_ORDERS_H

#include <criterion/criterion.h>

#include "plan/compile.h"
#include "search/variant.h"
#include "weft/plan.h"

/* Check an order under choices (NULL = the costs in force); `limits`: memory must fit too. Returns
 * its times. */
static inline weft_schedule_time expect_order(const weft_problem *problem, const weft_order *order,
                                              const int32_t *choices, bool limits, const char *what,
                                              uint64_t seed)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_variant variant;
    weft_error error = {0};
    weft_schedule_time time = {0, 0};
    cr_assert_eq(weft_i_graph_build(problem, &arena, &error, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_variant_init(&graph, &arena, &error, &variant), WEFT_STATUS_OK);
    weft_i_variant_set_all(&variant, choices);
    cr_assert_eq(weft_order_time(&variant.problem, order, &error, NULL, NULL, &time),
                 WEFT_STATUS_OK, "%s, seed %llu: %s", what, (unsigned long long)seed, error.text);
    int64_t *peaks = weft_i_new(&arena, int64_t, problem->n_ranks);
    cr_assert_eq(weft_i_compile_peaks(&variant.graph, order, &error, peaks), WEFT_STATUS_OK);
    for (int32_t r = 0; limits && r < problem->n_ranks; r++)
        cr_assert_leq(peaks[r], problem->limit_bytes[r], "%s, seed %llu: rank %d", what,
                      (unsigned long long)seed, r);
    weft_i_arena_free(&arena);
    if (!limits) return time;
    weft_pipeline_input input = {.problem = problem, .order = order, .choices = choices};
    weft_plan *plan = NULL;
    weft_violation where;
    cr_assert_eq(weft_plan_build(&input, 1, 0, &error, &plan), WEFT_STATUS_OK, "%s, seed %llu: %s",
                 what, (unsigned long long)seed, error.text);
    cr_assert_eq(weft_plan_check(plan, &error, &where), WEFT_STATUS_OK, "%s, seed %llu: %s", what,
                 (unsigned long long)seed, error.text);
    cr_assert_eq(plan->pipelines[0].pipeline_ns, time.pipeline_ns);
    weft_plan_free(plan);
    return time;
}

#endif
