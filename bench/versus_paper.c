/* bench/versus_paper.c - the default search beside the paper's, at equal wall time, on the paper's
 * set-ups and real batches.
 *
 * usage: bench_versus_paper BATCH_FOLDER [SECONDS]. Each search may take SECONDS (default 10). Exit
 * status 1 where the default is slower than the paper's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/paper_rows.h"

static weft_status plan_by(const setup *s, int search, weft_error *error, int64_t *out_step_ns)
{
    weft_plan *plan = NULL;
    weft_planner_options options = s->options;
    options.search = search;
    weft_status status = weft_planner_make(&s->input, &options, error, &plan);
    if (!status) *out_step_ns = plan->predicted.step_ns;
    weft_plan_free(plan);
    return status;
}

/* How much more the default does in the same time than the paper's, in percent. */
static weft_status run(const setup_row *row, const char *folder, double seconds, weft_error *error,
                       double *out_gain)
{
    setup s;
    int64_t paper_ns = 0, default_ns = 1;
    weft_status status = setup_open(row, folder, error, &s);
    s.options.time_limit_s = seconds;
    if (!status) status = plan_by(&s, WEFT_SEARCH_PAPER, error, &paper_ns);
    if (!status) status = plan_by(&s, WEFT_SEARCH_DEFAULT, error, &default_ns);
    setup_close(&s);
    if (status) return status;
    *out_gain = 100 * ((double)paper_ns / (double)default_ns - 1);
    printf("| %s | %s | %d | %.3f | %.3f | %+.1f |\n", row->model, row->batch, row->gpus,
           (double)paper_ns / 1e9, (double)default_ns / 1e9, *out_gain);
    fflush(stdout);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_versus_paper BATCH_FOLDER [SECONDS]\n");
        return 2;
    }
    double seconds = argc > 2 ? atof(argv[2]) : 10, sum = 0;
    int n = 0, n_slower = 0;
    puts("| model | batch | GPUs | paper search s | default s | gain % "
         "|\n|---|---|---|---|---|---|");
    for (size_t i = 0; i < n_setup_rows; i++) {
        weft_error error = {0};
        double gain = 0;
        weft_status status = run(&setup_rows[i], argv[1], seconds, &error, &gain);
        if (status) {
            printf("| %s | %s | %s |\n", setup_rows[i].model, setup_rows[i].batch, error.text);
            return weft_status_exit_code(status);
        }
        n++;
        n_slower += gain < 0;
        sum += gain;
    }
    printf("\nmean gain %.1f %%, slower on %d of %d\n", sum / n, n_slower, n);
    return n_slower > 0;
}
