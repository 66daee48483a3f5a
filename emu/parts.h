/* emu/parts.h - what layers are put together from: norms, linear maps, residual additions, and the
 * collectives around cut maps. Each part adds its operators of all passes, takes the tensor that it
 * reads and gives the one that it makes.
 *
 * Traffic is counted in values read and written of two bytes, as unfused kernels move it
 * (docs/emulator.md has the table); saved bytes follow Korthikanti et al. 2022, section 4.
 */
#ifndef WEFT_EMU_PARTS_H
#define WEFT_EMU_PARTS_H

#include "emu/layers.h"

typedef struct weft_i_builder {
    const weft_i_shape *shape;
    weft_i_operators *graph;
    double rows;    /* tokens on this device */
    bool entry;     /* nobody asks for the gradient of the next map's input */
    double shard;   /* the same where sequence parallelism spreads them over the TP group */
    uint32_t names; /* that the operators have which are added now (profiles/recompute.h) */
} weft_i_builder;

weft_i_builder weft_i_builder_make(const weft_i_shape *shape, double tokens,
                                   weft_i_operators *graph);

/* How the TP group cuts a map: the output values, the input values, or not at all. */
typedef enum weft_i_cut { WEFT_I_CUT_NOT, WEFT_I_CUT_COLUMN, WEFT_I_CUT_ROW } weft_i_cut;

/* A part of `whole` that is cut over the TP group. */
double weft_i_cut_over_tp(const weft_i_builder *b, double whole);

/* A tensor from outside of the layer. */
int32_t weft_i_part_given(weft_i_builder *b, double values);

/* The last operator of the forward reads a tensor, and makes one. */
void weft_i_part_read(weft_i_builder *b, int32_t tensor, unsigned need);
int32_t weft_i_part_make(weft_i_builder *b, double values, unsigned own);

/* `values` of a tensor that it has just made become a tensor of their own. */
int32_t weft_i_part_split(weft_i_builder *b, int32_t tensor, double values);

void weft_i_part_traffic(weft_i_builder *b, weft_i_phase phase, double bytes);

/* A norm over `width` values. */
int32_t weft_i_part_norm(weft_i_builder *b, int32_t in, double rows, double width);

/* A linear map of `rows` rows, `count` of them in one kernel. `width` and `out` before the cut. -1
 * for a map of nothing. */
int32_t weft_i_part_map(weft_i_builder *b, int32_t in, double rows, double width, double out,
                        weft_i_cut cut, double count);

/* A collective along an axis that the layer is cut over; false where it is not. */
bool weft_i_part_collective(weft_i_builder *b, weft_i_phase phase, weft_i_axis axis,
                            weft_i_collective kind, double bytes);

/* Before a map cut by columns, and after one cut by rows, of `width` values a token. */
int32_t weft_i_part_gather(weft_i_builder *b, int32_t in, double width);
int32_t weft_i_part_reduce(weft_i_builder *b, int32_t in, double width);

/* Bias, dropout where the layer has it, and residual addition. */
int32_t weft_i_part_add(weft_i_builder *b, int32_t in, int32_t residual);

/* A batched product of count times m x k by k x n without weights; backward twice the work. */
void weft_i_part_product(weft_i_builder *b, double m, double n, double k, double count);

/* The core of attention, and the map from the `width` values of all heads to hidden. */
int32_t weft_i_part_core_and_output(weft_i_builder *b, int32_t qkv, double width);

/* Activation of `rows` x `ffn` (uncut) between two maps, in sets by that name. */
int32_t weft_i_part_activation(weft_i_builder *b, int32_t in, double rows, double ffn, bool gated,
                               uint32_t name);

bool weft_i_has_dropout(const weft_i_shape *shape);

#endif
