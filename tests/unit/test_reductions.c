/* What follows the pipelines, as it is judged before there is a plan, against the plan. */
#include <criterion/criterion.h>

#include "planner/attempt.h"
#include "planner/reductions.h"
#include "weft/weft.h"

/* Search a batch's layout by the rule for a few orders; its tail is that of its plan. */
static void expect_tail(weft_planner_input *input, int64_t gpus, const char *name)
{
    weft_error error = {0};
    weft_i_case c;
    weft_i_attempt attempt = {0};
    weft_layout *layout = NULL;
    weft_plan *plan = NULL;
    weft_planner_options options;
    int64_t tail_ns = -1;
    weft_planner_options_init(&options);
    options.gpus = gpus;
    options.microbatches = 4;
    options.threads = 1;
    options.iterations = 20;
    cr_assert(!weft_i_case_open(input, &options, &error, &c), "%s", error.text);
    cr_assert(!weft_i_case_pack(&c, input->batch, &error), "%s", error.text);
    const weft_i_layout_input in = weft_i_case_layout_input(&c);
    cr_assert(!weft_i_layout_modality(&in, NULL, NULL, &error, &layout), "%s", error.text);
    cr_assert(!weft_i_attempt_open(&c, layout, &error, &attempt), "%s", error.text);
    cr_assert(!weft_i_attempt_search(&attempt, 0, 20, &error), "%s", error.text);
    cr_assert(!weft_i_reductions_tail(&attempt, &error, &tail_ns), "%s", error.text);
    cr_assert(!weft_i_attempt_plan(&attempt, NULL, &error, &plan), "%s", error.text);
    cr_expect_eq(tail_ns, plan->predicted.reduce_tail_ns, "%s: %lld, expected %lld", name,
                 (long long)tail_ns, (long long)plan->predicted.reduce_tail_ns);
    cr_expect_eq(tail_ns > 0, attempt.n_replicas > 1, "%s", name);
    weft_plan_free(plan);
    weft_i_attempt_close(&attempt);
    weft_i_case_close(&c);
}

Test(reductions, tail_is_that_of_the_plan)
{
    static const struct {
        const char *model, *batch, *cluster;
        int64_t gpus;
    } cases[] = {{"vlm-s", "vlm-mixed", "h800:nodes=4", 32},
                 {"vlm-s", "vlm-mixed", "h800:nodes=4", 16},
                 {"t2v-s", "t2v-nextqa", "h800:nodes=8", 64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int hides = 0; hides <= 1; hides++) {
            weft_model *model = NULL;
            weft_cluster *cluster = NULL;
            weft_recipe *recipe = NULL;
            weft_batch *batch = NULL;
            char file[512];
            snprintf(file, sizeof file, "%s/examples/batches/%s.jsonl", SOURCE_ROOT,
                     cases[i].batch);
            cr_assert(!weft_model_load(cases[i].model, NULL, &model));
            cr_assert(!weft_cluster_load(cases[i].cluster, NULL, &cluster));
            cr_assert(!weft_recipe_load(cases[i].model, NULL, &recipe));
            cr_assert(!weft_batch_read(file, NULL, &batch));
            recipe->overlap_dp = hides;
            weft_planner_input input = {
                .model = model, .cluster = cluster, .recipe = recipe, .batch = batch};
            expect_tail(&input, cases[i].gpus, cases[i].model);
            weft_batch_free(batch);
            weft_recipe_free(recipe);
            weft_cluster_free(cluster);
            weft_model_free(model);
        }
}
