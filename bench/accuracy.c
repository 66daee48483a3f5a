/* bench/accuracy.c - how near the emulator is to published measurements, as tables.
 *
 * usage: bench_accuracy [rows] [fit RESTARTS ROUNDS] [validate ROUNDS] [FOLDER]
 * FOLDER holds the files, tests/data/measurements by default. `rows` prints every row; `fit` starts
 * from constants that know nothing of the rows and prints what it finds; `validate` predicts rows
 * by constants that were fitted without them, from the same start.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/numbers.h"
#include "bench/optimus.h"
#include "bench/published.h"
#include "bench/schedule_memory.h"

enum { MAX_CONSTANTS = 64 };

typedef struct bench {
    published all;
    weft_cluster *clusters[N_DEVICES];
    double *values; /* predicted, of each row */
} bench;

/* Errors of the rows of a set, in percent. */
typedef struct statistic {
    double mean, median, worst, apart;
    int n, n_apart;
} statistic;

/* What is to be reached, and who reached what on such rows; 0 = not said. */
static const struct {
    double mean, worst, out;
    const char *peers;
} aims[N_SETS] = {
    [SET_KORTHIKANTI] = {1.5, 4, 3, "Calculon 3.65, one constant 8.8"},
    [SET_LAYER] = {0, 4, 0, ""},
    [SET_MULTI_NODE] = {5, 0, 6, "Calculon 15.3, vTrain 14.7, one constant 17.5"},
    [SET_SINGLE_NODE] = {5, 0, 6, "Calculon 39, vTrain 8.4, one constant 59"},
    [SET_STAGE] = {2, 0, 0, ""},
    [SET_MESSAGE] = {0, 0, 0, ""},
    [SET_THROUGHPUT] = {5, 0, 0, ""},
    [SET_MEMORY] = {3, 0, 0, ""},
    [SET_MEGATRON_H100] = {0, 0, 4, "one constant 5.0"},
};

