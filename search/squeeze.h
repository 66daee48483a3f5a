/* search/squeeze.h - the last resort where nothing fits: order, memory strategies and split
 * backwards changed together until all ranks are within their limits. Not: short schedules. */
#ifndef WEFT_SEARCH_SQUEEZE_H
#define WEFT_SEARCH_SQUEEZE_H

#include "base/rng.h"
#include "search/budget.h"
#include "search/incumbent.h"

/* Walk at random from an order (no backward split) and its choices, never to more bytes over the
 * limits, and offer the first order that fits. Ends without one where a rank lacks room for a
 * single stage, after a number of steps that falls with the size of the problem, or with the
 * budget. NO_MEMORY; FAILED when `order` is not one. O(passes log passes + edges log passes) a
 * step. */
weft_status weft_i_squeeze(const weft_i_graph *graph, const weft_order *order,
                           const int32_t *choices, weft_i_budget *budget, weft_i_rng *rng,
                           weft_i_incumbent *incumbent, weft_error *error);

#endif
