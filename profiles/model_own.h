/* profiles/model_own.h - what the files that make models share: memory, rules, the two sources. */
#ifndef WEFT_PROFILES_MODEL_OWN_H
#define WEFT_PROFILES_MODEL_OWN_H

#include "base/arena.h"
#include "weft/model.h"

/* The first rule that a model breaks; module, layer or edge -1 where it is not of one. */
typedef struct weft_i_model_fault {
    int32_t module, layer, edge;
    char text[200];
} weft_i_model_fault;

/* True where widths fit, edges go forward and stay in range, counts are in their limits. */
bool weft_i_model_is_sound(const weft_model *model, weft_i_model_fault *out_fault);

/* Fill `model`, zeroed and with a name, from a weft.model text or from "layers=96,hidden=...".
 * Strings and arrays go into the arena. */
weft_status weft_i_model_read_json(const char *name, const char *text, size_t n,
                                   weft_i_arena *arena, weft_error *error, weft_model *model);
weft_status weft_i_model_read_gpt(const char *text, weft_i_arena *arena, weft_error *error,
                                  weft_model *model);

#endif
