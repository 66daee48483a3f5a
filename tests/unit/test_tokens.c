/* Input rules: published values of Qwen2-VL, InternVL and the paper, and slow copies of theirs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "partition/tokens.h"

static const weft_input_rule FIXED = {
    .kind = WEFT_INPUT_FIXED, .size = 728, .patch = 14, .merge = 4};
static const weft_input_rule QWEN = {.kind = WEFT_INPUT_DYNAMIC,
                                     .patch = 14,
                                     .merge = 2,
                                     .min_pixels = 3136,
                                     .max_pixels = 12845056};
static const weft_input_rule INTERN = {.kind = WEFT_INPUT_TILES,
                                       .size = 448,
                                       .patch = 14,
                                       .merge = 2,
                                       .min_tiles = 1,
                                       .max_tiles = 12,
                                       .thumbnail = true};
static const weft_input_rule T2V = {.kind = WEFT_INPUT_VIDEO,
                                    .fps = 16,
                                    .max_seconds = 16,
                                    .width = 256,
                                    .height = 256,
                                    .temporal = 8,
                                    .spatial = 8,
                                    .patch = 2,
                                    .merge = 1};

static void expect(weft_i_tokens found, int32_t t, int32_t h, int32_t w, int64_t out)
{
    cr_assert(found.grid[0] == t && found.grid[1] == h && found.grid[2] == w,
              "grid %d %d %d, not %d %d %d", found.grid[0], found.grid[1], found.grid[2], t, h, w);
    cr_assert_eq(found.tokens, (int64_t)t * h * w);
    cr_assert_eq(found.out_tokens, out, "%lld tokens out, not %lld", (long long)found.out_tokens,
                 (long long)out);
}

/* PAPER: 728 pixels, patch 14, merge 4: 2704 patches, 169 tokens, whatever the image. */
Test(tokens, fixed_size)
{
    expect(weft_i_tokens_image(&FIXED, 1600, 850), 1, 52, 52, 169);
    expect(weft_i_tokens_image(&FIXED, -1, -1), 1, 52, 52, 169);
    cr_assert_eq(weft_i_tokens_image(&FIXED, 3, 9).tokens, 2704);
}

Test(tokens, qwen_published)
{
    /* The demo image of the model card: pixel_values has 14308 rows. */
    expect(weft_i_tokens_image(&QWEN, 2044, 1372), 1, 98, 146, 3577);
    /* The technical report: 224 x 224 becomes 64 tokens (66 with the two marks around them). */
    expect(weft_i_tokens_image(&QWEN, 224, 224), 1, 16, 16, 64);
    expect(weft_i_tokens_image(&QWEN, 1280, 720), 1, 52, 92, 1196);
}

/* Half rounds to even: 1.5 units become 2, 2.5 units become 2. */
Test(tokens, qwen_rounding)
{
    int64_t w, h;
    weft_i_smart_resize(42, 70, 28, 0, 0, &w, &h);
    cr_assert(w == 56 && h == 56, "%lld x %lld", (long long)w, (long long)h);
    weft_i_smart_resize(98, 43, 28, 0, 0, &w, &h);
    cr_assert(w == 112 && h == 56, "%lld x %lld", (long long)w, (long long)h);
}

/* smart_resize as it is published, in the C library's own rounding (half to even by default). */
static void slow_resize(double w, double h, double factor, double min, double max, double *out_w,
                        double *out_h)
{
    double h_bar = fmax(factor, rint(h / factor) * factor);
    double w_bar = fmax(factor, rint(w / factor) * factor);
    if (h_bar * w_bar > max) {
        double beta = sqrt(h * w / max);
        h_bar = fmax(factor, floor(h / beta / factor) * factor);
        w_bar = fmax(factor, floor(w / beta / factor) * factor);
    } else if (h_bar * w_bar < min) {
        double beta = sqrt(min / (h * w));
        h_bar = ceil(h * beta / factor) * factor;
        w_bar = ceil(w * beta / factor) * factor;
    }
    *out_w = w_bar;
    *out_h = h_bar;
}

Test(tokens, qwen_random)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 20250401);
    for (int i = 0; i < 20000; i++) {
        int32_t w = 1 + (int32_t)weft_i_rng_below(&rng, i % 2 ? 8000 : 90);
        int32_t h = 1 + (int32_t)weft_i_rng_below(&rng, i % 3 ? 8000 : 90);
        int64_t max = 100352 << weft_i_rng_below(&rng, 8), w_bar, h_bar;
        double slow_w, slow_h;
        weft_i_smart_resize(w, h, 28, 3136, max, &w_bar, &h_bar);
        slow_resize(w, h, 28, 3136, (double)max, &slow_w, &slow_h);
        cr_assert((double)w_bar == slow_w && (double)h_bar == slow_h,
                  "seed 20250401: %d x %d in %lld: %lld x %lld, not %g x %g", w, h, (long long)max,
                  (long long)w_bar, (long long)h_bar, slow_w, slow_h);
    }
}

Test(tokens, intern_published)
{
    /* Figure 4 of the InternVL 1.5 report: 800 x 1300 goes to 2 x 3 tiles, and a thumbnail. */
    expect(weft_i_tokens_image(&INTERN, 800, 1300), 7, 32, 32, 7 * 256);
    /* 256 to 3328 tokens with 1 to 12 tiles. One tile has no thumbnail. */
    expect(weft_i_tokens_image(&INTERN, 448, 448), 1, 32, 32, 256);
    expect(weft_i_tokens_image(&INTERN, 4000, 3000), 13, 32, 32, 3328);
}

