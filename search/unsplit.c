/* search/unsplit.c - see unsplit.h. */
#include "search/unsplit.h"

#include "base/error.h"

static void join(weft_cost *cost)
{
    cost->bwi_ns = cost->bww_ns = cost->held_bytes = 0;
    cost->work_bytes[WEFT_PASS_BWI] = cost->work_bytes[WEFT_PASS_BWW] = 0;
}

weft_status weft_i_unsplit(const weft_problem *problem, weft_i_arena *arena, weft_error *error,
                           weft_problem *out_problem)
{
    size_t n = (size_t)problem->n_stages;
    weft_stage *stages = weft_i_arena_copy(arena, problem->stages, n * sizeof *stages);
    for (size_t s = 0; stages && s < n; s++) {
        weft_stage *stage = &stages[s];
        size_t n_candidates = (size_t)stage->n_candidates;
        stage->candidates =
            weft_i_arena_copy(arena, stage->candidates, n_candidates * sizeof *stage->candidates);
        if (!stage->candidates) return weft_i_no_memory(error);
        join(&stage->now.cost);
        for (size_t k = 0; k < n_candidates; k++)
            join(&stage->candidates[k].cost);
    }
    if (!stages) return weft_i_no_memory(error);
    *out_problem = *problem;
    out_problem->stages = stages;
    return WEFT_STATUS_OK;
}
