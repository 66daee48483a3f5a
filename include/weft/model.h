/* weft/model.h - what is trained: modules, their layers, and how the modules feed each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_MODEL_H
#define WEFT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/problem.h"
#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of layers: enum value, name in JSON. What each is made of:
 * - transformer: norm, query key value, attention, output map; norm, MLP. gelu: two maps hidden x
 *   ffn, swiglu: three. With experts: a router, experts_per_token of them and the shared ones.
 *   With kv_rank keys and values are made from a latent (MLA, arXiv 2405.04434); with cross_hidden
 *   attention reads a condition instead of its own sequence (Llama 3.2 Vision).
 * - dit: self-attention, then cross-attention to the condition (cross_hidden > 0), then the MLP,
 *   each with a norm; self-attention and MLP modulated by the time step (adaLN).
 * - embedding: a table of vocab rows. head: a last norm and a map to vocab outputs.
 * - patch_embedding: a map from in_features to hidden.
 * - projector: a norm, `merge` tokens side by side, a map from in_features to hidden, GELU, a map
 *   hidden x hidden. With merge 1 it only changes the width.
 * - mamba: a norm and a Mamba-2 block (Dao and Gu 2024) with one group.
 * - measured: a table of times and bytes by tokens, for what is not modelled. */
#define WEFT_LAYER_LIST(X)                                                                         \
    X(TRANSFORMER, "transformer")                                                                  \
    X(DIT, "dit")                                                                                  \
    X(EMBEDDING, "embedding")                                                                      \
    X(HEAD, "head")                                                                                \
    X(PATCH, "patch_embedding")                                                                    \
    X(PROJECTOR, "projector")                                                                      \
    X(MAMBA, "mamba")                                                                              \
    X(MEASURED, "measured")

typedef enum weft_layer_kind {
#define WEFT_LAYER_ENUM(name, text) WEFT_LAYER_##name,
    WEFT_LAYER_LIST(WEFT_LAYER_ENUM)
#undef WEFT_LAYER_ENUM
        WEFT_N_LAYERS
} weft_layer_kind;

/* Name of a kind as in JSON, "transformer"; "?" for an unknown value. Static storage. */
WEFT_API const char *weft_layer_name(weft_layer_kind kind);

typedef enum weft_mlp { WEFT_MLP_GELU, WEFT_MLP_SWIGLU } weft_mlp;
typedef enum weft_norm { WEFT_NORM_LAYERNORM, WEFT_NORM_RMSNORM } weft_norm;
typedef enum weft_bias {
    WEFT_BIAS_NONE,
    WEFT_BIAS_QKV, /* of query, key and value only */
    WEFT_BIAS_ALL  /* of every linear map */
} weft_bias;
typedef enum weft_attention {
    WEFT_ATTENTION_FULL,
    WEFT_ATTENTION_CAUSAL,
    WEFT_ATTENTION_WINDOWED /* causal, over the last `window` tokens */
} weft_attention;

/* A row of a measured layer: one pass over `tokens` tokens, all on one device. */
typedef struct weft_measured_row {
    int64_t tokens;
    int64_t fw_ns, bw_ns, bwi_ns, bww_ns;
    int64_t saved_bytes, held_bytes, work_bytes;
} weft_measured_row;

/* One layer. Fields that its kind does not use are 0. Sizes are of the whole layer, before TP. */
typedef struct weft_layer {
    weft_layer_kind kind;
    bool trainable;
    int32_t lora_rank; /* > 0: only low-rank adapters of the linear maps are trained */
    int32_t hidden;
    /* transformer, dit */
    int32_t ffn, heads, kv_heads, head_size;
    weft_mlp mlp;
    weft_norm norm;
    weft_bias bias;
    weft_attention attention;
    int32_t window;
    /* transformer with experts: `ffn` is of one expert; experts = 0: dense */
    int32_t experts, experts_per_token, shared_experts;
    double imbalance; /* tokens of the busiest device of the expert group over the mean; 0 = 1 */
    /* transformer with latent attention (kv_rank > 0): widths of the latents of keys and values and
     * of queries (0 = none), and what is rotated of a head beside head_size, and a value's size */
    int32_t kv_rank, q_rank, rope_size, value_size;
    /* dit: width of the condition that cross-attention reads (0 = no cross-attention); transformer:
     * the same, in place of its own sequence. dit: adaLN with its own linear map of 6 * hidden, or
     * (shared) one small table a layer */
    int32_t cross_hidden;
    bool adaln_shared;
    /* embedding, head */
    int32_t vocab;
    bool tied; /* head: the embedding's matrix is used, its parameters count once */
    /* patch embedding: values of one patch; projector: width of its input after merging */
    int32_t in_features;
    /* projector: so many tokens become one; 1 elsewhere */
    int32_t merge;
    /* mamba: state size, expansion, width of the convolution; heads = hidden * expand / head_size
     */
    int32_t state_size, expand, conv_width;
    /* measured */
    const weft_measured_row *rows; /* tokens ascending; linear between, proportional beyond */
    int32_t n_rows;
    int64_t parameters; /* of a measured layer */
} weft_layer;

