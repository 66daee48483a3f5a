/* search/block.h - building blocks of V-shaped courses: what each rank does in a period, chosen
 * rank by rank so that memory is held for as short as hops of a given slowness allow. Not: how a
 * schedule of them begins and ends (wave_ends.h). */
#ifndef WEFT_SEARCH_BLOCK_H
#define WEFT_SEARCH_BLOCK_H

#include "base/arena.h"
#include "search/keys.h"

/* A pass of any leg, and from its start to that of the next rank's. */
typedef struct weft_i_block_times {
    int64_t fw_ns, bw_ns, bww_ns, fw_hop_ns, bw_hop_ns;
} weft_i_block_times;

/* Of a rank: two stages of a microbatch and no break. */
static inline int64_t weft_i_block_period(const weft_i_block_times *times)
{
    return 2 * (times->fw_ns + times->bw_ns + times->bww_ns);
}

typedef struct weft_i_block weft_i_block;

/* Lives in the arena. n_ranks: at least 2. NO_MEMORY or OK. */
weft_status weft_i_block_create(const weft_i_block_times *times, int32_t n_ranks,
                                weft_i_arena *arena, weft_error *error, weft_i_block **out_block);

/* Blocks go from slowness 0 to this one. */
int32_t weft_i_block_slowest(const weft_i_block *block);

/* Place the two legs of each rank for a microbatch, so that passes of microbatches a period apart
 * never meet. Slower blocks hold more memory, but leave more to do when it is short, while the
 * first and the last microbatches are on their way. Returns how many stages of microbatches some
 * rank holds at most.
 *
 * Building blocks are those of Qi et al. 2024, arXiv 2405.15362; there all hops of one kind take
 * the same time, so that memory goes in steps of half a rank's number. Here a shortest path goes
 * through the ranks, over the 60 sequences in which one can run its passes. O(ranks). */
int64_t weft_i_block_place(weft_i_block *block, int32_t slowness, weft_i_pattern *pattern);

#endif
