/* search/exact.h - the best order of a small problem, proven: all orders, breadth first. What
 * bounds and searches are measured against. Memory is that of the passes; messages weigh nothing
 * here, so with them the answer is a bound. */
#ifndef WEFT_SEARCH_EXACT_H
#define WEFT_SEARCH_EXACT_H

#include "plan/graph.h"
#include "search/budget.h"

enum { WEFT_I_EXACT_STAGES = 42 }; /* 3 passes each in 126 bits */

typedef struct weft_i_exact_options {
    weft_objective objective;
    int64_t upper_ns;      /* only orders below it count; 0 = all */
    int64_t max_states;    /* 0 = 1 million */
    weft_i_budget *budget; /* may be NULL; an iteration is a state looked at */
} weft_i_exact_options;

/* The least objective over all orders of a problem with its costs in force, and such an order (NULL
 * where it is not wanted; free it). Every stage that can be split may be, or not. INFEASIBLE when
 * no order below upper_ns keeps the limits; LIMIT when there are more states than allowed, too many
 * stages, or when the budget is used up. Exponential. */
weft_status weft_i_exact(const weft_i_graph *graph, const weft_i_exact_options *options,
                         weft_error *error, int64_t *out_ns, weft_order **out_order);

#endif
