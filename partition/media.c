/* partition/media.c - sizes of a sample, nulls filled, long videos split, into instances. */
#include "partition/media.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "partition/token_flow.h"
#include "partition/tokens.h"

enum { MAX_CLIPS = 1000000 };

/* A word of five letters and a blank, where only words are counted. */
static const int64_t CHARS_PER_WORD = 6;

weft_status weft_i_sample_fail(const weft_i_view *view, int32_t sample, const char *path,
                               const char *fmt, ...)
{
    char text[256];
    const weft_sample *at = &view->batch->samples[sample];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return weft_i_fail_at(view->error, WEFT_STATUS_BAD_INPUT, view->batch->name, at->line, path,
                          "sample '%.60s': %s", at->id, text);
}

void weft_i_media_free(weft_i_media *media)
{
    free(media->media);
    free(media->instances);
    *media = (weft_i_media){0};
}

/* Tokens of a medium by the rule of one module. */
typedef weft_i_tokens measure(const weft_input_rule *rule, const void *medium);

static weft_i_tokens measure_image(const weft_input_rule *rule, const void *medium)
{
    const weft_image *image = medium;
    return weft_i_tokens_image(rule, image->width, image->height);
}

static weft_i_tokens measure_clip(const weft_input_rule *rule, const void *medium)
{
    const weft_video *clip = medium;
    return weft_i_tokens_clip(rule, clip->seconds, clip->width, clip->height);
}

static weft_i_tokens measure_audio(const weft_input_rule *rule, const void *medium)
{
    const double *seconds = medium;
    return weft_i_tokens_audio(rule, *seconds);
}

/* Tokens that become one on the way through a module. */
static int64_t merge_of(const weft_module *module)
{
    int64_t merge = 1;
    for (int32_t l = 0; l < module->n_layers; l++)
        if (module->layers[l].kind == WEFT_LAYER_PROJECTOR && module->layers[l].merge > 1)
            merge *= module->layers[l].merge;
    return merge;
}

/* The instance of module m: by its own rule, or what an earlier module of its modality puts out. */
static weft_i_instance instance_of(const weft_i_view *view, int32_t m, weft_item item,
                                   measure *measure_by, const void *medium)
{
    const weft_module *module = &view->model->modules[m];
    int32_t before = weft_i_flow_before(view->model, m);
    weft_i_tokens found = measure_by(&module->input, medium);
    for (int d = 0; d < 3; d++)
        item.grid[d] = before < 0 ? found.grid[d] : 0;
    if (before >= 0) {
        int64_t merge = merge_of(module);
        found.tokens = view->out_tokens[before];
        found.out_tokens = (found.tokens - 1) / merge + 1;
    }
    item.tokens = found.tokens;
    view->out_tokens[m] = found.out_tokens;
    return (weft_i_instance){item, m, found.out_tokens, 0};
}

static weft_status add_medium(const weft_i_view *view, weft_modality modality, weft_item item,
                              measure *measure_by, const void *medium, weft_i_media *media)
{
    const weft_model *model = view->model;
    if (weft_i_grow(&media->media, &media->media_cap, media->n_media + 1, sizeof(*media->media)) ||
        weft_i_grow(&media->instances, &media->instances_cap,
                    media->n_instances + (size_t)model->n_modules, sizeof(*media->instances)))
        return weft_i_no_memory(view->error);
    weft_i_medium *added = &media->media[media->n_media++];
    *added = (weft_i_medium){.modality = modality, .first = media->n_instances};
    for (int32_t m = 0; m < model->n_modules; m++) {
        view->out_tokens[m] = 0;
        if (model->modules[m].modality != modality) continue;
        media->instances[media->n_instances++] = instance_of(view, m, item, measure_by, medium);
        added->n++;
    }
    added->received = weft_i_flow_received(model, model->n_modules - 1, view->out_tokens);
    return WEFT_STATUS_OK;
}

static bool fill_size(const weft_recipe *recipe, int32_t *width, int32_t *height)
{
    bool filled = *width < 0 || *height < 0;
    if (*width < 0) *width = recipe->default_width;
    if (*height < 0) *height = recipe->default_height;
    return filled;
}

