/* weft/batch.h - sample metadata of one global batch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_BATCH_H
#define WEFT_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whatever a sample leaves open, here and below, is -1. Widths and heights are in pixels. */
typedef struct weft_image {
    int32_t width, height;
} weft_image;
typedef struct weft_video {
    double seconds;
    int32_t width, height;
} weft_video;

typedef struct weft_sample {
    const char *id;
    const char *source; /* "" = not said */
    int64_t text_tokens, text_chars, text_words, loss_tokens;
    weft_image *images;    /* n_images */
    weft_video *videos;    /* n_videos */
    double *audio_seconds; /* n_audio */
    int32_t n_images, n_videos, n_audio;
    int32_t replica, microbatch; /* -1 = not packed by the caller */
    int32_t line;                /* of the file */
} weft_sample;

typedef struct weft_batch {
    const char *name;   /* of its file */
    const char *sha256; /* of the file's bytes */
    weft_sample *samples;
    int32_t n_samples;
    void *owner;
} weft_batch;

/* Read a weft.batch file, JSON Lines ("-" = stdin), in the order of its lines. IO, BAD_INPUT with
 * file, line and path, also for a file without samples, NO_MEMORY. Free *out_batch with
 * weft_batch_free. O(bytes): 18,000 samples take about 0.2 s. */
WEFT_API weft_status weft_batch_read(const char *file, weft_error *error, weft_batch **out_batch);
WEFT_API void weft_batch_free(weft_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
