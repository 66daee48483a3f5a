/* search/improve.h - the best order improved until the budget is used up: annealing, and choices of
 * memory strategies before and after. Not: where that order comes from (search.c). */
#ifndef WEFT_SEARCH_IMPROVE_H
#define WEFT_SEARCH_IMPROVE_H

#include "base/rng.h"
#include "search/budget.h"
#include "search/incumbent.h"
#include "search/spare.h"

/* What is improved, and with what. */
typedef struct weft_i_improver {
    const weft_i_graph *graph;
    const weft_i_spare *spare;
    weft_i_budget *budget;
    weft_i_rng *rng;
    weft_i_incumbent *incumbent;
    int32_t *choices; /* scratch, by stage */
} weft_i_improver;

/* Improve the incumbent. NO_MEMORY or OK. */
weft_status weft_i_improve(const weft_i_improver *improver, weft_error *error);

#endif
