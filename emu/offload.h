/* emu/offload.h - what a layer's strategy sends to the host: the time of its copies. Not: what it
 * sends (emu/lifetimes.h). */
#ifndef WEFT_EMU_OFFLOAD_H
#define WEFT_EMU_OFFLOAD_H

#include "emu/layer_price.h"

/* Add to the price of a layer that keeps host_bytes on the host what sending and fetching them
 * takes. The copies go beside the layers' passes, in their order, so that a pass takes the longer
 * of its own time and its copy's over the host link of the device, and no two copies of a direction
 * compete; two layers' tensors are on the device meanwhile, one in use and one on its way. What is
 * held for a weight gradient stays there after the gradient of the input. */
void weft_i_offload_apply(const weft_i_emu *emu, weft_i_layer_price *price);

#endif
