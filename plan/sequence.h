/* plan/sequence.h - the passes of all ranks in one global order, by start time. What compile hangs
 * messages and collectives on. Not: the times of a plan's actions (compile.c). */
#ifndef WEFT_PLAN_SEQUENCE_H
#define WEFT_PLAN_SEQUENCE_H

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/order.h"

typedef struct weft_i_sequence {
    const weft_i_graph *graph;
    const weft_order *order;
    int32_t n_tasks;
    weft_task
        *tasks;     /* n_tasks, by start; passes of one start in an order that dependencies allow */
    int32_t *place; /* of each task (4 * n_stages) in `tasks`; -1 = does not run */
    int32_t *position; /* of each task in its rank's order; -1 = does not run */
    int64_t *end_ns;   /* of each task when posting takes no time */
} weft_i_sequence;

/* FAILED where the order leaves out, repeats or misplaces a pass or deadlocks; NO_MEMORY. Arrays
 * live in the arena. O(passes log ranks + edges). */
weft_status weft_i_sequence_build(const weft_i_graph *graph, const weft_order *order,
                                  weft_i_arena *arena, weft_error *error,
                                  weft_i_sequence *out_sequence);

/* The pass of a stage that its backward edges speak of: BWI where it is split, else BW. */
static inline weft_task weft_i_sequence_backward(const weft_i_sequence *sequence, int32_t stage)
{
    weft_task split = weft_task_make(stage, WEFT_PASS_BWI);
    return sequence->position[split] >= 0 ? split : weft_task_make(stage, WEFT_PASS_BW);
}

/* The pass that needs an edge's data. */
weft_task weft_i_sequence_consumer(const weft_i_sequence *sequence, const weft_edge *edge);

/* Edges into and out of a task, from first to end; none for a weight gradient. */
typedef struct weft_i_edge_run {
    const int32_t *first, *end;
} weft_i_edge_run;
weft_i_edge_run weft_i_task_in(const weft_i_graph *graph, weft_task task);
weft_i_edge_run weft_i_task_out(const weft_i_graph *graph, weft_task task);

/* Bytes that the data of these edges takes. */
int64_t weft_i_edges_bytes(const weft_i_graph *graph, weft_i_edge_run run);

/* Length of a pass by the costs in force. */
int64_t weft_i_task_ns(const weft_i_graph *graph, weft_task task);

/* Whether an edge joins two ranks, so that its data is a message. */
static inline bool weft_i_edge_is_message(const weft_i_graph *graph, int32_t edge)
{
    const weft_edge *e = &graph->problem->edges[edge];
    return graph->rank[e->from] != graph->rank[e->to];
}

#endif
