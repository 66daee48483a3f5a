/* Packing: instances of each kind of model, cuts, capacity, placement, balance; first fit against a
 * slow one. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rng.h"
#include "partition/bins.h"
#include "partition/pack.h"
#include "partition/replicas.h"

/* Modules of one layer; tokens are what matters here. */
static weft_layer block = {.kind = WEFT_LAYER_TRANSFORMER,
                           .hidden = 64,
                           .ffn = 64,
                           .heads = 1,
                           .kv_heads = 1,
                           .head_size = 64};
static weft_layer cross_block = {.kind = WEFT_LAYER_DIT,
                                 .hidden = 64,
                                 .ffn = 64,
                                 .heads = 1,
                                 .kv_heads = 1,
                                 .head_size = 64,
                                 .cross_hidden = 64};
static weft_layer merge2 = {
    .kind = WEFT_LAYER_PROJECTOR, .hidden = 64, .in_features = 128, .merge = 2};

#define IMAGE_RULE                                                                                 \
    {                                                                                              \
        .kind = WEFT_INPUT_FIXED, .size = 728, .patch = 14, .merge = 4                             \
    }
#define QWEN_RULE                                                                                  \
    {                                                                                              \
        .kind = WEFT_INPUT_DYNAMIC, .patch = 14, .merge = 2, .min_pixels = 3136,                   \
        .max_pixels = 12845056                                                                     \
    }
#define TEXT_RULE                                                                                  \
    {                                                                                              \
        .kind = WEFT_INPUT_TEXT, .chars_per_token = 4, .merge = 1                                  \
    }
#define CLIP_RULE                                                                                  \
    {                                                                                              \
        .kind = WEFT_INPUT_VIDEO, .fps = 16, .max_seconds = 16, .width = 256, .height = 256,       \
        .temporal = 8, .spatial = 8, .patch = 2, .merge = 1                                        \
    }
#define AUDIO_RULE                                                                                 \
    {                                                                                              \
        .kind = WEFT_INPUT_AUDIO, .tokens_per_second = 50, .merge = 2                              \
    }

static weft_module vlm_modules[] = {
    {"vision", WEFT_MODALITY_IMAGE, IMAGE_RULE, &block, 1},
    {"language", WEFT_MODALITY_TEXT, TEXT_RULE, &block, 1},
};
static weft_model_edge vlm_edges[] = {{0, 0, 1, 0, 0, WEFT_EDGE_TOKENS, true}};
static const weft_model VLM = {
    .name = "vlm", .n_modules = 2, .n_edges = 1, .modules = vlm_modules, .edges = vlm_edges};

static weft_module t2v_modules[] = {
    {"text", WEFT_MODALITY_TEXT, TEXT_RULE, &block, 1},
    {"dit", WEFT_MODALITY_VIDEO, CLIP_RULE, &cross_block, 1},
};
static weft_model_edge t2v_edges[] = {{0, 0, 1, 0, 0, WEFT_EDGE_CONDITION, true}};
static const weft_model T2V = {
    .name = "t2v", .n_modules = 2, .n_edges = 1, .modules = t2v_modules, .edges = t2v_edges};

/* Images pass through a second module; audio feeds the backbone directly. */
static weft_module omni_modules[] = {
    {"vision", WEFT_MODALITY_IMAGE, QWEN_RULE, &block, 1},
    {"resampler", WEFT_MODALITY_IMAGE, IMAGE_RULE, &merge2, 1},
    {"audio", WEFT_MODALITY_AUDIO, AUDIO_RULE, &block, 1},
    {"language", WEFT_MODALITY_TEXT, TEXT_RULE, &block, 1},
};
static weft_model_edge omni_edges[] = {
    {0, 0, 1, 0, 0, WEFT_EDGE_TOKENS, true},
    {1, 0, 3, 0, 0, WEFT_EDGE_TOKENS, true},
    {2, 0, 3, 0, 0, WEFT_EDGE_ADD, true},
};
static const weft_model OMNI = {
    .name = "omni", .n_modules = 4, .n_edges = 3, .modules = omni_modules, .edges = omni_edges};

static weft_image images[64];
static weft_video videos[8];
static double audio[4];

