/* tests/unit/test_planner_batch.c - the front door on real batches: every set-up's kind, replicas,
 * a fixed layout, the baselines, planning beside training. */
#include <criterion/criterion.h>
#include <string.h>

#include "weft/weft.h"

/* What a plan is made from, loaded. */
typedef struct inputs {
    weft_model *model;
    weft_cluster *cluster;
    weft_batch *batch;
    weft_planner_input input;
    weft_planner_options options;
} inputs;

static inputs load(const char *model, const char *batch, int gpus, int microbatches)
{
    inputs in = {0};
    weft_error error = {0};
    char file[512];
    snprintf(file, sizeof file, "%s/examples/batches/%s.jsonl", SOURCE_ROOT, batch);
    cr_assert(!weft_model_load(model, &error, &in.model), "%s", error.text);
    cr_assert(!weft_cluster_load("h800", &error, &in.cluster), "%s", error.text);
    cr_assert(!weft_batch_read(file, &error, &in.batch), "%s", error.text);
    in.input = (weft_planner_input){.model = in.model, .cluster = in.cluster, .batch = in.batch};
    weft_planner_options_init(&in.options);
    in.options.gpus = gpus;
    in.options.microbatches = microbatches;
    in.options.iterations = 20;
    in.options.threads = 1;
    return in;
}

static void unload(inputs *in)
{
    weft_batch_free(in->batch);
    weft_cluster_free(in->cluster);
    weft_model_free(in->model);
}

/* What every plan of a batch must show. */
static void assert_sound(const weft_plan *plan, int replicas)
{
    weft_error error = {0};
    cr_assert(!weft_plan_check(plan, &error, NULL), "%s", error.text);
    cr_assert(plan->n_pipelines == replicas && plan->parallel.dp == replicas);
    for (int32_t i = 0; i < plan->n_pipelines; i++) {
        const weft_pipeline *p = &plan->pipelines[i];
        cr_assert(p->work_bound_ns > 0 && p->work_bound_ns <= p->pipeline_ns);
        cr_assert(p->lower_bound_ns > 0 && p->lower_bound_ns <= p->pipeline_ns);
        for (int32_t r = 0; r < p->problem.n_ranks; r++)
            cr_assert(p->peak_bytes[r] <= p->problem.limit_bytes[r]);
    }
    cr_assert(plan->predicted.mfu > 0.05 && plan->predicted.mfu < 1);
    cr_assert(plan->predicted.hfu >= plan->predicted.mfu && plan->predicted.hfu < 1);
    cr_assert(plan->predicted.bubble >= 0 && plan->predicted.bubble < 1);
    cr_assert(strlen(plan->batch.sha256) == 64 && strlen(plan->model.sha256) == 64);
}

