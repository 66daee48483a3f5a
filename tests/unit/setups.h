/* tests/unit/setups.h - the shipped set-ups with a made-up batch, for tests of partition/ and what
 * is above it. */
#ifndef WEFT_TESTS_SETUPS_H
#define WEFT_TESTS_SETUPS_H

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/rng.h"
#include "partition/layouts.h"

typedef struct setup {
    weft_model *model;
    weft_recipe *recipe;
    weft_cluster *cluster;
    weft_i_emu *emu;
    weft_batch batch;
    weft_i_packed packed;
    weft_i_arena arena;
    weft_parallel parallel;
    weft_i_layout_input input;
} setup;

/* One of the model's modules is of the modality. */
static inline bool setup_takes(const setup *s, weft_modality modality)
{
    for (int32_t m = 0; m < s->model->n_modules; m++)
        if (s->model->modules[m].modality == modality) return true;
    return false;
}

/* Documents with 0 to 5 images of several sizes and 0 to 2 pieces of audio, or videos of 1 to 40 s
 * with captions. */
static inline void setup_fill_batch(setup *s, int32_t n_samples, uint64_t seed)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    bool is_video = s->model->modules[s->model->n_modules - 1].modality == WEFT_MODALITY_VIDEO;
    s->batch = (weft_batch){.name = "made up", .sha256 = "", .n_samples = n_samples};
    s->batch.samples = weft_i_new(&s->arena, weft_sample, n_samples);
    for (int32_t i = 0; i < n_samples; i++) {
        weft_sample *sample = &s->batch.samples[i];
        *sample = (weft_sample){.id = "x",
                                .source = "",
                                .text_chars = -1,
                                .text_words = -1,
                                .loss_tokens = -1,
                                .replica = -1,
                                .microbatch = -1,
                                .line = i + 1};
        sample->text_tokens = 20 + (int64_t)weft_i_rng_below(&rng, is_video ? 300 : 3000);
        if (is_video) {
            sample->n_videos = 1;
            sample->videos = weft_i_new(&s->arena, weft_video, 1);
            sample->videos[0] = (weft_video){1 + 39 * weft_i_rng_double(&rng), 640, 360};
            continue;
        }
        sample->n_images =
            setup_takes(s, WEFT_MODALITY_IMAGE) && i % 7 ? (int32_t)weft_i_rng_below(&rng, 6) : 0;
        sample->images = weft_i_new(&s->arena, weft_image, sample->n_images);
        for (int32_t k = 0; k < sample->n_images; k++)
            sample->images[k] = (weft_image){200 + (int32_t)weft_i_rng_below(&rng, 1500),
                                             200 + (int32_t)weft_i_rng_below(&rng, 1500)};
        if (!setup_takes(s, WEFT_MODALITY_AUDIO)) continue;
        sample->n_audio = (int32_t)weft_i_rng_below(&rng, 3);
        sample->audio_seconds = weft_i_new(&s->arena, double, sample->n_audio);
        for (int32_t k = 0; k < sample->n_audio; k++)
            sample->audio_seconds[k] = 1 + 30 * weft_i_rng_double(&rng);
    }
}

/* Load a model and a recipe, on a cluster, with dp replicas and a batch packed. */
static inline void setup_open_recipe(setup *s, const char *name, const char *recipe,
                                     const char *cluster, int32_t dp, int32_t n_samples,
                                     uint64_t seed)
{
    weft_error error = {0};
    *s = (setup){0};
    cr_assert_eq(weft_model_load(name, &error, &s->model), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_recipe_load(recipe, &error, &s->recipe), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_cluster_load(cluster, &error, &s->cluster), WEFT_STATUS_OK, "%s", error.text);
    s->parallel = s->recipe->parallel;
    s->parallel.dp = dp;
    s->parallel.cp = s->parallel.ep = 1;
    cr_assert_eq(weft_i_emu_create(s->model, s->cluster, s->recipe, &s->parallel,
                                   WEFT_REUSE_MODE_ALL, &error, &s->emu),
                 WEFT_STATUS_OK, "%s: %s", name, error.text);
    setup_fill_batch(s, n_samples, seed);
    cr_assert_eq(weft_i_pack(s->model, s->recipe, NULL, &s->batch, dp, 0, false, &s->arena, &error,
                             &s->packed),
                 WEFT_STATUS_OK, "%s: %s", name, error.text);
    s->input = (weft_i_layout_input){.model = s->model,
                                     .recipe = s->recipe,
                                     .emu = s->emu,
                                     .parallel = s->parallel,
                                     .packed = &s->packed};
}

/* The same with the recipe of the model's name. */
static inline void setup_open(setup *s, const char *name, const char *cluster, int32_t dp,
                              int32_t n_samples, uint64_t seed)
{
    setup_open_recipe(s, name, name, cluster, dp, n_samples, seed);
}

static inline void setup_close(setup *s)
{
    weft_i_emu_free(s->emu);
    weft_model_free(s->model);
    weft_recipe_free(s->recipe);
    weft_cluster_free(s->cluster);
    weft_i_arena_free(&s->arena);
}

#endif
