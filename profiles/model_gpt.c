/* profiles/model_gpt.c - "gpt:layers=96,hidden=12288,...": a plain language model in one line. */
#include <string.h>

#include "base/error.h"
#include "profiles/keyvalue.h"
#include "profiles/layer.h"
#include "profiles/model_own.h"

typedef struct gpt {
    weft_layer block;
    int64_t sequence;
    int32_t layers, vocab;
    bool tied;
} gpt;

#define INT(text, field, low, high)                                                                \
    {                                                                                              \
        WEFT_I_FIELD_INT32(text, gpt, field), .min = low, .max = high                              \
    }
#define CHOICE(text, field, words)                                                                 \
    {                                                                                              \
        WEFT_I_FIELD_ENUM(text, gpt, field, words)                                                 \
    }
static const weft_i_json_field fields[] = {
    INT("layers", layers, 1, 99000),
    INT("hidden", block.hidden, 1, 1 << 20),
    INT("heads", block.heads, 1, 1 << 20),
    INT("vocab", vocab, 1, 1 << 28),
    {WEFT_I_FIELD("seq", WEFT_I_JSON_INT64, gpt, sequence), .min = 1, .max = 1e9},
    INT("ffn", block.ffn, 1, 1 << 24),
    INT("kv_heads", block.kv_heads, 1, 1 << 20),
    INT("head_size", block.head_size, 1, 1 << 20),
    INT("window", block.window, 1, INT32_MAX),
    INT("experts", block.experts, 1, 65536),
    INT("experts_per_token", block.experts_per_token, 1, 65536),
    INT("shared_experts", block.shared_experts, 0, 1024),
    {WEFT_I_FIELD_DOUBLE("imbalance", gpt, block.imbalance), .min = 1, .max = 65536},
    INT("kv_rank", block.kv_rank, 1, 1 << 20),
    INT("q_rank", block.q_rank, 1, 1 << 20),
    INT("rope_size", block.rope_size, 1, 1 << 20),
    INT("value_size", block.value_size, 1, 1 << 20),
    CHOICE("mlp", block.mlp, "gelu|swiglu"),
    CHOICE("norm", block.norm, "layernorm|rmsnorm"),
    CHOICE("bias", block.bias, "none|qkv|all"),
    {WEFT_I_FIELD_BOOL("tied", gpt, tied)},
};

static weft_status read_words(const char *text, weft_error *error, gpt *out)
{
    weft_i_keyvalue pair = {.rest = text};
    bool more;
    for (;;) {
        weft_status status = weft_i_keyvalue_next(&pair, "gpt", error, &more);
        if (status != WEFT_STATUS_OK || !more) return status;
        status = weft_i_keyvalue_set(&pair, "gpt", fields, WEFT_I_N_FIELDS(fields), error, out);
        if (status != WEFT_STATUS_OK) return status;
    }
}

static weft_status complete(weft_error *error, gpt *g)
{
    const char *missing = NULL;
    if (g->block.heads == 0) missing = "heads";
    if (g->block.hidden == 0) missing = "hidden";
    if (g->layers == 0) missing = "layers";
    if (missing) return weft_i_fail(error, WEFT_STATUS_USAGE, "gpt: missing key '%s'", missing);
    int64_t ffn = g->block.ffn ? g->block.ffn : 4 * (int64_t)g->block.hidden;
    g->block.ffn = (int32_t)ffn;
    g->block.attention = g->block.window ? WEFT_ATTENTION_WINDOWED : WEFT_ATTENTION_CAUSAL;
    weft_i_layer_complete(&g->block);
    return WEFT_STATUS_OK;
}

/* Embedding, blocks, head. */
static bool build(const gpt *g, weft_i_arena *arena, weft_model *model)
{
    model->modules = weft_i_new(arena, weft_module, 1);
    if (!model->modules) return false;
    weft_module *module = model->modules;
    module->name = "language";
    module->modality = WEFT_MODALITY_TEXT;
    module->input = (weft_input_rule){.kind = WEFT_INPUT_TEXT,
                                      .chars_per_token = 4,
                                      .merge = 1,
                                      .min_tiles = 1,
                                      .thumbnail = true,
                                      .temporal = 1,
                                      .spatial = 1};
    module->n_layers = g->layers + 2;
    module->layers = weft_i_new(arena, weft_layer, module->n_layers);
    if (!module->layers) return false;
    for (int32_t l = 1; l <= g->layers; l++)
        module->layers[l] = g->block;
    weft_layer *first = &module->layers[0], *last = &module->layers[g->layers + 1];
    *first = weft_i_layer_default(WEFT_LAYER_EMBEDDING);
    *last = weft_i_layer_default(WEFT_LAYER_HEAD);
    first->hidden = last->hidden = g->block.hidden;
    first->vocab = last->vocab = g->vocab;
    last->norm = g->block.norm;
    last->tied = g->tied;
    model->n_modules = 1;
    model->sequence = g->sequence;
    return true;
}

weft_status weft_i_model_read_gpt(const char *text, weft_i_arena *arena, weft_error *error,
                                  weft_model *model)
{
    gpt g = {.block = weft_i_layer_default(WEFT_LAYER_TRANSFORMER), .vocab = 51200, .tied = true};
    weft_i_model_fault fault;
    g.block.bias = WEFT_BIAS_ALL;
    weft_status status = read_words(text, error, &g);
    if (status == WEFT_STATUS_OK) status = complete(error, &g);
    if (status != WEFT_STATUS_OK) return status;
    if (!build(&g, arena, model)) return weft_i_no_memory(error);
    if (!weft_i_model_is_sound(model, &fault))
        return weft_i_fail(error, WEFT_STATUS_USAGE, "gpt: %s", fault.text);
    return WEFT_STATUS_OK;
}
