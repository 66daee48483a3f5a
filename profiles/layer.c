/* profiles/layer.c - keys, defaults and rules of each kind of layer. */
#include "profiles/layer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

enum { MAX_HIDDEN = 1 << 20, MAX_FFN = 1 << 24, MAX_VOCAB = 1 << 28, MAX_COUNT = 100000 };

const char *weft_layer_name(weft_layer_kind kind)
{
    switch (kind) {
#define CASE(name, text)                                                                           \
    case WEFT_LAYER_##name:                                                                        \
        return text;
        WEFT_LAYER_LIST(CASE)
#undef CASE
    case WEFT_N_LAYERS:
        break;
    }
    return "?";
}

#define INT(text, field, low, high)                                                                \
    {                                                                                              \
        WEFT_I_FIELD_INT32(text, weft_i_layer_run, layer.field), .min = low, .max = high           \
    }
#define NEEDED(text, field, low, high)                                                             \
    {                                                                                              \
        .required = true, WEFT_I_FIELD_INT32(text, weft_i_layer_run, layer.field), .min = low,     \
        .max = high                                                                                \
    }
#define BOOL(text, field)                                                                          \
    {                                                                                              \
        WEFT_I_FIELD_BOOL(text, weft_i_layer_run, layer.field)                                     \
    }
#define CHOICE(text, field, words, is_needed)                                                      \
    {                                                                                              \
        WEFT_I_FIELD_ENUM(text, weft_i_layer_run, layer.field, words), .required = is_needed       \
    }
/* Keys of every kind. "kind" was read before. */
#define COMMON                                                                                     \
    {WEFT_I_FIELD_OTHER("kind")},                                                                  \
        {WEFT_I_FIELD_INT32("count", weft_i_layer_run, count), .min = 1, .max = MAX_COUNT},        \
        BOOL("trainable", trainable), INT("lora_rank", lora_rank, 0, MAX_HIDDEN),                  \
        NEEDED("hidden", hidden, 1, MAX_HIDDEN)
#define MLP       CHOICE("mlp", mlp, "gelu|swiglu", true)
#define NORM      CHOICE("norm", norm, "layernorm|rmsnorm", false)
#define BIAS      CHOICE("bias", bias, "none|qkv|all", false)
#define ATTENTION CHOICE("attention", attention, "full|causal|windowed", true)
#define HEADS                                                                                      \
    NEEDED("ffn", ffn, 1, MAX_FFN), NEEDED("heads", heads, 1, MAX_HIDDEN),                         \
        INT("kv_heads", kv_heads, 1, MAX_HIDDEN), INT("head_size", head_size, 1, MAX_HIDDEN)

static const weft_i_json_field transformer_fields[] = {
    COMMON,
    HEADS,
    MLP,
    NORM,
    BIAS,
    ATTENTION,
    INT("window", window, 1, INT32_MAX),
    INT("experts", experts, 1, 65536),
    INT("experts_per_token", experts_per_token, 1, 65536),
    INT("shared_experts", shared_experts, 0, 1024),
    {WEFT_I_FIELD_DOUBLE("imbalance", weft_i_layer_run, layer.imbalance), .min = 1, .max = 65536},
    INT("kv_rank", kv_rank, 1, MAX_HIDDEN),
    INT("q_rank", q_rank, 1, MAX_HIDDEN),
    INT("rope_size", rope_size, 1, MAX_HIDDEN),
    INT("value_size", value_size, 1, MAX_HIDDEN),
    INT("cross_hidden", cross_hidden, 1, MAX_HIDDEN),
};
static const weft_i_json_field dit_fields[] = {
    COMMON,
    HEADS,
    MLP,
    NORM,
    BIAS,
    INT("cross_hidden", cross_hidden, 1, MAX_HIDDEN),
    BOOL("adaln_shared", adaln_shared),
};
static const weft_i_json_field embedding_fields[] = {COMMON, NEEDED("vocab", vocab, 1, MAX_VOCAB)};
static const weft_i_json_field head_fields[] = {
    COMMON, NEEDED("vocab", vocab, 1, MAX_VOCAB), NORM, BIAS, BOOL("tied", tied),
};
static const weft_i_json_field patch_fields[] = {
    COMMON,
    NEEDED("in_features", in_features, 1, MAX_FFN),
    BIAS,
};
static const weft_i_json_field projector_fields[] = {
    COMMON, NEEDED("in_features", in_features, 1, MAX_FFN), INT("merge", merge, 1, 65536), NORM,
    BIAS,
};
static const weft_i_json_field mamba_fields[] = {
    COMMON,
    NEEDED("state_size", state_size, 1, 65536),
    INT("expand", expand, 1, 64),
    INT("conv_width", conv_width, 1, 64),
    INT("head_size", head_size, 1, MAX_HIDDEN),
    NORM,
    BIAS,
};
static const weft_i_json_field measured_fields[] = {
    COMMON,
    {WEFT_I_FIELD_OTHER("rows"), .required = true},
    {WEFT_I_FIELD("parameters", WEFT_I_JSON_INT64, weft_i_layer_run, layer.parameters)},
};

