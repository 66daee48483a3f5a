/* search/unsplit.h - a problem whose backwards cannot be split. Orders of it are orders of the
 * problem it was made from, with the same times. */
#ifndef WEFT_SEARCH_UNSPLIT_H
#define WEFT_SEARCH_UNSPLIT_H

#include "base/arena.h"
#include "weft/problem.h"

/* Stages and candidates are copies in the arena, all else is the problem's. NO_MEMORY or OK. */
weft_status weft_i_unsplit(const weft_problem *problem, weft_i_arena *arena, weft_error *error,
                           weft_problem *out_problem);

#endif
