/* planner/case.h - what is planned: inputs resolved into one recipe, one set of parallel sizes, an
 * emulator and packed microbatches. Made once for a plan, a comparison or a run. Not: layouts. */
#ifndef WEFT_PLANNER_CASE_H
#define WEFT_PLANNER_CASE_H

#include "base/arena.h"
#include "emu/emu.h"
#include "partition/layouts.h"
#include "partition/pack.h"
#include "weft/planner.h"

typedef struct weft_i_case {
    weft_planner_options options; /* objective and threads filled in */
    const weft_model *model;
    const weft_cluster *cluster;
    const weft_batch *batch;
    const weft_layout *layout; /* NULL = to be made */
    weft_recipe recipe;        /* a copy with the options' changes; strings belong to `loaded` */
    weft_recipe *loaded;       /* where the caller gave none */
    weft_parallel parallel;
    weft_i_emu *emu;
    weft_i_packed packed;
    weft_i_arena arena; /* of `packed` */
} weft_i_case;

/* Resolve inputs without a batch: recipe, parallel sizes, emulator. INFEASIBLE or USAGE with what
 * does not fit. Close *out_case. */
weft_status weft_i_case_open(const weft_planner_input *input, const weft_planner_options *options,
                             weft_error *error, weft_i_case *out_case);

/* Pack a batch into the case, in place of the last one; says what was cut or filled in. */
weft_status weft_i_case_pack(weft_i_case *plan_case, const weft_batch *batch, weft_error *error);

weft_i_layout_input weft_i_case_layout_input(const weft_i_case *plan_case);

void weft_i_case_close(weft_i_case *plan_case);

/* Options with defaults for threads, seed and time limit filled in; USAGE for a struct of another
 * size. */
weft_status weft_i_options_resolve(const weft_planner_options *options, weft_error *error,
                                   weft_planner_options *out_options);

#endif
