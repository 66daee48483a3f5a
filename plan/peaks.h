/* plan/peaks.h - the memory rule along a rank's actions, part by part. Not: the limit, which
 * callers compare. */
#ifndef WEFT_PLAN_PEAKS_H
#define WEFT_PLAN_PEAKS_H

#include "plan/graph.h"
#include "weft/plan.h"

/* Bytes on a rank by what they are for. What is offloaded is not there. */
typedef struct weft_i_live {
    int64_t static_bytes;
    int64_t saved_bytes;  /* from the start of fw to the end of bw, or of bwi */
    int64_t held_bytes;   /* from the end of bwi to the end of bww */
    int64_t buffer_bytes; /* messages, and outputs for the same rank */
    int64_t work_bytes;   /* of the pass that runs */
    int32_t n_saved;      /* stages from the start of fw to the end of bw, or of bww */
} weft_i_live;

/* What is there before the rank's first action. */
weft_i_live weft_i_live_begin(const weft_i_graph *graph, int32_t rank);

/* Go on by one action: returns what is there while it runs, and leaves in *live what is there after
 * it. The actions of a rank come in their order. */
weft_i_live weft_i_live_step(const weft_i_graph *graph, const weft_action *action,
                             weft_i_live *live);

static inline int64_t weft_i_live_sum(const weft_i_live *live)
{
    return live->static_bytes + live->saved_bytes + live->held_bytes + live->buffer_bytes +
           live->work_bytes;
}

/* The highest sum while the rank's actions run, static_bytes included. */
int64_t weft_i_actions_peak(const weft_i_graph *graph, int32_t rank,
                            const weft_rank_actions *actions);

#endif
