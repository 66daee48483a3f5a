/* tests/unit/show_case.h - plans to draw: published orders of uniform problems, by one line of
 * text; and drawings as strings. */
#ifndef WEFT_TESTS_UNIT_SHOW_CASE_H
#define WEFT_TESTS_UNIT_SHOW_CASE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/graph.h"
#include "search/fixed.h"
#include "weft/plan.h"
#include "weft/show.h"

/* Free with weft_plan_free. */
static inline weft_plan *show_plan(const char *text, weft_i_fixed_kind kind)
{
    weft_error error = {0};
    weft_i_arena arena = {0};
    weft_problem *problem = NULL;
    weft_i_graph graph;
    weft_i_slots slots;
    weft_order *order = NULL;
    weft_plan *plan = NULL;
    cr_assert_eq(weft_problem_synthetic(text, &error, &problem), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_i_graph_build(problem, &arena, &error, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_derive(&graph, &arena, &error, &slots), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_order_fixed(&graph, kind, &slots, 0, &error, &order), WEFT_STATUS_OK, "%s",
                 error.text);
    const weft_pipeline_input input = {.problem = problem, .order = order};
    cr_assert_eq(weft_plan_build(&input, 1, 0, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    weft_order_free(order);
    weft_problem_free(problem);
    weft_i_arena_free(&arena);
    return plan;
}

/* A run of it that is `late_ns` late from the first action of `rank` on, and as planned elsewhere.
 * Free with weft_timeline_free. */
static inline weft_timeline *show_run(const weft_plan *plan, int32_t rank, int64_t late_ns)
{
    weft_error error = {0};
    weft_timeline *timeline = NULL;
    cr_assert_eq(weft_timeline_of_plan(plan, "virtual", &error, &timeline), WEFT_STATUS_OK, "%s",
                 error.text);
    for (int32_t p = 0; p < timeline->n_pipelines; p++) {
        for (int32_t r = 0; r < timeline->n_ranks; r++) {
            const weft_rank_actions *planned = &plan->pipelines[p].ranks[r];
            weft_action *actions = timeline->pipelines[p].ranks[r].actions.actions;
            for (int32_t a = 0; a < planned->n_actions; a++) {
                int64_t late = r == rank ? late_ns : 0;
                actions[a].start_ns = planned->actions[a].start_ns + late;
                actions[a].end_ns = planned->actions[a].end_ns + late;
            }
        }
    }
    return timeline;
}

/* What weft_show_text prints; free it. */
static inline char *show_text(const weft_plan *plan, const weft_show_options *options)
{
    char *text = NULL;
    size_t n = 0;
    weft_error error = {0};
    FILE *stream = open_memstream(&text, &n);
    cr_assert_eq(weft_show_text(plan, options, &error, stream), WEFT_STATUS_OK, "%s", error.text);
    fclose(stream);
    return text;
}

#endif
