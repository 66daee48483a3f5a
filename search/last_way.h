/* search/last_way.h - a lower bound where memory is tight: what a rank cannot have done before its
 * first backward can start, and what it cannot have put off when its last forward is over.
 * docs/bounds.md has the proof. */
#ifndef WEFT_SEARCH_LAST_WAY_H
#define WEFT_SEARCH_LAST_WAY_H

#include "search/relax.h"

/* What does not depend on where time is counted from; arrays by rank. */
typedef struct weft_i_last_way {
    const weft_i_relax *relax;
    int64_t *work_ns;  /* of all passes; -1 = the bound says nothing about the rank */
    int64_t *ahead_ns; /* most forward work in the rank's memory: possible before a backward */
    int64_t *left_ns;  /* most backward work in it: possible after the last forward */
    int64_t *begin_ns, *backward_ns, *tail_ns; /* scratch: earliest start of a pass, of a backward;
                                                  least tail of a forward */
} weft_i_last_way;

/* Arrays live in the arena. room_bytes: by rank, for what stages hold; WEFT_INT_MAX = no limit. */
weft_status weft_i_last_way_open(const weft_i_relax *relax, const int64_t *room_bytes,
                                 weft_i_arena *arena, weft_error *error,
                                 weft_i_last_way *out_last_way);

/* The bound on the last end, counted as the ways are: heads and tails of -1 are not known. 0 where
 * nothing follows. O(stages). */
int64_t weft_i_last_way_bound(const weft_i_last_way *last_way, const weft_i_rank_ways *ways);

#endif