static weft_sample sample_of(int64_t text, int32_t n_images, int32_t n_videos, int32_t n_audio)
{
    return (weft_sample){.id = "s",
                         .source = "",
                         .text_tokens = text,
                         .text_chars = -1,
                         .text_words = -1,
                         .loss_tokens = -1,
                         .images = images,
                         .videos = videos,
                         .audio_seconds = audio,
                         .n_images = n_images,
                         .n_videos = n_videos,
                         .n_audio = n_audio,
                         .replica = -1,
                         .microbatch = -1,
                         .line = 7};
}

static weft_recipe recipe_of(int64_t sequence)
{
    return (weft_recipe){.name = "r",
                         .sequence = sequence,
                         .max_images = 48,
                         .default_width = 448,
                         .default_height = 448,
                         .default_seconds = 5,
                         .default_text_tokens = 200};
}

static weft_i_arena arena;

static weft_status pack(const weft_model *model, const weft_recipe *recipe, weft_sample *samples,
                        int32_t n, int32_t dp, int32_t wanted, bool strict, weft_error *error,
                        weft_i_packed *out)
{
    weft_batch batch = {.name = "batch.jsonl", .samples = samples, .n_samples = n};
    return weft_i_pack(model, recipe, NULL, &batch, dp, wanted, strict, &arena, error, out);
}

static void release(void)
{
    weft_i_arena_free(&arena);
}

TestSuite(pack, .fini = release);

Test(pack, documents_with_images)
{
    weft_recipe recipe = recipe_of(8192);
    weft_sample samples[] = {sample_of(1000, 2, 0, 0), sample_of(500, 0, 0, 0),
                             sample_of(8000, 1, 0, 0)};
    weft_i_packed packed;
    cr_assert_eq(pack(&VLM, &recipe, samples, 3, 1, 0, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].n_microbatches, 2);
    const weft_i_microbatch *first = &packed.replicas[0].microbatches[0];
    const weft_i_instances *vision = &first->modules[0], *language = &first->modules[1];
    cr_assert(vision->n_items == 2 && vision->tokens == 2 * 2704);
    cr_assert(vision->out_tokens[1] == 169 && vision->items[1].index == 1);
    cr_assert(language->n_items == 2 && language->tokens == 1000 + 2 * 169 + 500);
    cr_assert(language->items[1].kind == WEFT_ITEM_DOCUMENT && language->items[1].sample == 1);
    cr_assert_eq(packed.replicas[0].microbatches[1].modules[1].tokens, 8000 + 169);
    cr_assert_eq(packed.notes.documents_cut + packed.notes.sizes_filled, 0);
}

/* 40 + 4 x 169 tokens into 400: text comes in five pieces of 8, so that 8, an image, 8, an image,
 * and 8 + 8 + ... only to the next image fit: 8 + 169 + 8 + 169 + 8 = 362, the third does not. */