typedef enum weft_modality {
    WEFT_MODALITY_TEXT,
    WEFT_MODALITY_IMAGE,
    WEFT_MODALITY_VIDEO,
    WEFT_MODALITY_AUDIO
} weft_modality;

/* How sizes become tokens. */
typedef enum weft_input_kind {
    WEFT_INPUT_TEXT,    /* chars_per_token, where a sample has no text_tokens */
    WEFT_INPUT_FIXED,   /* every image is resized to size x size */
    WEFT_INPUT_DYNAMIC, /* Qwen-VL: sides rounded to patch * merge, pixels kept in min..max */
    WEFT_INPUT_TILES,   /* InternVL: best grid of 1..max_tiles tiles of size x size, and a thumbnail
                         */
    WEFT_INPUT_VIDEO,   /* fps, compression in time and space, patch */
    WEFT_INPUT_AUDIO    /* tokens_per_second */
} weft_input_kind;

typedef struct weft_input_rule {
    weft_input_kind kind;
    double chars_per_token;
    int32_t size, patch;
    int32_t
        merge; /* a square of merge x merge patches becomes one token; audio: so many in a row */
    int64_t min_pixels, max_pixels;
    int32_t min_tiles, max_tiles;
    bool thumbnail;
    double fps, max_seconds;   /* a longer video becomes clips */
    int32_t width, height;     /* videos are resized to this; 0 = as they are */
    int32_t temporal, spatial; /* compression by the VAE before patches */
    double tokens_per_second;
} weft_input_rule;

typedef struct weft_module {
    const char *name;
    weft_modality modality;
    weft_input_rule input;
    weft_layer *layers; /* every layer, runs expanded */
    int32_t n_layers;
} weft_module;

/* Output of a layer of one module goes to layers of another. */
typedef struct weft_model_edge {
    int32_t from_module, from_layer;
    int32_t to_module, to_first_layer, to_last_layer; /* inclusive */
    weft_edge_kind kind;
    bool gradient; /* flows back; false = detached */
} weft_model_edge;

/* Modules are in data order: an edge goes from a lower to a higher number. The last is the
 * backbone: its microbatches are what a batch is packed into. */
typedef struct weft_model {
    const char *name;
    const char *sha256; /* of the file's bytes */
    int32_t n_modules, n_edges;
    weft_module *modules;
    weft_model_edge *edges;
    int64_t sequence; /* tokens of the backbone that it is usually trained at; 0 = not said */
    void *owner;
} weft_model;

/* Load a shipped model ("vlm-s"), "gpt:layers=96,hidden=12288,heads=96,seq=2048,vocab=51200", or a
 * weft.model file; a name that is also a file means the file. docs/formats.md has the keys and the
 * rules. USAGE for an unknown name and a wrong line, IO, BAD_INPUT with file, line and path,
 * NO_MEMORY. Free *out_model with weft_model_free. Thread-safe. */
WEFT_API weft_status weft_model_load(const char *name, weft_error *error, weft_model **out_model);
WEFT_API void weft_model_free(weft_model *model);

/* Names of the shipped models; NULL past the last. */
WEFT_API const char *weft_model_shipped(size_t index);

/* Parameters of layers first..first+n-1 of a module, before TP; `trained`: only those with a
 * gradient. Biases, norms and low-rank adapters count; a tied head's matrix does not, and
 * embeddings of positions are in no layer. Exact. */
WEFT_API int64_t weft_model_parameters(const weft_model *model, int32_t module, int32_t first,
                                       int32_t n, bool trained);

#ifdef __cplusplus
}
#endif
#endif
