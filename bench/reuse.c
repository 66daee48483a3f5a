/* bench/reuse.c - what subgraph reuse is worth: every stage of a step priced operator by operator,
 * with reuse and without.
 *
 * usage: bench_reuse BATCH_FOLDER. Inputs are parsed and packed before the clock starts; times are
 * those of one core. Every layer: no layer is priced for another. Neighbours: equal layers of a
 * stage are priced once, the fastest way without memory. Cold: nothing was ever priced (the least
 * of several runs, as before). From scratch: with the making of the emulator, packing, splitting
 * and a layout by the rules. Warm: a batch never seen, after the first; the median of several, each
 * of the first's samples in another order; packing apart. Each row's costs are equal in all ways,
 * or the program fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weft/weft.h>

#include "bench/numbers.h"

enum { COLD_RUNS = 7, PLAIN_RUNS = 3, NEW_BATCHES = 21 };

static const struct row {
    const char *model, *cluster, *batch;
    int dp, pp, microbatches; /* of a replica; pp 0 = the recipe's */
} rows[] = {
    {"vlm-s", "h800:nodes=16", "vlm-mixed", 1, 0, 64},
    {"vlm-m", "h800:nodes=16", "vlm-mixed", 1, 0, 64},
    {"vlm-l", "h800:nodes=16", "vlm-mixed", 1, 0, 64},
    {"t2v-s", "h800:nodes=16", "t2v-nextqa", 1, 0, 64},
    {"t2v-l", "h800:nodes=16", "t2v-nextqa", 1, 0, 64},
    {"vlm-xl", "h100:nodes=2048", "vlm-mixed", 128, 16, 16},
    {"t2v-xl", "h100:nodes=2048", "t2v-nextqa", 128, 0, 16},
};

typedef struct setup {
    weft_model *model;
    weft_cluster *cluster;
    weft_batch *batch;
    weft_planner_input input;
    weft_planner_options options;
} setup;

