/* tests/unit/random_plan.h - plans of random problems and orders, of one to three replicas. */
#ifndef WEFT_TESTS_UNIT_RANDOM_PLAN_H
#define WEFT_TESTS_UNIT_RANDOM_PLAN_H

#include "tests/unit/random_problem.h"
#include "weft/plan.h"

enum { RANDOM_REPLICAS = 3 };

static inline void random_choices(weft_i_rng *rng, const weft_problem *problem, int32_t *choices)
{
    for (int32_t s = 0; s < problem->n_stages; s++)
        choices[s] = random_to(rng, problem->stages[s].n_candidates) - 1;
}

/* Bounds are 0. Free with weft_plan_free. */
static inline weft_plan *random_plan(weft_i_rng *rng, int32_t n_replicas, int64_t post_ns)
{
    weft_pipeline_input inputs[RANDOM_REPLICAS] = {0};
    weft_order *orders[RANDOM_REPLICAS];
    int32_t choices[RANDOM_REPLICAS][RANDOM_STAGES];
    weft_problem *problem = random_problem(rng);
    problem->post_ns = post_ns;
    for (int32_t i = 0; i < n_replicas; i++) {
        orders[i] = random_order(rng, problem);
        random_choices(rng, problem, choices[i]);
        inputs[i] =
            (weft_pipeline_input){.problem = problem, .order = orders[i], .choices = choices[i]};
    }
    weft_plan *plan = NULL;
    weft_error error = {0};
    weft_status status = weft_plan_build(inputs, n_replicas, random_to(rng, 100), &error, &plan);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    for (int32_t i = 0; i < n_replicas; i++)
        weft_order_free(orders[i]);
    weft_problem_free(problem);
    return plan;
}

#endif
