/* search/one_strategy.h - one memory strategy for all stages alike, as a flag of the training
 * framework sets it: what level 3 is measured against. */
#ifndef WEFT_SEARCH_ONE_STRATEGY_H
#define WEFT_SEARCH_ONE_STRATEGY_H

#include "plan/graph.h"
#include "weft/order.h"

enum { WEFT_I_MAX_STRATEGIES = 8 };

/* Strategies that every stage can have for all of its layers. A stage with one candidate or none
 * has no choice and counts for all. No name at all: the costs in force are the one strategy. */
typedef struct weft_i_strategies {
    int32_t n; /* at least 1 */
    const char *names[WEFT_I_MAX_STRATEGIES];
} weft_i_strategies;

weft_i_strategies weft_i_one_strategy_list(const weft_problem *problem);

/* The candidate of every stage under a strategy of the list (NULL: the costs in force). */
void weft_i_one_strategy_set(const weft_problem *problem, const char *name, int32_t *choices);

/* The strategy with which an order is fastest within the limits, set for every stage. INFEASIBLE
 * when none fits: the error names the rank that lacks most with the leanest. */
weft_status weft_i_one_strategy_choose(const weft_i_graph *graph, const weft_order *order,
                                       weft_error *error, int32_t *out_choices);

#endif