static void check(weft_status status, const weft_error *error)
{
    if (!status) return;
    fprintf(stderr, "bench_reuse: %s\n", error->text);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static weft_batch *read_batch(const char *folder, const char *name)
{
    char file[512];
    weft_error error = {0};
    weft_batch *batch = NULL;
    snprintf(file, sizeof file, "%s/%s.jsonl", folder, name);
    check(weft_batch_read(file, &error, &batch), &error);
    return batch;
}

static void open_setup(const struct row *row, const char *folder, setup *s)
{
    weft_error error = {0};
    *s = (setup){.batch = read_batch(folder, row->batch)};
    check(weft_model_load(row->model, &error, &s->model), &error);
    check(weft_cluster_load(row->cluster, &error, &s->cluster), &error);
    s->input.model = s->model;
    s->input.cluster = s->cluster;
    weft_planner_options_init(&s->options);
    s->options.dp = row->dp;
    s->options.pp = row->pp;
    s->options.microbatches = row->microbatches;
}

static void close_setup(setup *s)
{
    weft_model_free(s->model);
    weft_cluster_free(s->cluster);
    weft_batch_free(s->batch);
}

/* An emulation with a batch loaded. */
static weft_emulation *start(const setup *s, weft_reuse_mode reuse)
{
    weft_error error = {0};
    weft_emulation *emulation = NULL;
    check(weft_emulation_create(&s->input, &s->options, reuse, &error, &emulation), &error);
    check(weft_emulation_load(emulation, s->batch, &error), &error);
    return emulation;
}

static double price(weft_emulation *emulation, weft_emulated *out)
{
    weft_error error = {0};
    double began = now_ms();
    check(weft_emulation_price(emulation, WEFT_RECOMPUTE_NONE, &error, out), &error);
    return now_ms() - began;
}

static void same_or_fail(const struct row *row, const weft_emulated *a, const weft_emulated *b)
{
    if (a->n_stages == b->n_stages && a->model_flop == b->model_flop &&
        memcmp(a->costs, b->costs, (size_t)a->n_stages * sizeof *a->costs) == 0)
        return;
    fprintf(stderr, "bench_reuse: %s costs another with reuse than without\n", row->model);
    exit(1);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Least time of pricing without memory. */
static double time_plain(const struct row *row, const setup *s, weft_reuse_mode reuse,
                         const weft_emulated *expected)
{
    weft_emulation *emulation = start(s, reuse);
    weft_emulated emulated = {0};
    double ms = 1e30;
    for (int i = 0; i < PLAIN_RUNS; i++)
        ms = least(ms, price(emulation, &emulated));
    same_or_fail(row, &emulated, expected);
    weft_emulation_free(emulation);
    return ms;
}

typedef struct warm_times {
    double price_ms, load_ms;
} warm_times;

/* Medians over the batch's samples in other orders: packed another way, they are new work. */
static warm_times time_new_batches(const setup *s, weft_emulation *emulation)
{
    double price_ms[NEW_BATCHES], load_ms[NEW_BATCHES];
    weft_error error = {0};
    size_t n = (size_t)s->batch->n_samples;
    weft_batch turned = *s->batch;
    turned.samples = malloc(n * sizeof *turned.samples);
    if (!turned.samples) exit(1);
    for (size_t i = 0; i < NEW_BATCHES; i++) {
        weft_emulated emulated;
        size_t first = n * (i + 1) / (NEW_BATCHES + 1);
        memcpy(turned.samples, s->batch->samples + first, (n - first) * sizeof *turned.samples);
        memcpy(turned.samples + n - first, s->batch->samples, first * sizeof *turned.samples);
        double began = now_ms();
        check(weft_emulation_load(emulation, &turned, &error), &error);
        load_ms[i] = now_ms() - began;
        price_ms[i] = price(emulation, &emulated);
    }
    free(turned.samples);
    numbers_sort(price_ms, NEW_BATCHES);
    numbers_sort(load_ms, NEW_BATCHES);
    return (warm_times){price_ms[NEW_BATCHES / 2], load_ms[NEW_BATCHES / 2]};
}

static void print_row(const struct row *row, const char *folder)
{
    setup s;
    weft_emulated cold = {0};
    weft_emulation *emulation = NULL;
    double cold_ms = 1e30, scratch_ms = 1e30;
    open_setup(row, folder, &s);
    for (int i = 0; i < COLD_RUNS; i++) {
        weft_emulation_free(emulation);
        double began = now_ms();
        emulation = start(&s, WEFT_REUSE_MODE_ALL);
        cold_ms = least(cold_ms, price(emulation, &cold));
        scratch_ms = least(scratch_ms, now_ms() - began);
    }
    double layer_ms = time_plain(row, &s, WEFT_REUSE_MODE_NONE, &cold);
    double neighbour_ms = time_plain(row, &s, WEFT_REUSE_MODE_NEIGHBOURS, &cold);
    weft_reuse reuse = weft_emulation_reuse(emulation);
    int64_t n_stages = cold.n_stages, n_layers = cold.n_layers;
    warm_times warm = time_new_batches(&s, emulation);
    printf("| %s | %d | %d | %lld | %lld | %.2f | %.2f | %.2f | %.1f | %.2f | %.3f | %.2f | %lld | "
           "%.0f |\n",
           row->model, row->dp, row->microbatches, (long long)n_stages, (long long)n_layers,
           layer_ms, neighbour_ms, cold_ms, neighbour_ms / cold_ms, scratch_ms, warm.price_ms,
           warm.load_ms, (long long)reuse.subgraphs.entries,
           (double)(reuse.subgraphs.bytes + reuse.stages.bytes) / 1024);
    fflush(stdout);
    weft_emulation_free(emulation);
    close_setup(&s);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_reuse BATCH_FOLDER\n");
        return 2;
    }
    puts("| model | dp | microbatches | stages | layers | every layer ms | neighbours ms | cold ms "
         "| "
         "speed-up | from scratch ms | warm ms | pack ms | subgraphs | KiB |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        print_row(&rows[i], argv[1]);
    return 0;
}
