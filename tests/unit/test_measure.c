/* What was measured against what was planned: nothing is late where all is as planned; what is late
 * is found where it was. */
#include "plan/measure.h"
#include "tests/unit/random_plan.h"

/* A run that is as planned, at a multiple of the times; the optimizer takes its time. */
static weft_timeline *perfect(const weft_plan *plan, int64_t scale)
{
    weft_timeline *timeline = NULL;
    cr_assert_eq(weft_timeline_of_plan(plan, "virtual", NULL, &timeline), WEFT_STATUS_OK);
    timeline->scale = (double)scale;
    for (int32_t p = 0; p < timeline->n_pipelines; p++) {
        for (int32_t r = 0; r < timeline->n_ranks; r++) {
            const weft_rank_actions *planned = &plan->pipelines[p].ranks[r];
            for (int32_t a = 0; a < planned->n_actions; a++) {
                const weft_action *from = &planned->actions[a];
                weft_action *to = &timeline->pipelines[p].ranks[r].actions.actions[a];
                to->start_ns = from->start_ns * scale;
                to->end_ns = from->end_ns * scale;
                if (to->kind == WEFT_ACTION_OPTIMIZER)
                    to->end_ns += plan->predicted.optimizer_ns * scale;
            }
        }
    }
    return timeline;
}

Test(measure, finds_nothing_late_in_a_perfect_run)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        weft_i_rng rng;
        weft_i_arena arena = {0};
        weft_i_measure measure;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, RANDOM_REPLICAS - 1),
                                      random_to(&rng, 1) * random_to(&rng, 5));
        weft_timeline *timeline = perfect(plan, 2);
        cr_assert_eq(weft_i_measure_make(plan, timeline, &arena, NULL, &measure), WEFT_STATUS_OK);
        for (int k = 0; k < WEFT_I_N_OVERHEADS; k++)
            cr_expect_eq(measure.overheads[k].sum_ns, 0, "seed %d, kind %d", (int)seed, k);
        cr_expect(measure.error == 0 && measure.step_error == 0, "seed %d", (int)seed);
        cr_expect_eq(measure.measured_step_ns, 2 * plan->predicted.step_ns);
        cr_expect_float_eq(measure.measured_bubble, measure.planned_bubble, 1e-9, "seed %d",
                           (int)seed);
        for (int32_t i = 0; i < measure.n; i++)
            cr_expect(measure.ranks[i].error == 0 && measure.ranks[i].overhead.sum_ns == 0);
        weft_i_arena_free(&arena);
        weft_timeline_free(timeline);
        weft_plan_free(plan);
    }
}

