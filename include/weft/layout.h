/* weft/layout.h - what is placed where for a whole run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_LAYOUT_H
#define WEFT_LAYOUT_H

#include "weft/plan.h"
#include "weft/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_layout_module {
    const char *module;
    int32_t segments;             /* K */
    int32_t direction;            /* 1: ranks 0..P-1, -1: P-1..0, 0: V-shaped, back and forth */
    int64_t submicrobatch_tokens; /* B: the largest sub-microbatch; WEFT_INT_MAX = a whole one */
    int32_t microbatches; /* so many may share a sub-microbatch, in a module of little work */
} weft_layout_module;

typedef struct weft_layout {
    const char *name;
    const char *model; /* name of the model it was made for */
    const char *sha256;
    weft_parallel parallel;
    weft_layout_module *modules; /* in data order */
    int32_t n_modules;
    weft_chunk *chunks; /* by module, segment, place; bytes and times are 0 in a file */
    int32_t n_chunks;
    weft_shared *shared;
    int32_t n_shared;
    /* A baseline's cut: v slots a rank in data order, a slot may hold chunks of two modules. */
    int32_t *slot_of_chunk; /* n_chunks, or NULL */
    int32_t n_slots;
    void *owner;
} weft_layout;

/* Read a weft.layout file ("-" = stdin). IO, BAD_INPUT with file, line and path, NO_MEMORY. Free
 * *out_layout with weft_layout_free. */
WEFT_API weft_status weft_layout_read(const char *file, weft_error *error,
                                      weft_layout **out_layout);
/* Write a weft.layout file ("-" = stdout), complete or not at all; byte counts of chunks are left
 * out. IO. */
WEFT_API weft_status weft_layout_write(const weft_layout *layout, const char *file,
                                       weft_error *error);
/* Check the rules of docs/formats.md: every layer of every module of `n_layers` (n_modules counts)
 * is in one chunk, ranks are in range, segments in order. The readers call it with n_layers NULL:
 * then only what needs no model. BAD_INPUT names the first broken rule by its JSON path. */
WEFT_API weft_status weft_layout_check(const weft_layout *layout, const int32_t *n_layers,
                                       weft_error *error);
WEFT_API void weft_layout_free(weft_layout *layout);

#ifdef __cplusplus
}
#endif
#endif
