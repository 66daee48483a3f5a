/* partition/layout_make.h - the steps that all layouts are made by: begin, place chunks, end. Not:
 * where the cuts are (layout_modality.c, layout_cut.c, layout_hand.c). */
#ifndef WEFT_PARTITION_LAYOUT_MAKE_H
#define WEFT_PARTITION_LAYOUT_MAKE_H

#include "partition/layer_costs.h"

typedef struct weft_i_layout_maker {
    const weft_i_layout_input *input;
    weft_layout *layout;
    weft_i_arena *arena;  /* of the layout */
    weft_i_arena scratch; /* for the time of making */
    double *load;         /* ns of each rank at the mean microbatch, so far */
    weft_error *error;
} weft_i_layout_maker;

/* A layout without chunks; INFEASIBLE for more ranks than layers. Every module is in one segment,
 * straight, on whole microbatches. With slots, slot_of_chunk is there to be filled. */
weft_status weft_i_layout_begin(const weft_i_layout_input *input, const char *name, int32_t n_slots,
                                weft_error *error, weft_i_layout_maker *out_maker);

/* Cut a module by time into its segments over all ranks, so that its chunks and what the ranks have
 * already come out even; ranks are left out where there are too few layers. `slot` >= 0 goes with
 * every chunk. Uses layout->modules[module].segments and direction. */
weft_status weft_i_layout_place(weft_i_layout_maker *maker, const weft_i_module_cost *cost,
                                int32_t module, int32_t slot);

/* Place every module by numbers of layers: counts[module * n_pieces + k] of it are in piece k,
 * which is slot k / P of rank k % P; where folded, every second slot goes from the last rank back.
 */
void weft_i_layout_place_counts(weft_i_layout_maker *maker, const int32_t *counts, int32_t n_pieces,
                                bool is_folded);

/* Put the chunks in order, note shared tensors, and check the layout. The maker is freed; on
 * failure (`status` not OK too) the layout with it. */
weft_status weft_i_layout_end(weft_i_layout_maker *maker, weft_status status,
                              weft_layout **out_layout);

/* Rank of place 0..P-1 in segment `segment` of a module that runs in `direction`. */
int32_t weft_i_layout_rank(int32_t direction, int32_t segment, int32_t place, int32_t n_ranks);

/* Layers that do most of a module's work; not embeddings, heads, patches, projectors. */
bool weft_i_is_block(const weft_layer *layer);
int32_t weft_i_count_blocks(const weft_module *module);
int32_t weft_i_count_layers(const weft_model *model);

#endif
