/* weft/planner.h - the front door: from a batch, or from a problem, to a checked plan.
 *
 * weft_planner_make plans one batch; weft_planner_compare adds every baseline; a weft_planner plans
 * the next batch while the current one trains.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_PLANNER_H
#define WEFT_PLANNER_H

#include <stdbool.h>

#include "weft/batch.h"
#include "weft/cluster.h"
#include "weft/emulate.h"
#include "weft/layout.h"
#include "weft/model.h"
#include "weft/option.h"
#include "weft/plan.h"
#include "weft/recipe.h"
#include "weft/search.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One line of advice on the input: cut documents, sizes filled in. The text is the library's. */
typedef void (*weft_note_fn)(void *context, const char *text);

/* How to plan. Zeroed fields take the default; weft_planner_option_table describes them. */
typedef struct weft_planner_options {
    size_t struct_size;
    int objective; /* weft_objective; of a batch the recipe's unless given (-1 = the recipe's) */
    double time_limit_s;
    int64_t iterations;
    int64_t threads;
    int64_t seed;
    int64_t tp, pp, dp, cp, ep; /* 0 = the recipe's; dp from gpus */
    int64_t gpus;               /* 0 = tp * pp * cp * dp, dp 1 */
    int64_t sequence;           /* 0 = the recipe's */
    int64_t microbatches;       /* of each replica; 0 = as the batch gives */
    bool strict;                /* an input that must be cut is BAD_INPUT */
    weft_progress_fn progress;
    weft_note_fn note;
    void *context;     /* of progress and note */
    int search;        /* weft_search_method */
    int64_t ablate;    /* weft_ablate bits; USAGE with another method than PAPER */
    weft_reuse *reuse; /* filled when the planning is over: what the emulator priced once for many;
                          NULL = not wanted */
    double jitter;   /* over 0: of the orders near the best that with the least mean time over steps
                        in which each pass takes a factor in 1-jitter..1+jitter (below 1); of
                        DEFAULT only, and not for the span */
    int64_t samples; /* of such steps; 0 = 100, at most 10000 */
} weft_planner_options;

WEFT_API void weft_planner_options_init(weft_planner_options *options);

/* The table of the fields above that a user sets, for flags and help. */
WEFT_API const weft_option *weft_planner_option_table(size_t *out_n);

/* What to plan; all borrowed. recipe NULL: the one of the model's name, else the defaults.
 * layout NULL: one is made for this batch. */
typedef struct weft_planner_input {
    const weft_model *model;
    const weft_cluster *cluster;
    const weft_recipe *recipe;
    const weft_batch *batch;
    const weft_layout *layout;
    const char *hand; /* a cut by hand as one more baseline, "vision=32,0,0,0;language=1,10,10,7":
                         the layers of each module per rank; NULL = none */
} weft_planner_input;

/* Plan a batch. The answer has passed weft_plan_check and, by the default search, is no worse than
 * the best baseline, but for those that a short time_limit_s leaves out. By the paper's search the
 * layout is that of the paper's rule, and baselines play no part. A batch too large for the limit
 * gets the first plan that fits, however long that takes.
 * INFEASIBLE with what is missing, LIMIT when stopped with nothing found, BAD_INPUT for a batch
 * that does not suit the model. Free *out_plan. */
WEFT_API weft_status weft_planner_make(const weft_planner_input *input,
                                       const weft_planner_options *options, weft_error *error,
                                       weft_plan **out_plan);

/* Make a layout for a whole run from a sample batch: the paper's rule, then others tried against it
 * for the options' time. Statuses as of weft_planner_make. Free *out_layout. */
WEFT_API weft_status weft_planner_layout(const weft_planner_input *input,
                                         const weft_planner_options *options, weft_error *error,
                                         weft_layout **out_layout);

/* Plan one problem: order and memory only, no layout. The problem has passed weft_problem_check.
 * INFEASIBLE, LIMIT as weft_planner_make. Free *out_plan. */
WEFT_API weft_status weft_planner_solve(const weft_problem *problem,
                                        const weft_planner_options *options, weft_error *error,
                                        weft_plan **out_plan);

