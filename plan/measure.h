/* plan/measure.h - what was measured against what was planned. Not: printing it
 * (runtime/outcome.c) or drawing it (export/). */
#ifndef WEFT_PLAN_MEASURE_H
#define WEFT_PLAN_MEASURE_H

#include "base/arena.h"
#include "weft/timeline.h"

/* Actions by what takes time in them. */
typedef enum weft_i_overhead_kind {
    WEFT_I_OVERHEAD_PASS,
    WEFT_I_OVERHEAD_POST,
    WEFT_I_OVERHEAD_WAIT, /* and all else */
    WEFT_I_N_OVERHEADS
} weft_i_overhead_kind;

/* An action's overhead is how much later it ended than the time rule has it from the measured ends
 * of all that it needs: the action before it, its message's isend, its reduction's posts. */
typedef struct weft_i_overhead {
    int64_t n_actions;
    int64_t sum_ns;
} weft_i_overhead;

/* Planned times are scaled. */
typedef struct weft_i_rank_measure {
    int64_t planned_ns, measured_ns; /* end of the last pass */
    double error;                    /* measured over planned, less 1; 0 where nothing is planned */
    weft_i_overhead overhead;
} weft_i_rank_measure;

typedef struct weft_i_measure {
    int64_t planned_ns, measured_ns;           /* longest pipeline */
    int64_t planned_step_ns, measured_step_ns; /* the last end of all */
    double error, step_error;
    double planned_bubble, measured_bubble;
    int64_t median_pass_ns; /* planned; 0 without passes */
    weft_i_overhead overheads[WEFT_I_N_OVERHEADS];
    weft_i_overhead overhead;   /* of all */
    weft_i_rank_measure *ranks; /* rank r of pipeline p at p * n_ranks + r */
    int32_t n;
    int32_t worst; /* rank of the largest error, later or earlier */
} weft_i_measure;

/* A timeline that matches the plan (weft_timeline_match). Memory is the arena's. NO_MEMORY. */
weft_status weft_i_measure_make(const weft_plan *plan, const weft_timeline *timeline,
                                weft_i_arena *arena, weft_error *error, weft_i_measure *out);

/* Mean of one action; 0 of none. */
double weft_i_overhead_mean_ns(const weft_i_overhead *overhead);

#endif