Test(pack, a_document_is_cut_with_the_images_behind_the_cut)
{
    weft_recipe recipe = recipe_of(400);
    weft_sample sample = sample_of(40, 4, 0, 0);
    weft_i_packed packed;
    weft_error error = {0};
    cr_assert_eq(pack(&VLM, &recipe, &sample, 1, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    const weft_i_microbatch *only = &packed.replicas[0].microbatches[0];
    cr_assert(only->modules[0].n_items == 2 && only->modules[1].tokens == 362, "%lld",
              (long long)only->modules[1].tokens);
    cr_assert(packed.notes.documents_cut == 1 && packed.notes.images_dropped == 2);
    cr_assert_eq(packed.notes.tokens_cut, 40 + 4 * 169 - 362);
    cr_assert_eq(pack(&VLM, &recipe, &sample, 1, 1, 0, true, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text,
                     "sample 's': a document of 716 tokens is longer than the sequence of 400");
    cr_assert(error.line == 7 && strcmp(error.file, "batch.jsonl") == 0);

    sample = sample_of(1000, 0, 0, 0);
    cr_assert_eq(pack(&VLM, &recipe, &sample, 1, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[1].tokens, 400);
}

Test(pack, too_many_images_and_too_large_ones)
{
    weft_recipe recipe = recipe_of(100);
    weft_sample sample = sample_of(40, 1, 0, 0);
    weft_i_packed packed;
    cr_assert_eq(pack(&VLM, &recipe, &sample, 1, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[0].n_items, 0, "169 tokens in 100");
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[1].tokens, 40);
    cr_assert(packed.notes.images_dropped == 1 && packed.notes.documents_cut == 0);
    recipe.sequence = 8192;
    recipe.max_images = 3;
    sample = sample_of(40, 5, 0, 0);
    cr_assert_eq(pack(&VLM, &recipe, &sample, 1, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[0].n_items, 3);
    cr_assert_eq(packed.notes.images_dropped, 2);
}

/* A fixed size does not ask for the image's; a dynamic one does. */
Test(pack, null_sizes)
{
    weft_recipe recipe = recipe_of(8192);
    images[0] = (weft_image){-1, -1};
    weft_sample sample = sample_of(-1, 1, 0, 0);
    weft_i_packed packed;
    cr_assert_eq(pack(&VLM, &recipe, &sample, 1, 1, 0, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.notes.sizes_filled, 1, "text only: %d", packed.notes.sizes_filled);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[1].tokens, 200 + 169);
    sample.text_chars = 6000;
    sample.text_words = 1;
    cr_assert_eq(pack(&OMNI, &recipe, &sample, 1, 1, 0, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.notes.sizes_filled, 1, "the image: %d", packed.notes.sizes_filled);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[0].tokens, 1024);
    /* 6000 characters without blanks are 4000 tokens, 448 x 448 in pairs 128. */
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[3].tokens, 4000 + 128);
    images[0] = (weft_image){0, 0};
}

Test(pack, modules_behind_modules)
{
    weft_recipe recipe = recipe_of(8192);
    images[0] = (weft_image){224, 224};
    audio[0] = 3;
    weft_sample sample = sample_of(10, 1, 0, 1);
    weft_i_packed packed;
    cr_assert_eq(pack(&OMNI, &recipe, &sample, 1, 1, 0, true, NULL, &packed), WEFT_STATUS_OK);
    const weft_i_instances *of = packed.replicas[0].microbatches[0].modules;
    cr_assert(of[0].tokens == 256 && of[0].out_tokens[0] == 64 && of[0].items[0].grid[1] == 16);
    cr_assert(of[1].tokens == 64 && of[1].out_tokens[0] == 32 && of[1].items[0].grid[1] == 0);
    cr_assert(of[2].tokens == 150 && of[2].out_tokens[0] == 75);
    cr_assert_eq(of[3].tokens, 10 + 32 + 75, "%lld", (long long)of[3].tokens);
    images[0] = (weft_image){0, 0};
}

/* 40 s make clips of 16, 16 and 8 s; each carries the caption. */
Test(pack, clips_and_captions)
{
    weft_recipe recipe = recipe_of(8192);
    recipe.max_clips = 8;
    recipe.max_seconds = 16;
    videos[0] = (weft_video){40, -1, -1};
    videos[1] = (weft_video){-1, -1, -1};
    weft_sample samples[] = {sample_of(0, 0, 2, 0), sample_of(37, 0, 1, 0)};
    weft_i_packed packed;
    weft_error error = {0};
    cr_assert_eq(pack(&T2V, &recipe, samples, 2, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    cr_assert(packed.notes.videos_split == 2 && packed.notes.sizes_filled == 2);
    /* 16; 16; 8 + 5 (default) s; 16; 16; 8. */
    const weft_i_replica *replica = &packed.replicas[0];
    cr_assert_eq(replica->n_microbatches, 6, "%d", replica->n_microbatches);
    const weft_i_instances *text = &replica->microbatches[2].modules[0];
    const weft_i_instances *dit = &replica->microbatches[2].modules[1];
    cr_assert(text->n_items == 2 && text->tokens == 400 &&
              text->items[0].kind == WEFT_ITEM_CAPTION && text->items[0].index == 2);
    cr_assert(dit->n_items == 2 && dit->tokens == 13 * 512 && dit->items[0].index == 2);
    cr_assert(dit->context_tokens[0] == 200 && dit->context_tokens[1] == 200);
    cr_assert_eq(replica->microbatches[3].modules[1].context_tokens[0], 37);
    cr_assert_eq(pack(&T2V, &recipe, samples, 2, 1, 0, true, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text, "sample 's': a video of 40 seconds is longer than a clip of 16");
    /* A shorter sequence makes shorter clips: 2048 tokens hold 4 s. */
    recipe.sequence = 2048;
    cr_assert_eq(pack(&T2V, &recipe, &samples[1], 1, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].n_microbatches, 10);
    cr_assert_eq(packed.replicas[0].microbatches[9].modules[1].tokens, 2048);
}

Test(pack, caption_longer_than_the_sequence)
{
    weft_recipe recipe = recipe_of(2048);
    videos[0] = (weft_video){2, -1, -1};
    weft_sample sample = sample_of(3000, 0, 1, 0);
    weft_i_packed packed;
    weft_error error = {0};
    cr_assert_eq(pack(&T2V, &recipe, &sample, 1, 1, 0, false, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[0].tokens, 2048);
    cr_assert(packed.notes.documents_cut == 1 && packed.notes.tokens_cut == 3000 - 2048);
    cr_assert_eq(pack(&T2V, &recipe, &sample, 1, 1, 0, true, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text,
                     "sample 's': a caption of 3000 tokens is longer than the sequence of 2048");
}

Test(pack, features_computed_beforehand)
{
    weft_recipe recipe = recipe_of(8192);
    weft_model model = T2V;
    model.modules = &t2v_modules[1];
    model.n_modules = 1;
    model.n_edges = 0;
    videos[0] = (weft_video){2, -1, -1};
    weft_sample sample = sample_of(37, 0, 1, 0);
    weft_i_packed packed;
    cr_assert_eq(pack(&model, &recipe, &sample, 1, 1, 0, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.replicas[0].microbatches[0].modules[0].context_tokens[0], 37);
}

static void expect_refused(const weft_model *model, weft_sample sample, const char *text,
                           const char *path)
{
    weft_recipe recipe = recipe_of(8192);
    weft_error error = {0};
    weft_i_packed packed;
    cr_assert_eq(pack(model, &recipe, &sample, 1, 1, 0, false, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text, text);
    cr_assert_str_eq(error.path, path);
}

Test(pack, what_the_model_lacks)
{
    expect_refused(&VLM, sample_of(5, 1, 1, 0),
                   "sample 's': found videos, but model 'vlm' has no module for it", "$.videos");
    expect_refused(&VLM, sample_of(5, 0, 0, 1),
                   "sample 's': found audio, but model 'vlm' has no module for it",
                   "$.audio_seconds");
    expect_refused(&T2V, sample_of(5, 1, 1, 0),
                   "sample 's': found images, but model 't2v' has no module for it", "$.images");
    weft_model no_text = VLM;
    no_text.n_modules = 1;
    no_text.n_edges = 0;
    expect_refused(&no_text, sample_of(5, 1, 0, 0),
                   "sample 's': found text, but model 'vlm' has no module for it", "$.text_tokens");
    videos[0] = (weft_video){1e9, -1, -1};
    expect_refused(&T2V, sample_of(5, 0, 1, 0),
                   "sample 's': a video of 1e+09 seconds makes more than 1000000 clips of 16",
                   "$.videos");
}

Test(pack, nothing_in_it)
{
    weft_recipe recipe = recipe_of(8192);
    weft_sample samples[] = {sample_of(0, 0, 0, 0), sample_of(9, 0, 0, 0)};
    weft_i_packed packed;
    weft_error error = {0};
    cr_assert_eq(pack(&VLM, &recipe, samples, 2, 1, 0, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert_eq(packed.notes.samples_empty, 1);
    cr_assert_eq(pack(&VLM, &recipe, samples, 1, 1, 0, true, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text, "nothing to train on in 1 samples");
}

/* The caller's placement stays, over capacity or not; numbers with gaps close up. */
Test(pack, placed_by_the_caller)
{
    weft_recipe recipe = recipe_of(1000);
    weft_sample samples[6];
    static const int32_t places[6][2] = {{1, 5}, {0, 3}, {1, 2}, {1, 5}, {-1, -1}, {0, -1}};
    for (int i = 0; i < 6; i++) {
        samples[i] = sample_of(600, 0, 0, 0);
        samples[i].replica = places[i][0];
        samples[i].microbatch = places[i][1];
    }
    weft_i_packed packed;
    weft_error error = {0};
    cr_assert_eq(pack(&VLM, &recipe, samples, 6, 2, 0, true, NULL, &packed), WEFT_STATUS_OK);
    const weft_i_replica *r0 = &packed.replicas[0], *r1 = &packed.replicas[1];
    cr_assert(r0->n_microbatches == 3 && r1->n_microbatches == 2);
    cr_assert_eq(r1->microbatches[0].modules[1].items[0].sample, 2);
    cr_assert_eq(r1->microbatches[1].modules[1].tokens, 1200);
    cr_assert_eq(r1->microbatches[1].number, 1);
    samples[3].replica = 2;
    cr_assert_eq(pack(&VLM, &recipe, samples, 6, 2, 0, true, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text, "found 2, but the replicas are 0 to 1");
}

Test(pack, repeated_and_cut)
{
    weft_recipe recipe = recipe_of(1000);
    weft_sample samples[5];
    for (int i = 0; i < 5; i++)
        samples[i] = sample_of(600 + i, 0, 0, 0);
    weft_i_packed packed;
    weft_error error = {0};
    cr_assert_eq(pack(&VLM, &recipe, samples, 5, 2, 4, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert(packed.replicas[0].n_microbatches == 4 && packed.replicas[1].n_microbatches == 4);
    cr_assert(packed.notes.samples_repeated == 3 && packed.notes.samples_left_out == 0);
    cr_assert_eq(pack(&VLM, &recipe, samples, 5, 2, 1, true, NULL, &packed), WEFT_STATUS_OK);
    cr_assert(packed.replicas[0].n_microbatches == 1 && packed.notes.samples_left_out == 3);
    cr_assert_eq(pack(&VLM, &recipe, samples, 5, 6, 0, true, &error, &packed),
                 WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text, "replica 5 of 6 has no microbatch: the batch makes only 5");
}

/* First fit, one bin after the other. */
static int32_t slow_first_fit(const weft_i_sizes *things, int32_t n, weft_i_sizes capacity,
                              int32_t *out_bin)
{
    static weft_i_sizes used[3000];
    int32_t n_bins = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t b = 0;
        for (; b < n_bins; b++) {
            bool fits = true;
            for (int d = 0; d < WEFT_I_N_SIZES; d++)
                fits = fits && used[b].of[d] + things[i].of[d] <= capacity.of[d];
            if (fits) break;
        }
        if (b == n_bins) used[n_bins++] = (weft_i_sizes){{0}};
        for (int d = 0; d < WEFT_I_N_SIZES; d++)
            used[b].of[d] += things[i].of[d];
        out_bin[i] = b;
    }
    return n_bins;
}

Test(bins, first_fit_as_the_slow_one)
{
    static weft_i_sizes things[3000];
    static int32_t fast[3000], slow[3000];
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 77);
    for (int round = 0; round < 40; round++) {
        int32_t n = (int32_t)weft_i_rng_below(&rng, round < 38 ? 60 : 3000), n_bins;
        weft_i_sizes capacity = {{8192, 48, WEFT_INT_MAX, 1000}};
        for (int32_t i = 0; i < n; i++)
            things[i] = (weft_i_sizes){{1 + (int64_t)weft_i_rng_below(&rng, i % 50 ? 3000 : 9000),
                                        (int64_t)weft_i_rng_below(&rng, 30), 1,
                                        (int64_t)weft_i_rng_below(&rng, 300)}};
        cr_assert_eq(
            weft_i_bins_fill(WEFT_PACKING_FIRST_FIT, things, n, capacity, NULL, fast, &n_bins),
            WEFT_STATUS_OK);
        cr_assert_eq(n_bins, slow_first_fit(things, n, capacity, slow), "seed 77, round %d", round);
        cr_assert_arr_eq(fast, slow, (size_t)n * sizeof(*fast), "seed 77, round %d", round);
    }
}

Test(bins, next_fit_and_none)
{
    weft_i_sizes things[] = {{{5}}, {{6}}, {{4}}, {{20}}, {{1}}}, capacity = {{10, 9, 9, 9}};
    int32_t bins[5], n_bins, next[] = {0, 1, 1, 2, 3}, none[] = {0, 1, 2, 3, 4};
    weft_i_bins_fill(WEFT_PACKING_NEXT_FIT, things, 5, capacity, NULL, bins, &n_bins);
    cr_assert_eq(n_bins, 4);
    cr_assert_arr_eq(bins, next, sizeof(next));
    weft_i_bins_fill(WEFT_PACKING_NONE, things, 5, capacity, NULL, bins, &n_bins);
    cr_assert_arr_eq(bins, none, sizeof(none));
}

/* Whether some exchange with the busiest of dp heaps leaves the busier of the two with less. */
static bool is_exchange_better(const double *work, const int32_t *heap, int32_t n,
                               const double *load, int32_t dp)
{
    int32_t busiest = 0;
    for (int32_t r = 1; r < dp; r++)
        if (load[r] > load[busiest]) busiest = r;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            double moved = work[i] - work[j];
            if (heap[i] == busiest && heap[j] != busiest && moved > 1e-6 &&
                load[heap[j]] + moved < load[busiest] - 1e-6)
                return true;
        }
    return false;
}

/* Equal numbers, every microbatch once, no worse than Graham's bound of 4/3 where numbers do not
 * bind (here: against the mean and the largest), and no exchange that helps. */
Test(bins, replicas_are_balanced)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 8);
    weft_i_arena scratch = {0};
    for (int round = 0; round < 200; round++) {
        double work[64], load[8] = {0}, sum = 0;
        int32_t given[64], heap[64], seen[64] = {0}, n = 8 + (int32_t)weft_i_rng_below(&rng, 57);
        int32_t dp = 1 + (int32_t)weft_i_rng_below(&rng, 8);
        weft_i_shares shares;
        for (int32_t i = 0; i < n; i++) {
            work[i] = 1 + weft_i_rng_double(&rng);
            sum += work[i];
            given[i] = -1;
        }
        cr_assert_eq(weft_i_replicas_share(work, given, n, dp, 0, &scratch, NULL, &shares),
                     WEFT_STATUS_OK);
        for (int32_t r = 0; r < dp; r++) {
            int32_t count = shares.first[r + 1] - shares.first[r];
            cr_assert(count == n / dp || count == n / dp + 1);
            for (int32_t i = shares.first[r]; i < shares.first[r + 1]; i++) {
                load[r] += work[shares.number[i]];
                heap[shares.number[i]] = r;
                seen[shares.number[i]]++;
            }
        }
        for (int32_t i = 0; i < n; i++)
            cr_assert_eq(seen[i], 1);
        cr_assert_not(is_exchange_better(work, heap, n, load, dp), "seed 8, round %d", round);
        for (int32_t r = 0; r < dp && n % dp == 0; r++)
            cr_assert_lt(load[r], sum / dp * 4 / 3 + 1e-9, "seed 8, round %d: %g of %g", round,
                         load[r], sum / dp);
    }
    weft_i_arena_free(&scratch);
}

/* Longest first, each to the lightest of all. */
Test(bins, spread_as_the_slow_one)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 12);
    for (int round = 0; round < 2000; round++) {
        double weights[30], load[9], slow[9];
        int32_t quota[9], count[9] = {0}, heap[30], n = (int32_t)weft_i_rng_below(&rng, 31);
        int32_t k = 1 + (int32_t)weft_i_rng_below(&rng, 9), room = 0;
        bool done[30] = {false}, with_quota = round % 2;
        for (int32_t h = 0; h < k; h++) {
            load[h] = slow[h] = (double)weft_i_rng_below(&rng, 30);
            quota[h] = (int32_t)weft_i_rng_below(&rng, 9) - 1;
            room += quota[h] > 0 ? quota[h] : 0;
        }
        if (with_quota && n > room) n = room;
        for (int32_t i = 0; i < n; i++)
            weights[i] = (double)weft_i_rng_below(&rng, 20);
        cr_assert_eq(weft_i_bins_spread(weights, n, k, with_quota ? quota : NULL, NULL, load, heap),
                     WEFT_STATUS_OK);
        for (int32_t step = 0; step < n; step++) {
            int32_t next = -1, best = -1;
            for (int32_t i = 0; i < n; i++)
                if (!done[i] && (next < 0 || weights[i] > weights[next])) next = i;
            for (int32_t h = 0; h < k; h++)
                if ((!with_quota || count[h] < quota[h]) && (best < 0 || slow[h] < slow[best]))
                    best = h;
            done[next] = true;
            count[best]++;
            slow[best] += weights[next];
            cr_assert_eq(heap[next], best, "seed 12, round %d: %d in %d, not %d", round, next,
                         heap[next], best);
        }
        cr_assert_arr_eq(load, slow, (size_t)k * sizeof(*load), "seed 12, round %d", round);
    }
}

/* What the caller gave to a replica counts in its share; lists that are repeated keep their order.
 */
Test(bins, replicas_with_some_given)
{
    weft_i_arena scratch = {0};
    double work[] = {1, 1, 1, 9, 9, 9};
    int32_t given[] = {0, 0, 0, -1, -1, -1}, first[] = {0, 3, 6}, number[] = {0, 1, 2, 3, 4, 5};
    int32_t repeated[] = {0, 1, 2, 0, 1, 3, 4, 5, 3, 4}, cut[] = {0, 1, 3, 4};
    weft_i_shares shares;
    cr_assert_eq(weft_i_replicas_share(work, given, 6, 2, 0, &scratch, NULL, &shares),
                 WEFT_STATUS_OK);
    cr_assert_arr_eq(shares.first, first, sizeof(first), "three each, though one has less work");
    cr_assert_arr_eq(shares.number, number, sizeof(number));
    cr_assert_eq(weft_i_replicas_share(work, given, 6, 2, 5, &scratch, NULL, &shares),
                 WEFT_STATUS_OK);
    cr_assert_arr_eq(shares.number, repeated, sizeof(repeated));
    cr_assert_eq(weft_i_replicas_share(work, given, 6, 2, 2, &scratch, NULL, &shares),
                 WEFT_STATUS_OK);
    cr_assert_arr_eq(shares.number, cut, sizeof(cut));
    weft_i_arena_free(&scratch);
}

/* Random batches of an image, audio and text model: every sample once, nothing over capacity,
 * tokens conserved. */
Test(pack, random_batches)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 2504);
    for (int round = 0; round < 100; round++) {
        weft_sample samples[200];
        weft_recipe recipe = recipe_of(2048 << weft_i_rng_below(&rng, 3));
        recipe.packing = (weft_packing)weft_i_rng_below(&rng, 3);
        recipe.max_images = 6;
        int32_t n = 40 + (int32_t)weft_i_rng_below(&rng, 160), seen[200] = {0};
        int32_t dp = 1 + (int32_t)weft_i_rng_below(&rng, 4);
        int64_t expected = 0, found = 0;
        for (int i = 0; i < 64; i++)
            images[i] = (weft_image){200 + (int32_t)weft_i_rng_below(&rng, 600), 400};
        audio[0] = 10;
        for (int32_t i = 0; i < n; i++)
            samples[i] =
                sample_of((int64_t)weft_i_rng_below(&rng, 3000), (int32_t)weft_i_rng_below(&rng, 9),
                          0, (int32_t)weft_i_rng_below(&rng, 2));
        weft_i_packed packed;
        cr_assert_eq(pack(&OMNI, &recipe, samples, n, dp, 0, false, NULL, &packed), WEFT_STATUS_OK);
        for (int32_t r = 0; r < dp; r++)
            for (int32_t b = 0; b < packed.replicas[r].n_microbatches; b++) {
                const weft_i_microbatch *at = &packed.replicas[r].microbatches[b];
                cr_assert_leq(at->modules[3].tokens, recipe.sequence);
                cr_assert_leq(at->modules[0].n_items, recipe.max_images);
                for (int32_t i = 0; i < at->modules[3].n_items; i++)
                    seen[at->modules[3].items[i].sample]++;
                for (int32_t i = 0; i < at->modules[1].n_items; i++)
                    found -= at->modules[1].out_tokens[i];
                for (int32_t i = 0; i < at->modules[2].n_items; i++)
                    found -= at->modules[2].out_tokens[i];
                found += at->modules[3].tokens;
            }
        int32_t n_seen = 0;
        for (int32_t i = 0; i < n; i++) {
            cr_assert_leq(seen[i], 1, "seed 2504, round %d", round);
            n_seen += seen[i];
            expected += samples[i].text_tokens;
        }
        cr_assert_eq(n_seen + packed.notes.samples_empty, n);
        if (packed.notes.documents_cut == 0)
            cr_assert_eq(found, expected, "seed 2504, round %d: text tokens", round);
        else
            cr_assert_leq(found, expected);
    }
    audio[0] = 0;
}