/* Plan a uniform problem of one line of text (weft_problem_synthetic). Where the text gives neither
 * segments= nor v=, 1 to 4 segments, straight and V-shaped, are tried and the best is taken.
 * BAD_INPUT names the word that is wrong; else as weft_planner_solve. Free *out_plan. */
WEFT_API weft_status weft_planner_synthetic(const char *text, const weft_planner_options *options,
                                            weft_error *error, weft_plan **out_plan);

/* A row of a comparison. plan NULL: `status` and `text` say why there is none. */
typedef struct weft_compared {
    const char *name; /* "plan", "vpp", "1f1b", ...; static storage */
    weft_plan *plan;  /* the comparison's */
    weft_status status;
    char text[320];
} weft_compared;

/* The plan and every baseline for the same batch (or problem); rows[0] is the plan. */
typedef struct weft_comparison {
    weft_compared *rows;
    int32_t n_rows;
    int32_t best_static; /* row of the best baseline; -1 = none could be made */
} weft_comparison;

/* Plan a batch as weft_planner_make does, and by every baseline. A baseline that cannot be made is
 * a row without a plan, no error, but a cut by hand that is none is USAGE; else the statuses of
 * weft_planner_make. Free *out_comparison with
 * weft_comparison_free. */
WEFT_API weft_status weft_planner_compare(const weft_planner_input *input,
                                          const weft_planner_options *options, weft_error *error,
                                          weft_comparison **out_comparison);
/* The same of one problem (as weft_planner_solve), by the baselines that need no layout. */
WEFT_API weft_status weft_planner_compare_problem(const weft_problem *problem,
                                                  const weft_planner_options *options,
                                                  weft_error *error,
                                                  weft_comparison **out_comparison);
/* The same of one line of text (as weft_planner_synthetic). */
WEFT_API weft_status weft_planner_compare_synthetic(const char *text,
                                                    const weft_planner_options *options,
                                                    weft_error *error,
                                                    weft_comparison **out_comparison);
WEFT_API void weft_comparison_free(weft_comparison *comparison);

/* Names of the baselines; NULL past the last. */
WEFT_API const char *weft_planner_baseline(size_t index);

/* Plan a batch by one baseline, by name ("vpp"; "hand:vision=32,0,0,0;language=1,10,10,7"). USAGE
 * for another name; else as weft_planner_make. Free *out_plan. */
WEFT_API weft_status weft_planner_make_baseline(const weft_planner_input *input, const char *name,
                                                const weft_planner_options *options,
                                                weft_error *error, weft_plan **out_plan);

/* --- planning beside training --- */

typedef struct weft_planner weft_planner;

/* A planner for one run: model, cluster, recipe and layout are borrowed and outlive it; it starts
 * one thread of its own, which uses options->threads at most. The input's batch is not looked at.
 * FAILED where no thread can be started; else what weft_planner_make says of its input.
 * Free *out_planner with weft_planner_free. */
WEFT_API weft_status weft_planner_create(const weft_planner_input *input,
                                         const weft_planner_options *options, weft_error *error,
                                         weft_planner **out_planner);

/* Start to plan a batch (borrowed until its plan is taken or cancelled). One batch ahead: USAGE
 * while another is under way or not yet taken. */
WEFT_API weft_status weft_planner_submit(weft_planner *planner, const weft_batch *batch,
                                         weft_error *error);

/* True when weft_planner_wait would not block. */
WEFT_API bool weft_planner_poll(weft_planner *planner);

/* Take the plan, waiting at most `seconds` (0 = no waiting, < 0 = until it is there). When late,
 * the search is stopped and the best plan found so far is taken; LIMIT when there is none yet.
 * USAGE where no batch was submitted; else as weft_planner_make. The plan is the caller's. */
WEFT_API weft_status weft_planner_wait(weft_planner *planner, double seconds, weft_error *error,
                                       weft_plan **out_plan);

/* Stop planning the submitted batch and forget it; nothing to do without one, or for NULL. */
WEFT_API void weft_planner_cancel(weft_planner *planner);
WEFT_API void weft_planner_free(weft_planner *planner);

#ifdef __cplusplus
}
#endif
#endif
