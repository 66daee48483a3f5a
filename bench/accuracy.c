/* bench/accuracy.c - how near the emulator is to published measurements, as a table.
 *
 * usage: bench_accuracy [-v] [FOLDER]: FOLDER holds the files, tests/data/measurements by default;
 * -v prints every row.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/published.h"

typedef struct bench {
    published all;
    weft_cluster *clusters[N_DEVICES];
    double *values; /* predicted, of each row */
} bench;

static void check(weft_status status, const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const bench *b, int i)
{
    const weft_measurement *row = &b->all.rows[i];
    const weft_uniform *q = &row->question;
    printf("  %-40s tp %2d pp %2d dp %2d mb %2d of %4d v %d: %14.0f measured %14.0f  %+6.1f %%%s\n",
           q->model->name, q->parallel.tp, q->parallel.pp, q->parallel.dp, q->microbatch,
           q->global_batch, q->segments, b->values[i], row->value,
           100 * (b->values[i] / row->value - 1), row->apart ? " apart" : "");
}

static void print_set(const bench *b, set s, bool verbose)
{
    int first = b->all.firsts[s], n = b->all.firsts[s + 1] - first;
    double *errors = calloc((size_t)n, sizeof *errors), sum = 0, apart = 0;
    int m = 0;
    if (!errors) exit(1);
    for (int i = first; i < first + n; i++) {
        if (verbose) print_row(b, i);
        double error = fabs(b->values[i] / b->all.rows[i].value - 1);
        if (b->all.rows[i].apart)
            apart += error;
        else
            sum += errors[m++] = error;
    }
    qsort(errors, (size_t)m, sizeof *errors, by_value);
    printf("| %s | %d | %.2f | %.2f | %.2f | %.2f |\n", set_name(s), n, 100 * sum / m,
           100 * (errors[(m - 1) / 2] + errors[m / 2]) / 2, 100 * errors[m - 1],
           100 * (sum + apart) / n);
    free(errors);
}

static void predict(bench *b)
{
    weft_error error = {0};
    for (int s = 0; s < N_SETS; s++)
        for (int i = b->all.firsts[s]; i < b->all.firsts[s + 1]; i++)
            check(weft_measurement_predict(&b->all.rows[i], b->clusters[set_device((set)s)], &error,
                                           &b->values[i]),
                  &error);
}

static void print_constants(const bench *b, device d)
{
    weft_fit_constant constants[64];
    int first = b->all.firsts[d == DEVICE_A100 ? 0 : SET_MEGATRON_H100];
    int end = b->all.firsts[d == DEVICE_A100 ? SET_MEGATRON_H100 : N_SETS];
    int n = weft_fit_constants(b->clusters[d], b->all.rows + first, end - first, constants, 64);
    for (int i = 0; i < n; i++)
        printf("%-28s %-20s %10.4g  (%g to %g)\n", constants[i].owner, constants[i].name,
               constants[i].value, constants[i].low, constants[i].high);
}

static void fit(bench *b, device d, int restarts, int rounds)
{
    weft_fit_options options;
    weft_error error = {0};
    double sum;
    int first = b->all.firsts[d == DEVICE_A100 ? 0 : SET_MEGATRON_H100];
    int end = b->all.firsts[d == DEVICE_A100 ? SET_MEGATRON_H100 : N_SETS];
    weft_fit_options_init(&options);
    options.restarts = restarts;
    options.device = d == DEVICE_A100;
    options.rounds = rounds;
    check(weft_fit(b->clusters[d], b->all.rows + first, end - first, NULL, &options, &error, &sum),
          &error);
    printf("sum %.4f\n", sum);
    print_constants(b, d);
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[argc - 1], "-v") == 0;
    bool fits = argc > 3 && strcmp(argv[1], "fit") == 0;
    const char *folder = "tests/data/measurements";
    bench b = {.all = published_read(folder)};
    weft_error error = {0};
    b.values = calloc((size_t)b.all.n, sizeof *b.values);
    check(weft_cluster_load("a100", &error, &b.clusters[DEVICE_A100]), &error);
    check(weft_cluster_load("h100", &error, &b.clusters[DEVICE_H100]), &error);
    if (getenv("THIN"))
        for (int i = b.all.firsts[SET_SINGLE_NODE]; i < b.all.firsts[SET_SINGLE_NODE + 1]; i++)
            if (i % atoi(getenv("THIN"))) b.all.rows[i].apart = true;
    if (fits) {
        fit(&b, DEVICE_A100, atoi(argv[2]), atoi(argv[3]));
        fit(&b, DEVICE_H100, atoi(argv[2]), atoi(argv[3]));
    }
    predict(&b);
    puts("| set | rows | mean % | median % | worst % |\n|---|---|---|---|---|");
    for (int s = 0; s < N_SETS; s++)
        print_set(&b, (set)s, verbose);
    return 0;
}
