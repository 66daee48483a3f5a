/* partition/build.h - a replica's weft_problem out of layout, microbatches and emulator. */
#ifndef WEFT_PARTITION_BUILD_H
#define WEFT_PARTITION_BUILD_H

#include "emu/emu.h"
#include "partition/pack.h"
#include "weft/layout.h"

/* Sums over the whole problem that the schedule does not change. */
typedef struct weft_i_problem_sums {
    double model_flop;             /* forward and backward, all devices of the replica */
    const double **recompute_flop; /* of each stage and candidate; owned by the problem */
    const int64_t **host_bytes;    /* the same: what a device offloads */
    int64_t work_bound_ns; /* all work at the fastest strategies / ranks: bounds every layout */
} weft_i_problem_sums;

/* Build the problem of replica `r`: sub-microbatches of at most B tokens (instances spread evenly,
 * one that is larger alone), stages with mixes of the allowed memory strategies as candidates, by
 * saved bytes, most first (now = the first), edges with bytes and times, static bytes and limits.
 * Free with weft_problem_free. */
weft_status weft_i_problem_build(const weft_model *model, const weft_recipe *recipe,
                                 weft_i_emu *emu, const weft_layout *layout,
                                 const weft_i_packed *packed, int32_t r, weft_error *error,
                                 weft_problem **out_problem, weft_i_problem_sums *out_sums);

#endif
