/* emu/blocks.h - the large blocks of a layer, from the collective before them to the one after.
 * Norms and residual additions stand around them. */
#ifndef WEFT_EMU_BLOCKS_H
#define WEFT_EMU_BLOCKS_H

#include "emu/parts.h"

/* Query, key and value maps, what the core saves but the square, and the output map. */
void weft_i_block_self_attention(weft_i_builder *b);
/* The same where keys and values come from a latent of few values (DeepSeek). */
void weft_i_block_latent_attention(weft_i_builder *b);
/* The same with keys and values made from `context` tokens of the condition. */
void weft_i_block_cross_attention(weft_i_builder *b, double context);
void weft_i_block_mlp(weft_i_builder *b);
/* Router, dispatch to the experts' devices, experts on the device with the most tokens, and
 * combination. */
void weft_i_block_experts(weft_i_builder *b);

#endif
