/* emu/blocks.h - the large blocks of a layer, from the collective before them to the one after.
 * Norms and residual additions stand around them. */
#ifndef WEFT_EMU_BLOCKS_H
#define WEFT_EMU_BLOCKS_H

#include "emu/parts.h"

/* Each takes the tensor that it reads and gives the one that it makes. */

/* Query, key and value maps, the core, and the output map. */
int32_t weft_i_block_self_attention(weft_i_builder *b, int32_t in);
/* The same where keys and values come from a latent of few values (DeepSeek). */
int32_t weft_i_block_latent_attention(weft_i_builder *b, int32_t in);
/* The same with keys and values made from `context` tokens of the condition. */
int32_t weft_i_block_cross_attention(weft_i_builder *b, int32_t in, double context);
int32_t weft_i_block_mlp(weft_i_builder *b, int32_t in);
/* Router, dispatch to the experts' devices, experts on the device with the most tokens, and
 * combination. */
int32_t weft_i_block_experts(weft_i_builder *b, int32_t in);

#endif
