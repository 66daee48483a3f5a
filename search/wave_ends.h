/* search/wave_ends.h - how a wave begins: the forwards that run before any backward, as early as
 * list scheduling has them; and how it ends: the last microbatches hurry home. */
#ifndef WEFT_SEARCH_WAVE_ENDS_H
#define WEFT_SEARCH_WAVE_ENDS_H

#include "search/block.h"

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

/* Set when the last passes are wanted, in the arena, for a V-shaped course of one lap: the last
 * microbatch leaves the last rank when the pattern has it, but then hops as fast as it can, and
 * those before it keep out of its way: each is earlier by two passes. A step ends that long after
 * its last forward on the last rank, and until then this rank has more to do. False: no memory. */
bool weft_i_wave_drain(const weft_i_course *course, int32_t n_ranks,
                       const weft_i_block_times *times, weft_i_arena *arena,
                       weft_i_pattern *pattern);

#endif
