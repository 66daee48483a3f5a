/* bench/anytime.c - how near a short search comes to a long one: VLM-L on 64 GPUs, 64 microbatches,
 * the layout given, one thread.
 *
 * usage: bench_anytime BATCH_FOLDER [LONG_SECONDS [SHORT_SECONDS...]]. The layout is that of the
 * batch; every search begins from nothing. Default: 600 against 0.1, 1 and 10.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/paper_rows.h"

enum { MAX_TIMES = 8 };

/* The step of a plan found in a time. */
static weft_status plan_step(const setup *s, double seconds, weft_error *error,
                             int64_t *out_step_ns)
{
    weft_plan *plan = NULL;
    weft_planner_options options = s->options;
    options.threads = 1;
    options.time_limit_s = seconds;
    weft_status status = weft_planner_make(&s->input, &options, error, &plan);
    if (!status) *out_step_ns = plan->predicted.step_ns;
    weft_plan_free(plan);
    return status;
}

static weft_status run_row(const setup_row *row, const char *folder, int n_times,
                           const double *seconds, weft_error *error)
{
    setup s;
    weft_layout *layout = NULL;
    int64_t long_ns = 0, short_ns = 0;
    weft_status status = setup_open(row, folder, error, &s);
    if (!status) status = weft_planner_layout(&s.input, &s.options, error, &layout);
    s.input.layout = layout;
    if (!status) status = plan_step(&s, seconds[0], error, &long_ns);
    for (int i = 1; i < n_times && !status; i++) {
        status = plan_step(&s, seconds[i], error, &short_ns);
        if (status) break;
        printf("| %s | %s | %g | %.3f | %g | %.3f | %+.2f |\n", row->model, row->batch, seconds[i],
               (double)short_ns / 1e9, seconds[0], (double)long_ns / 1e9,
               100 * ((double)short_ns / (double)long_ns - 1));
        fflush(stdout);
    }
    weft_layout_free(layout);
    setup_close(&s);
    return status;
}

int main(int argc, char **argv)
{
    double seconds[MAX_TIMES] = {600, 0.1, 1, 10};
    int n_times = argc > 3 ? argc - 2 : 4;
    if (argc < 2 || argc > 2 + MAX_TIMES) {
        fprintf(stderr, "usage: bench_anytime BATCH_FOLDER [LONG_SECONDS [SHORT_SECONDS...]]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        seconds[i - 2] = atof(argv[i]);
    puts("| model | batch | short s | step s | long s | step s | distance % |\n"
         "|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < n_setup_rows; i++) {
        weft_error error = {0};
        if (strcmp(setup_rows[i].model, "vlm-l") != 0) continue;
        weft_status status = run_row(&setup_rows[i], argv[1], n_times, seconds, &error);
        if (!status) continue;
        fprintf(stderr, "%s: %s\n", setup_rows[i].batch, error.text);
        return weft_status_exit_code(status);
    }
    return 0;
}
