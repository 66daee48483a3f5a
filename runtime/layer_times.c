/* runtime/layer_times.c - see layer_times.h. */
#include "runtime/layer_times.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "runtime/tape.h"
#include "runtime/trainee.h"

/* Layers of a stage. So many of its sub-microbatches wait for their backward that what they keep
 * does not fit the caches, as in a step: a layer finds its input there, and nothing else for sure.
 */
enum { N_LAYERS = 3, MOST_SUBS = 64, CONTEXT = 16, CACHE_BYTES = 32 << 20 };
static const double cache_times = 1.25;          /* so many times what the caches hold is kept */
static const int64_t most_forward_ns = 40000000; /* of one size: then there are enough of them */
static const int64_t most_layer_ns = 2000000000;

/* Tokens, in sequences of so many: first those that are far apart, for there may not be time for
 * all. */
static const int32_t token_numbers[] = {64, 256, 16, 512, 128, 32, 96, 48};
static const int32_t span_numbers[] = {16, 32, 64, 128, 256, 512};
enum {
    N_TOKENS = sizeof(token_numbers) / sizeof(*token_numbers),
    N_SPANS = sizeof(span_numbers) / sizeof(*span_numbers)
};

typedef struct amount {
    int32_t tokens, span;
} amount;

/* Times of the passes of a layer, one after the other. */
typedef struct series {
    int64_t ns[N_LAYERS * MOST_SUBS];
    int n;
} series;

typedef struct passes {
    series fw, bw, bwi, bww;
} passes;

/* Equal layers, each with random parameters of its own, and tapes of each for some
 * sub-microbatches. */
typedef struct bench {
    const weft_i_kit *kit;
    weft_i_program program;
    weft_i_rules rules;
    weft_i_sheet sheet;
    weft_i_tape (*tapes)[N_LAYERS]; /* n_subs */
    int n_subs;
    weft_i_pool pool;
    weft_i_arena arena;
    weft_i_rng rng;
    void *d_context;
    double *loss;
    passes times;
} bench;

/* Of the kit's memory, as all that the bench has; NULL when out of memory. */
static void *take(bench *b, int64_t n_bytes)
{
    return weft_i_pool_take(&b->pool, (size_t)n_bytes + sizeof(double));
}

static float *random_floats(bench *b, int64_t n)
{
    float *made = weft_i_alloc((size_t)n + 1, sizeof(float));
    for (int64_t i = 0; made && i < n; i++)
        made[i] = (float)(weft_i_rng_double(&b->rng) - 0.5);
    return made;
}

/* Floats, as parameters are; or values of a tensor. */
static void *random_data(bench *b, int64_t n, bool are_values)
{
    const weft_i_kit *kit = b->kit;
    float *from = random_floats(b, n);
    void *made = from ? take(b, n * (int64_t)sizeof(float)) : NULL;
    bool good = made && (!are_values || kit->import(kit->context, from, n, made));
    if (good && !are_values) kit->copy(kit->context, made, from, (size_t)n * sizeof(float));
    if (good) good = kit->finish(kit->context, NULL) == WEFT_STATUS_OK;
    free(from);
    return good ? made : NULL;
}

/* Numbers of tokens and rows, all in range. */
static bool fill_sheet(bench *b, const weft_layer *layer, const amount *size)
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

/* Values of a tensor. */
static int64_t size_of(const bench *b, int tensor)
{
    const weft_i_tape tape = {.program = &b->program, .sheet = &b->sheet};
    return weft_i_tape_rows(&tape, tensor) * b->program.tensors[tensor].width;
}

static int choose_subs(const bench *b, int32_t n_processes)
{
    double bytes = 1, caches = (double)sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (caches <= 0) caches = CACHE_BYTES;
    for (int t = 0; t < b->program.n_tensors; t++)
        bytes += (double)size_of(b, t) * N_LAYERS * (double)b->kit->value_bytes;
    return (int)fmin(fmax(cache_times * caches / n_processes / bytes, 1), MOST_SUBS);
}

static bool fill_layer(bench *b, int i)
{
    int64_t n = b->program.n_values;
    weft_i_shelf shelf = {.values = random_data(b, n, false),
                          .gradients = random_data(b, n, false)};
    shelf.operands =
        b->kit->is_far ? take(b, n * (int64_t)b->kit->value_bytes) : (void *)shelf.values;
    if (!shelf.values || !shelf.gradients || !shelf.operands) return false;
    b->kit->make_operands(b->kit->context, &shelf, n);
    for (int s = 0; s < b->n_subs; s++)
        b->tapes[s][i] = (weft_i_tape){.program = &b->program,
                                       .rules = &b->rules,
                                       .sheet = &b->sheet,
                                       .kit = b->kit,
                                       .parameters = shelf.values,
                                       .operands = shelf.operands,
                                       .gradients = shelf.gradients,
                                       .pool = &b->pool,
                                       .loss = b->loss};
    return true;
}

