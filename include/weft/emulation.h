/* weft/emulation.h - what every stage of a step costs, batch after batch: no search, no order.
 *
 * An emulation is bound to one run: model, cluster, recipe, layout. Its costs are those that the
 * planner searches over; equal subgraphs are priced once, over all batches that it is given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_EMULATION_H
#define WEFT_EMULATION_H

#include "weft/emulate.h"
#include "weft/planner.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_emulation weft_emulation;

/* The stages of a step: replica by replica, sub-microbatch by sub-microbatch, chunk by chunk. */
typedef struct weft_emulated {
    int64_t n_stages;
    const weft_cost *costs; /* n_stages; until the next call with the emulation */
    int64_t n_layers;       /* of all stages */
    double model_flop;      /* forward and backward, all devices */
} weft_emulated;

/* An emulation of a run. The input's batch is not looked at, all else is borrowed; without a layout
 * the first batch makes one by the rules (weft_partition_make). Reuse is for comparison. Statuses
 * as of weft_planner_make. Free *out_emulation. */
WEFT_API weft_status weft_emulation_create(const weft_planner_input *input,
                                           const weft_planner_options *options,
                                           weft_reuse_mode reuse, weft_error *error,
                                           weft_emulation **out_emulation);

/* Pack a batch and split it in sub-microbatches, in place of the last one; it may be freed
 * afterwards. After an error there is none. */
WEFT_API weft_status weft_emulation_load(weft_emulation *emulation, const weft_batch *batch,
                                         weft_error *error);

/* Price every stage under one memory strategy, operator by operator. USAGE before a batch is
 * loaded, NO_MEMORY, BAD_INPUT for sums out of range or no such strategy. O(stages) where all was
 * seen before. */
WEFT_API weft_status weft_emulation_price(weft_emulation *emulation, weft_recompute recompute,
                                          weft_error *error, weft_emulated *out_emulated);

/* Bytes per device of a chunk's parameters, gradients and optimizer state. Where the chunk's
 * state_bytes are less than all of them it shares the embedding's table, and the rest is given. All
 * 0 for a module that the model lacks. */
typedef struct weft_emulated_state {
    int64_t parameter_bytes, gradient_bytes, optimizer_bytes;
} weft_emulated_state;
WEFT_API weft_emulated_state weft_emulation_state(const weft_emulation *emulation,
                                                  const weft_chunk *chunk);

/* Bytes per device that a chunk's head saves of so many tokens: logits and what else its backward
 * reads, under a memory strategy by name. 0 for a chunk that does not end with a head. */
WEFT_API int64_t weft_emulation_logit_bytes(const weft_emulation *emulation,
                                            const weft_chunk *chunk, int64_t tokens,
                                            const char *strategy);

WEFT_API weft_reuse weft_emulation_reuse(const weft_emulation *emulation);
WEFT_API void weft_emulation_free(weft_emulation *emulation);

#ifdef __cplusplus
}
#endif
#endif