Test(planner_batch, set_ups_are_planned_and_no_baseline_is_better)
{
    const struct {
        const char *model, *batch;
        int gpus;
    } rows[] = {
        {"vlm-s", "vlm-mixed", 16}, {"vlm-l", "vlm-interleaved", 64}, {"t2v-s", "t2v-nextqa", 16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        inputs in = load(rows[i].model, rows[i].batch, rows[i].gpus, 8);
        weft_error error = {0};
        weft_comparison *c = NULL;
        cr_assert(!weft_planner_compare(&in.input, &in.options, &error, &c), "%s", error.text);
        assert_sound(c->rows[0].plan, 1);
        cr_assert(c->best_static > 0);
        for (int32_t r = 1; r < c->n_rows; r++) {
            if (!c->rows[r].plan) continue;
            assert_sound(c->rows[r].plan, 1);
            cr_assert(c->rows[0].plan->predicted.step_ns <= c->rows[r].plan->predicted.step_ns,
                      "%s: %s is better", rows[i].model, c->rows[r].name);
        }
        weft_comparison_free(c);
        unload(&in);
    }
}

Test(planner_batch, replicas_share_the_batch_and_reduce_their_gradients)
{
    inputs in = load("vlm-s", "vlm-mixed", 32, 4);
    weft_error error = {0};
    weft_plan *plan = NULL;
    cr_assert(!weft_planner_make(&in.input, &in.options, &error, &plan), "%s", error.text);
    assert_sound(plan, 2);
    int reduces = 0;
    for (int32_t i = 0; i < plan->pipelines[0].ranks[0].n_actions; i++)
        reduces += plan->pipelines[0].ranks[0].actions[i].kind == WEFT_ACTION_REDUCE;
    cr_assert(reduces > 0);
    cr_assert(plan->predicted.step_ns > plan->pipelines[0].pipeline_ns);
    weft_plan_free(plan);
    unload(&in);
}

Test(planner_batch, a_layout_is_kept)
{
    inputs in = load("vlm-s", "vlm-mixed", 16, 6);
    weft_error error = {0};
    weft_layout *layout = NULL;
    weft_plan *plan = NULL;
    cr_assert(!weft_planner_layout(&in.input, &in.options, &error, &layout), "%s", error.text);
    in.input.layout = layout;
    cr_assert(!weft_planner_make(&in.input, &in.options, &error, &plan), "%s", error.text);
    assert_sound(plan, 1);
    cr_assert_eq(plan->n_chunks, layout->n_chunks);
    for (int32_t i = 0; i < plan->n_chunks; i++)
        cr_assert(plan->chunks[i].rank == layout->chunks[i].rank &&
                  plan->chunks[i].first_layer == layout->chunks[i].first_layer &&
                  plan->chunks[i].layers == layout->chunks[i].layers);
    weft_plan_free(plan);
    plan = NULL;
    in.options.tp = 8;
    in.options.gpus = 0;
    cr_assert_eq(weft_planner_make(&in.input, &in.options, &error, &plan), WEFT_STATUS_USAGE);
    cr_assert(strstr(error.text, "the layout is for tp 4"), "%s", error.text);
    weft_layout_free(layout);
    unload(&in);
}

Test(planner_batch, a_cut_by_hand_is_a_baseline)
{
    inputs in = load("vlm-s", "vlm-mixed", 16, 6);
    weft_error error = {0};
    weft_plan *plan = NULL;
    in.input.hand = "vision=35,30,0,0;language=0,0,17,17";
    cr_assert(!weft_planner_make_baseline(&in.input, "hand", &in.options, &error, &plan), "%s",
              error.text);
    assert_sound(plan, 1);
    cr_assert_str_eq(plan->method, "hand");
    cr_assert_eq(plan->n_chunks, 4);
    weft_plan_free(plan);
    in.input.hand = "vision=35,30,0,0;language=0,0,17,16";
    cr_assert_eq(weft_planner_make_baseline(&in.input, "hand", &in.options, &error, &plan),
                 WEFT_STATUS_USAGE);
    error = (weft_error){0};
    cr_assert_eq(weft_planner_make_baseline(&in.input, "gpipes", &in.options, &error, &plan),
                 WEFT_STATUS_USAGE);
    unload(&in);
}

Test(planner_batch, what_does_not_fit_is_refused)
{
    inputs in = load("vlm-l", "vlm-mixed", 0, 4);
    weft_error error = {0};
    weft_plan *plan = NULL;
    in.options.tp = 1;
    in.options.pp = 2;
    cr_assert_eq(weft_planner_make(&in.input, &in.options, &error, &plan), WEFT_STATUS_INFEASIBLE);
    cr_assert(strstr(error.text, " needs ") && strstr(error.text, " GiB of 76.0 GiB"), "%s",
              error.text);
    error = (weft_error){0};
    in.options.pp = 4096;
    cr_assert_eq(weft_planner_make(&in.input, &in.options, &error, &plan), WEFT_STATUS_INFEASIBLE);
    cr_assert(strstr(error.text, "devices"), "%s", error.text);
    unload(&in);
    in = load("vlm-s", "t2v-nextqa", 16, 4);
    error = (weft_error){0};
    cr_assert_eq(weft_planner_make(&in.input, &in.options, &error, &plan), WEFT_STATUS_BAD_INPUT);
    unload(&in);
}

Test(planner_batch, the_next_batch_is_planned_beside)
{
    inputs in = load("vlm-s", "vlm-mixed", 16, 8);
    weft_error error = {0};
    weft_planner *planner = NULL;
    weft_plan *plan = NULL, *again = NULL;
    cr_assert(!weft_planner_create(&in.input, &in.options, &error, &planner), "%s", error.text);
    cr_assert_eq(weft_planner_wait(planner, 0, &error, &plan), WEFT_STATUS_USAGE);
    for (int i = 0; i < 2; i++) {
        error = (weft_error){0};
        cr_assert(!weft_planner_submit(planner, in.batch, &error), "%s", error.text);
        cr_assert_eq(weft_planner_submit(planner, in.batch, NULL), WEFT_STATUS_USAGE);
        cr_assert(!weft_planner_wait(planner, -1, &error, i ? &again : &plan), "%s", error.text);
        cr_assert(!weft_planner_poll(planner));
    }
    assert_sound(plan, 1);
    cr_assert_eq(plan->predicted.step_ns, again->predicted.step_ns,
                 "a warm emulator answers alike");
    weft_plan_free(plan);
    weft_plan_free(again);
    cr_assert(!weft_planner_submit(planner, in.batch, &error));
    weft_planner_cancel(planner);
    weft_planner_cancel(NULL);
    cr_assert(!weft_planner_submit(planner, in.batch, &error));
    weft_planner_free(planner); /* with a batch under way */
    unload(&in);
}

Test(planner_batch, a_late_planner_hands_out_the_best_so_far)
{
    inputs in = load("vlm-s", "vlm-mixed", 16, 16);
    in.options.iterations = 0;
    in.options.time_limit_s = 3600;
    weft_error error = {0};
    weft_planner *planner = NULL;
    weft_plan *plan = NULL;
    cr_assert(!weft_planner_create(&in.input, &in.options, &error, &planner), "%s", error.text);
    cr_assert(!weft_planner_submit(planner, in.batch, &error));
    cr_assert(!weft_planner_wait(planner, 0.3, &error, &plan), "%s", error.text);
    assert_sound(plan, 1);
    weft_plan_free(plan);
    weft_planner_free(planner);
    unload(&in);
}
