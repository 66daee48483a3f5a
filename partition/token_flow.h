/* partition/token_flow.h - how tokens flow between a model's modules: whose output lengthens whose
 * sequence, and who reads whom as a condition. Not: sizes of samples. */
#ifndef WEFT_PARTITION_TOKEN_FLOW_H
#define WEFT_PARTITION_TOKEN_FLOW_H

#include <stdbool.h>

#include "weft/model.h"

enum { WEFT_I_N_MODALITIES = WEFT_MODALITY_AUDIO + 1 };

/* The earlier module of the same modality whose tokens module m takes instead of sizes of its own
 * (a resampler behind an encoder), or -1. */
int32_t weft_i_flow_before(const weft_model *model, int32_t m);

/* Tokens that module m gets from others when module f puts out out_tokens[f]: those of every module
 * of another modality that feeds it tokens. A text module also makes room for what is only added
 * into its sequence: of each modality the most that one module adds. Stops at WEFT_INT_MAX. */
int64_t weft_i_flow_received(const weft_model *model, int32_t m, const int64_t *out_tokens);

/* Condition tokens that module m reads: the sum over the modules that condition it, or
 * `text_tokens` where it has cross-attention that no module feeds (features computed beforehand).
 */
int64_t weft_i_flow_context(const weft_model *model, int32_t m, const int64_t *out_tokens,
                            int64_t text_tokens);

bool weft_i_flow_takes(const weft_model *model, weft_modality modality);
/* First module of the modality, or -1. */
int32_t weft_i_flow_first(const weft_model *model, weft_modality modality);

/* a + b, at most WEFT_INT_MAX; both are in 0..WEFT_INT_MAX. */
int64_t weft_i_add_tokens(int64_t a, int64_t b);

#endif
