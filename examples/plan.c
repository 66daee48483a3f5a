/* examples/plan.c - plan one batch and print the predicted step: plan BATCH.jsonl [PLAN.json] */
#include <stdio.h>
#include <weft/weft.h>

int main(int argc, char **argv)
{
    weft_error error = {0};
    weft_planner_input input = {0};
    weft_model *model = NULL;
    weft_cluster *cluster = NULL;
    weft_batch *batch = NULL;
    weft_plan *plan = NULL;
    if (weft_model_load("vlm-s", &error, &model) == WEFT_STATUS_OK &&
        weft_cluster_load("h800", &error, &cluster) == WEFT_STATUS_OK &&
        weft_batch_read(argc > 1 ? argv[1] : "-", &error, &batch) == WEFT_STATUS_OK) {
        input = (weft_planner_input){.model = model, .cluster = cluster, .batch = batch};
        if (weft_planner_make(&input, NULL, &error, &plan) == WEFT_STATUS_OK)
            printf("step %.3f s, bubble %.1f %%\n", (double)plan->predicted.step_ns / 1e9,
                   100 * plan->predicted.bubble);
        if (plan && argc > 2) weft_plan_write(plan, argv[2], &error);
    }
    if (error.status)
        fprintf(stderr, "%s:%d: %s %s\n", error.file, error.line, error.path, error.text);
    weft_plan_free(plan);
    weft_batch_free(batch);
    weft_cluster_free(cluster);
    weft_model_free(model);
    return weft_status_exit_code(error.status);
}
