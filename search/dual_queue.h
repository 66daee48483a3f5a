/* search/dual_queue.h - the grid of list scheduling rules: the paper's dual queue and its
 * relatives. Not: improvement of what they find. */
#ifndef WEFT_SEARCH_DUAL_QUEUE_H
#define WEFT_SEARCH_DUAL_QUEUE_H

#include "search/budget.h"
#include "search/workbench.h"

/* The rules of the grid, by number; the first is the paper's. *out_soft: the soft limit that goes
 * with it, workbench->soft or NULL. */
enum { WEFT_I_DUAL_QUEUE_RULES = 45 };
weft_i_rule weft_i_dual_queue_rule(weft_i_workbench *workbench, int32_t number,
                                   const int64_t **out_soft);

/* Try every rule of the grid, and some that wait, on a variant and offer what comes out, until
 * `until` of the budget is used. The first rule is the paper's: forwards and backwards in turn
 * (arXiv 2504.14145, interleaving of stages), and is tried even when nothing is left. *out_ns: the
 * best that came out, WEFT_INT_MAX = nothing did. NO_MEMORY or OK. */
weft_status weft_i_dual_queue(weft_i_workbench *workbench, weft_i_budget *budget, double until,
                              weft_i_incumbent *incumbent, weft_error *error, int64_t *out_ns);

/* One microbatch at a time: the order that takes the least memory. */
weft_status weft_i_dual_queue_serial(weft_i_workbench *workbench, weft_error *error,
                                     const weft_order **out_order);

#endif
