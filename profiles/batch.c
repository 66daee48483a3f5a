/* profiles/batch.c - reading a weft.batch file: JSON Lines, one sample a line.
 * Not: what a sample is worth in tokens (partition/tokens.h). */
#include "weft/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_in.h"
#include "base/sha256.h"
#include "profiles/batch_own.h"

enum { MAX_SIDE = 1 << 20, MAX_ITEMS = 1000000 };
static const double MAX_SECONDS = 1e6;
static const int64_t MAX_TEXT = INT64_C(1000000000000);

/* A whole number, or null for "not known", which is -1. */
static weft_status read_int(const weft_i_json *in, int64_t min, int64_t max, weft_error *error,
                            int64_t *out)
{
    *out = -1;
    return weft_i_json_is_null(in) ? WEFT_STATUS_OK : weft_i_json_int(in, min, max, error, out);
}

static weft_status read_side(const weft_i_json *in, weft_error *error, int32_t *out)
{
    int64_t side;
    weft_status status = read_int(in, 1, MAX_SIDE, error, &side);
    if (status == WEFT_STATUS_OK) *out = (int32_t)side;
    return status;
}

static weft_status read_seconds(const weft_i_json *in, weft_error *error, double *out)
{
    *out = -1;
    if (weft_i_json_is_null(in)) return WEFT_STATUS_OK;
    return weft_i_json_double(in, 0, MAX_SECONDS, error, out);
}

/* Items of the list `key`; none where it is absent or null. */
static weft_status open_list(const weft_i_json *sample, const char *key, weft_error *error,
                             weft_i_json *out_list, size_t *out_n)
{
    *out_n = 0;
    if (!weft_i_json_get(sample, key, out_list) || weft_i_json_is_null(out_list))
        return WEFT_STATUS_OK;
    return weft_i_json_array(out_list, 0, MAX_ITEMS, error, out_n);
}

static weft_status read_image(const weft_i_json *in, weft_error *error, weft_image *out)
{
    size_t n;
    *out = (weft_image){-1, -1};
    if (weft_i_json_is_null(in)) return WEFT_STATUS_OK;
    weft_status status = weft_i_json_array(in, 2, 2, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json width = weft_i_json_item(in, 0), height = weft_i_json_item(in, 1);
    status = read_side(&width, error, &out->width);
    return status == WEFT_STATUS_OK ? read_side(&height, error, &out->height) : status;
}

static weft_status read_images(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_sample *out)
{
    weft_i_json list;
    size_t n;
    weft_status status = open_list(in, "images", error, &list, &n);
    if (status != WEFT_STATUS_OK || n == 0) return status;
    out->images = weft_i_new(arena, weft_image, n);
    if (!out->images) return weft_i_no_memory(error);
    out->n_images = (int32_t)n;
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(&list, i);
        status = read_image(&item, error, &out->images[i]);
    }
    return status;
}

static weft_status read_video(const weft_i_json *in, weft_error *error, weft_video *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_OTHER("seconds")},
        {WEFT_I_FIELD_OTHER("width")},
        {WEFT_I_FIELD_OTHER("height")},
    };
    weft_i_json member;
    *out = (weft_video){-1, -1, -1};
    weft_status status = weft_i_json_read(in, fields, 3, NULL, error, NULL);
    if (status == WEFT_STATUS_OK && weft_i_json_get(in, "seconds", &member))
        status = read_seconds(&member, error, &out->seconds);
    if (status == WEFT_STATUS_OK && weft_i_json_get(in, "width", &member))
        status = read_side(&member, error, &out->width);
    if (status == WEFT_STATUS_OK && weft_i_json_get(in, "height", &member))
        status = read_side(&member, error, &out->height);
    return status;
}

static weft_status read_videos(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_sample *out)
{
    weft_i_json list;
    size_t n;
    weft_status status = open_list(in, "videos", error, &list, &n);
    if (status != WEFT_STATUS_OK || n == 0) return status;
    out->videos = weft_i_new(arena, weft_video, n);
    if (!out->videos) return weft_i_no_memory(error);
    out->n_videos = (int32_t)n;
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(&list, i);
        status = read_video(&item, error, &out->videos[i]);
    }
    return status;
}

/* A list, or one number for one piece. */
static weft_status read_audio(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                              weft_sample *out)
{
    weft_i_json list;
    size_t n = 1;
    weft_status status = WEFT_STATUS_OK;
    bool is_number = weft_i_json_get(in, "audio_seconds", &list) && weft_i_json_is_number(&list);
    if (!is_number) status = open_list(in, "audio_seconds", error, &list, &n);
    if (status != WEFT_STATUS_OK || n == 0) return status;
    out->audio_seconds = weft_i_new(arena, double, n);
    if (!out->audio_seconds) return weft_i_no_memory(error);
    out->n_audio = (int32_t)n;
    if (is_number) return read_seconds(&list, error, &out->audio_seconds[0]);
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(&list, i);
        status = read_seconds(&item, error, &out->audio_seconds[i]);
    }
    return status;
}

