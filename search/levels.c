/* search/levels.c - see levels.h. */
#include "search/levels.h"

enum { MOST_LEVELS = 4 };

int32_t weft_i_levels_count(const weft_problem *problem)
{
    int32_t n = 1;
    for (int32_t s = 0; s < problem->n_stages; s++)
        if (problem->stages[s].n_candidates > n) n = problem->stages[s].n_candidates;
    return n < MOST_LEVELS ? n : MOST_LEVELS;
}

int64_t weft_i_levels_ns(const weft_cost *cost)
{
    int64_t split = cost->bwi_ns + cost->bww_ns;
    return cost->fw_ns + (split > 0 && split < cost->bw_ns ? split : cost->bw_ns);
}

int32_t weft_i_levels_candidate(const weft_stage *stage, int32_t level, int32_t n_levels)
{
    int32_t best = -1, n = stage->n_candidates;
    int64_t least = INT64_MAX, most = 0;
    for (int32_t k = 0; k < n; k++) {
        int64_t bytes = stage->candidates[k].cost.saved_bytes;
        least = bytes < least ? bytes : least;
        most = bytes > most ? bytes : most;
    }
    int64_t part = n_levels > 1 ? (most - least) / (n_levels - 1) : 0; /* of one level */
    int64_t room = level == n_levels - 1 && level > 0 ? least : most - part * level;
    for (int32_t k = 0; k < n; k++) {
        const weft_cost *cost = &stage->candidates[k].cost;
        if (cost->saved_bytes > room) continue;
        const weft_cost *other = best >= 0 ? &stage->candidates[best].cost : cost;
        int64_t ns = weft_i_levels_ns(cost), best_ns = weft_i_levels_ns(other);
        bool leaner = cost->saved_bytes < other->saved_bytes;
        if (best < 0 || ns < best_ns || (ns == best_ns && leaner)) best = k;
    }
    return best;
}
