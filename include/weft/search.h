/* weft/search.h - solving one problem: an order and a memory strategy for each stage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_SEARCH_H
#define WEFT_SEARCH_H

#include "weft/order.h"
#include "weft/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How to search. */
typedef enum weft_search_method {
    WEFT_SEARCH_DEFAULT, /* the best that the library can do */
    WEFT_SEARCH_PAPER,   /* the three levels of PipeWeaver/DIP, arXiv 2504.14145, as a reference */
    WEFT_SEARCH_EXACT    /* all orders: proven, for problems of a few stages */
} weft_search_method;

/* Parts of the paper's method that can be switched off; bits. Without INTERLEAVING orders are those
 * of VPP, and there is nothing to reorder; without REORDERING segments come in data order; without
 * MEMORY all stages have one strategy. The PARTITIONER is not the search's, which ignores it. */
typedef enum weft_ablate {
    WEFT_ABLATE_PARTITIONER = 1,
    WEFT_ABLATE_INTERLEAVING = 2,
    WEFT_ABLATE_REORDERING = 4,
    WEFT_ABLATE_MEMORY = 8
} weft_ablate;

/* What a callback is told; return false to stop the search, which keeps the best so far. */
typedef struct weft_progress {
    double seconds;
    int64_t best_ns, bound_ns; /* of the objective; best_ns = WEFT_INT_MAX while none is known */
    int64_t iterations;
} weft_progress;
typedef bool (*weft_progress_fn)(void *context, const weft_progress *progress);

typedef struct weft_search_options {
    size_t struct_size;
    weft_objective objective;
    double time_limit_s; /* wall clock; 0 = 1 s, unless iterations are given */
    int64_t iterations;  /* 0 = no limit; a run limited by these alone is reproducible */
    uint64_t seed;       /* 0 = 1 */
    int32_t threads;     /* 0 = 1 */
    weft_progress_fn progress;
    void *progress_context;
    weft_search_method method;
    uint32_t ablate; /* weft_ablate bits; of PAPER only */
} weft_search_options;

WEFT_API void weft_search_options_init(weft_search_options *options);

/* An answer of the search. order and choices are the caller's to free with weft_solution_free. */
typedef struct weft_solution {
    weft_order *order;
    int32_t *choices; /* candidate of each stage; -1 = `now` */
    weft_schedule_time time;
    const char *method; /* of the start it came from: "dual-queue", "1f1b", ... static storage */
    int64_t iterations;
    bool stopped;     /* by the progress callback */
    int64_t bound_ns; /* of the objective, for the search that was asked for: PAPER's holds for
                         orders that split no backward, the others' for all */
} weft_solution;

/* Search for the best order of `problem`. INFEASIBLE when some rank cannot hold what one microbatch
 * needs ("rank 2 needs 91.2 GiB of 76.0"); LIMIT when stopped before anything was found, and by
 * EXACT for a problem that is too large to be proven, with what makes it so. The answer keeps every
 * limit_bytes, message buffers included. Thread-safe. */
WEFT_API weft_status weft_search(const weft_problem *problem, const weft_search_options *options,
                                 weft_error *error, weft_solution *out_solution);
WEFT_API void weft_solution_free(weft_solution *solution);

/* Lower bounds of one problem, whatever the order. */
typedef struct weft_bounds {
    int64_t makespan_ns;
    int64_t span_ns;
} weft_bounds;

/* Bound a problem (which has passed weft_problem_check) with the costs of `choices`: the candidate
 * of each stage, -1 or choices NULL = `now`. docs/bounds.md has the proofs. */
WEFT_API weft_status weft_bounds_compute(const weft_problem *problem, const int32_t *choices,
                                         weft_error *error, weft_bounds *out_bounds);

#ifdef __cplusplus
}
#endif
#endif
