/* examples/async.c - inside a trainer: plan the next batch while the current one trains.
 *
 * async BATCH.jsonl... : every file is one step's batch. The training step is a sleep here. When a
 * plan is late, the best found so far is taken: training never waits for a better one.
 */
#include <stdio.h>
#include <threads.h>
#include <weft/weft.h>

static void train(const weft_plan *plan, const char *batch)
{
    printf("%s: step %.3f s predicted, %s\n", batch, (double)plan->predicted.step_ns / 1e9,
           plan->method);
    /* Here the trainer runs the plan's actions. */
    thrd_sleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
}

/* Submit the batch of `file`; NULL after a printed error. */
static weft_batch *submit(weft_planner *planner, const char *file)
{
    weft_error error = {0};
    weft_batch *batch = NULL;
    if (weft_batch_read(file, &error, &batch) || weft_planner_submit(planner, batch, &error)) {
        fprintf(stderr, "%s: %s\n", file, error.text);
        weft_batch_free(batch);
        return NULL;
    }
    return batch;
}

static int run(weft_planner *planner, char **files, int n_files)
{
    weft_status status = WEFT_STATUS_OK;
    weft_batch *next = n_files > 0 ? submit(planner, files[0]) : NULL;
    for (int step = 0; step < n_files && next && !status; step++) {
        weft_error error = {0};
        weft_plan *plan = NULL;
        weft_batch *current = next;
        status = weft_planner_wait(planner, 0.5, &error, &plan);
        next = step + 1 < n_files ? submit(planner, files[step + 1]) : current;
        if (status)
            fprintf(stderr, "%s: %s\n", files[step], error.text);
        else
            train(plan, files[step]);
        weft_plan_free(plan);
        if (next != current) weft_batch_free(current);
    }
    weft_planner_cancel(planner);
    int code = next ? weft_status_exit_code(status) : 1;
    weft_batch_free(next);
    return code;
}

int main(int argc, char **argv)
{
    weft_error error = {0};
    weft_model *model = NULL;
    weft_cluster *cluster = NULL;
    weft_planner *planner = NULL;
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.threads = 1; /* the rest of the host's cores feed the devices */
    options.time_limit_s = 0.3;
    if (!weft_model_load("vlm-s", &error, &model) && !weft_cluster_load("h800", &error, &cluster)) {
        weft_planner_input input = {.model = model, .cluster = cluster};
        weft_planner_create(&input, &options, &error, &planner);
    }
    int code = weft_status_exit_code(error.status);
    if (planner)
        code = run(planner, argv + 1, argc - 1);
    else
        fprintf(stderr, "%s\n", error.text);
    weft_planner_free(planner); /* before what it borrows: a batch under way is given up */
    weft_cluster_free(cluster);
    weft_model_free(model);
    return code;
}
