/* tests/runtime/layer_rows.h - one layer of every kind that trains. */
#ifndef WEFT_TESTS_LAYER_ROWS_H
#define WEFT_TESTS_LAYER_ROWS_H

#include "tests/runtime/layer_case.h"

typedef struct layer_row {
    const char *name;
    weft_layer layer;
    int32_t input_width;
    bool is_text;
} layer_row;

#define BLOCK .hidden = 8, .heads = 4, .head_size = 4, .ffn = 10, .trainable = true
static const layer_row ROWS[] = {
    {"gelu, layernorm, full",
     {WEFT_LAYER_TRANSFORMER, BLOCK, .kv_heads = 4, .bias = WEFT_BIAS_ALL},
     8,
     true},
    {"swiglu, rmsnorm, causal, gqa",
     {WEFT_LAYER_TRANSFORMER, BLOCK, .kv_heads = 2, .mlp = WEFT_MLP_SWIGLU,
      .norm = WEFT_NORM_RMSNORM, .bias = WEFT_BIAS_QKV, .attention = WEFT_ATTENTION_CAUSAL},
     8,
     true},
    {"windowed",
     {WEFT_LAYER_TRANSFORMER, BLOCK, .kv_heads = 1, .attention = WEFT_ATTENTION_WINDOWED,
      .window = 2},
     8,
     true},
    {"reads a condition",
     {WEFT_LAYER_TRANSFORMER, BLOCK, .kv_heads = 2, .mlp = WEFT_MLP_SWIGLU, .cross_hidden = 6},
     8,
     true},
    {"dit with one table",
     {WEFT_LAYER_DIT, BLOCK, .kv_heads = 4, .bias = WEFT_BIAS_ALL, .cross_hidden = 6,
      .adaln_shared = true},
     8,
     false},
    {"dit with a map", {WEFT_LAYER_DIT, BLOCK, .kv_heads = 2, .mlp = WEFT_MLP_SWIGLU}, 8, false},
    {"embedding", {WEFT_LAYER_EMBEDDING, .hidden = 8, .vocab = 6, .trainable = true}, 0, true},
    {"head",
     {WEFT_LAYER_HEAD, .hidden = 8, .vocab = 6, .norm = WEFT_NORM_RMSNORM, .trainable = true},
     8,
     true},
    {"head over values",
     {WEFT_LAYER_HEAD, .hidden = 8, .vocab = 6, .bias = WEFT_BIAS_ALL, .trainable = true},
     8,
     false},
    {"patches",
     {WEFT_LAYER_PATCH, .hidden = 8, .in_features = 5, .bias = WEFT_BIAS_ALL, .trainable = true},
     5,
     false},
    {"projector",
     {WEFT_LAYER_PROJECTOR, .hidden = 6, .in_features = 32, .merge = 4, .bias = WEFT_BIAS_ALL,
      .trainable = true},
     8,
     false},
};
enum { N_ROWS = sizeof(ROWS) / sizeof(ROWS[0]) };

static inline weft_i_wants all_wanted(const layer_case *c)
{
    return (weft_i_wants){.input = c->program.tensors[WEFT_I_TENSOR_INPUT].width > 0,
                          .media = c->layer.kind == WEFT_LAYER_EMBEDDING,
                          .context = c->layer.cross_hidden > 0,
                          .weights = true};
}

#endif
