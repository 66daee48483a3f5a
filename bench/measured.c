/* bench/measured.c - the files of tests/data/measurements as questions. */
#include "bench/measured.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/csv.h"

static const struct {
    const char *name, *cluster;
} sets[] = {
#define SET_ROW(name, text, cluster) {text, cluster},
    SET_LIST(SET_ROW)
#undef SET_ROW
};

const char *set_name(set s)
{
    return sets[s].name;
}

static void check(weft_status status, const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static measured *add(measurements *all, set s)
{
    all->rows = realloc(all->rows, (size_t)(all->n + 1) * sizeof *all->rows);
    if (!all->rows) exit(1);
    measured *row = &all->rows[all->n++];
    *row = (measured){.set = s};
    row->question.segments = 1;
    row->question.recipe = all->recipes[s][0];
    return row;
}

/* Every file says hidden, heads and seq. None says the vocabulary of GPT-2's tokens as Megatron
 * pads it. */
static const weft_model *make_model(const csv *table, int r, int layers, int vocab)
{
    char text[200];
    weft_error error = {0};
    weft_model *model = NULL;
    snprintf(text, sizeof text, "gpt:layers=%d,hidden=%d,heads=%d,seq=%d,vocab=%d,tied=true",
             layers, csv_int(table, r, "hidden"), csv_int(table, r, "heads"),
             csv_int(table, r, "seq"), vocab);
    check(weft_model_load(text, &error, &model), &error);
    return model;
}

enum { VOCAB = 51200 };

/* Full recomputation, and sequence parallelism with selective recomputation; interleaved as the
 * file says. */
static void read_korthikanti(measurements *all, const char *folder)
{
    csv table = csv_read(folder, "korthikanti.csv");
    for (int r = 0; r < table.n_rows; r++)
        for (int spread = 0; spread < 2; spread++) {
            measured *row = add(all, SET_KORTHIKANTI);
            weft_uniform *q = &row->question;
            q->model =
                make_model(&table, r, csv_int(&table, r, "layers"), csv_int(&table, r, "vocab"));
            q->recipe = all->recipes[SET_KORTHIKANTI][spread];
            q->parallel =
                (weft_parallel){1, csv_int(&table, r, "pp"), csv_int(&table, r, "tp"), 1, 1};
            q->microbatch = csv_int(&table, r, "mbs");
            q->global_batch = csv_int(&table, r, "gbs");
            q->segments = csv_int(&table, r, "interleave");
            q->recompute = spread ? WEFT_RECOMPUTE_SELECTIVE : WEFT_RECOMPUTE_FULL;
            row->value = csv_number(&table, r, spread ? "t_sp_sel_s" : "t_full_s");
            row->group = r;
        }
    csv_free(&table);
}

static weft_recompute recompute_of(const char *word)
{
    if (strcmp(word, "none") == 0) return WEFT_RECOMPUTE_NONE;
    return strcmp(word, "full") == 0 ? WEFT_RECOMPUTE_FULL : WEFT_RECOMPUTE_SELECTIVE;
}

static void read_korthikanti_layer(measurements *all, const char *folder)
{
    csv table = csv_read(folder, "korthikanti_layer.csv");
    for (int r = 0; r < table.n_rows; r++)
        for (int backward = 0; backward < 2; backward++) {
            measured *row = add(all, SET_LAYER);
            weft_uniform *q = &row->question;
            q->model = make_model(&table, r, 48, VOCAB);
            q->recipe = all->recipes[SET_LAYER][csv_int(&table, r, "sequence_parallel")];
            q->parallel = (weft_parallel){1, 1, csv_int(&table, r, "tp"), 1, 1};
            q->microbatch = q->global_batch = csv_int(&table, r, "mbs");
            q->recompute = recompute_of(csv_word(&table, r, "recompute"));
            row->quantity = backward ? QUANTITY_LAYER_BW : QUANTITY_LAYER_FW;
            row->value = csv_number(&table, r, backward ? "backward_ms" : "forward_ms");
            row->group = r;
        }
    csv_free(&table);
}

/* Full recomputation, 1F1B (the data set's description). */
static measured *read_vtrain_row(measurements *all, set s, const csv *table, int r)
{
    measured *row = add(all, s);
    weft_uniform *q = &row->question;
    q->model = make_model(table, r, csv_int(table, r, "layers"), VOCAB);
    q->parallel = (weft_parallel){csv_int(table, r, "dp"), csv_int(table, r, "pp"),
                                  csv_int(table, r, "tp"), 1, 1};
    q->microbatch = csv_int(table, r, "microbatch");
    q->global_batch = csv_int(table, r, "global_batch");
    q->recompute = WEFT_RECOMPUTE_FULL;
    row->value = csv_number(table, r, "iteration_ms") / 1e3;
    return row;
}

/* Four rows at TP 4 and two at microbatch 2 of the smallest model contradict the others. */
static bool is_contrary(const weft_uniform *q, int hidden)
{
    if (hidden == 3072) return q->microbatch == 2;
    if (hidden == 6144) return q->parallel.tp == 4;
    return hidden == 8192 && q->parallel.tp == 4 && q->microbatch != 6;
}

static void read_vtrain(measurements *all, const char *folder)
{
    csv table = csv_read(folder, "vtrain_a100_multi_node.csv");
    for (int r = 0; r < table.n_rows; r++) {
        measured *row = read_vtrain_row(all, SET_MULTI_NODE, &table, r);
        row->group = csv_int(&table, r, "hidden");
        row->contrary = is_contrary(&row->question, row->group);
    }
    csv_free(&table);
    table = csv_read(folder, "vtrain_a100_single_node.csv");
    for (int r = 0; r < table.n_rows; r++) {
        measured *row = read_vtrain_row(all, SET_SINGLE_NODE, &table, r);
        row->group = csv_int(&table, r, "hidden") * 64 + row->question.parallel.tp * 8 +
                     row->question.microbatch - 1;
    }
    csv_free(&table);
}

static void read_zero_bubble_row(measurements *all, const csv *table, int r)
{
    static const struct {
        set set;
        quantity quantity;
        const char *column;
    } values[] = {{SET_STAGE, QUANTITY_STAGE_F, "TF_us"},
                  {SET_STAGE, QUANTITY_STAGE_B, "TB_us"},
                  {SET_STAGE, QUANTITY_STAGE_W, "TW_us"},
                  {SET_THROUGHPUT, QUANTITY_THROUGHPUT, "thr_1F1B"},
                  {SET_MEMORY, QUANTITY_MEMORY, "memGB_1F1B"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        measured *row = add(all, values[i].set);
        weft_uniform *q = &row->question;
        int ranks = csv_int(table, r, "p"), layers = csv_int(table, r, "layers");
        q->model = make_model(table, r, layers, VOCAB);
        q->parallel = (weft_parallel){1, ranks, 1, 1, 1};
        q->microbatch = csv_int(table, r, "mbs");
        q->global_batch = q->microbatch * csv_int(table, r, "m");
        row->stage_layers = (layers + 2) / ranks;
        row->quantity = values[i].quantity;
        row->value = csv_number(table, r, values[i].column);
        row->group = r / 3;
    }
}

/* TFLOP/s count 72 B L s h^2 (1 + s / 6h + V / 12hL) flop a step (Korthikanti et al. 2022,
 * equation 7, without recomputation). One rule for what is not published: microbatch 1, no
 * interleaving. */
static void read_h100(measurements *all, const char *folder)
{
    csv table = csv_read(folder, "megatron_h100.csv");
    for (int r = 0; r < table.n_rows; r++) {
        measured *row = add(all, SET_MEGATRON_H100);
        weft_uniform *q = &row->question;
        double b = csv_number(&table, r, "gbs"), l = csv_number(&table, r, "layers");
        double s = csv_number(&table, r, "seq"), h = csv_number(&table, r, "hidden");
        double v = csv_number(&table, r, "vocab");
        double flop = 72 * b * l * s * h * h * (1 + s / (6 * h) + v / (12 * h * l));
        q->model = make_model(&table, r, (int)l, (int)v);
        q->recipe = all->recipes[SET_MEGATRON_H100][1];
        q->parallel = (weft_parallel){csv_int(&table, r, "dp"), csv_int(&table, r, "pp"),
                                      csv_int(&table, r, "tp"), 1, 1};
        q->microbatch = 1;
        q->global_batch = (int)b;
        row->value =
            flop / (csv_number(&table, r, "tflops_per_gpu") * 1e12 * csv_number(&table, r, "gpus"));
        row->group = r;
    }
    csv_free(&table);
}

/* 16 bytes a parameter in all; Megatron-Core shards the optimizer over the replicas. */
static void load_profiles(measurements *all)
{
    for (int s = 0; s < N_SETS; s++) {
        weft_error error = {0};
        check(weft_cluster_load(sets[s].cluster, &error, &all->clusters[s]), &error);
        for (int spread = 0; spread < 2; spread++) {
            weft_recipe *recipe = NULL;
            check(weft_recipe_load(NULL, &error, &recipe), &error);
            recipe->sequence_parallel = spread;
            recipe->zero = s == SET_MEGATRON_H100;
            all->recipes[s][spread] = recipe;
        }
    }
}

measurements measurements_read(const char *folder)
{
    measurements all = {0};
    load_profiles(&all);
    read_korthikanti(&all, folder);
    read_korthikanti_layer(&all, folder);
    read_vtrain(&all, folder);
    csv table = csv_read(folder, "zero_bubble.csv");
    for (int r = 0; r < table.n_rows; r++)
        read_zero_bubble_row(&all, &table, r);
    csv_free(&table);
    read_h100(&all, folder);
    return all;
}

void measurements_free(measurements *all)
{
    for (int i = 0; i < all->n; i++) {
        weft_model *model = (weft_model *)(uintptr_t)all->rows[i].question.model;
        weft_model_free(model);
    }
    for (int s = 0; s < N_SETS; s++) {
        weft_cluster_free(all->clusters[s]);
        weft_recipe_free(all->recipes[s][0]);
        weft_recipe_free(all->recipes[s][1]);
    }
    free(all->rows);
}

double measured_predict(const measurements *all, const measured *row)
{
    weft_uniform question = row->question;
    weft_uniform_answer a;
    weft_error error = {0};
    question.cluster = all->clusters[row->set];
    check(weft_emulate_uniform(&question, &error, NULL, &a), &error);
    double stage = row->stage_layers;
    switch (row->quantity) {
    case QUANTITY_STEP:
        return (double)a.step_ns / 1e9;
    case QUANTITY_LAYER_FW:
        return (double)a.layer.fw_ns / 1e6;
    case QUANTITY_LAYER_BW:
        return (double)a.layer.bw_ns / 1e6;
    case QUANTITY_STAGE_F:
        return stage * (double)a.layer.fw_ns / 1e3;
    case QUANTITY_STAGE_B:
        return stage * (double)a.layer.bwi_ns / 1e3;
    case QUANTITY_STAGE_W:
        return stage * (double)a.layer.bww_ns / 1e3;
    case QUANTITY_THROUGHPUT:
        return question.global_batch / (question.parallel.pp * (double)a.step_ns / 1e9);
    case QUANTITY_MEMORY:
        return (double)a.peak_bytes / 1e9;
    }
    return 0;
}

double measured_error(const measurements *all, const measured *row)
{
    return fabs(measured_predict(all, row) / row->value - 1);
}
