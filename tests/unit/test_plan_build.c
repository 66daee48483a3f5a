/* tests/unit/test_plan_build.c - weft_plan_build: predictions by hand, reductions, choices, and
 * what it says of plans that cannot be. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/plan_edit.h"
#include "tests/unit/random_plan.h"

/* A stage on the only rank for each chunk, in a problem on the caller's stack. */
typedef struct tiny {
    weft_chunk chunks[2];
    weft_stage stages[2];
    weft_submicrobatch sub;
    int64_t static_bytes, limit_bytes;
    weft_task tasks[4], *rank_tasks;
    int32_t n_tasks;
    weft_problem problem;
    weft_order order;
} tiny;

static void make_tiny(tiny *t)
{
    static int32_t number[] = {0};
    *t = (tiny){.chunks = {{.module = "m", .reduce_bytes = 8, .reduce_ns = 7},
                           {.module = "m", .segment = 1, .reduce_bytes = 8, .reduce_ns = 9}},
                .sub = {.module = "m", .microbatches = number, .n_microbatches = 1},
                .limit_bytes = WEFT_INT_MAX,
                .n_tasks = 4};
    for (int32_t s = 0; s < 2; s++) {
        t->stages[s] = (weft_stage){.chunk = s, .backward = WEFT_BACKWARD_FULL, .label = -1};
        t->stages[s].now.cost = (weft_cost){.fw_ns = 10, .bw_ns = 20, .recompute_ns = 5};
        t->tasks[s] = weft_task_make(s, WEFT_PASS_FW);
        t->tasks[3 - s] = weft_task_make(s, WEFT_PASS_BW);
    }
    t->rank_tasks = t->tasks;
    t->order = (weft_order){.n_ranks = 1, .n_tasks = &t->n_tasks, .tasks = &t->rank_tasks};
    t->problem = (weft_problem){.n_ranks = 1,
                                .n_chunks = 2,
                                .n_submicrobatches = 1,
                                .n_stages = 2,
                                .chunks = t->chunks,
                                .submicrobatches = &t->sub,
                                .stages = t->stages,
                                .static_bytes = &t->static_bytes,
                                .limit_bytes = &t->limit_bytes,
                                .post_ns = 1};
}

static weft_pipeline_input input_of(const tiny *t)
{
    return (weft_pipeline_input){.problem = &t->problem, .order = &t->order};
}

static void expect_action(const weft_plan *plan, int32_t p, int32_t a, weft_action expected)
{
    const weft_action *found = &plan->pipelines[p].ranks[0].actions[a];
    cr_expect(found->kind == expected.kind && found->operand == expected.operand &&
                  found->start_ns == expected.start_ns && found->end_ns == expected.end_ns,
              "replica %d, action %d: %s %d from %lld to %lld", p, a, weft_action_name(found->kind),
              found->operand, (long long)found->start_ns, (long long)found->end_ns);
}

/* Two replicas; the second has a slower first forward. Chunk 1 is ready first, by 40 and 45, so it
 * is reduced first: from 46 (the later post) to 55. Chunk 0 is posted at 62 and 67 at the latest:
 * from 67 to 74. The longest pipeline ends at 66. */