/* dynamic_preprocess as it is published: all ratios, sorted by area, each compared. */
static int slow_tiles(double w, double h, double size, int min, int max)
{
    double best_difference = INFINITY;
    int best = 1;
    for (int area = min; area <= max; area++)
        for (int i = 1; i <= max; i++)
            for (int j = 1; j <= max; j++) {
                if (i * j != area) continue;
                double difference = fabs(w / h - (double)i / j);
                if (difference < best_difference) {
                    best_difference = difference;
                    best = i * j;
                } else if (difference == best_difference && w * h > 0.5 * size * size * i * j) {
                    best = i * j;
                }
            }
    return best;
}

Test(tokens, intern_random)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 448);
    for (int i = 0; i < 20000; i++) {
        int32_t w = 1 + (int32_t)weft_i_rng_below(&rng, 4000);
        int32_t h = i % 4 ? 1 + (int32_t)weft_i_rng_below(&rng, 4000) : w;
        weft_input_rule rule = INTERN;
        rule.max_tiles = 1 + (int32_t)weft_i_rng_below(&rng, 24);
        rule.min_tiles = 1 + (int32_t)weft_i_rng_below(&rng, (uint64_t)rule.max_tiles);
        int tiles = slow_tiles(w, h, 448, rule.min_tiles, rule.max_tiles);
        int32_t found = weft_i_tokens_image(&rule, w, h).grid[0];
        cr_assert_eq(found, tiles > 1 ? tiles + 1 : 1, "seed 448: %d x %d, at most %d: %d, not %d",
                     w, h, rule.max_tiles, found, tiles);
    }
}

/* PAPER: 512 tokens a second of video, 16 seconds fill a sequence of 8192. */
Test(tokens, video)
{
    expect(weft_i_tokens_clip(&T2V, 1, 1920, 1080), 2, 16, 16, 512);
    expect(weft_i_tokens_clip(&T2V, 16, -1, -1), 32, 16, 16, 8192);
    expect(weft_i_tokens_clip(&T2V, 0.01, -1, -1), 1, 16, 16, 256);
    cr_assert_eq(weft_i_tokens_clip(&T2V, 1.03, 0, 0).grid[0], 2, "16.48 frames are 16");
    cr_assert_eq(weft_i_tokens_clip(&T2V, 1.04, 0, 0).grid[0], 3, "16.64 frames are 17");
}

/* A video encoder of a VLM: sides as they are, kept within pixels a frame. */
Test(tokens, video_as_it_is)
{
    weft_input_rule rule = {
        .kind = WEFT_INPUT_VIDEO, .fps = 2, .temporal = 2, .spatial = 1, .patch = 14, .merge = 2};
    expect(weft_i_tokens_clip(&rule, 10, 280, 140), 10, 10, 20, 500);
    rule.max_pixels = 28 * 28 * 16;
    expect(weft_i_tokens_clip(&rule, 10, 280, 140), 10, 4, 10, 100);
}

Test(tokens, audio_and_text)
{
    weft_input_rule rule = {.kind = WEFT_INPUT_AUDIO, .tokens_per_second = 50, .merge = 2};
    weft_i_tokens audio = weft_i_tokens_audio(&rule, 2.793);
    cr_assert_eq(audio.tokens, 140);
    cr_assert_eq(audio.out_tokens, 70);
    cr_assert_eq(weft_i_tokens_audio(&rule, 0).out_tokens, 1);

    weft_input_rule text = {.kind = WEFT_INPUT_TEXT, .chars_per_token = 4};
    cr_assert_eq(weft_i_tokens_text(&text, 905, 80), 227);
    cr_assert_eq(weft_i_tokens_text(&text, 905, -1), 227);
    cr_assert_eq(weft_i_tokens_text(&text, 961, 80), 641, "Chinese: 1.5 characters a token");
    cr_assert_eq(weft_i_tokens_text(&text, 1, 1), 1);
    cr_assert_eq(weft_i_tokens_text(&text, 0, 0), 0);
}

/* Hostile sizes give numbers in range, not overflow. */
Test(tokens, extremes)
{
    weft_input_rule huge = {.kind = WEFT_INPUT_VIDEO, .fps = 1e9, .patch = 1, .merge = 1};
    weft_i_tokens found = weft_i_tokens_clip(&huge, 1e300, INT32_MAX, INT32_MAX);
    cr_assert_eq(found.tokens, WEFT_INT_MAX);
    found = weft_i_tokens_clip(&huge, NAN, INT32_MIN, 0);
    cr_assert_eq(found.tokens, 1);
    cr_assert_eq(weft_i_tokens_audio(&huge, 1e300).tokens, 1);
    huge.tokens_per_second = 1e9;
    cr_assert_eq(weft_i_tokens_audio(&huge, 1e300).tokens, WEFT_INT_MAX);
    weft_input_rule none = {.kind = WEFT_INPUT_DYNAMIC};
    cr_assert_gt(weft_i_tokens_image(&none, INT32_MAX, 1).tokens, 0);
    cr_assert_eq(weft_i_tokens_image(&none, 0, 0).tokens, 1);
}
