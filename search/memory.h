/* search/memory.h - memory strategies for a given order: the fastest that fit. Not: changing the
 * order, nor listing candidates, which is the producer's. */
#ifndef WEFT_SEARCH_MEMORY_H
#define WEFT_SEARCH_MEMORY_H

#include "plan/graph.h"
#include "weft/order.h"

/* Choose a candidate for every stage of an order. First the fastest level per rank
 * (search/levels.h). Then two mixes (search/memory_mix.h):
 * stages go back to a faster candidate, most time for a byte first; and the least sum of times of
 * each rank (search/pick.h, DIP's level 3). The choice of the three that gives the shortest
 * makespan is taken. Peaks are those of weft_i_compile_peaks. out_choices: n_stages entries, -1 for
 * stages without candidates. INFEASIBLE when a rank does not fit even with its leanest strategy:
 * the error names the rank that lacks most, *out_missing_bytes (may be NULL) says how much;
 * NO_MEMORY; FAILED when the order is not one. O(strategies x passes + pairs log pairs). */
weft_status weft_i_memory_choose(const weft_i_graph *graph, const weft_order *order,
                                 weft_error *error, int64_t *out_missing_bytes,
                                 int32_t *out_choices);

/* The same in a hurry: from the clock's until_ns on (weft_i_now_ns; 0 = never) no rank is mixed. */
weft_status weft_i_memory_choose_until(const weft_i_graph *graph, const weft_order *order,
                                       int64_t until_ns, weft_error *error,
                                       int64_t *out_missing_bytes, int32_t *out_choices);

/* The same for an order that is still to be improved: the choice whose makespan and whose work of
 * the busiest rank have the least mean, since improving an order brings the first nearer the
 * second. */
weft_status weft_i_memory_choose_ahead(const weft_i_graph *graph, const weft_order *order,
                                       int64_t until_ns, weft_error *error, int32_t *out_choices);

#endif