static void check(weft_status status, const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static statistic statistic_of(const bench *b, set s, const double *values)
{
    int first = b->all.firsts[s], n = b->all.firsts[s + 1] - first;
    double *errors = calloc((size_t)n, sizeof *errors);
    statistic out = {0};
    if (!errors) exit(1);
    for (int i = first; i < first + n; i++) {
        double error = 100 * fabs(values[i] / b->all.rows[i].value - 1);
        if (b->all.rows[i].apart) {
            out.apart += error;
            out.n_apart++;
            continue;
        }
        out.mean += error;
        errors[out.n++] = error;
    }
    numbers_sort(errors, out.n);
    out.mean /= out.n;
    out.median = (errors[(out.n - 1) / 2] + errors[out.n / 2]) / 2;
    out.worst = errors[out.n - 1];
    if (out.n_apart > 0) out.apart /= out.n_apart;
    free(errors);
    return out;
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

static void print_aim(double aim)
{
    if (aim > 0)
        printf(" <= %g |", aim);
    else
        printf(" |");
}

static void print_sets(const bench *b)
{
    puts("| rows of | n | mean % | aim | median % | worst % | aim | others, mean % |\n"
         "|---|---|---|---|---|---|---|---|");
    for (int s = 0; s < N_SETS; s++) {
        statistic is = statistic_of(b, (set)s, b->values);
        printf("| %s | %d | %.2f |", set_name((set)s), is.n, is.mean);
        print_aim(aims[s].mean);
        printf(" %.2f | %.2f |", is.median, is.worst);
        print_aim(aims[s].worst);
        printf(" %s |\n", aims[s].peers);
        if (is.n_apart > 0)
            printf("| %s, rows that contradict them | %d | %.2f | | | | | |\n", set_name((set)s),
                   is.n_apart, is.apart);
    }
}

static void print_rows(const bench *b)
{
    for (int i = 0; i < b->all.n; i++) {
        const weft_measurement *row = &b->all.rows[i];
        const weft_uniform *q = &row->question;
        printf("%s: %s tp %d pp %d dp %d microbatch %d of %d segments %d: %.6g measured %.6g "
               "(%+.1f %%)%s\n",
               row->set, q->model->name, q->parallel.tp, q->parallel.pp, q->parallel.dp,
               q->microbatch, q->global_batch, q->segments, b->values[i], row->value,
               100 * (b->values[i] / row->value - 1), row->apart ? " apart" : "");
    }
}

/* The rows of a device type: they are next to each other. */
static const weft_measurement *rows_of(const bench *b, device d, int *out_n)
{
    int first = 0;
    while (set_device((set)first) != d)
        first++;
    int end = first;
    while (end < N_SETS && set_device((set)end) == d)
        end++;
    *out_n = b->all.firsts[end] - b->all.firsts[first];
    return b->all.rows + b->all.firsts[first];
}

/* The last fraction of the NICs' rate becomes 0.8, the others go with it. */
static void forget_network(weft_level *outer)
{
    for (int i = 0; i < outer->n_collectives; i++) {
        weft_table *table = &outer->collectives[i].fraction;
        double factor = 0.8 / table->points[table->n_points - 1].y;
        for (int j = 0; j < table->n_points; j++)
            table->points[j].y *= factor;
    }
}

/* What one would say without any of the rows: nothing hidden, nothing fused, published rates. */
static void forget(bench *b)
{
    for (int d = 0; d < N_DEVICES; d++) {
        weft_cluster *cluster = b->clusters[d];
        weft_device *chip = &cluster->node_types[0].device;
        forget_network(&cluster->levels[cluster->n_levels - 1]);
        chip->gemm.points[0].y = 0.8;
        chip->memory_efficiency = 0.8;
        chip->launch_ns = 5000;
        chip->tile_overhead = 90;
        chip->score_traffic = chip->backward_traffic = 1;
        chip->host_growth = 0.01;
        for (int i = 0; i < cluster->n_stacks; i++) {
            weft_stack *stack = &cluster->stacks[i];
            stack->elementwise = 1;
            stack->host_kernel_ns = strstr(stack->name, "deepspeed") ? 40000 : 6000;
            if (stack->tp_overlap > 0) stack->tp_overlap = 0.5;
            if (stack->dp_overlap > 0) stack->dp_overlap = 0.5;
            if (stack->slowdown > 1) stack->slowdown = 1.3;
            if (stack->message_ns > 0) stack->message_ns = 20000;
            if (stack->message_slowdown > 0) stack->message_slowdown = 1.05;
            if (stack->collective_wait_ns > 0) stack->collective_wait_ns = 30000;
            if (stack->uncut_head > 0) stack->uncut_head = 0.5;
        }
    }
}

static weft_fit_options options_of(int restarts, int rounds)
{
    weft_fit_options options;
    weft_fit_options_init(&options);
    options.restarts = restarts;
    options.rounds = rounds;
    return options;
}

static void fit(bench *b, int restarts, int rounds)
{
    forget(b);
    for (int d = 0; d < N_DEVICES; d++) {
        weft_fit_constant constants[MAX_CONSTANTS];
        weft_fit_options options = options_of(restarts, rounds);
        weft_error error = {0};
        double sum;
        int n_rows;
        const weft_measurement *rows = rows_of(b, (device)d, &n_rows);
        int n = weft_fit_constants(b->clusters[d], rows, n_rows, constants, MAX_CONSTANTS);
        check(weft_fit(b->clusters[d], rows, n_rows, NULL, &options, &error, &sum), &error);
        weft_fit_constants(b->clusters[d], rows, n_rows, constants, MAX_CONSTANTS);
        printf("%s: sum of means %.4f\n", b->clusters[d]->name, sum);
        for (int i = 0; i < n && i < MAX_CONSTANTS; i++)
            printf("%-28s %-20s %10.4g  (%g to %g)\n", constants[i].owner, constants[i].name,
                   constants[i].value, constants[i].low, constants[i].high);
    }
}

/* Folds 0 = group by group. */
static void validate_set(bench *b, set s, int folds, int rounds)
{
    int n_rows, first = 0;
    device d = set_device(s);
    weft_fit_options options = options_of(1, rounds);
    weft_error error = {0};
    const weft_measurement *rows = rows_of(b, d, &n_rows);
    while (set_device((set)first) != d)
        first++;
    check(weft_fit_cross_validate(b->clusters[d], rows, n_rows, set_name(s), folds, &options,
                                  &error, b->values + b->all.firsts[first]),
          &error);
    statistic is = statistic_of(b, s, b->values);
    printf("| %s | %s | %.2f |", set_name(s), folds > 0 ? "5 folds" : "a group at a time", is.mean);
    print_aim(folds > 0 ? aims[s].mean : aims[s].out);
    printf(" %.2f | %.2f |\n", is.median, is.worst);
    fflush(stdout);
}

static void validate(bench *b, int rounds)
{
    forget(b);
    puts("| rows of | left out | mean % | aim | median % | worst % |\n|---|---|---|---|---|---|");
    validate_set(b, SET_MEGATRON_H100, 0, rounds);
    validate_set(b, SET_KORTHIKANTI, 0, rounds);
    validate_set(b, SET_MULTI_NODE, 5, rounds);
    validate_set(b, SET_MULTI_NODE, 0, rounds);
    validate_set(b, SET_SINGLE_NODE, 5, rounds);
    validate_set(b, SET_SINGLE_NODE, 0, rounds);
}

int main(int argc, char **argv)
{
    const char *folder = "tests/data/measurements";
    bool rows = false;
    int restarts = 0, rounds = 0, validations = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "rows") == 0)
            rows = true;
        else if (strcmp(argv[i], "fit") == 0 && i + 2 < argc) {
            restarts = atoi(argv[++i]);
            rounds = atoi(argv[++i]);
        } else if (strcmp(argv[i], "validate") == 0 && i + 1 < argc)
            validations = atoi(argv[++i]);
        else
            folder = argv[i];
    }
    weft_error error = {0};
    bench b = {.all = published_read(folder)};
    b.values = calloc((size_t)b.all.n, sizeof *b.values);
    if (!b.values) return 1;
    check(weft_cluster_load("a100", &error, &b.clusters[DEVICE_A100]), &error);
    check(weft_cluster_load("h100", &error, &b.clusters[DEVICE_H100]), &error);
    if (restarts > 0) fit(&b, restarts, rounds);
    predict(&b);
    if (rows) print_rows(&b);
    print_sets(&b);
    memory_print(folder, rows);
    optimus_print(folder);
    if (validations > 0) validate(&b, validations);
    free(b.values);
    for (int d = 0; d < N_DEVICES; d++)
        weft_cluster_free(b.clusters[d]);
    published_free(&b.all);
    return 0;
}
