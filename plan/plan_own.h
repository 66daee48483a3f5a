/* plan/plan_own.h - plans that own their memory in one arena. */
#ifndef WEFT_PLAN_PLAN_OWN_H
#define WEFT_PLAN_PLAN_OWN_H

#include "base/arena.h"
#include "weft/plan.h"

/* A plan with every string "" and every count 0 (the axes of `parallel` are 1), and the arena that
 * all of it must live in. Free with weft_plan_free. NULL when out of memory. */
weft_plan *weft_i_plan_create(weft_i_arena **out_arena);

/* The arena of a plan made by weft_i_plan_create. */
weft_i_arena *weft_i_plan_arena(weft_plan *plan);

#endif
