/* search/wave_fill.h - how a wave begins: the forwards that run before any backward, as early as
 * list scheduling has them. */
#ifndef WEFT_SEARCH_WAVE_FILL_H
#define WEFT_SEARCH_WAVE_FILL_H

#include "search/keys.h"

/* The leg of a slot on the rank that is `distance` hops from the first; odd slots lead home. */
static inline int32_t weft_i_wave_leg(int32_t slot, int32_t distance, int32_t n_ranks)
{
    return slot * n_ranks + (slot % 2 == 0 ? distance : n_ranks - 1 - distance);
}

/* Set pattern->fill_ns for the burst of a V-shaped course, in the arena: times before 0. Each rank
 * takes the pass of the latest slot that can start, and waits for one that is about to. Bursts
 * shrink to what can run without others. False: no memory. O(passes x ranks). */
bool weft_i_wave_fill(const weft_i_course *course, int32_t n_ranks, int64_t fw_ns,
                      weft_i_arena *arena, weft_i_pattern *pattern);

#endif
