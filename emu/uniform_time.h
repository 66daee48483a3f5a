/* emu/uniform_time.h - 1F1B and VPP of equal microbatches: times and memory of the ranks.
 *
 * The same order and time rule as a plan's (search/fixed.h, weft_order_time), without a problem, an
 * order or a graph: what a pass waits for follows from its number.
 */
#ifndef WEFT_EMU_UNIFORM_TIME_H
#define WEFT_EMU_UNIFORM_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* One microbatch on one chunk; fw_ns > 0. */
typedef struct weft_i_unit {
    int64_t fw_ns, bw_ns;
    int64_t saved_bytes, fw_work, bw_work;
} weft_i_unit;

typedef struct weft_i_uniform_line {
    int32_t n_ranks, n_segments, n_microbatches;
    const weft_i_unit *units;   /* segment * n_ranks + rank */
    const int64_t *transfer_ns; /* n_ranks: from each rank to the next, the last to the first */
} weft_i_uniform_line;

typedef struct weft_i_uniform_rank {
    int64_t first_ns, last_ns; /* start of the first pass, end of the last */
    int64_t peak_bytes;        /* saved and work */
} weft_i_uniform_rank;

/* Fills out_ranks[n_ranks] and the makespan. Scratch comes from the arena. False when out of
 * memory. O(passes). */
bool weft_i_uniform_time(const weft_i_uniform_line *line, weft_i_arena *arena,
                         weft_i_uniform_rank *out_ranks, int64_t *out_pipeline_ns);

#endif
