/* partition/units.h - from samples to units, which go into a microbatch as a whole: a document with
 * its images, a clip with its caption. Sizes become tokens here, and what is too long is cut. Not:
 * which microbatch. */
#ifndef WEFT_PARTITION_UNITS_H
#define WEFT_PARTITION_UNITS_H

#include "partition/bins.h"
#include "partition/pack.h"

/* An instance of a module, before it has a microbatch. */
typedef struct weft_i_instance {
    weft_item item;
    int32_t module;
    int64_t out_tokens, context_tokens;
} weft_i_instance;

typedef struct weft_i_unit {
    int32_t sample;
    int32_t first, n;   /* its instances */
    weft_i_sizes sizes; /* what it takes of a microbatch */
} weft_i_unit;

typedef struct weft_i_units {
    weft_i_unit *units; /* in the order of the batch */
    weft_i_instance *instances;
    size_t n_units, n_instances;
    size_t units_cap, instances_cap;
    weft_i_pack_notes notes;
} weft_i_units;

/* What a microbatch holds by the recipe; what it does not limit is WEFT_INT_MAX. */
weft_i_sizes weft_i_capacity(const weft_recipe *recipe);

/* Errors as of weft_i_pack. Free out_units->units and instances with weft_i_units_free, which takes
 * a zeroed one too. */
weft_status weft_i_units_make(const weft_model *model, const weft_recipe *recipe,
                              const weft_batch *batch, bool strict, weft_error *error,
                              weft_i_units *out_units);
void weft_i_units_free(weft_i_units *units);

#endif
