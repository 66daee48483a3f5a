/* partition/layouts.h - making layouts: the paper's B and K rules, and the cuts of the baselines.
 */
#ifndef WEFT_PARTITION_LAYOUTS_H
#define WEFT_PARTITION_LAYOUTS_H

#include "emu/emu.h"
#include "partition/pack.h"
#include "weft/layout.h"

/* What a layout is made for. `packed` are microbatches of sample batches: costs are taken at their
 * mean, B at the efficiency of their instances. */
typedef struct weft_i_layout_input {
    const weft_model *model;
    const weft_recipe *recipe;
    weft_i_emu *emu;
    weft_parallel parallel;
    const weft_i_packed *packed;
    const int64_t *submicrobatch_tokens; /* B of each module, 0 = by the rule; NULL = all by it */
} weft_i_layout_input;

/* Modality-aware: B_i = smallest sub-microbatch that keeps 95 % of the best efficiency; K_i =
 * min(floor(T_i / T_1), floor(L_i / P), what keeps a stage above 20 launch overheads); a module
 * under 2 % of the work gets one segment and may batch several microbatches; chunks of a segment
 * are cut by time (PAPER.md, "The algorithms"). segments[i] and directions[i] (either may be NULL;
 * 0 segments = by the rule) override K and direction of module i, so that the planner can try
 * others. */
weft_status weft_i_layout_modality(const weft_i_layout_input *input, const int32_t *segments,
                                   const int32_t *directions, weft_error *error,
                                   weft_layout **out_layout);

/* Cuts of the baselines: all layers in data order (a graph that is no chain through METIS), in P *
 * v pieces, no splitting of microbatches (B is WEFT_INT_MAX). slot_of_chunk and n_slots = v are
 * set. Of SLOWEST v is 1: memory is that of 1F1B at the mean microbatch, each stage with its
 * fastest uniform strategy that fits; INFEASIBLE where no cut fits. */
typedef enum weft_i_cut_rule {
    WEFT_I_CUT_PARAMETERS, /* equal parameters */
    WEFT_I_CUT_TIME,       /* equal time at the mean microbatch */
    WEFT_I_CUT_SLOWEST,    /* least slowest stage at the mean microbatch, memory permitting
                              (nnScaler) */
    WEFT_I_CUT_FOLDED      /* as TIME, every second slot from the last rank back to the first */
} weft_i_cut_rule;
weft_status weft_i_layout_cut(const weft_i_layout_input *input, weft_i_cut_rule rule, int32_t v,
                              weft_error *error, weft_layout **out_layout);

/* A cut by hand: "vision=32,0,0,0;language=1,10,10,7", layers of each module per rank (P numbers a
 * module, or P * v: slot after slot). The numbers count all layers, or only the blocks: then what
 * is before the first block goes with it, and the rest with the last. USAGE says what is wrong. */
weft_status weft_i_layout_hand(const weft_i_layout_input *input, const char *text,
                               weft_error *error, weft_layout **out_layout);

/* Encoders apart from the backbone (Optimus): each module cut over all ranks by time, one segment,
 * whole microbatches; slots: one for each module. */
weft_status weft_i_layout_modules(const weft_i_layout_input *input, weft_error *error,
                                  weft_layout **out_layout);

#endif