/* Whether the modules of a modality ask for the size of an image or video. */
static bool size_matters(const weft_model *model, weft_modality modality)
{
    for (int32_t m = 0; m < model->n_modules; m++) {
        const weft_input_rule *rule = &model->modules[m].input;
        if (model->modules[m].modality != modality || weft_i_flow_before(model, m) >= 0) continue;
        if (rule->kind == WEFT_INPUT_VIDEO ? rule->width <= 0 || rule->height <= 0
                                           : rule->kind != WEFT_INPUT_FIXED)
            return true;
    }
    return false;
}

static weft_status read_images(const weft_i_view *view, int32_t sample, weft_i_pack_notes *notes,
                               weft_i_media *media)
{
    const weft_sample *from = &view->batch->samples[sample];
    bool matters = size_matters(view->model, WEFT_MODALITY_IMAGE);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < from->n_images; i++) {
        weft_image image = from->images[i];
        weft_item item = {sample, WEFT_ITEM_IMAGE, i, {0}, 0};
        if (fill_size(view->recipe, &image.width, &image.height) && matters) notes->sizes_filled++;
        status = add_medium(view, WEFT_MODALITY_IMAGE, item, measure_image, &image, media);
    }
    return status;
}

/* Longest clip: what the first video module takes, what the recipe lets into a microbatch, and, if
 * videos are the backbone's, what fits into the sequence (at least one step in time). */
static double longest_clip(const weft_i_view *view, const weft_video *video)
{
    int32_t m = weft_i_flow_first(view->model, WEFT_MODALITY_VIDEO);
    const weft_input_rule *rule = &view->model->modules[m].input;
    double longest = rule->max_seconds > 0 ? rule->max_seconds : INFINITY;
    if (view->recipe->max_seconds > 0) longest = fmin(longest, view->recipe->max_seconds);
    if (m != view->model->n_modules - 1 || !(rule->fps > 0)) return longest;
    int64_t step = weft_i_tokens_clip(rule, 0, video->width, video->height).tokens;
    int64_t steps = view->sequence / step > 1 ? view->sequence / step : 1;
    int32_t temporal = rule->temporal > 1 ? rule->temporal : 1;
    return fmin(longest, (double)steps * temporal / rule->fps);
}

/* Clips of a video: as long as can be, one after the other; a rest under a frame is dropped. */
static weft_status split_video(const weft_i_view *view, int32_t sample, weft_video video,
                               int32_t *index, weft_i_pack_notes *notes, weft_i_media *media)
{
    double longest = longest_clip(view, &video), left = fmax(video.seconds, 0);
    int32_t first = *index;
    int32_t m = weft_i_flow_first(view->model, WEFT_MODALITY_VIDEO);
    double frame = 1 / fmax(view->model->modules[m].input.fps, 1e-3);
    if (left / longest > MAX_CLIPS)
        return weft_i_sample_fail(view, sample, "$.videos",
                                  "a video of %g seconds makes more than %d clips of %g", left,
                                  MAX_CLIPS, longest);
    do {
        weft_video clip = {fmin(left, longest), video.width, video.height};
        weft_item item = {sample, WEFT_ITEM_CLIP, *index, {0}, 0};
        weft_status status =
            add_medium(view, WEFT_MODALITY_VIDEO, item, measure_clip, &clip, media);
        if (status != WEFT_STATUS_OK) return status;
        media->media[media->n_media - 1].microseconds = (int64_t)fmin(clip.seconds * 1e6, 1e15);
        left -= clip.seconds;
        ++*index;
    } while (left >= frame);
    if (*index - first == 1) return WEFT_STATUS_OK;
    notes->videos_split++;
    if (!view->strict) return WEFT_STATUS_OK;
    return weft_i_sample_fail(view, sample, "$.videos",
                              "a video of %g seconds is longer than a clip of %g", video.seconds,
                              longest);
}

