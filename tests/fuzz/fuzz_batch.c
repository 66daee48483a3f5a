/* Fuzz target: any bytes as a weft.batch. Sizes are known or -1, errors name a line of the file. */
#include "profiles/batch_own.h"
#include "tests/fuzz/fuzz_target.h"

static void check_sample(const weft_sample *sample)
{
    FUZZ_CHECK(sample->id && sample->source && sample->line > 0);
    FUZZ_CHECK(sample->text_tokens >= -1 && sample->text_chars >= -1 && sample->text_words >= -1);
    FUZZ_CHECK((sample->replica < 0) == (sample->microbatch < 0));
    for (int32_t i = 0; i < sample->n_images; i++) {
        FUZZ_CHECK(sample->images[i].width == -1 || sample->images[i].width > 0);
        FUZZ_CHECK(sample->images[i].height == -1 || sample->images[i].height > 0);
    }
    for (int32_t i = 0; i < sample->n_videos; i++)
        FUZZ_CHECK(sample->videos[i].seconds == -1 || sample->videos[i].seconds >= 0);
    for (int32_t i = 0; i < sample->n_audio; i++)
        FUZZ_CHECK(sample->audio_seconds[i] == -1 || sample->audio_seconds[i] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    weft_error error = {0};
    weft_batch *batch = NULL;
    int n_lines = 1;
    for (size_t i = 0; i < size; i++)
        n_lines += text[i] == '\n';
    weft_status status = weft_i_batch_parse("fuzz", text, size, &error, &batch);
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == (batch != NULL));
    FUZZ_CHECK(error.line >= 0 && error.line <= n_lines);
    if (batch) {
        FUZZ_CHECK(batch->n_samples > 0 && batch->n_samples <= n_lines);
        for (int32_t s = 0; s < batch->n_samples; s++)
            check_sample(&batch->samples[s]);
    }
    weft_batch_free(batch);
    return 0;
}
