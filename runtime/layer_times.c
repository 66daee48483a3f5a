/* runtime/layer_times.c - see layer_times.h. */
#include "runtime/layer_times.h"

#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "runtime/cpu_kit.h"
#include "runtime/tape.h"
#include "runtime/trainee.h"

enum { N_SIZES = 7, MOST_RUNS = 7, CONTEXT = 16, OTHER_BYTES = 4 << 20 };

/* Tokens, in sequences of so many. */
static const struct size {
    int32_t tokens, span;
} sizes[N_SIZES] = {{32, 16}, {64, 64}, {128, 16}, {256, 32}, {256, 256}, {512, 16}, {512, 128}};

/* A layer with random values, run again and again. */
typedef struct bench {
    weft_i_program program;
    weft_i_rules rules;
    weft_i_sheet sheet;
    weft_i_tape tape;
    weft_i_pool pool;
    weft_i_arena arena;
    weft_i_rng rng;
    float *given[WEFT_I_N_GIVEN];
    float *d_context;
    double loss;
    unsigned char *other; /* memory that other layers would use */
} bench;

static float *random_values(bench *b, int64_t n)
{
    float *made = weft_i_new(&b->arena, float, n + 1);
    for (int64_t i = 0; made && i < n; i++)
        made[i] = (float)(weft_i_rng_double(&b->rng) - 0.5);
    return made;
}

/* Numbers of tokens and rows, all in range. */
static bool fill_sheet(bench *b, const weft_layer *layer, const struct size *size)
{
    weft_i_sheet *sheet = &b->sheet;
    int32_t n = size->tokens / size->span, merge = layer->merge > 1 ? layer->merge : 1;
    weft_i_stretch *spans = weft_i_new(&b->arena, weft_i_stretch, n);
    int32_t *tokens = weft_i_new(&b->arena, int32_t, size->tokens);
    int32_t *rows = weft_i_new(&b->arena, int32_t, size->tokens + merge);
    if (!spans || !tokens || !rows) return false;
    for (int32_t i = 0; i < n; i++)
        spans[i] = (weft_i_stretch){i * size->span, size->span, i * CONTEXT, CONTEXT};
    for (int32_t i = 0; i < size->tokens; i++) {
        tokens[i] = layer->vocab > 0 ? i % layer->vocab : 0;
        rows[i] = i;
    }
    *sheet = (weft_i_sheet){.n_rows = size->tokens,
                            .n_out_rows = size->tokens / merge,
                            .n_context = n * CONTEXT,
                            .n_spans = n,
                            .spans = spans,
                            .tokens = tokens,
                            .targets = tokens,
                            .merge_from = rows,
                            .merge = merge,
                            .loss_weight = 1};
    return true;
}

static bool fill(bench *b, const weft_layer *layer, const struct size *size)
{
    const weft_i_wants wants = {.input = b->program.tensors[WEFT_I_TENSOR_INPUT].width > 0 &&
                                         layer->kind != WEFT_LAYER_PATCH,
                                .context = layer->cross_hidden > 0,
                                .weights = true};
    if (!fill_sheet(b, layer, size)) return false;
    weft_i_rules_make(&b->program, wants, WEFT_I_KEEP_ALL, &b->rules);
    b->tape = (weft_i_tape){.program = &b->program,
                            .rules = &b->rules,
                            .sheet = &b->sheet,
                            .kit = weft_i_cpu_kit(),
                            .pool = &b->pool,
                            .loss = &b->loss};
    for (int t = 0; t < WEFT_I_N_GIVEN; t++) {
        b->given[t] = random_values(b, weft_i_tape_rows(&b->tape, t) * b->program.tensors[t].width);
        if (!b->given[t]) return false;
        b->tape.values[t] = b->given[t];
    }
    b->sheet.velocities = random_values(b, (int64_t)size->tokens * layer->vocab);
    b->tape.parameters = random_values(b, b->program.n_values);
    b->tape.operands = b->tape.parameters;
    b->tape.gradients = random_values(b, b->program.n_values);
    b->other = weft_i_new(&b->arena, unsigned char, OTHER_BYTES);
    b->d_context = random_values(b, weft_i_tape_rows(&b->tape, WEFT_I_TENSOR_CONTEXT) *
                                        b->program.tensors[WEFT_I_TENSOR_CONTEXT].width);
    b->tape.d_values[WEFT_I_TENSOR_CONTEXT] = b->d_context;
    return b->sheet.velocities && b->tape.parameters && b->tape.gradients && b->d_context &&
           b->other;
}

static void keep_least(int64_t ns, int64_t *least)
{
    if (*least == 0 || ns < *least) *least = ns > 0 ? ns : 1;
}

/* The output becomes its own gradient. */
static void turn(bench *b)
{
    int out = b->program.output;
    if (out == WEFT_I_NOTHING) return;
    b->tape.d_values[out] = b->tape.values[out];
    b->tape.values[out] = NULL;
}

static void clear_gradients(bench *b)
{
    b->tape.d_values[WEFT_I_TENSOR_CONTEXT] = b->d_context;
    for (int t = 0; t < WEFT_I_N_GIVEN; t++) {
        if (t == WEFT_I_TENSOR_CONTEXT || !b->tape.d_values[t]) continue;
        weft_i_pool_give(&b->pool, b->tape.d_values[t]);
        b->tape.d_values[t] = NULL;
    }
}

