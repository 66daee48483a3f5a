/* plan/layout_own.h - layouts that own their memory in one arena, their rules, and layouts out of
 * text that is in memory. */
#ifndef WEFT_PLAN_LAYOUT_OWN_H
#define WEFT_PLAN_LAYOUT_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "weft/layout.h"

/* An empty layout (strings "", the axes of `parallel` 1) and the arena that all of it must live in.
 * Free with weft_layout_free. NULL when out of memory. */
weft_layout *weft_i_layout_create(weft_i_arena **out_arena);

/* The first rule that a layout breaks: in item `index` of `array`, the name of a key; NULL = none
 * in particular. */
typedef struct weft_i_layout_fault {
    const char *array;
    int32_t index;
    char text[200];
} weft_i_layout_fault;

/* The rules of weft_layout_check. */
bool weft_i_layout_is_sound(const weft_layout *layout, const int32_t *n_layers,
                            weft_i_layout_fault *out_fault);

/* weft_layout_read of n bytes of text; `name` is what errors call it. */
weft_status weft_i_layout_parse(const char *name, const char *text, size_t n, weft_error *error,
                                weft_layout **out_layout);

/* weft_layout_write to a stream that is open. */
weft_status weft_i_layout_print(const weft_layout *layout, FILE *stream, weft_error *error);

#endif
