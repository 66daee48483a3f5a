/* planner/attempt.h - one way to run a step: a problem for each replica, and a schedule for each.
 * Not: which layouts to try (planner/tries.h, planner/baselines.h). */
#ifndef WEFT_PLANNER_ATTEMPT_H
#define WEFT_PLANNER_ATTEMPT_H

#include "partition/build.h"
#include "planner/case.h"
#include "search/fixed.h"
#include "weft/search.h"

typedef struct weft_i_attempt {
    const weft_planner_options *options; /* resolved */
    const weft_i_case *plan_case;        /* NULL = of a problem alone: one replica, no layout */
    weft_layout *layout;                 /* owned, unless it is the case's */
    int32_t n_replicas;
    weft_problem **problems; /* owned, unless there is no case */
    weft_i_problem_sums *sums;
    weft_solution *solutions; /* order NULL = none yet */
    bool one_strategy;        /* published orders get one memory strategy for all stages */
    int64_t n_searches;       /* so far: each draws other random numbers */
    int64_t tail_ns;          /* of the reductions, after the pipelines; 0 = none or not known */
    bool goes_on;             /* a search only improves on what an earlier one found */
    bool stopped;             /* by the caller's progress function */
} weft_i_attempt;

/* How much work a published order is worth. */
typedef struct weft_i_effort {
    int64_t beat_ns;  /* none where it cannot get shorter than this; WEFT_INT_MAX = it may be */
    int64_t until_ns; /* of the clock: from then on strategies are not mixed; 0 = never */
} weft_i_effort;

/* Build the problems of every replica for a layout, which the attempt takes over (also when this
 * fails) unless it is the case's own. Close *out_attempt. */
weft_status weft_i_attempt_open(const weft_i_case *plan_case, weft_layout *layout,
                                weft_error *error, weft_i_attempt *out_attempt);

/* An attempt at one problem, borrowed. */
weft_status weft_i_attempt_open_problem(const weft_problem *problem,
                                        const weft_planner_options *options, weft_error *error,
                                        weft_i_attempt *out_attempt);
void weft_i_attempt_close(weft_i_attempt *attempt);

/* Schedule every replica by a published order on the layout's slots (or on those that the problem
 * has by itself), with the fastest memory choice that fits. `effort` NULL: all that it takes.
 * INFEASIBLE; FAILED where the order does not suit the layout; LIMIT where it is not worth it. */
weft_status weft_i_attempt_fixed(weft_i_attempt *attempt, weft_i_fixed_kind kind,
                                 const weft_i_effort *effort, weft_error *error);

/* Search the replicas within `seconds` in all (0 = no limit) and `iterations` a replica (0 = no
 * limit). Keeps what was there where it is better. */
weft_status weft_i_attempt_search(weft_i_attempt *attempt, double seconds, int64_t iterations,
                                  weft_error *error);

/* Where the options ask for it (jitter > 0), change the orders so that the mean over steps with
 * jitter falls, which takes the part of the time that their resolving left out of it. USAGE where
 * the objective is the span. */
#define WEFT_I_ROBUST_SHARE 0.3
weft_status weft_i_attempt_robust(weft_i_attempt *attempt, weft_error *error);

/* The objective over the replicas, the longest pipeline or span; WEFT_INT_MAX = not all are solved.
 */
int64_t weft_i_attempt_value(const weft_i_attempt *attempt);

/* The plan of the solutions, with prediction and bounds, checked. `method` NULL: that of the
 * slowest replica's solution. */
weft_status weft_i_attempt_plan(const weft_i_attempt *attempt, const char *method,
                                weft_error *error, weft_plan **out_plan);

#endif
