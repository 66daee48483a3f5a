/* search/anneal.h - improvement of an order by simulated annealing over the ranks' sequences.
 * Memory strategies and what is split stay as they are. */
#ifndef WEFT_SEARCH_ANNEAL_H
#define WEFT_SEARCH_ANNEAL_H

#include "base/rng.h"
#include "search/budget.h"
#include "search/incumbent.h"
#include "search/timing.h"

typedef struct weft_i_anneal_options {
    double hot, cold;           /* temperatures at the beginning and at the end, in mean passes */
    double until;               /* part of the budget at which it ends */
    int64_t bound_ns;           /* of the objective: stop when it is reached */
    const int32_t *choices;     /* by stage, to anneal with; NULL = the incumbent's */
    const int64_t *spare_bytes; /* by rank: to leave free as far as they are; NULL = none */
} weft_i_anneal_options;

/* Anneal the incumbent's order and offer it what is better now and then, under its `method`. Where
 * messages push an offer over a limit, it goes back to the last that did not, with less room. The
 * incumbent's order fits with options->choices, although it may then be slower. NO_MEMORY or OK. */
weft_status weft_i_anneal(const weft_i_graph *graph, const weft_i_anneal_options *options,
                          weft_i_budget *budget, weft_i_rng *rng, weft_i_incumbent *incumbent,
                          weft_error *error);

#endif