static bool fill_given(bench *b)
{
    for (int s = 0; s < b->n_subs; s++)
        for (int t = 0; t < WEFT_I_N_GIVEN; t++) {
            void *given = random_data(b, size_of(b, t), true);
            if (!given) return false;
            for (int i = 0; i < N_LAYERS; i++)
                b->tapes[s][i].values[t] = given;
        }
    return true;
}

static bool fill(bench *b, const weft_layer *layer, const amount *size, int32_t n_processes)
{
    const weft_i_wants wants = {.input = b->program.tensors[WEFT_I_TENSOR_INPUT].width > 0 &&
                                         layer->kind != WEFT_LAYER_PATCH,
                                .context = layer->cross_hidden > 0,
                                .weights = true};
    if (!fill_sheet(b, layer, size)) return false;
    weft_i_rules_make(&b->program, wants, WEFT_I_REDO_NOTHING, &b->rules);
    b->sheet.velocities = random_data(b, (int64_t)size->tokens * layer->vocab, false);
    b->d_context = random_data(b, size_of(b, WEFT_I_TENSOR_CONTEXT), true);
    b->loss = take(b, sizeof(double));
    b->n_subs = choose_subs(b, n_processes);
    b->tapes = weft_i_arena_alloc(&b->arena, (size_t)b->n_subs, sizeof(*b->tapes));
    if (!b->sheet.velocities || !b->d_context || !b->tapes || !b->loss) return false;
    b->kit->clear(b->kit->context, b->loss, sizeof(double));
    if (b->kit->bind && !b->kit->bind(b->kit->context, &b->sheet)) return false;
    for (int i = 0; i < N_LAYERS; i++)
        if (!fill_layer(b, i)) return false;
    return fill_given(b);
}

static void keep(series *times, int64_t ns)
{
    times->ns[times->n++] = ns > 0 ? ns : 1;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(series *times)
{
    if (times->n == 0) return 0;
    qsort(times->ns, (size_t)times->n, sizeof(*times->ns), compare);
    return times->ns[(times->n - 1) / 2];
}

/* The layer before, or behind, has just written it. */
static void warm(const bench *b, int tensor, const void *values)
{
    volatile const char *bytes = values;
    if (tensor == WEFT_I_NOTHING || !values || b->kit->is_far) return;
    for (int64_t i = 0; i < size_of(b, tensor) * (int64_t)sizeof(float); i += 64)
        (void)bytes[i];
}

static weft_status forward(bench *b, weft_i_tape *tape, weft_error *error)
{
    int out = b->program.output;
    if (b->program.layer->kind != WEFT_LAYER_PATCH)
        warm(b, WEFT_I_TENSOR_INPUT, tape->values[WEFT_I_TENSOR_INPUT]);
    int64_t start_ns = weft_i_now_ns();
    weft_status status = weft_i_tape_forward(tape, error);
    if (status == WEFT_STATUS_OK) status = b->kit->finish(b->kit->context, error);
    keep(&b->times.fw, weft_i_now_ns() - start_ns);
    if (out == WEFT_I_NOTHING) return status;
    tape->d_values[out] = tape->values[out]; /* its own gradient */
    tape->values[out] = NULL;
    return status;
}

static weft_status backward(bench *b, weft_i_tape *tape, int halves, weft_error *error)
{
    int out = b->program.output;
    series *times = halves == WEFT_I_BACK_BOTH    ? &b->times.bw
                    : halves == WEFT_I_BACK_INPUT ? &b->times.bwi
                                                  : &b->times.bww;
    tape->d_values[WEFT_I_TENSOR_CONTEXT] = b->d_context;
    if (out != WEFT_I_NOTHING) warm(b, out, tape->d_values[out]);
    int64_t start_ns = weft_i_now_ns();
    weft_status status = weft_i_tape_back(tape, halves, error);
    if (status == WEFT_STATUS_OK) status = b->kit->finish(b->kit->context, error);
    keep(times, weft_i_now_ns() - start_ns);
    return status;
}

static void clear_gradients(bench *b, weft_i_tape *tape)
{
    for (int t = 0; t < WEFT_I_N_GIVEN; t++) {
        if (t != WEFT_I_TENSOR_CONTEXT) weft_i_pool_give(&b->pool, tape->d_values[t]);
        tape->d_values[t] = NULL;
    }
}

/* One pass of all sub-microbatches. */
static weft_status run_backward(bench *b, int halves, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int s = 0; s < b->n_subs; s++) {
        for (int i = N_LAYERS - 1; i >= 0 && status == WEFT_STATUS_OK; i--)
            status = backward(b, &b->tapes[s][i], halves, error);
        for (int i = 0; i < N_LAYERS; i++)
            clear_gradients(b, &b->tapes[s][i]);
    }
    return status;
}

/* All forwards, then all backwards in the same order, whole or in halves: the second halves come
 * late, as where they fill the gaps of a schedule. */
