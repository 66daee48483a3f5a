/* search/priorities.h - level 1's alphabet: the groups of stages that share a priority, and what a
 * sequence of them means to list scheduling. Not: which sequence is good (mcts.h, paper.h). */
#ifndef WEFT_SEARCH_PRIORITIES_H
#define WEFT_SEARCH_PRIORITIES_H

#include "search/flow.h"

/* Segments of one module in one microbatch share a priority (DIP, section on reordering), and so do
 * stages of one label. Groups are numbered in data order: by microbatch, then by the flow. */
typedef struct weft_i_groups {
    int32_t n;
    int32_t *of_stage;
} weft_i_groups;

/* Arrays live in the arena. NO_MEMORY or OK. O(stages log stages). */
weft_status weft_i_groups_build(const weft_i_graph *graph, const weft_i_flow *flow,
                                weft_i_arena *arena, weft_error *error, weft_i_groups *out_groups);

/* Keys of all tasks: place[g] of its group g in the sequence, the earlier first; inside a group by
 * the flow. Keys of forwards and of backwards do not compare. */
void weft_i_groups_keys(const weft_i_groups *groups, const weft_i_flow *flow, int32_t n_stages,
                        const int32_t *place, int64_t *key);

/* The turn of each microbatch: they finish in the order of their last groups. `last` is scratch of
 * n_microbatches, `count` of n groups + 1. */
void weft_i_groups_turns(const weft_i_groups *groups, const weft_i_graph *graph,
                         const weft_i_flow *flow, const int32_t *place, int32_t *last,
                         int32_t *count, int32_t *turn);

#endif