Test(plan_build, reductions_by_hand)
{
    tiny a, b;
    make_tiny(&a);
    make_tiny(&b);
    b.stages[0].now.cost.fw_ns = 15;
    const weft_pipeline_input inputs[] = {input_of(&a), input_of(&b)};
    weft_error error = {0};
    weft_plan *plan = NULL;
    cr_assert_eq(weft_plan_build(inputs, 2, 5, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    cr_expect_eq(weft_plan_check(plan, &error, NULL), WEFT_STATUS_OK, "%s", error.text);
    static const weft_action first[] = {
        {WEFT_ACTION_FW, 0, -1, 0, 10},           {WEFT_ACTION_FW, 1, -1, 10, 20},
        {WEFT_ACTION_BW, 1, -1, 20, 40},          {WEFT_ACTION_REDUCE, 1, -1, 40, 41},
        {WEFT_ACTION_BW, 0, -1, 41, 61},          {WEFT_ACTION_REDUCE, 0, -1, 61, 62},
        {WEFT_ACTION_WAIT_REDUCE, 1, -1, 62, 62}, {WEFT_ACTION_WAIT_REDUCE, 0, -1, 62, 74},
        {WEFT_ACTION_OPTIMIZER, 0, -1, 74, 74}};
    for (int32_t i = 0; i < 9; i++)
        expect_action(plan, 0, i, first[i]);
    cr_expect_eq(plan->pipelines[0].ranks[0].n_actions, 9);
    expect_action(plan, 1, 5, (weft_action){WEFT_ACTION_REDUCE, 0, -1, 66, 67});
    cr_expect_eq(plan->pipelines[0].pipeline_ns, 61);
    cr_expect_eq(plan->pipelines[1].pipeline_ns, 66);
    cr_expect_eq(plan->predicted.reduce_tail_ns, 74 - 66);
    cr_expect_eq(plan->predicted.step_ns, 66 + 8 + 5);
    cr_expect_float_eq(plan->predicted.bubble, 1 - (50.0 + 55.0) / (2 * 66.0), 1e-12);
    weft_plan_free(plan);
}

/* The same with nothing reduced beside passes: chunk 1 is posted at 62 and 67 at the latest, chunk
 * 0 behind it: from 67 to 76 and to 83. */
Test(plan_build, reductions_at_the_end)
{
    tiny a, b;
    make_tiny(&a);
    make_tiny(&b);
    b.stages[0].now.cost.fw_ns = 15;
    weft_pipeline_input inputs[] = {input_of(&a), input_of(&b)};
    inputs[0].reduce_at_end = inputs[1].reduce_at_end = true;
    weft_error error = {0};
    weft_plan *plan = NULL;
    cr_assert_eq(weft_plan_build(inputs, 2, 5, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    cr_expect_eq(weft_plan_check(plan, &error, NULL), WEFT_STATUS_OK, "%s", error.text);
    static const weft_action first[] = {
        {WEFT_ACTION_FW, 0, -1, 0, 10},           {WEFT_ACTION_FW, 1, -1, 10, 20},
        {WEFT_ACTION_BW, 1, -1, 20, 40},          {WEFT_ACTION_BW, 0, -1, 40, 60},
        {WEFT_ACTION_REDUCE, 1, -1, 60, 61},      {WEFT_ACTION_REDUCE, 0, -1, 61, 62},
        {WEFT_ACTION_WAIT_REDUCE, 1, -1, 62, 75}, {WEFT_ACTION_WAIT_REDUCE, 0, -1, 75, 82},
        {WEFT_ACTION_OPTIMIZER, 0, -1, 82, 82}};
    for (int32_t i = 0; i < 9; i++)
        expect_action(plan, 0, i, first[i]);
    cr_expect_eq(plan->pipelines[1].pipeline_ns, 65);
    cr_expect_eq(plan->predicted.reduce_tail_ns, 82 - 65);
    weft_plan_free(plan);
}

Test(plan_build, one_replica_reduces_nothing)
{
    tiny t;
    make_tiny(&t);
    const weft_pipeline_input input = input_of(&t);
    weft_plan *plan = NULL;
    cr_assert_eq(weft_plan_build(&input, 1, 0, NULL, &plan), WEFT_STATUS_OK);
    cr_expect_eq(plan->pipelines[0].ranks[0].n_actions, 5);
    cr_expect_eq(plan->predicted.step_ns, 60);
    cr_expect_eq(plan->predicted.reduce_tail_ns, 0);
    weft_plan_free(plan);
}

Test(plan_build, choices_are_applied_and_candidates_left_out)
{
    tiny t;
    make_tiny(&t);
    weft_memory_run runs[] = {{"full", 0}};
    weft_candidate slow = {.cost = {.fw_ns = 11, .bw_ns = 31}, .memory = runs, .n_memory = 1};
    int32_t choices[] = {0, -1};
    t.stages[0].candidates = &slow;
    t.stages[0].n_candidates = 1;
    weft_pipeline_input input = input_of(&t);
    input.choices = choices;
    input.lower_bound_ns = 3;
    input.span_lower_bound_ns = 2;
    input.work_bound_ns = 1;
    weft_plan *plan = NULL;
    cr_assert_eq(weft_plan_build(&input, 1, 0, NULL, &plan), WEFT_STATUS_OK);
    const weft_pipeline *pipeline = &plan->pipelines[0];
    cr_expect_eq(pipeline->problem.stages[0].now.cost.bw_ns, 31);
    cr_expect_str_eq(pipeline->problem.stages[0].now.memory[0].strategy, "full");
    cr_expect_eq(pipeline->problem.stages[0].n_candidates, 0);
    cr_expect_eq(pipeline->pipeline_ns, 72);
    cr_expect(pipeline->lower_bound_ns == 3 && pipeline->span_lower_bound_ns == 2 &&
              pipeline->work_bound_ns == 1);
    weft_plan_free(plan);
}

static void expect_failure(const weft_pipeline_input *inputs, int32_t n, weft_status expected,
                           const char *text)
{
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_status status = weft_plan_build(inputs, n, 0, &error, &plan);
    cr_expect_eq(status, expected, "%s: %s", weft_status_name(status), error.text);
    cr_expect(strstr(error.text, text), "'%s' is not in '%s'", text, error.text);
    cr_expect_null(plan);
}

Test(plan_build, memory_over_a_limit)
{
    const int64_t gib = INT64_C(1) << 30;
    tiny a, b;
    make_tiny(&a);
    make_tiny(&b);
    weft_pipeline_input inputs[] = {input_of(&a), input_of(&b)};
    a.static_bytes = 91 * gib + gib / 5;
    a.limit_bytes = 76 * gib;
    expect_failure(inputs, 1, WEFT_STATUS_INFEASIBLE, "rank 0 needs 91.2 GiB of 76.0 GiB");
    b.static_bytes = 99 * gib;
    b.limit_bytes = 76 * gib;
    expect_failure(inputs, 2, WEFT_STATUS_INFEASIBLE,
                   "replica 1, rank 0 needs 99.0 GiB of 76.0 GiB");
    a.static_bytes = a.limit_bytes + 1;
    expect_failure(inputs, 1, WEFT_STATUS_INFEASIBLE,
                   "rank 0 needs 81604378625 bytes of 81604378624 bytes");
}

Test(plan_build, inputs_that_do_not_fit)
{
    tiny a, b;
    make_tiny(&a);
    make_tiny(&b);
    const weft_pipeline_input inputs[] = {input_of(&a), input_of(&b)};
    expect_failure(inputs, 0, WEFT_STATUS_USAGE, "no pipeline");
    const int64_t no_times[] = {-1, WEFT_INT_MAX + 1, INT64_MAX};
    for (int i = 0; i < 3; i++) {
        weft_plan *none = NULL;
        cr_expect_eq(weft_plan_build(inputs, 1, no_times[i], NULL, &none), WEFT_STATUS_USAGE);
    }
    b.chunks[1].reduce_ns = 1;
    expect_failure(inputs, 2, WEFT_STATUS_USAGE, "pipeline 1");
    make_tiny(&b);
    b.problem.post_ns = 0;
    expect_failure(inputs, 2, WEFT_STATUS_USAGE, "pipeline 1");
    a.problem.post_ns = WEFT_INT_MAX;
    expect_failure(inputs, 1, WEFT_STATUS_BAD_INPUT, "post_ns");
}

Test(plan_build, orders_that_are_none)
{
    tiny t;
    make_tiny(&t);
    const weft_pipeline_input inputs[] = {input_of(&t), input_of(&t)};
    t.n_tasks = 3;
    expect_failure(inputs, 1, WEFT_STATUS_FAILED, "lacks bw of stage 0");
    expect_failure(inputs, 2, WEFT_STATUS_FAILED, "lacks bw of stage 0");
    make_tiny(&t);
    t.tasks[0] = weft_task_make(0, WEFT_PASS_BW);
    t.tasks[3] = weft_task_make(0, WEFT_PASS_FW);
    expect_failure(inputs, 1, WEFT_STATUS_FAILED, "deadlock");
}

/* A chunk that no stage uses, and a rank that has nothing to do. */
Test(plan_build, chunk_and_rank_without_work)
{
    tiny t;
    make_tiny(&t);
    int64_t bytes[] = {0, 0}, limits[] = {9, 9};
    weft_task *tasks[] = {t.tasks, NULL};
    int32_t n_tasks[] = {2, 0};
    t.tasks[1] = weft_task_make(0, WEFT_PASS_BW);
    t.chunks[1].rank = 1;
    t.problem.n_ranks = t.order.n_ranks = 2;
    t.problem.n_stages = 1;
    t.problem.static_bytes = bytes;
    t.problem.limit_bytes = limits;
    t.order.tasks = tasks;
    t.order.n_tasks = n_tasks;
    const weft_pipeline_input inputs[] = {input_of(&t), input_of(&t)};
    weft_plan *plan = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_plan_build(inputs, 2, 0, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    cr_expect_eq(weft_plan_check(plan, &error, NULL), WEFT_STATUS_OK, "%s", error.text);
    const weft_rank_actions *idle = &plan->pipelines[1].ranks[1];
    cr_assert_eq(idle->n_actions, 3);
    cr_expect_eq(idle->actions[0].kind, WEFT_ACTION_REDUCE);
    cr_expect_eq(idle->actions[1].end_ns, 1 + 9);
    cr_expect_float_eq(plan->predicted.bubble, 1 - 25.0 / 60, 1e-12);
    weft_plan_free(plan);
}

Test(plan_build, every_allocation_fails_once)
{
    tiny a, b;
    make_tiny(&a);
    make_tiny(&b);
    const weft_pipeline_input inputs[] = {input_of(&a), input_of(&b)};
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_plan *plan = NULL;
    long k = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_plan_build(inputs, 2, 0, NULL, &plan);
    }
    weft_i_alloc_fail_after(0);
    cr_assert_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 3);
    for (status = WEFT_STATUS_NO_MEMORY, k = 0; status == WEFT_STATUS_NO_MEMORY;) {
        weft_i_alloc_fail_after(++k);
        status = weft_plan_check(plan, NULL, NULL);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 1);
    weft_plan_free(plan);
}
