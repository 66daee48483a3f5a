/* tests/unit/test_zero_bubble.c - 1F1B with measured times gives the bubble rates published by the
 * zero-bubble authors. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "search/fixed.h"
#include "weft/plan.h"

/* Times of a rank and microbatch in us and the bubble rate of 1F1B: Qi et al., Zero Bubble Pipeline
 * Parallelism (arXiv 2401.10241), Tables 4 and 5. */
static const struct row {
    int ranks, microbatches;
    int fw_us, bwi_us, bww_us, transfer_us;
    double bubble;
} rows[] = {
    {8, 24, 18522, 18086, 9337, 601, 0.2431},   {8, 32, 18513, 18086, 9331, 626, 0.1985},
    {8, 64, 18546, 18097, 9321, 762, 0.1240},   {8, 24, 29718, 29444, 19927, 527, 0.2347},
    {8, 32, 29802, 29428, 19530, 577, 0.1898},  {8, 64, 29935, 29621, 19388, 535, 0.1091},
    {16, 48, 11347, 11248, 8132, 377, 0.2552},  {16, 64, 11307, 11254, 8101, 379, 0.2082},
    {16, 128, 11325, 11308, 8109, 378, 0.1251}, {32, 96, 10419, 10207, 7715, 408, 0.2646},
    {32, 128, 10408, 10204, 7703, 408, 0.2168}, {32, 256, 10402, 10248, 7698, 460, 0.1352},
};

static weft_problem *make_problem(const struct row *row)
{
    char text[160];
    snprintf(text, sizeof text, "pp=%d microbatches=%d fw=%d bw=%d bww=%d transfer=%d limit=%d",
             row->ranks, row->microbatches, row->fw_us, row->bwi_us + row->bww_us, row->bww_us,
             row->transfer_us, row->ranks);
    weft_problem *problem = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_problem_synthetic(text, &error, &problem), WEFT_STATUS_OK, "%s", error.text);
    return problem;
}

static weft_plan *plan_1f1b(const weft_problem *problem)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_order *order = NULL;
    weft_plan *plan = NULL;
    weft_error error = {0};
    weft_status status = weft_i_graph_build(problem, &arena, &error, &graph);
    if (status == WEFT_STATUS_OK) status = weft_i_slots_single(problem, &arena, &error, &slots);
    if (status == WEFT_STATUS_OK) {
        status = weft_i_order_fixed(&graph, WEFT_I_FIXED_1F1B, &slots, 0, &error, &order);
    }
    weft_pipeline_input input = {.problem = problem, .order = order};
    if (status == WEFT_STATUS_OK) status = weft_plan_build(&input, 1, 0, &error, &plan);
    if (status == WEFT_STATUS_OK) status = weft_plan_check(plan, &error, NULL);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    weft_order_free(order);
    weft_i_arena_free(&arena);
    return plan;
}

/* The published rate is that of the longest span of a rank; under 1F1B that rank is the first,
 * whose span is the makespan too. */
Test(zero_bubble, rates_of_1f1b_are_the_published_ones)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        weft_problem *problem = make_problem(row);
        weft_plan *plan = plan_1f1b(problem);
        double work_ns = 1000.0 * row->microbatches * (row->fw_us + row->bwi_us + row->bww_us);
        double span = 1 - work_ns / (double)plan->pipelines[0].span_ns;
        cr_expect_eq(plan->pipelines[0].pipeline_ns, plan->pipelines[0].span_ns);
        cr_expect(fabs(span - row->bubble) <= 0.00005, "row %zu: %.5f, published %.4f", i, span,
                  row->bubble);
        weft_plan_free(plan);
        weft_problem_free(problem);
    }
}