typedef struct kind_table {
    const weft_i_json_field *fields;
    size_t n;
} kind_table;

#define TABLE(name)                                                                                \
    {                                                                                              \
        name, sizeof(name) / sizeof((name)[0])                                                     \
    }
static const kind_table tables[WEFT_N_LAYERS] = {
    [WEFT_LAYER_TRANSFORMER] = TABLE(transformer_fields),
    [WEFT_LAYER_DIT] = TABLE(dit_fields),
    [WEFT_LAYER_EMBEDDING] = TABLE(embedding_fields),
    [WEFT_LAYER_HEAD] = TABLE(head_fields),
    [WEFT_LAYER_PATCH] = TABLE(patch_fields),
    [WEFT_LAYER_PROJECTOR] = TABLE(projector_fields),
    [WEFT_LAYER_MAMBA] = TABLE(mamba_fields),
    [WEFT_LAYER_MEASURED] = TABLE(measured_fields),
};

weft_layer weft_i_layer_default(weft_layer_kind kind)
{
    weft_layer layer = {.kind = kind, .trainable = true, .norm = WEFT_NORM_LAYERNORM};
    if (kind == WEFT_LAYER_PATCH || kind == WEFT_LAYER_PROJECTOR || kind == WEFT_LAYER_DIT)
        layer.bias = WEFT_BIAS_ALL;
    layer.merge = 1;
    if (kind == WEFT_LAYER_DIT) layer.adaln_shared = true;
    if (kind == WEFT_LAYER_MAMBA) layer.expand = 2;
    if (kind == WEFT_LAYER_MAMBA) layer.conv_width = 4;
    return layer;
}

void weft_i_layer_complete(weft_layer *layer)
{
    if (layer->kind == WEFT_LAYER_MAMBA) {
        if (layer->head_size == 0) layer->head_size = 64;
        layer->heads = (int32_t)((int64_t)layer->hidden * layer->expand / layer->head_size);
        layer->kv_heads = layer->heads;
        return;
    }
    if (layer->heads == 0) return;
    if (layer->kv_heads == 0) layer->kv_heads = layer->heads;
    if (layer->head_size == 0 && layer->hidden % layer->heads == 0)
        layer->head_size = layer->hidden / layer->heads;
    if (layer->kv_rank > 0 && layer->value_size == 0) layer->value_size = layer->head_size;
    if (layer->experts > 0 && layer->imbalance < 1) layer->imbalance = 1;
}

static bool unsound(char *out_text, size_t size, const char *fmt, ...) WEFT_PRINTF(3, 4);
static bool unsound(char *out_text, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(out_text, size, fmt, args);
    va_end(args);
    return false;
}

static bool heads_are_sound(const weft_layer *layer, char *out_text, size_t size)
{
    if (layer->head_size == 0) {
        return unsound(out_text, size, "hidden %d is not divisible by heads %d, and no head_size",
                       layer->hidden, layer->heads);
    }
    if (layer->heads % layer->kv_heads != 0) {
        return unsound(out_text, size, "heads %d is not divisible by kv_heads %d", layer->heads,
                       layer->kv_heads);
    }
    if ((int64_t)layer->heads * layer->head_size > MAX_FFN) {
        return unsound(out_text, size, "heads %d of size %d are over %d wide", layer->heads,
                       layer->head_size, MAX_FFN);
    }
    return true;
}

static bool latent_is_sound(const weft_layer *layer, char *out_text, size_t size)
{
    if (layer->kv_rank == 0) {
        if (layer->q_rank == 0 && layer->rope_size == 0 && layer->value_size == 0) return true;
        return unsound(out_text, size, "q_rank, rope_size and value_size go with kv_rank");
    }
    if (layer->cross_hidden > 0)
        return unsound(out_text, size, "kv_rank and cross_hidden exclude each other");
    if (layer->kv_heads != layer->heads)
        return unsound(out_text, size, "kv_heads %d with kv_rank, expected heads %d",
                       layer->kv_heads, layer->heads);
    if ((layer->head_size + (int64_t)layer->rope_size + layer->value_size) % 2 != 0)
        return unsound(out_text, size,
                       "head_size %d, rope_size %d and value_size %d add up to an "
                       "odd number",
                       layer->head_size, layer->rope_size, layer->value_size);
    return true;
}

static bool transformer_is_sound(const weft_layer *layer, char *out_text, size_t size)
{
    bool has_window = layer->window > 0, is_windowed = layer->attention == WEFT_ATTENTION_WINDOWED;
    if (has_window != is_windowed) {
        return unsound(out_text, size, "windowed attention and window go together, found %s alone",
                       has_window ? "window" : "windowed attention");
    }
    if ((layer->experts > 0) != (layer->experts_per_token > 0))
        return unsound(out_text, size, "experts and experts_per_token go together");
    if (layer->shared_experts > 0 && layer->experts == 0)
        return unsound(out_text, size, "shared_experts without experts");
    if (layer->imbalance > 0 && layer->experts == 0)
        return unsound(out_text, size, "imbalance without experts");
    if (layer->experts_per_token > layer->experts) {
        return unsound(out_text, size, "experts_per_token %d is more than experts %d",
                       layer->experts_per_token, layer->experts);
    }
    return latent_is_sound(layer, out_text, size) && heads_are_sound(layer, out_text, size);
}

