/* emu/uniform_time.h - published schedules of equal microbatches: times and memory of the ranks.
 *
 * The same order and time rule as a plan's (search/fixed.h, weft_order_time), without a problem, an
 * order or a graph: what a pass waits for follows from its number.
 */
#ifndef WEFT_EMU_UNIFORM_TIME_H
#define WEFT_EMU_UNIFORM_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "weft/emulate.h"

/* One microbatch on one chunk; fw_ns > 0. Where the schedule splits the backward, and bwi_ns > 0,
 * it takes bwi_ns and bww_ns instead of bw_ns. */
typedef struct weft_i_unit {
    int64_t fw_ns, bw_ns, bwi_ns, bww_ns;
    int64_t saved_bytes, held_bytes;
    int64_t logit_bytes;   /* part of saved_bytes */
    int64_t work_bytes[4]; /* by weft_pass */
} weft_i_unit;

typedef struct weft_i_uniform_line {
    weft_schedule schedule; /* ZB_H1 has one segment */
    int32_t n_ranks, n_segments, n_microbatches;
    const weft_i_unit *units;   /* segment * n_ranks + rank */
    const int64_t *transfer_ns; /* n_ranks: from each rank to the next, the last to the first */
} weft_i_uniform_line;

typedef struct weft_i_uniform_rank {
    int64_t first_ns, last_ns; /* start of the first pass, end of the last */
    int64_t peak_bytes;        /* saved and work */
    int64_t peak_saved_bytes;  /* part of peak_bytes that is saved */
    int64_t peak_logit_bytes;  /* part of peak_saved_bytes */
} weft_i_uniform_rank;

/* Fills out_ranks[n_ranks], the end of each chunk's last weight gradient (segment * n_ranks + rank)
 * and the makespan. Scratch comes from the arena. False when out of
 * memory. O(passes of some 8 n_ranks microbatches) where these have come to a steady phase by then,
 * as nearly all do; else O(passes). */
bool weft_i_uniform_time(const weft_i_uniform_line *line, weft_i_arena *arena,
                         weft_i_uniform_rank *out_ranks, int64_t *out_gradients_ns,
                         int64_t *out_pipeline_ns);

#endif
