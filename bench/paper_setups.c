/* bench/paper_setups.c - the five set-ups of the paper on real batches, as a table: what the plan
 * reaches, beside vpp (the paper's comparison) and the best static baseline (the honest one).
 *
 * usage: bench_paper_setups BATCH_FOLDER [SECONDS]. 64 microbatches over the whole job; every plan
 * has passed weft_plan_check. The time beside each row is that of the whole comparison, baselines
 * included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/paper_rows.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double peak_gib(const weft_plan *plan)
{
    int64_t peak = 0;
    for (int32_t i = 0; i < plan->n_pipelines; i++)
        for (int32_t r = 0; r < plan->pipelines[i].problem.n_ranks; r++)
            peak =
                plan->pipelines[i].peak_bytes[r] > peak ? plan->pipelines[i].peak_bytes[r] : peak;
    return (double)peak / (double)(1 << 30);
}

static const weft_plan *find(const weft_comparison *comparison, const char *name)
{
    for (int32_t i = 0; i < comparison->n_rows; i++)
        if (strcmp(comparison->rows[i].name, name) == 0) return comparison->rows[i].plan;
    return NULL;
}

static double gain(const weft_plan *over, const weft_plan *plan)
{
    return over ? 100 * ((double)over->predicted.step_ns / (double)plan->predicted.step_ns - 1) : 0;
}

static void print_row(const setup_row *row, const weft_comparison *c, double seconds)
{
    const weft_plan *plan = c->rows[0].plan;
    const weft_plan *vpp = find(c, "vpp");
    const char *best = c->best_static >= 0 ? c->rows[c->best_static].name : "none";
    printf("| %s | %s | %d | %.3f | %.1f | %.1f | %.1f | ", row->model, row->batch, row->gpus,
           (double)plan->predicted.step_ns / 1e9, 100 * plan->predicted.bubble,
           100 * plan->predicted.mfu, peak_gib(plan));
    if (vpp)
        printf("%+.1f | ", gain(vpp, plan));
    else
        printf("does not fit | ");
    printf(
        "%+.1f (%s) | %.2f | %.1f | %.2f |\n",
        gain(c->best_static >= 0 ? c->rows[c->best_static].plan : NULL, plan), best,
        100 * ((double)plan->pipelines[0].pipeline_ns / (double)plan->pipelines[0].lower_bound_ns -
               1),
        100 *
            ((double)plan->pipelines[0].pipeline_ns / (double)plan->pipelines[0].work_bound_ns - 1),
        seconds);
}

static weft_status run(const setup_row *row, const char *folder, double limit_s, weft_error *error)
{
    setup s;
    weft_comparison *comparison = NULL;
    double began = now_s();
    weft_status status = setup_open(row, folder, error, &s);
    s.options.time_limit_s = limit_s;
    if (!status) status = weft_planner_compare(&s.input, &s.options, error, &comparison);
    if (!status) print_row(row, comparison, now_s() - began);
    weft_comparison_free(comparison);
    setup_close(&s);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_paper_setups BATCH_FOLDER [SECONDS]\n");
        return 2;
    }
    double limit_s = argc > 2 ? atof(argv[2]) : 1;
    int code = 0;
    puts("| model | batch | GPUs | step s | bubble % | MFU % | peak GiB | over vpp % | over best "
         "static % | above bound % | above pure work % | seconds |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < n_setup_rows; i++) {
        weft_error error = {0};
        weft_status status = run(&setup_rows[i], argv[1], limit_s, &error);
        if (status) {
            printf("| %s | %s | %s |\n", setup_rows[i].model, setup_rows[i].batch, error.text);
            code = weft_status_exit_code(status);
        }
        fflush(stdout);
    }
    return code;
}