static weft_status run_all(bench *b, bool split, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    int64_t start_ns = weft_i_now_ns();
    b->times = (passes){0};
    for (int s = 0; s < b->n_subs; s++) {
        if (s > 0 && weft_i_now_ns() - start_ns > most_forward_ns) b->n_subs = s;
        for (int i = 0; s < b->n_subs && i < N_LAYERS && status == WEFT_STATUS_OK; i++)
            status = forward(b, &b->tapes[s][i], error);
    }
    if (status == WEFT_STATUS_OK)
        status = run_backward(b, split ? WEFT_I_BACK_INPUT : WEFT_I_BACK_BOTH, error);
    if (status == WEFT_STATUS_OK && split) status = run_backward(b, WEFT_I_BACK_WEIGHTS, error);
    return status;
}

static void clear(bench *b)
{
    for (int s = 0; b->tapes && s < b->n_subs; s++)
        for (int i = 0; i < N_LAYERS; i++)
            if (b->tapes[s][i].program) weft_i_tape_clear(&b->tapes[s][i]);
    if (b->sheet.copy) b->kit->unbind(b->kit->context, &b->sheet);
    weft_i_pool_free(&b->pool);
    weft_i_arena_free(&b->arena);
}

/* The first run's forwards page memory in: its backwards count, and the forwards of the second. */
static weft_status time_layer(const weft_i_program *program, const weft_i_kit *kit,
                              const amount *size, int32_t n_processes, weft_error *error,
                              weft_layer_time *row)
{
    const weft_layer *layer = program->layer;
    bench b = {.kit = kit, .program = *program, .pool = {.memory = kit->memory}};
    weft_i_rng_seed(&b.rng, 1);
    weft_status status =
        fill(&b, layer, size, n_processes) ? WEFT_STATUS_OK : weft_i_no_memory(error);
    bool has_split = layer->kind != WEFT_LAYER_EMBEDDING && layer->kind != WEFT_LAYER_PATCH;
    if (status == WEFT_STATUS_OK) status = run_all(&b, false, error);
    row->bw_ns = median(&b.times.bw);
    if (status == WEFT_STATUS_OK) status = run_all(&b, has_split, error);
    row->fw_ns = median(&b.times.fw);
    row->bwi_ns = median(&b.times.bwi);
    row->bww_ns = median(&b.times.bww);
    clear(&b);
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

/* A layer without attention does the same in sequences of any length. */
static bool is_wanted(const weft_layer *layer, const amount *size)
{
    bool attends = layer->kind == WEFT_LAYER_TRANSFORMER || layer->kind == WEFT_LAYER_DIT;
    if (size->tokens % size->span != 0) return false;
    return size->span == 16 || (attends && (size->span == 64 || size->span == size->tokens));
}

/* As many sizes as there is time for. */
static weft_status time_sizes(const weft_i_program *program, const weft_i_kit *kit,
                              weft_layer_time like, int32_t n_processes, weft_error *error,
                              weft_layer_time *rows, int32_t *n_rows)
{
    int64_t start_ns = weft_i_now_ns();
    for (int i = 0; i < N_TOKENS * N_SPANS; i++) {
        const amount size = {token_numbers[i / N_SPANS], span_numbers[i % N_SPANS]};
        if (!is_wanted(program->layer, &size)) continue;
        if (i > 0 && weft_i_now_ns() - start_ns > most_layer_ns) break;
        weft_layer_time *row = &rows[(*n_rows)++];
        *row = like;
        row->tokens = size.tokens;
        row->span = size.span;
        weft_status status = time_layer(program, kit, &size, n_processes, error, row);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status time_module(const weft_model *model, int32_t m, const weft_i_kit *kit,
                               int32_t n_processes, weft_error *error, weft_layer_time *rows,
                               int32_t *n_rows)
{
    const weft_module *module = &model->modules[m];
    bool is_text = module->modality == WEFT_MODALITY_TEXT;
    for (int32_t l = 0; l < module->n_layers; l++) {
        weft_i_program program;
        if (!is_new(module, l)) continue;
        const weft_layer_time like = {.module = m, .layer = l, .context = CONTEXT};
        weft_status status = weft_i_program_make(&module->layers[l], width_into(module, l), is_text,
                                                 error, &program);
        if (status == WEFT_STATUS_OK)
            status = time_sizes(&program, kit, like, n_processes, error, rows, n_rows);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_layer_times(const weft_model *model, const weft_i_kit *kit, int32_t n_processes,
                               weft_i_arena *arena, weft_error *error, weft_layer_time **out_rows,
                               int32_t *out_n_rows)
{
    int64_t most = 0;
    int32_t n_rows = 0;
    for (int32_t m = 0; m < model->n_modules; m++)
        for (int32_t l = 0; l < model->modules[m].n_layers; l++)
            most += is_new(&model->modules[m], l) ? N_TOKENS * N_SPANS : 0;
    weft_layer_time *rows = weft_i_new(arena, weft_layer_time, most);
    weft_status status = rows ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < model->n_modules; m++)
        status = time_module(model, m, kit, n_processes, error, rows, &n_rows);
    *out_rows = rows;
    *out_n_rows = n_rows;
    return status;
}
