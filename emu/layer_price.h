/* emu/layer_price.h - one layer under one memory strategy, in whole ns and bytes.
 *
 * Rounding: the times and bytes of a layer are sums in double, made integers once, here. A stage is
 * the exact sum of its layers. Not: where the sums come from (emu/operators.h, emu/attention.h).
 */
#ifndef WEFT_EMU_LAYER_PRICE_H
#define WEFT_EMU_LAYER_PRICE_H

#include "emu/emulator.h"

typedef struct weft_i_layer_price {
    int64_t fw_ns, bw_ns, bwi_ns, bww_ns, recompute_ns;
    int64_t saved_bytes, held_bytes;
    int64_t host_bytes;                 /* saved on the host instead */
    int64_t made_bytes;                 /* of held_bytes: what the backward makes */
    int64_t fw_work, bw_work, bww_work; /* transient bytes of the passes */
} weft_i_layer_price;

weft_i_layer_price weft_i_layer_price_of(const weft_i_machine *machine, const weft_i_class *class,
                                         const weft_i_sums *sums, const weft_i_core_sums *core,
                                         weft_i_strategy strategy);

/* Model flop of the passes that run, all devices; attention's backward is twice its forward.
 * `context`: tokens of the condition in all. */
double weft_i_layer_model_flop(const weft_i_class *class, const weft_i_work *work,
                               const weft_i_core_sums *core, double context);

/* Flop that the backward repeats, all devices. */
double weft_i_layer_recompute_flop(const weft_i_class *class, const weft_i_work *work,
                                   const weft_i_sums *sums, const weft_i_core_sums *core,
                                   weft_i_strategy strategy);

#endif