/* Between two passes of a layer come those of others, which leave little of it in the caches. */
static void go_elsewhere(bench *b)
{
    for (int64_t i = 0; i < OTHER_BYTES; i += 64)
        b->other[i]++;
}

/* Forward and fused backward, or forward and both halves. */
static weft_status run_once(bench *b, bool split, weft_error *error, weft_layer_time *row)
{
    go_elsewhere(b);
    int64_t start_ns = weft_i_now_ns();
    weft_status status = weft_i_tape_forward(&b->tape, error);
    keep_least(weft_i_now_ns() - start_ns, &row->fw_ns);
    turn(b);
    go_elsewhere(b);
    start_ns = weft_i_now_ns();
    if (status == WEFT_STATUS_OK)
        status = weft_i_tape_back(&b->tape, split ? WEFT_I_BACK_INPUT : WEFT_I_BACK_BOTH, error);
    keep_least(weft_i_now_ns() - start_ns, split ? &row->bwi_ns : &row->bw_ns);
    if (split) go_elsewhere(b);
    start_ns = weft_i_now_ns();
    if (status == WEFT_STATUS_OK && split)
        status = weft_i_tape_back(&b->tape, WEFT_I_BACK_WEIGHTS, error);
    if (split) keep_least(weft_i_now_ns() - start_ns, &row->bww_ns);
    clear_gradients(b);
    return status;
}

/* The first run pages memory in; then until enough runs, or a quarter of a second, have gone. */
static weft_status time_layer(const weft_layer *layer, const weft_i_program *program,
                              const struct size *size, weft_error *error, weft_layer_time *row)
{
    bench b = {.program = *program};
    weft_layer_time first = {0}, times = {0};
    weft_i_rng_seed(&b.rng, 1);
    weft_status status = fill(&b, layer, size) ? WEFT_STATUS_OK : weft_i_no_memory(error);
    bool has_split = layer->kind != WEFT_LAYER_EMBEDDING && layer->kind != WEFT_LAYER_PATCH;
    int64_t start_ns = weft_i_now_ns();
    for (int i = 0; status == WEFT_STATUS_OK && i < MOST_RUNS; i++) {
        weft_layer_time *to = i == 0 ? &first : &times;
        status = run_once(&b, false, error, to);
        if (status == WEFT_STATUS_OK && has_split) status = run_once(&b, true, error, to);
        if (i > 0 && weft_i_now_ns() - start_ns > 250000000) break;
    }
    row->fw_ns = times.fw_ns;
    row->bw_ns = times.bw_ns;
    row->bwi_ns = times.bwi_ns;
    row->bww_ns = times.bww_ns;
    weft_i_tape_clear(&b.tape);
    weft_i_pool_free(&b.pool);
    weft_i_arena_free(&b.arena);
    return status;
}

static bool is_new(const weft_module *module, int32_t l)
{
    for (int32_t i = 0; i < l; i++)
        if (memcmp(&module->layers[i], &module->layers[l], sizeof(weft_layer)) == 0) return false;
    return true;
}

/* Values of a token before the layer. */
static int32_t width_into(const weft_module *module, int32_t l)
{
    const weft_layer *layer = &module->layers[l];
    if (layer->kind == WEFT_LAYER_EMBEDDING) return 0;
    if (layer->kind == WEFT_LAYER_PATCH) return layer->in_features;
    if (layer->kind == WEFT_LAYER_PROJECTOR) return layer->in_features / layer->merge;
    return layer->hidden;
}

static weft_status time_module(const weft_model *model, int32_t m, weft_error *error,
                               weft_layer_time *rows, int32_t *n_rows)
{
    const weft_module *module = &model->modules[m];
    bool is_text = module->modality == WEFT_MODALITY_TEXT;
    for (int32_t l = 0; l < module->n_layers; l++) {
        weft_i_program program;
        if (!is_new(module, l)) continue;
        weft_status status = weft_i_program_make(&module->layers[l], width_into(module, l), is_text,
                                                 error, &program);
        int64_t start_ns = weft_i_now_ns();
        for (int s = 0; status == WEFT_STATUS_OK && s < N_SIZES; s++) {
            weft_layer_time *row = &rows[*n_rows];
            if (s > 0 && weft_i_now_ns() - start_ns > 1000000000) break;
            *row = (weft_layer_time){.module = m,
                                     .layer = l,
                                     .tokens = sizes[s].tokens,
                                     .span = sizes[s].span,
                                     .context = CONTEXT};
            status = time_layer(&module->layers[l], &program, &sizes[s], error, row);
            ++*n_rows;
        }
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_layer_times(const weft_model *model, weft_i_arena *arena, weft_error *error,
                               weft_layer_time **out_rows, int32_t *out_n_rows)
{
    int64_t most = 0;
    int32_t n_rows = 0;
    for (int32_t m = 0; m < model->n_modules; m++)
        for (int32_t l = 0; l < model->modules[m].n_layers; l++)
            most += is_new(&model->modules[m], l) ? N_SIZES : 0;
    weft_layer_time *rows = weft_i_new(arena, weft_layer_time, most);
    weft_status status = rows ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < model->n_modules; m++)
        status = time_module(model, m, error, rows, &n_rows);
    *out_rows = rows;
    *out_n_rows = n_rows;
    return status;
}
