/* search/variant.h - a problem with memory strategies of one's own choice: a copy of its stages
 * with other costs in force, and a graph over it. Not: choosing them (memory.h). */
#ifndef WEFT_SEARCH_VARIANT_H
#define WEFT_SEARCH_VARIANT_H

#include <stdbool.h>

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/status.h"

typedef struct weft_i_variant {
    const weft_problem *base; /* everything but the stages is shared with it */
    weft_problem problem;
    weft_i_graph graph; /* of `problem`, so a variant does not move once it is made */
} weft_i_variant;

/* A variant with the base's costs in force. Its stages live in the arena. NO_MEMORY. */
weft_status weft_i_variant_init(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                                weft_i_variant *variant);

/* Put candidate `choice` of a stage in force; -1 = what the base has. */
void weft_i_variant_set(weft_i_variant *variant, int32_t stage, int32_t choice);
/* The same for all stages; NULL = the base's costs. */
void weft_i_variant_set_all(weft_i_variant *variant, const int32_t *choices);

/* The cost of a stage under a choice. */
static inline const weft_cost *weft_i_choice_cost(const weft_stage *stage, int32_t choice)
{
    return choice < 0 ? &stage->now.cost : &stage->candidates[choice].cost;
}

#endif
