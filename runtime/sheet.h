/* runtime/sheet.h - the tokens that a layer works on, and what is known of them beside values. */
#ifndef WEFT_RUNTIME_SHEET_H
#define WEFT_RUNTIME_SHEET_H

#include "runtime/attend.h"

typedef struct weft_i_sheet {
    int32_t n_rows, n_out_rows; /* equal but where a projector merges */
    int32_t n_media, n_context, n_spans;
    const weft_i_stretch *spans;
    const int32_t *tokens;     /* of an embedding, by row; -1 - k: row k of the media */
    const int32_t *targets;    /* of a head over tokens, by row; -1 = none */
    const float *velocities;   /* of a head over values, by row; in the kit's memory */
    const int32_t *merge_from; /* of a projector, by row out and place in it: row in, -1 = none */
    int32_t merge;
    float loss_weight; /* of one target token: 1 / all those of the batch */
    void *copy;        /* what a kit has of it in memory of its own; NULL = nothing */
} weft_i_sheet;

#endif
