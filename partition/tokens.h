/* partition/tokens.h - a module's input rule: from width, height, seconds, characters to tokens.
 * Sizes of zero or less count as the smallest there is; results stay within WEFT_INT_MAX. Not:
 * which instances a sample has. */
#ifndef WEFT_PARTITION_TOKENS_H
#define WEFT_PARTITION_TOKENS_H

#include "weft/model.h"

typedef struct weft_i_tokens {
    int32_t grid[3];    /* patches in time (tiles: number of tiles), height, width; audio: 0 */
    int64_t tokens;     /* at the module's input */
    int64_t out_tokens; /* after merging: merge x merge patches, for audio `merge` in a row */
} weft_i_tokens;

weft_i_tokens weft_i_tokens_image(const weft_input_rule *rule, int32_t width, int32_t height);
/* A clip of at most rule->max_seconds. */
weft_i_tokens weft_i_tokens_clip(const weft_input_rule *rule, double seconds, int32_t width,
                                 int32_t height);
weft_i_tokens weft_i_tokens_audio(const weft_input_rule *rule, double seconds);
/* chars_per_token (4 where the rule has none); for text without blanks between words (words * 12 <
 * chars) 1.5 characters a token, as Chinese has. words < 0: not known. At least 1 where chars > 0.
 */
int64_t weft_i_tokens_text(const weft_input_rule *rule, int64_t chars, int64_t words);

/* Sides after Qwen2-VL's smart_resize: multiples of `factor` whose product is within min..max
 * pixels (0 = no limit) and whose ratio stays close to width : height. */
void weft_i_smart_resize(int32_t width, int32_t height, int32_t factor, int64_t min_pixels,
                         int64_t max_pixels, int64_t *out_width, int64_t *out_height);

#endif
