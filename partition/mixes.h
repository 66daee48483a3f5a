/* partition/mixes.h - which combinations of per-layer memory strategies a run of layers is offered
 * with: a multiple-choice knapsack over classes of equal layers. Not: what they cost exactly, nor
 * which one a stage gets (search/memory.h). */
#ifndef WEFT_PARTITION_MIXES_H
#define WEFT_PARTITION_MIXES_H

#include "base/arena.h"
#include "emu/emu.h"

enum { WEFT_I_MAX_MIXES = 10 }; /* the paper's S */

/* Equal layers of a run: how many, and what one of them takes under each strategy. */
typedef struct weft_i_layer_class {
    int32_t layers;
    int64_t ns[WEFT_I_N_STRATEGIES];    /* forward and backward */
    int64_t bytes[WEFT_I_N_STRATEGIES]; /* saved */
} weft_i_layer_class;

/* Layers of each class under each strategy: [class * WEFT_I_N_STRATEGIES + strategy]. */
typedef struct weft_i_mix {
    int32_t *layers;
    int64_t ns, bytes; /* sums over the layers */
} weft_i_mix;

/* The paper's rule: the fastest mix, the leanest, and the fastest in each of as many equal buckets
 * of memory between them as make WEFT_I_MAX_MIXES in all (DIP, level 3, offline part). Each of the
 * n_strategies allowed ones alone is always among them. No two are equal in time and bytes; sorted
 * from most bytes to least. Exact for a single class and up to four strategies: of more strategies
 * only those on the convex hull are mixed, two neighbours at a time; of more classes, fronts of
 * over a hundred mixes are thinned by the same rule before they are combined. Everything lives in
 * the arena. NO_MEMORY. */
weft_status weft_i_mixes_choose(const weft_i_layer_class *classes, int32_t n_classes,
                                const weft_i_strategy *strategies, int32_t n_strategies,
                                weft_i_arena *arena, int32_t *out_n,
                                weft_i_mix out_mixes[WEFT_I_MAX_MIXES]);

#endif
