/* profiles/layer.h - one kind of layer after the other: its keys in JSON, its defaults, its rules.
 * Not: modules and how layers fit together (model_check.c). */
#ifndef WEFT_PROFILES_LAYER_H
#define WEFT_PROFILES_LAYER_H

#include "base/json_in.h"
#include "weft/model.h"

/* `count` equal layers, as a file has them. */
typedef struct weft_i_layer_run {
    weft_layer layer;
    int32_t count;
} weft_i_layer_run;

/* Read an object of "layers" by the table of its kind and fill in what it leaves out. */
weft_status weft_i_layer_read(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                              weft_i_layer_run *out);

/* A layer of a kind before anything is said of it. */
weft_layer weft_i_layer_default(weft_layer_kind kind);

/* Fields left 0 that follow from others: kv_heads, head_size, heads of a Mamba. */
void weft_i_layer_complete(weft_layer *layer);

/* What is wrong with a completed layer, in half a sentence in `out_text`; true where nothing is. */
bool weft_i_layer_is_sound(const weft_layer *layer, char *out_text, size_t size);

#endif
