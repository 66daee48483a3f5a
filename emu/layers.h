/* emu/layers.h - each kind of layer as operators and tensors, under tensor, context and expert
 * parallelism. Not: what they cost, nor attention (emu/attention.h). */
#ifndef WEFT_EMU_LAYERS_H
#define WEFT_EMU_LAYERS_H

#include "emu/operators.h"

/* All of a layer's structure that its operators depend on. Only int64_t, so that two shapes are
 * equal exactly where their bytes are. */
typedef struct weft_i_shape {
    int64_t kind, lora_rank, hidden;
    int64_t ffn, heads, kv_heads, head_size, swiglu;
    int64_t attention, window;
    int64_t experts, experts_per_token, shared_experts;
    int64_t imbalance_ppm;                          /* of experts, in millionths; even = 1000000 */
    int64_t kv_rank, q_rank, rope_size, value_size; /* latent attention; kv_rank 0 = none */
    int64_t cross_hidden, adaln_shared;
    int64_t vocab, in_features, merge;
    int64_t state_size, expand, conv_width;
    int64_t tp, cp, ep; /* ways the layer is cut; tp 1 where the module is replicated */
    int64_t sequence_parallel, flash, cp_gathers;
    int64_t backward;               /* weft_backward */
    int64_t asked, condition_asked; /* for the gradient of its input, of its condition */
    int64_t measured;               /* its number among the measured layers, else -1 */
} weft_i_shape;

/* What a layer's surroundings make of it. */
typedef struct weft_i_place {
    weft_tp_mode tp_mode;
    weft_backward backward;
    bool asked, condition_asked; /* for the gradient of its input, of its condition */
} weft_i_place;

weft_i_shape weft_i_shape_of(const weft_layer *layer, const weft_recipe *recipe,
                             const weft_parallel *parallel, const weft_i_place *place);

/* What a layer works on, on its slowest device before CP and TP cut it: `tokens` at the layer's
 * input. */
typedef struct weft_i_load {
    int64_t tokens, context, spans;
} weft_i_load;

/* Fill an empty graph. `layer` is read only where it is measured. */
void weft_i_layer_operators(const weft_i_shape *shape, const weft_layer *layer,
                            const weft_i_load *load, weft_i_operators *out_graph);

/* Model flop of the passes that run, all devices, attention left out: linear in the load. */
typedef struct weft_i_flop_rates {
    double token, context, span;
} weft_i_flop_rates;

weft_i_flop_rates weft_i_layer_flop_rates(const weft_i_shape *shape, const weft_layer *layer);

#endif
