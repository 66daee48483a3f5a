/* partition/split.h - from microbatches to sub-microbatches: instances spread evenly over as few as
 * hold them. Not: stages and costs (partition/build.h). */
#ifndef WEFT_PARTITION_SPLIT_H
#define WEFT_PARTITION_SPLIT_H

#include "partition/pack.h"
#include "weft/layout.h"

/* An instance of a module, by its place in a replica. */
typedef struct weft_i_ref {
    int32_t microbatch, item;
} weft_i_ref;

/* A sub-microbatch: refs first..first+n-1, ascending. */
typedef struct weft_i_part {
    int32_t module, group, index;
    int32_t first, n;
    int64_t tokens;
} weft_i_part;

/* All of a replica. Group g of a module are its microbatches g * span .. g * span + span - 1, with
 * span = layout->modules[module].microbatches; its parts stand in a row. */
typedef struct weft_i_split {
    int32_t n_modules, n_microbatches;
    weft_i_part *parts; /* by first microbatch of the group, module, index */
    int32_t n_parts;
    weft_i_ref *refs;
    int32_t *group_first, *group_n; /* parts of [module * n_microbatches + group] */
    int32_t *spans;                 /* of each module */
} weft_i_split;

/* Sub-microbatches of at most B tokens each; an instance larger than B is alone. The modules of
 * the layout are those of the microbatches, in their order. The arrays live in the arena. */
weft_status weft_i_split_make(const weft_i_replica *replica, const weft_layout *layout,
                              weft_i_arena *arena, weft_error *error, weft_i_split *out_split);

const weft_item *weft_i_ref_item(const weft_i_replica *replica, int32_t module, weft_i_ref ref);

#endif