/* All forwards, then all backwards, on two ranks. */
static weft_plan *two_ranks(void)
{
    enum { N = 4 };
    weft_problem *problem = NULL;
    weft_plan *plan = NULL;
    weft_error error = {0};
    weft_order *order = weft_order_create(2, (int32_t[]){2 * N, 2 * N});
    cr_assert_eq(weft_problem_synthetic("pp=2 microbatches=4 fw=10 bw=20", &error, &problem),
                 WEFT_STATUS_OK, "%s", error.text);
    for (int pass = WEFT_PASS_FW; pass <= WEFT_PASS_BW; pass++) {
        for (int32_t s = 0; s < problem->n_stages; s++) {
            int32_t r = problem->chunks[problem->stages[s].chunk].rank;
            order->tasks[r][order->n_tasks[r]++] = weft_task_make(s, (weft_pass)pass);
        }
    }
    const weft_pipeline_input input = {.problem = problem, .order = order};
    cr_assert_eq(weft_plan_build(&input, 1, 0, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    weft_order_free(order);
    weft_problem_free(problem);
    return plan;
}

/* Let the first action of a kind, and so all after it on its rank, end later. */
static void delay(const weft_timeline *timeline, int32_t r, weft_action_kind kind, int64_t ns)
{
    const weft_rank_actions *rank = &timeline->pipelines[0].ranks[r].actions;
    int32_t first = 0;
    while (rank->actions[first].kind != kind)
        first++;
    for (int32_t a = first; a < rank->n_actions; a++) {
        if (a > first) rank->actions[a].start_ns += ns;
        rank->actions[a].end_ns += ns;
    }
}

static void expect_late(int32_t r, weft_action_kind kind, weft_i_overhead_kind counts_as)
{
    enum { LATE_NS = 1000000 };
    weft_i_arena arena = {0};
    weft_i_measure measure;
    weft_plan *plan = two_ranks();
    weft_timeline *timeline = perfect(plan, 1);
    delay(timeline, r, kind, LATE_NS);
    cr_assert_eq(weft_i_measure_make(plan, timeline, &arena, NULL, &measure), WEFT_STATUS_OK);
    if (counts_as != WEFT_I_OVERHEAD_WAIT)
        cr_expect_eq(measure.overheads[counts_as].sum_ns, LATE_NS);
    cr_expect_geq(measure.ranks[r].overhead.sum_ns, LATE_NS);
    cr_expect_eq(measure.ranks[r].measured_ns, measure.ranks[r].planned_ns + LATE_NS);
    cr_expect_eq(measure.worst, r);
    cr_expect_gt(measure.ranks[r].error, 0);
    cr_expect_eq(measure.ranks[1 - r].error, 0);
    cr_expect_gt(measure.error, 0);
    weft_timeline_free(timeline);
    weft_i_arena_free(&arena);
    weft_plan_free(plan);
}

/* Passes of 10 us, 20 us and, on the first rank, longer ones: the middle one of all, sorted. */
Test(measure, median_pass_and_means)
{
    weft_i_arena arena = {0};
    weft_i_measure measure;
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_problem *problem = NULL;
    weft_order *order = weft_order_create(1, (int32_t[]){6});
    cr_assert_eq(weft_problem_synthetic("pp=1 microbatches=3 fw=10 bw=20", &error, &problem),
                 WEFT_STATUS_OK);
    problem->stages[0].now.cost.fw_ns = 70000;
    problem->stages[1].now.cost.fw_ns = 15000;
    for (int32_t s = 0; s < 3; s++) {
        order->tasks[0][2 * s] = weft_task_make(s, WEFT_PASS_FW);
        order->tasks[0][2 * s + 1] = weft_task_make(s, WEFT_PASS_BW);
    }
    order->n_tasks[0] = 6;
    const weft_pipeline_input input = {.problem = problem, .order = order};
    cr_assert_eq(weft_plan_build(&input, 1, 0, &error, &plan), WEFT_STATUS_OK, "%s", error.text);
    weft_timeline *timeline = perfect(plan, 1);
    cr_assert_eq(weft_i_measure_make(plan, timeline, &arena, NULL, &measure), WEFT_STATUS_OK);
    cr_expect_eq(measure.median_pass_ns, 20000, "of 10, 15, 20, 20, 20 and 70 us");
    cr_expect_eq(weft_i_overhead_mean_ns(&(weft_i_overhead){.n_actions = 4, .sum_ns = 10}), 2.5);
    cr_expect_eq(weft_i_overhead_mean_ns(&(weft_i_overhead){0}), 0);
    weft_timeline_free(timeline);
    weft_plan_free(plan);
    weft_order_free(order);
    weft_problem_free(problem);
    weft_i_arena_free(&arena);
}

/* A file may say any scale and any times: sums stay within their type. */
Test(measure, absurd_scales_and_times)
{
    for (int is_late = 0; is_late < 2; is_late++) {
        weft_i_arena arena = {0};
        weft_i_measure measure;
        weft_i_rng rng;
        weft_i_rng_seed(&rng, 5);
        weft_plan *plan = random_plan(&rng, 2, 0);
        weft_timeline *timeline = perfect(plan, 1);
        timeline->scale = 1e300;
        weft_rank_actions *last = &timeline->pipelines[1].ranks[0].actions;
        if (is_late) last->actions[last->n_actions - 1].end_ns = WEFT_INT_MAX;
        cr_assert_eq(weft_i_measure_make(plan, timeline, &arena, NULL, &measure), WEFT_STATUS_OK);
        cr_expect_eq(measure.planned_ns, WEFT_INT_MAX);
        cr_expect_eq(measure.planned_step_ns, WEFT_INT_MAX);
        cr_expect_lt(measure.error, 0);
        cr_expect_lt(measure.overheads[WEFT_I_OVERHEAD_PASS].sum_ns, 0);
        weft_i_arena_free(&arena);
        weft_timeline_free(timeline);
        weft_plan_free(plan);
    }
}

Test(measure, finds_what_is_late)
{
    expect_late(0, WEFT_ACTION_FW, WEFT_I_OVERHEAD_PASS);
    expect_late(1, WEFT_ACTION_BW, WEFT_I_OVERHEAD_PASS);
    expect_late(0, WEFT_ACTION_ISEND, WEFT_I_OVERHEAD_POST);
    expect_late(1, WEFT_ACTION_WAIT_IRECV, WEFT_I_OVERHEAD_WAIT);
}
