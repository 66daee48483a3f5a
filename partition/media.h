/* partition/media.h - what is in one sample: its text, images, clips and pieces of audio, and what
 * each is to the modules of its modality. Not: how it is cut to fit (partition/units.h). */
#ifndef WEFT_PARTITION_MEDIA_H
#define WEFT_PARTITION_MEDIA_H

#include "partition/units.h"

/* An image, a clip or a piece of audio. */
typedef struct weft_i_medium {
    weft_modality modality;
    int64_t microseconds; /* of a clip */
    int64_t received;     /* tokens that it adds to the backbone's sequence */
    size_t first;         /* its instances in `instances`, one for each module of its modality */
    int32_t n;
} weft_i_medium;

/* Reused from sample to sample. */
typedef struct weft_i_media {
    int64_t text_tokens;
    weft_i_medium *media; /* images, then clips, then audio */
    weft_i_instance *instances;
    size_t n_media, n_instances;
    size_t media_cap, instances_cap;
} weft_i_media;

/* What a batch is looked at with. */
typedef struct weft_i_view {
    const weft_model *model;
    const weft_recipe *recipe;
    const weft_batch *batch;
    bool strict;
    weft_error *error;
    int64_t sequence;    /* the recipe's, WEFT_INT_MAX where it has none */
    int64_t *out_tokens; /* scratch: one a module */
} weft_i_view;

/* BAD_INPUT at the sample's line. */
weft_status weft_i_sample_fail(const weft_i_view *view, int32_t sample, const char *path,
                               const char *fmt, ...) WEFT_PRINTF(4, 5);

/* Read sample number `sample` into *media, which is emptied first. */
weft_status weft_i_media_read(const weft_i_view *view, int32_t sample, weft_i_pack_notes *notes,
                              weft_i_media *media);
void weft_i_media_free(weft_i_media *media);

#endif
