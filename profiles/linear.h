/* profiles/linear.h - the linear maps of a layer, and its parameters. Not: what they cost. */
#ifndef WEFT_PROFILES_LINEAR_H
#define WEFT_PROFILES_LINEAR_H

#include <stdbool.h>

#include "weft/model.h"

/* `copies` equal maps from `in` to `out` values (experts have many). */
typedef struct weft_i_linear {
    double in, out, copies;
    bool bias;
} weft_i_linear;

enum { WEFT_I_LINEAR_MAX = 16 };

/* The maps of a layer, before TP; returns how many. A tied head has one, the embedding's. */
int weft_i_linear_maps(const weft_layer *layer, weft_i_linear out[WEFT_I_LINEAR_MAX]);

/* Parameters of a layer, and those of them that are trained; exact below 2^53. */
double weft_i_layer_parameters(const weft_layer *layer);
double weft_i_layer_trained_parameters(const weft_layer *layer);

/* Parameters of a layer that every device of a TP group holds whole: maps that are not cut because
 * what they make is small, or needed whole by all (latents, the choice of experts, patches, a
 * Mamba's one group of B and C). Norms count as cut: they are too few to matter. */
double weft_i_layer_whole_parameters(const weft_layer *layer);

#endif
