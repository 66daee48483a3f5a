/* bench/published.c - the files of tests/data/measurements as rows. */
#include "bench/published.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/csv.h"

static const struct {
    const char *name, *stack;
    device device;
    int nics;
} sets[] = {
#define SET_ROW(name, text, device, stack, nics) {text, stack, DEVICE_##device, nics},
    SET_LIST(SET_ROW)
#undef SET_ROW
};

const char *set_name(set s)
{
    return sets[s].name;
}

device set_device(set s)
{
    return sets[s].device;
}

static void check(weft_status status, const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static weft_measurement *add(published *all, set s)
{
    all->rows = realloc(all->rows, (size_t)(all->n + 1) * sizeof *all->rows);
    if (!all->rows) exit(1);
    weft_measurement *row = &all->rows[all->n++];
    *row = (weft_measurement){.set = sets[s].name, .stack = sets[s].stack, .nics = sets[s].nics};
    row->question.segments = 1;
    row->question.recipe = all->recipes[sets[s].device][0];
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
static void read_korthikanti(published *all, const char *folder)
{
    csv table = csv_read(folder, "korthikanti.csv");
    for (int r = 0; r < table.n_rows; r++)
        for (int spread = 0; spread < 2; spread++) {
            weft_measurement *row = add(all, SET_KORTHIKANTI);
            weft_uniform *q = &row->question;
            q->model =
                make_model(&table, r, csv_int(&table, r, "layers"), csv_int(&table, r, "vocab"));
            q->recipe = all->recipes[DEVICE_A100][spread];
            q->parallel =
                (weft_parallel){1, csv_int(&table, r, "pp"), csv_int(&table, r, "tp"), 1, 1};
            q->microbatch = csv_int(&table, r, "mbs");
            q->global_batch = csv_int(&table, r, "gbs");
            q->segments = csv_int(&table, r, "interleave");
            q->recompute = spread ? WEFT_RECOMPUTE_SELECTIVE : WEFT_RECOMPUTE_FULL;
            row->value = 1e9 * csv_number(&table, r, spread ? "t_sp_sel_s" : "t_full_s");
            row->group = r;
        }
    csv_free(&table);
}

static weft_recompute recompute_of(const char *word)
{
    if (strcmp(word, "none") == 0) return WEFT_RECOMPUTE_NONE;
    return strcmp(word, "full") == 0 ? WEFT_RECOMPUTE_FULL : WEFT_RECOMPUTE_SELECTIVE;
}

static void read_korthikanti_layer(published *all, const char *folder)
{
    csv table = csv_read(folder, "korthikanti_layer.csv");
    for (int r = 0; r < table.n_rows; r++)
        for (int backward = 0; backward < 2; backward++) {
            weft_measurement *row = add(all, SET_LAYER);
            weft_uniform *q = &row->question;
            q->model = make_model(&table, r, 48, VOCAB);
            q->recipe = all->recipes[DEVICE_A100][csv_int(&table, r, "sequence_parallel")];
            q->parallel = (weft_parallel){1, 1, csv_int(&table, r, "tp"), 1, 1};
            q->microbatch = q->global_batch = csv_int(&table, r, "mbs");
            q->recompute = recompute_of(csv_word(&table, r, "recompute"));
            row->quantity = backward ? WEFT_MEASURED_LAYER_BW : WEFT_MEASURED_LAYER_FW;
            row->value = 1e6 * csv_number(&table, r, backward ? "backward_ms" : "forward_ms");
            row->group = r;
        }
    csv_free(&table);
}

/* Full recomputation, 1F1B (the data set's description). */
static weft_measurement *read_vtrain_row(published *all, set s, const csv *table, int r)
{
    weft_measurement *row = add(all, s);
    weft_uniform *q = &row->question;
    q->model = make_model(table, r, csv_int(table, r, "layers"), VOCAB);
    q->parallel = (weft_parallel){csv_int(table, r, "dp"), csv_int(table, r, "pp"),
                                  csv_int(table, r, "tp"), 1, 1};
    q->microbatch = csv_int(table, r, "microbatch");
    q->global_batch = csv_int(table, r, "global_batch");
    q->recompute = WEFT_RECOMPUTE_FULL;
    row->value = csv_number(table, r, "iteration_ms") * 1e6;
    return row;
}

/* Four rows at TP 4 and two at microbatch 2 of the smallest model contradict the others. */
static bool is_contrary(const weft_uniform *q, int hidden)
{
    if (hidden == 3072) return q->microbatch == 2;
    if (hidden == 6144) return q->parallel.tp == 4;
    return hidden == 8192 && q->parallel.tp == 4 && !(q->parallel.pp == 8 && q->microbatch == 6);
}

static void read_vtrain_multi_node(published *all, const char *folder)
{
    csv table = csv_read(folder, "vtrain_a100_multi_node.csv");
    for (int r = 0; r < table.n_rows; r++) {
        weft_measurement *row = read_vtrain_row(all, SET_MULTI_NODE, &table, r);
        row->group = csv_int(&table, r, "hidden");
        row->apart = is_contrary(&row->question, row->group);
    }
    csv_free(&table);
}

static void read_vtrain_single_node(published *all, const char *folder)
{
    csv table = csv_read(folder, "vtrain_a100_single_node.csv");
    for (int r = 0; r < table.n_rows; r++) {
        weft_measurement *row = read_vtrain_row(all, SET_SINGLE_NODE, &table, r);
        row->group = csv_int(&table, r, "hidden") * 64 + row->question.parallel.tp * 8 +
                     row->question.microbatch - 1;
    }
    csv_free(&table);
}

/* One column of the file: the same question, another number of the answer. */
static void read_zero_bubble(published *all, const csv *table, set s, weft_measured quantity,
                             const char *column)
{
    for (int r = 0; r < table->n_rows; r++) {
        weft_measurement *row = add(all, s);
        weft_uniform *q = &row->question;
        int ranks = csv_int(table, r, "p"), layers = csv_int(table, r, "layers");
        double value = csv_number(table, r, column);
        q->model = make_model(table, r, layers, VOCAB);
        q->parallel = (weft_parallel){1, ranks, 1, 1, 1};
        q->microbatch = csv_int(table, r, "mbs");
        q->global_batch = q->microbatch * csv_int(table, r, "m");
        row->quantity = quantity;
        row->group = r / 3;
        if (quantity == WEFT_MEASURED_STEP) /* from sequences a device and second */
            row->value = 1e9 * q->global_batch / (ranks * value);
        else if (quantity == WEFT_MEASURED_PEAK)
            row->value = 1e9 * value;
        else if (quantity == WEFT_MEASURED_MESSAGE)
            row->value = 1e3 * value;
        else /* us of a stage of as many layers as embedding and head count for one each */
            row->value = 1e3 * value / ((layers + 2) / ranks);
    }
}

/* TFLOP/s count 72 B L s h^2 (1 + s / 6h + V / 12hL) flop a step (Korthikanti et al. 2022,
 * equation 7, without recomputation). One rule for what is not published: microbatch 1, no
 * interleaving. */
static void read_h100(published *all, const char *folder)
{
    csv table = csv_read(folder, "megatron_h100.csv");
    for (int r = 0; r < table.n_rows; r++) {
        weft_measurement *row = add(all, SET_MEGATRON_H100);
        weft_uniform *q = &row->question;
        double b = csv_number(&table, r, "gbs"), l = csv_number(&table, r, "layers");
        double s = csv_number(&table, r, "seq"), h = csv_number(&table, r, "hidden");
        double v = csv_number(&table, r, "vocab");
        double flop = 72 * b * l * s * h * h * (1 + s / (6 * h) + v / (12 * h * l));
        q->model = make_model(&table, r, (int)l, (int)v);
        q->recipe = all->recipes[DEVICE_H100][1];
        q->parallel = (weft_parallel){csv_int(&table, r, "dp"), csv_int(&table, r, "pp"),
                                      csv_int(&table, r, "tp"), 1, 1};
        q->microbatch = 1;
        q->global_batch = (int)b;
        row->value =
            flop / (csv_number(&table, r, "tflops_per_gpu") * 1e3 * csv_number(&table, r, "gpus"));
        row->group = r;
    }
    csv_free(&table);
}

/* 16 bytes a parameter in all; Megatron-Core shards the optimizer over the replicas. */
static void load_recipes(published *all)
{
    for (int d = 0; d < N_DEVICES; d++)
        for (int spread = 0; spread < 2; spread++) {
            weft_error error = {0};
            weft_recipe *recipe = NULL;
            check(weft_recipe_load(NULL, &error, &recipe), &error);
            recipe->sequence_parallel = spread;
            recipe->zero = d == DEVICE_H100;
            all->recipes[d][spread] = recipe;
        }
}

static void read_set(published *all, set s, const char *folder, const csv *zero_bubble)
{
    switch (s) {
    case SET_KORTHIKANTI:
        read_korthikanti(all, folder);
        break;
    case SET_LAYER:
        read_korthikanti_layer(all, folder);
        break;
    case SET_MULTI_NODE:
        read_vtrain_multi_node(all, folder);
        break;
    case SET_SINGLE_NODE:
        read_vtrain_single_node(all, folder);
        break;
    case SET_STAGE:
        read_zero_bubble(all, zero_bubble, s, WEFT_MEASURED_LAYER_FW, "TF_us");
        read_zero_bubble(all, zero_bubble, s, WEFT_MEASURED_LAYER_BWI, "TB_us");
        read_zero_bubble(all, zero_bubble, s, WEFT_MEASURED_LAYER_BWW, "TW_us");
        break;
    case SET_MESSAGE:
        read_zero_bubble(all, zero_bubble, s, WEFT_MEASURED_MESSAGE, "Tcomm_us");
        break;
    case SET_THROUGHPUT:
        read_zero_bubble(all, zero_bubble, s, WEFT_MEASURED_STEP, "thr_1F1B");
        break;
    case SET_MEMORY:
        read_zero_bubble(all, zero_bubble, s, WEFT_MEASURED_PEAK, "memGB_1F1B");
        break;
    case SET_MEGATRON_H100:
        read_h100(all, folder);
        break;
    case N_SETS:
        break;
    }
}

published published_read(const char *folder)
{
    published all = {0};
    load_recipes(&all);
    csv zero_bubble = csv_read(folder, "zero_bubble.csv");
    for (int s = 0; s < N_SETS; s++) {
        read_set(&all, (set)s, folder, &zero_bubble);
        all.firsts[s + 1] = all.n;
    }
    csv_free(&zero_bubble);
    return all;
}

void published_free(published *all)
{
    for (int i = 0; i < all->n; i++) {
        weft_model *model = (weft_model *)(uintptr_t)all->rows[i].question.model;
        weft_model_free(model);
    }
    for (int d = 0; d < N_DEVICES; d++) {
        weft_recipe_free(all->recipes[d][0]);
        weft_recipe_free(all->recipes[d][1]);
    }
    free(all->rows);
}
