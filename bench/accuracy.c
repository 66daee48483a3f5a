/* bench/accuracy.c - how near the emulator is to published measurements, as a table.
 *
 * usage: bench_accuracy [-v] [FOLDER]: FOLDER holds the files, tests/data/measurements by default;
 * -v prints every row.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measured.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const measurements *all, const measured *row)
{
    const weft_uniform *q = &row->question;
    double predicted = measured_predict(all, row);
    printf("  %-40s tp %2d pp %2d dp %2d mb %2d of %4d v %d: %10.4f measured %10.4f  %+6.1f %%%s\n",
           q->model->name, q->parallel.tp, q->parallel.pp, q->parallel.dp, q->microbatch,
           q->global_batch, q->segments, predicted, row->value, 100 * (predicted / row->value - 1),
           row->contrary ? " contrary" : "");
}

static void print_set(const measurements *all, set s, bool verbose)
{
    double *errors = calloc((size_t)all->n, sizeof *errors), sum = 0;
    int n = 0;
    if (!errors) exit(1);
    for (int i = 0; i < all->n; i++) {
        if (all->rows[i].set != s) continue;
        if (verbose) print_row(all, &all->rows[i]);
        errors[n] = measured_error(all, &all->rows[i]);
        sum += errors[n++];
    }
    qsort(errors, (size_t)n, sizeof *errors, by_value);
    printf("| %s | %d | %.2f | %.2f | %.2f |\n", set_name(s), n, 100 * sum / n,
           100 * (errors[(n - 1) / 2] + errors[n / 2]) / 2, 100 * errors[n - 1]);
    free(errors);
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    const char *folder = argc > 1 + verbose ? argv[1 + verbose] : "tests/data/measurements";
    measurements all = measurements_read(folder);
    puts("| set | rows | mean % | median % | worst % |\n|---|---|---|---|---|");
    for (int s = 0; s < N_SETS; s++)
        print_set(&all, (set)s, verbose);
    measurements_free(&all);
    return 0;
}
