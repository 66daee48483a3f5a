/* plan/compile.h - from an order to actions with times and memory, for one pipeline. */
#ifndef WEFT_PLAN_COMPILE_H
#define WEFT_PLAN_COMPILE_H

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/plan.h"

/* Gradients that are reduced over replicas: n chunks in `sequence`, each rank's from its last
 * weight gradient on, or all after the rank's last pass. */
typedef struct weft_i_reductions {
    const int32_t *sequence;
    int32_t n;
    bool at_end;
} weft_i_reductions;

/* Fill pipeline->ranks, pipeline_ns, span_ns and peak_bytes from graph->problem (costs in `now`)
 * and an order. The ends of wait_reduce are those of this replica alone (plan/reduce.h). FAILED
 * when the order is not one or deadlocks. Memory over a limit is not an error here: the caller
 * compares peak_bytes. The actions live in the arena. */
weft_status weft_i_compile(const weft_i_graph *graph, const weft_order *order,
                           const weft_i_reductions *reductions, weft_i_arena *arena,
                           weft_error *error, weft_pipeline *pipeline);

/* The peak of each rank that the compiled plan of this order has, without building its actions: the
 * search's exact memory test, about three times the work of weft_i_order_time. peak_bytes has
 * n_ranks entries. FAILED as weft_i_compile. O(passes log ranks + edges log passes). */
weft_status weft_i_compile_peaks(const weft_i_graph *graph, const weft_order *order,
                                 weft_error *error, int64_t *peak_bytes);

#endif
