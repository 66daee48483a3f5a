/* plan/order_time.h - weft_order_time over a graph that is already there. */
#ifndef WEFT_PLAN_ORDER_TIME_H
#define WEFT_PLAN_ORDER_TIME_H

#include "plan/graph.h"
#include "weft/order.h"

/* FAILED where `order` does not run every stage exactly once on its rank: the first half of
 * weft_order_time. Whether it deadlocks is not looked at. */
weft_status weft_i_order_check(const weft_i_graph *graph, const weft_order *order,
                               weft_error *error);

/* weft_order_time without building the graph. */
weft_status weft_i_order_time(const weft_i_graph *graph, const weft_order *order, weft_error *error,
                              int64_t *start_ns, int64_t *end_ns, weft_schedule_time *out_time);

#endif
