/* partition/bins.h - packing things of several sizes into bins, and spreading weights evenly. Not:
 * what the things are. */
#ifndef WEFT_PARTITION_BINS_H
#define WEFT_PARTITION_BINS_H

#include <stdbool.h>
#include <stdint.h>

#include "weft/recipe.h"

/* Of a thing, and the most of a bin: tokens, images, clips, microseconds of clips. */
enum { WEFT_I_N_SIZES = 4 };
typedef struct weft_i_sizes {
    int64_t of[WEFT_I_N_SIZES];
} weft_i_sizes;

/* Put n things into bins, in their order; one that no bin can hold gets a bin alone. first fit
 * takes O(log n) a thing on most inputs, by a tree over the room left. out_bin[i] counts from 0. */
weft_status weft_i_bins_fill(weft_packing packing, const weft_i_sizes *things, int32_t n,
                             weft_i_sizes capacity, weft_error *error, int32_t *out_bin,
                             int32_t *out_n_bins);

/* Spread n weights over k heaps: largest first, each to the lightest heap that has fewer than
 * quota[heap] of them (NULL: no quota). load[] is what the heaps have already and comes back with
 * the weights added. Longest processing time first (Graham 1969). O((n + k) log n). */
weft_status weft_i_bins_spread(const double *weights, int32_t n, int32_t k, const int32_t *quota,
                               weft_error *error, double *load, int32_t *out_heap);

#endif
