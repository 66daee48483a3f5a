/* search/order_floor.h - how short an order can get. Not: bounds of a problem (weft_bounds). */
#ifndef WEFT_SEARCH_ORDER_FLOOR_H
#define WEFT_SEARCH_ORDER_FLOOR_H

#include "plan/graph.h"
#include "weft/order.h"

/* The makespan of an order with each pass as short as any memory strategy makes it: no choice of
 * strategies gives less. NO_MEMORY; FAILED when it is not an order. O(passes + edges). */
weft_status weft_i_order_floor(const weft_i_graph *graph, const weft_order *order,
                               weft_error *error, int64_t *out_ns);

#endif
