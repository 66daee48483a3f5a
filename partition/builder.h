/* partition/builder.h - a problem in the making: what build.c and build_edges.c share. */
#ifndef WEFT_PARTITION_BUILDER_H
#define WEFT_PARTITION_BUILDER_H

#include "partition/build.h"
#include "partition/stage_costs.h"

typedef struct weft_i_builder {
    const weft_model *model;
    const weft_recipe *recipe;
    weft_i_emu *emu;
    const weft_layout *layout;
    const weft_i_replica *replica;
    weft_error *error;
    weft_problem *problem;
    weft_i_arena *arena; /* of the problem */
    weft_i_arena scratch;
    weft_i_chunk_of *chunks;
    int32_t *module_first, *module_n; /* chunks of each module, which stand in a row */
    weft_i_stage_costs *costs;
    weft_i_split split;
    int32_t *part_work;   /* number of each part's work */
    int32_t *first_stage; /* of each part: its stages stand in a row, chunk after chunk */
    weft_i_spans spans;   /* for the work at hand */
} weft_i_builder;

/* Edges of all stages, once these are there. */
weft_status weft_i_build_edges(weft_i_builder *b);

/* Under software that waits for its messages: their time moves from the edges to the stages at both
 * ends. */
weft_status weft_i_build_message_waits(weft_i_builder *b);

/* b->spans becomes the work of the part's instances that are in `wanted` (NULL = all); *out_n is
 * how many. */
weft_status weft_i_build_spans(weft_i_builder *b, const weft_i_part *part, const bool *wanted,
                               int32_t *out_n);

#endif
