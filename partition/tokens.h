/* partition/tokens.h - a module's input rule: from width, height, seconds, characters to tokens. */
#ifndef WEFT_PARTITION_TOKENS_H
#define WEFT_PARTITION_TOKENS_H

#include "weft/model.h"

typedef struct weft_i_tokens {
    int32_t grid[3];    /* patches in time, height, width */
    int64_t tokens;     /* at the module's input */
    int64_t out_tokens; /* after merging */
} weft_i_tokens;

weft_i_tokens weft_i_tokens_image(const weft_input_rule *rule, int32_t width, int32_t height);
/* A clip of at most rule->max_seconds. */
weft_i_tokens weft_i_tokens_clip(const weft_input_rule *rule, double seconds, int32_t width,
                                 int32_t height);
weft_i_tokens weft_i_tokens_audio(const weft_input_rule *rule, double seconds);
/* chars_per_token; for text without blanks between words (words * 12 < chars) 1.5 characters a
 * token, as Chinese has. At least 1 for a sample that has text. */
int64_t weft_i_tokens_text(const weft_input_rule *rule, int64_t chars, int64_t words);

#endif
