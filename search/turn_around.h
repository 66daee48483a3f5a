/* search/turn_around.h - the bound by idle time around the turn-around: the segment whose backward
 * follows its forward directly. docs/bounds.md has the proof and the conditions. */
#ifndef WEFT_SEARCH_TURN_AROUND_H
#define WEFT_SEARCH_TURN_AROUND_H

#include "search/relax.h"
#include "weft/search.h"

/* The best turn-around bounds of makespan and span; 0 where their conditions do not hold. */
weft_status weft_i_turn_around(const weft_i_relax *relax, weft_i_arena *arena, weft_error *error,
                               weft_bounds *out_bounds);

#endif
