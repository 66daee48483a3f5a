/* search/variant.c - see variant.h. */
#include "search/variant.h"

#include <string.h>

#include "base/error.h"

weft_status weft_i_variant_init(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                                weft_i_variant *variant)
{
    const weft_problem *base = graph->problem;
    weft_stage *stages =
        weft_i_arena_copy(arena, base->stages, (size_t)base->n_stages * sizeof *stages);
    if (!stages) return weft_i_no_memory(error);
    variant->base = base;
    variant->problem = *base;
    variant->problem.stages = stages;
    variant->graph = *graph;
    variant->graph.problem = &variant->problem;
    return WEFT_STATUS_OK;
}

void weft_i_variant_set(weft_i_variant *variant, int32_t stage, int32_t choice)
{
    const weft_stage *base = &variant->base->stages[stage];
    variant->problem.stages[stage].now = choice < 0 ? base->now : base->candidates[choice];
}

void weft_i_variant_set_all(weft_i_variant *variant, const int32_t *choices)
{
    for (int32_t s = 0; s < variant->base->n_stages; s++)
        weft_i_variant_set(variant, s, choices ? choices[s] : -1);
}