static weft_status read_numbers(const weft_i_json *in, weft_error *error, weft_sample *out)
{
    int64_t replica = -1, microbatch = -1;
    const struct {
        const char *key;
        int64_t max, *out;
    } numbers[] = {
        {"text_tokens", MAX_TEXT, &out->text_tokens},
        {"text_chars", MAX_TEXT, &out->text_chars},
        {"text_words", MAX_TEXT, &out->text_words},
        {"loss_tokens", MAX_TEXT, &out->loss_tokens},
        {"replica", 1 << 20, &replica},
        {"microbatch", 1 << 20, &microbatch},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        weft_i_json member;
        *numbers[i].out = -1;
        if (!weft_i_json_get(in, numbers[i].key, &member)) continue;
        weft_status status = read_int(&member, 0, numbers[i].max, error, numbers[i].out);
        if (status != WEFT_STATUS_OK) return status;
    }
    if ((replica < 0) != (microbatch < 0))
        return weft_i_json_fail(in, error, "replica and microbatch go together, found %s alone",
                                replica < 0 ? "microbatch" : "replica");
    out->replica = (int32_t)replica;
    out->microbatch = (int32_t)microbatch;
    return WEFT_STATUS_OK;
}

static weft_status read_sample(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_sample *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_STRING("id", weft_sample, id), .required = true},
        {WEFT_I_FIELD_STRING("source", weft_sample, source)},
        {WEFT_I_FIELD_OTHER("text_tokens")},
        {WEFT_I_FIELD_OTHER("text_chars")},
        {WEFT_I_FIELD_OTHER("text_words")},
        {WEFT_I_FIELD_OTHER("images")},
        {WEFT_I_FIELD_OTHER("videos")},
        {WEFT_I_FIELD_OTHER("audio_seconds")},
        {WEFT_I_FIELD_OTHER("loss_tokens")},
        {WEFT_I_FIELD_OTHER("replica")},
        {WEFT_I_FIELD_OTHER("microbatch")},
    };
    out->source = "";
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
    if (status == WEFT_STATUS_OK) status = read_numbers(in, error, out);
    if (status == WEFT_STATUS_OK) status = read_images(in, arena, error, out);
    if (status == WEFT_STATUS_OK) status = read_videos(in, arena, error, out);
    if (status == WEFT_STATUS_OK) status = read_audio(in, arena, error, out);
    return status;
}

/* A line of the text, without its end. */
typedef struct text_line {
    const char *begin;
    size_t n;
    int number; /* from 1 */
    bool blank;
} text_line;

/* Step to the next line; begin with {.begin = text} and number 0. False at the end. */
static bool next_line(const char *end, text_line *line)
{
    const char *begin = line->number == 0 ? line->begin : line->begin + line->n + 1;
    if (begin >= end) return false;
    const char *newline = memchr(begin, '\n', (size_t)(end - begin));
    line->begin = begin;
    line->n = (size_t)((newline ? newline : end) - begin);
    line->number++;
    line->blank = true;
    for (size_t i = 0; i < line->n && line->blank; i++)
        line->blank = strchr(" \t\r", begin[i]) && begin[i];
    return true;
}

static size_t count_samples(const char *text, size_t n)
{
    text_line line = {.begin = text};
    size_t n_samples = 0;
    while (next_line(text + n, &line))
        n_samples += !line.blank;
    return n_samples;
}

static weft_status read_line(const char *name, const text_line *line, weft_i_arena *arena,
                             weft_error *error, weft_sample *out)
{
    weft_i_json_doc *doc;
    weft_status status = weft_i_json_parse(name, line->begin, line->n, line->number, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json root = weft_i_json_root(doc);
    status = read_sample(&root, arena, error, out);
    out->line = line->number;
    weft_i_json_free(doc);
    return status;
}

/* Fill a zeroed batch from the text of a file. */
static weft_status fill(const char *name, const char *text, size_t n, weft_i_arena *arena,
                        weft_error *error, weft_batch *batch)
{
    size_t n_samples = count_samples(text, n);
    text_line line = {.begin = text};
    char hex[65];
    if (n_samples == 0)
        return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, 0, NULL, "no sample in the file");
    weft_i_sha256_of(text, n, hex);
    batch->name = weft_i_arena_string(arena, name);
    batch->sha256 = weft_i_arena_string(arena, hex);
    batch->samples = weft_i_new(arena, weft_sample, n_samples);
    if (!batch->name || !batch->sha256 || !batch->samples) return weft_i_no_memory(error);
    while (next_line(text + n, &line)) {
        if (line.blank) continue;
        weft_status status =
            read_line(name, &line, arena, error, &batch->samples[batch->n_samples]);
        if (status != WEFT_STATUS_OK) return status;
        batch->n_samples++;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_batch_parse(const char *name, const char *text, size_t n, weft_error *error,
                               weft_batch **out_batch)
{
    weft_i_arena *arena;
    weft_batch *batch = weft_i_owned_new(sizeof(*batch), &arena);
    if (!batch) return weft_i_no_memory(error);
    batch->owner = arena;
    weft_status status = fill(name, text, n, arena, error, batch);
    if (status == WEFT_STATUS_OK)
        *out_batch = batch;
    else
        weft_batch_free(batch);
    return status;
}

weft_status weft_batch_read(const char *file, weft_error *error, weft_batch **out_batch)
{
    char *text;
    size_t n;
    weft_status status = weft_i_file_read(file, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_batch_parse(weft_i_file_label(file), text, n, error, out_batch);
    free(text);
    return status;
}

void weft_batch_free(weft_batch *batch)
{
    if (batch) weft_i_owned_free(batch->owner);
}