static weft_status read_videos(const weft_i_view *view, int32_t sample, weft_i_pack_notes *notes,
                               weft_i_media *media)
{
    const weft_sample *from = &view->batch->samples[sample];
    bool matters = size_matters(view->model, WEFT_MODALITY_VIDEO);
    weft_status status = WEFT_STATUS_OK;
    int32_t index = 0;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < from->n_videos; i++) {
        weft_video video = from->videos[i];
        if (fill_size(view->recipe, &video.width, &video.height) && matters) notes->sizes_filled++;
        if (video.seconds < 0) {
            video.seconds = view->recipe->default_seconds;
            notes->sizes_filled++;
        }
        status = split_video(view, sample, video, &index, notes, media);
    }
    return status;
}

static weft_status read_audio(const weft_i_view *view, int32_t sample, weft_i_pack_notes *notes,
                              weft_i_media *media)
{
    const weft_sample *from = &view->batch->samples[sample];
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < from->n_audio; i++) {
        double seconds = from->audio_seconds[i];
        weft_item item = {sample, WEFT_ITEM_AUDIO, i, {0}, 0};
        if (seconds < 0) {
            seconds = view->recipe->default_seconds;
            notes->sizes_filled++;
        }
        status = add_medium(view, WEFT_MODALITY_AUDIO, item, measure_audio, &seconds, media);
    }
    return status;
}

static int64_t text_tokens(const weft_i_view *view, const weft_sample *from,
                           weft_i_pack_notes *notes)
{
    const weft_model *model = view->model;
    int32_t m = weft_i_flow_first(model, WEFT_MODALITY_TEXT);
    const weft_input_rule *rule = &model->modules[m >= 0 ? m : model->n_modules - 1].input;
    int64_t tokens = from->text_tokens, chars = from->text_chars;
    if (chars < 0 && from->text_words >= 0)
        chars = from->text_words < WEFT_INT_MAX / CHARS_PER_WORD ? from->text_words * CHARS_PER_WORD
                                                                 : WEFT_INT_MAX;
    if (tokens < 0 && chars >= 0) tokens = weft_i_tokens_text(rule, chars, from->text_words);
    /* A clip without a caption gets the default one; an image alone is a document. */
    bool is_caption = model->modules[model->n_modules - 1].modality != WEFT_MODALITY_TEXT;
    if (tokens > 0 || (tokens == 0 && !is_caption)) return tokens;
    if (view->recipe->default_text_tokens > 0) notes->sizes_filled++;
    return view->recipe->default_text_tokens;
}

static weft_status check_modalities(const weft_i_view *view, int32_t sample)
{
    const weft_sample *from = &view->batch->samples[sample];
    bool has_text = from->text_tokens > 0 || from->text_chars > 0 || from->text_words > 0;
    const struct {
        bool is_there;
        weft_modality modality;
        const char *path, *name;
    } rows[] = {
        {has_text, WEFT_MODALITY_TEXT, from->text_tokens > 0 ? "$.text_tokens" : "$.text_chars",
         "text"},
        {from->n_images > 0, WEFT_MODALITY_IMAGE, "$.images", "images"},
        {from->n_videos > 0, WEFT_MODALITY_VIDEO, "$.videos", "videos"},
        {from->n_audio > 0, WEFT_MODALITY_AUDIO, "$.audio_seconds", "audio"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].is_there && !weft_i_flow_takes(view->model, rows[i].modality))
            return weft_i_sample_fail(view, sample, rows[i].path,
                                      "found %s, but model '%.60s' has no module for it",
                                      rows[i].name, view->model->name);
    return WEFT_STATUS_OK;
}

weft_status weft_i_media_read(const weft_i_view *view, int32_t sample, weft_i_pack_notes *notes,
                              weft_i_media *media)
{
    weft_status status = check_modalities(view, sample);
    media->n_media = media->n_instances = 0;
    media->text_tokens = 0;
    if (weft_i_flow_takes(view->model, WEFT_MODALITY_TEXT))
        media->text_tokens = text_tokens(view, &view->batch->samples[sample], notes);
    if (status == WEFT_STATUS_OK) status = read_images(view, sample, notes, media);
    if (status == WEFT_STATUS_OK) status = read_videos(view, sample, notes, media);
    if (status == WEFT_STATUS_OK) status = read_audio(view, sample, notes, media);
    return status;
}
