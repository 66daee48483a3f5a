/* search/profile.c - see profile.h. */
#include "search/profile.h"

#include <string.h>

bool weft_i_profile_init(int32_t capacity, weft_i_arena *arena, weft_i_profile *profile)
{
    int32_t size = 1;
    while (size < capacity)
        size *= 2;
    profile->size = size;
    profile->added = weft_i_new(arena, int64_t, 2 * (size_t)size);
    profile->most = weft_i_new(arena, int64_t, 2 * (size_t)size);
    return profile->added && profile->most;
}

void weft_i_profile_clear(weft_i_profile *profile)
{
    size_t bytes = 2 * (size_t)profile->size * sizeof(int64_t);
    memset(profile->added, 0, bytes);
    memset(profile->most, 0, bytes);
}

static void add_below(weft_i_profile *profile, int32_t node, int32_t begin, int32_t end,
                      int32_t first, int32_t last, int64_t bytes)
{
    if (last < begin || end <= first) return;
    if (first <= begin && end <= last + 1) {
        profile->added[node] += bytes;
        profile->most[node] += bytes;
        return;
    }
    int32_t middle = begin + (end - begin) / 2;
    add_below(profile, 2 * node, begin, middle, first, last, bytes);
    add_below(profile, 2 * node + 1, middle, end, first, last, bytes);
    int64_t left = profile->most[2 * node], right = profile->most[2 * node + 1];
    profile->most[node] = profile->added[node] + (left > right ? left : right);
}

void weft_i_profile_add(weft_i_profile *profile, int32_t first, int32_t last, int64_t bytes)
{
    if (first <= last && bytes != 0) add_below(profile, 1, 0, profile->size, first, last, bytes);
}

void weft_i_profile_add_stage(weft_i_profile *profile, const int32_t *position, int32_t stage,
                              const weft_stage *of, const weft_cost *cost, int64_t sign)
{
    const int32_t *at = position + 4 * (size_t)stage;
    int32_t fw = at[WEFT_PASS_FW];
    weft_i_profile_add(profile, fw, fw, sign * cost->work_bytes[WEFT_PASS_FW]);
    if (of->backward == WEFT_BACKWARD_NONE) return;
    weft_pass backward = at[WEFT_PASS_BWI] >= 0 ? WEFT_PASS_BWI : WEFT_PASS_BW;
    int32_t bw = at[backward];
    weft_i_profile_add(profile, fw, bw, sign * cost->saved_bytes);
    weft_i_profile_add(profile, bw, bw, sign * cost->work_bytes[backward]);
    if (backward == WEFT_PASS_BW) return;
    int32_t bww = at[WEFT_PASS_BWW];
    weft_i_profile_add(profile, bw + 1, bww, sign * cost->held_bytes);
    weft_i_profile_add(profile, bww, bww, sign * cost->work_bytes[WEFT_PASS_BWW]);
}
