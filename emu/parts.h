/* emu/parts.h - what layers are put together from: norms, linear maps, residual additions, and the
 * collectives around cut maps. Each part adds its operators of all passes and its tensors.
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
    unsigned again; /* FULL where that strategy runs the layer's forward again, else 0 */
    unsigned lean;  /* SELECTIVE where that strategy makes norms and activations again, else 0 */
} weft_i_builder;

weft_i_builder weft_i_builder_make(const weft_i_shape *shape, double tokens,
                                   weft_i_operators *graph);

enum { WEFT_I_UNDER_ALL = WEFT_I_UNDER_NONE | WEFT_I_UNDER_SELECTIVE | WEFT_I_UNDER_FULL };
enum { WEFT_I_UNDER_KEPT = WEFT_I_UNDER_NONE | WEFT_I_UNDER_SELECTIVE };

/* How the TP group cuts a map: the output values, the input values, or not at all. */
typedef enum weft_i_cut { WEFT_I_CUT_NOT, WEFT_I_CUT_COLUMN, WEFT_I_CUT_ROW } weft_i_cut;

/* A part of `whole` that is cut over the TP group. */
double weft_i_cut_over_tp(const weft_i_builder *b, double whole);

void weft_i_part_traffic(weft_i_builder *b, weft_i_phase phase, double bytes);
void weft_i_part_save(weft_i_builder *b, double values, unsigned need, unsigned kept);

/* A norm over `width` values and its saved input and output; `first`: its input is the layer's,
 * which every strategy keeps. */
void weft_i_part_norm(weft_i_builder *b, double rows, double width, bool first);

/* A linear map of `rows` rows, `count` of them in one kernel. `in` and `out` before the cut. Its
 * input is saved by who makes it. */
void weft_i_part_map(weft_i_builder *b, double rows, double in, double out, weft_i_cut cut,
                     double count);

/* A collective along an axis that the layer is cut over; nothing where it is not. */
void weft_i_part_collective(weft_i_builder *b, weft_i_phase phase, weft_i_axis axis,
                            weft_i_collective kind, double bytes);

/* Before a map cut by columns, and after one cut by rows, of `width` values a token. */
void weft_i_part_gather(weft_i_builder *b, double width);
void weft_i_part_reduce(weft_i_builder *b, double width);

/* Bias, dropout where the layer has it, and residual addition. */
void weft_i_part_add(weft_i_builder *b);

/* A batched product of count times m x k by k x n without weights; backward twice the work. */
void weft_i_part_product(weft_i_builder *b, double m, double n, double k, double count);

/* Activation of `rows` x `ffn` (uncut) between two maps; saves its input and output. */
void weft_i_part_activation(weft_i_builder *b, double rows, double ffn, bool gated);

bool weft_i_has_dropout(const weft_i_shape *shape);

#endif
