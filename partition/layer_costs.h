/* partition/layer_costs.h - what each layer costs at the mean microbatch, and a module at
 * sub-microbatches of several sizes: what layouts are made by. Not: costs of one batch's stages. */
#ifndef WEFT_PARTITION_LAYER_COSTS_H
#define WEFT_PARTITION_LAYER_COSTS_H

#include "partition/layouts.h"

/* One layer on one device; mean over microbatches, those without work for it counted as 0. */
typedef struct weft_i_layer_cost {
    double ns[WEFT_I_N_STRATEGIES]; /* forward and backward; INFINITY where not allowed */
    double saved_bytes[WEFT_I_N_STRATEGIES];
    double work_bytes[WEFT_I_N_STRATEGIES];
    double state_bytes, output_bytes;
    double best_ns, fw_ns; /* the least of ns; the forward's part */
} weft_i_layer_cost;

typedef struct weft_i_module_cost {
    weft_i_layer_cost *layers;
    int32_t n_layers;
    double ns, fw_ns; /* sums of the layers' */
    double mean_tokens;
    int32_t most_items; /* of a microbatch */
} weft_i_module_cost;

/* Layers that may be cut at all: the exact cut takes time in their square. */
enum { WEFT_I_MAX_CUT_LAYERS = 4096 };

/* Costs of every module, out of at most 16 microbatches that are spread evenly over all.
 * BAD_INPUT for a model of too many layers. The arrays live in the arena. */
weft_status weft_i_layer_costs(const weft_i_layout_input *input, weft_i_arena *arena,
                               weft_error *error, weft_i_module_cost **out_modules);

/* The smallest sub-microbatch of a module that keeps 95 % of the best efficiency (tokens a second)
 * of all sizes tested, out of instances that are spread evenly over those of all microbatches. */
typedef struct weft_i_best_size {
    int64_t tokens;
    double fw_ns, ns; /* of the whole module on it: the forward, and with the backward */
} weft_i_best_size;
weft_status weft_i_best_size_find(const weft_i_layout_input *input, int32_t module,
                                  weft_error *error, weft_i_best_size *out_size);

#endif
