/* plan/synthetic.h - a uniform problem as one line of text: the text read, and problems built from
 * it. In two steps, so that the planner can try cuts that the text leaves open. */
#ifndef WEFT_PLAN_SYNTHETIC_H
#define WEFT_PLAN_SYNTHETIC_H

#include <stdbool.h>

#include "base/arena.h"
#include "weft/problem.h"

enum {
    WEFT_I_SYNTHETIC_RANKS_MAX = 4096,
    WEFT_I_SYNTHETIC_MICROBATCHES_MAX = 65536,
    WEFT_I_SYNTHETIC_SEGMENTS_MAX = 1024,
    WEFT_I_SYNTHETIC_STAGES_MAX = 16000000
};

/* What one activation, all that the forward of a whole rank and microbatch saves, stands for. */
#define WEFT_I_SYNTHETIC_ACTIVATION_BYTES (INT64_C(1) << 30)

/* Times are of a whole rank and microbatch. */
typedef struct weft_i_synthetic {
    int32_t ranks, microbatches;
    int64_t fw_ns, bw_ns; /* bw_ns includes bww_ns */
    int64_t bww_ns;
    bool is_split; /* bww was given */
    int64_t transfer_ns;
    int64_t limit_bytes; /* WEFT_INT_MAX = none */
    double held;         /* fraction of what a forward saves that stays until bww */
    double vary;         /* 0 = all microbatches alike */
    uint64_t seed;
    double *stage_scale; /* factor of each rank's times; NULL = 1 */
    int32_t segments;
    bool is_v;         /* every second segment runs from the last rank to the first */
    bool is_cut_given; /* segments= or v= was there: the planner has nothing to choose */
} weft_i_synthetic;

/* Read the text; what is absent gets its default. stage_scale lives in the arena. BAD_INPUT names
 * the word that is wrong. */
weft_status weft_i_synthetic_parse(const char *text, weft_i_arena *arena, weft_error *error,
                                   weft_i_synthetic *out);

/* Build the problem for one cut; a caller may have changed `segments` and `is_v` (with two or
 * more). BAD_INPUT when there are too many stages or their times add up to too much. Free
 * *out_problem. */
weft_status weft_i_synthetic_build(const weft_i_synthetic *synthetic, weft_error *error,
                                   weft_problem **out_problem);

#endif