static bool mamba_is_sound(const weft_layer *layer, char *out_text, size_t size)
{
    int64_t width = (int64_t)layer->hidden * layer->expand;
    if (width > MAX_FFN)
        return unsound(out_text, size, "hidden %d times expand %d is over %d", layer->hidden,
                       layer->expand, MAX_FFN);
    if (width % layer->head_size == 0) return true;
    return unsound(out_text, size, "hidden %d times expand %d is not divisible by head_size %d",
                   layer->hidden, layer->expand, layer->head_size);
}

bool weft_i_layer_is_sound(const weft_layer *layer, char *out_text, size_t size)
{
    if (layer->lora_rank > layer->hidden)
        return unsound(out_text, size, "lora_rank %d is more than hidden %d", layer->lora_rank,
                       layer->hidden);
    switch (layer->kind) {
    case WEFT_LAYER_TRANSFORMER:
        return transformer_is_sound(layer, out_text, size);
    case WEFT_LAYER_DIT:
        return heads_are_sound(layer, out_text, size);
    case WEFT_LAYER_MAMBA:
        return mamba_is_sound(layer, out_text, size);
    case WEFT_LAYER_PROJECTOR:
        if (layer->in_features % layer->merge == 0) return true;
        return unsound(out_text, size, "in_features %d is not divisible by merge %d",
                       layer->in_features, layer->merge);
    case WEFT_LAYER_EMBEDDING:
    case WEFT_LAYER_HEAD:
    case WEFT_LAYER_PATCH:
    case WEFT_LAYER_MEASURED:
    case WEFT_N_LAYERS:
        break;
    }
    return true;
}

static weft_status read_rows(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                             weft_layer *layer)
{
#define ROW(field)                                                                                 \
    {                                                                                              \
        WEFT_I_FIELD(#field, WEFT_I_JSON_INT64, weft_measured_row, field)                          \
    }
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD("tokens", WEFT_I_JSON_INT64, weft_measured_row, tokens), .min = 1,
         .max = 1e12, .required = true},
        ROW(fw_ns),
        ROW(bw_ns),
        ROW(bwi_ns),
        ROW(bww_ns),
        ROW(saved_bytes),
        ROW(held_bytes),
        ROW(work_bytes),
    };
#undef ROW
    weft_i_json array;
    size_t n;
    if (!weft_i_json_get(in, "rows", &array)) return WEFT_STATUS_OK;
    weft_status status = weft_i_json_array(&array, 1, 10000, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    weft_measured_row *rows = weft_i_new(arena, weft_measured_row, n);
    if (!rows) return weft_i_no_memory(error);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        status = weft_i_json_read(&item, fields, WEFT_I_N_FIELDS(fields), arena, error, &rows[i]);
        if (status != WEFT_STATUS_OK) return status;
        if (i > 0 && rows[i].tokens <= rows[i - 1].tokens)
            return weft_i_json_fail(&item, error, "tokens must ascend, found %lld after %lld",
                                    (long long)rows[i].tokens, (long long)rows[i - 1].tokens);
    }
    layer->rows = rows;
    layer->n_rows = (int32_t)n;
    return WEFT_STATUS_OK;
}

static weft_status read_kind(const weft_i_json *in, weft_error *error, weft_layer_kind *out_kind)
{
#define WORD(name, text) "|" text
    static const char names[] = "" WEFT_LAYER_LIST(WORD);
#undef WORD
    weft_i_json member;
    int kind;
    if (!weft_i_json_is_object(in))
        return weft_i_json_read(in, NULL, 0, NULL, error, NULL); /* says what it is */
    if (!weft_i_json_get(in, "kind", &member))
        return weft_i_json_fail(in, error, "missing key 'kind'");
    weft_status status = weft_i_json_choice(&member, names + 1, error, &kind);
    if (status == WEFT_STATUS_OK) *out_kind = (weft_layer_kind)kind;
    return status;
}

weft_status weft_i_layer_read(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                              weft_i_layer_run *out)
{
    weft_layer_kind kind = WEFT_LAYER_TRANSFORMER;
    weft_status status = read_kind(in, error, &kind);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_layer_run run = {.layer = weft_i_layer_default(kind), .count = 1};
    status = weft_i_json_read(in, tables[kind].fields, tables[kind].n, arena, error, &run);
    if (status == WEFT_STATUS_OK && kind == WEFT_LAYER_MEASURED)
        status = read_rows(in, arena, error, &run.layer);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_layer_complete(&run.layer);
    *out = run;
    return WEFT_STATUS_OK;
}
