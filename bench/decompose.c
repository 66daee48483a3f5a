/* bench/decompose.c - where a step of the paper's set-ups goes beyond pure work: all work of the
 * batch at the fastest strategies, in whole microbatches, over the ranks.
 *
 * usage: bench_decompose BATCH_FOLDER [SECONDS]. Each plan may take SECONDS (default 10). Columns
 * in percent of pure work, of the slowest replica; they add up to the step.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/paper_rows.h"

/* Sums over the ranks of a pipeline, and the busiest of them. */
typedef struct sums {
    int64_t busy_ns, recompute_ns, most_busy_ns;
} sums;

static const weft_pipeline *slowest_of(const weft_plan *plan)
{
    const weft_pipeline *slowest = &plan->pipelines[0];
    for (int32_t i = 1; i < plan->n_pipelines; i++)
        if (plan->pipelines[i].pipeline_ns > slowest->pipeline_ns) slowest = &plan->pipelines[i];
    return slowest;
}

static sums sum_up(const weft_pipeline *pipeline)
{
    sums all = {0, 0, 0};
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        int64_t busy_ns = 0;
        for (int32_t i = 0; i < pipeline->ranks[r].n_actions; i++) {
            const weft_action *action = &pipeline->ranks[r].actions[i];
            if (action->kind > WEFT_ACTION_BWW) continue;
            busy_ns += action->end_ns - action->start_ns;
            if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
                all.recompute_ns += pipeline->problem.stages[action->operand].now.cost.recompute_ns;
        }
        all.busy_ns += busy_ns;
        if (busy_ns > all.most_busy_ns) all.most_busy_ns = busy_ns;
    }
    return all;
}

static void print_row(const setup_row *row, const weft_plan *plan)
{
    const weft_pipeline *p = slowest_of(plan);
    sums all = sum_up(p);
    double n = p->problem.n_ranks, pure = (double)p->work_bound_ns, unit = 100 / pure;
    double busy = (double)all.busy_ns / n, recompute = (double)all.recompute_ns / n;
    double most = (double)all.most_busy_ns, pipeline = (double)p->pipeline_ns;
    printf("| %s | %s | %.3f | %.3f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", row->model, row->batch,
           pure / 1e9, (double)plan->predicted.step_ns / 1e9, unit * (busy - recompute - pure),
           unit * recompute, unit * (most - busy), unit * (pipeline - most),
           unit * ((double)plan->predicted.step_ns - pipeline));
    fflush(stdout);
}

static weft_status run(const setup_row *row, const char *folder, double seconds, weft_error *error)
{
    setup s;
    weft_plan *plan = NULL;
    weft_status status = setup_open(row, folder, error, &s);
    s.options.time_limit_s = seconds;
    if (!status) status = weft_planner_make(&s.input, &s.options, error, &plan);
    if (!status) print_row(row, plan);
    weft_plan_free(plan);
    setup_close(&s);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_decompose BATCH_FOLDER [SECONDS]\n");
        return 2;
    }
    double seconds = argc > 2 ? atof(argv[2]) : 10;
    puts("| model | batch | pure work s | step s | small sub-microbatches | recomputation | uneven "
         "ranks | busiest rank idle | optimizer, reduction "
         "|\n|---|---|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < n_setup_rows; i++) {
        weft_error error = {0};
        weft_status status = run(&setup_rows[i], argv[1], seconds, &error);
        if (!status) continue;
        printf("| %s | %s | %s |\n", setup_rows[i].model, setup_rows[i].batch, error.text);
        return weft_status_exit_code(status);
    }
    return 0;
}
