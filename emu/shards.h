/* emu/shards.h - parameters and gradients that are cut over the replicas (ZeRO 2 and 3, FSDP): what
 * a layer has to fetch and send around its passes. Not: what stays on a device (emu/state.c). */
#ifndef WEFT_EMU_SHARDS_H
#define WEFT_EMU_SHARDS_H

#include "emu/layer_price.h"

/* Into how many parts the replicas cut what they hold alike: 1 below the stage that cuts it.
 * Experts are alike on dp / ep replicas only. */
typedef struct weft_i_cuts {
    double parameters, gradients, optimizer;
} weft_i_cuts;
weft_i_cuts weft_i_cuts_of(int32_t zero, int32_t replicas);

/* Bytes of a layer's parameters on a device, whole, that ZeRO 3 gathers, and of the gradients that
 * ZeRO 2 scatters; experts apart. All 0 where nothing is cut. */
weft_i_shard weft_i_shard_of(const weft_i_emu *emu, int32_t module, int32_t layer);

/* Put the collectives of a layer's shard around its passes (Rajbhandari et al. 2020, section 7.2;
 * Zhao et al. 2023, section 3): parameters are gathered before the forward and again before the
 * backward, gradients are reduced and scattered after it, for every microbatch. The stack's
 * dp_overlap of them hides under the pass. While a layer runs the next one's parameters arrive, so
 * that two are there whole; in the backward its whole gradients, too. */
void weft_i_shard_apply(const weft_i_emu *emu, const weft_i_class *class,
                        weft_i_layer_price *price);

#endif
