/* search/profile.h - bytes held on one rank during each of its passes, where ranges change often:
 * a segment tree with range add and maximum. Not: messages, which the plan's compiler adds. */
#ifndef WEFT_SEARCH_PROFILE_H
#define WEFT_SEARCH_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "weft/order.h"
#include "weft/problem.h"

typedef struct weft_i_profile {
    int32_t size; /* leaves, a power of two; node 1 is the root */
    int64_t *added,
        *most; /* by node: bytes added to all below; the maximum below, those included */
} weft_i_profile;

/* A profile of `capacity` passes, all 0. NULL arrays and false when out of memory. */
bool weft_i_profile_init(int32_t capacity, weft_i_arena *arena, weft_i_profile *profile);
void weft_i_profile_clear(weft_i_profile *profile);

/* Add bytes to the passes first..last; nothing where last < first. O(log capacity). */
void weft_i_profile_add(weft_i_profile *profile, int32_t first, int32_t last, int64_t bytes);

static inline int64_t weft_i_profile_max(const weft_i_profile *profile)
{
    return profile->most[1];
}

/* Add what a stage holds and works with under a cost, times `sign`. `position` is where each task
 * stands in its rank's order; a split stage is one whose BWI has a position >= 0. */
void weft_i_profile_add_stage(weft_i_profile *profile, const int32_t *position, int32_t stage,
                              const weft_stage *of, const weft_cost *cost, int64_t sign);

#endif
