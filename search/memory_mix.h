/* search/memory_mix.h - from a choice that fits to a faster one that still fits, rank by rank:
 * mixes of candidates. Not: the choice to begin with, nor which mix is better (search/memory.c). */
#ifndef WEFT_SEARCH_MEMORY_MIX_H
#define WEFT_SEARCH_MEMORY_MIX_H

#include "search/variant.h"
#include "weft/order.h"

/* GREEDY gives stages a faster candidate, most time for a byte first; no pass gets longer by that.
 * PICK takes each rank's least sum of times (search/pick.h), where a pass may get longer so that
 * others get shorter by more. */
typedef enum weft_i_mix_kind {
    WEFT_I_MIX_GREEDY,
    WEFT_I_MIX_PICK,
    WEFT_I_N_MIX_KINDS
} weft_i_mix_kind;

/* What mixing works on. */
typedef struct weft_i_mixing {
    const weft_order *order;
    const int32_t *position; /* of each task in its rank's order; -1 = not there */
    const int32_t *base;     /* candidate of each stage in the choice that fits */
    const int64_t *peaks;    /* of each rank under it, at least */
    int64_t until_ns;        /* of the clock: from then on ranks are left as they are; 0 = never */
    weft_i_variant *variant; /* left with the mix in force */
    int32_t *choices;        /* the same, of each stage */
} weft_i_mixing;

/* Mix every rank, and look at the exact peaks (weft_i_compile_peaks): what others hold moves
 * messages. A rank that goes over is mixed again with less room, then left as it was; if that does
 * not help either, all are. NO_MEMORY, or what weft_i_compile_peaks says. */
weft_status weft_i_memory_mix(weft_i_mixing *mixing, weft_i_mix_kind kind, weft_error *error);

#endif
