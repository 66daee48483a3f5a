/* Batches: what a line may say, what is refused, and where. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "profiles/batch_own.h"

static weft_batch *parse(const char *text)
{
    weft_error error = {0};
    weft_batch *batch = NULL;
    weft_status status = weft_i_batch_parse("t", text, strlen(text), &error, &batch);
    cr_assert_eq(status, WEFT_STATUS_OK, "%d %s: %s", error.line, error.path, error.text);
    return batch;
}

Test(batch, reads_every_field)
{
    weft_batch *batch =
        parse("{\"id\":\"a\"}\n\n  \t\r\n"
              "{\"id\":\"b\",\"source\":\"s\",\"text_tokens\":7,\"text_chars\":30,\"text_words\":6,"
              "\"images\":[[640,480],[null,null],null],\"videos\":[{\"seconds\":2.5,\"width\":320,"
              "\"height\":null},{}],\"audio_seconds\":[1,2.5],\"loss_tokens\":5,\"replica\":1,"
              "\"microbatch\":2,\"meta\":{\"any\":[]},\"x_mine\":1}\r\n"
              "{\"id\":\"c\",\"audio_seconds\":3,\"text_chars\":null,\"images\":null}");
    cr_assert_eq(batch->n_samples, 3);
    const weft_sample *a = &batch->samples[0], *b = &batch->samples[1], *c = &batch->samples[2];
    cr_expect_str_eq(a->id, "a");
    cr_expect_str_eq(a->source, "");
    cr_expect(a->text_tokens == -1 && a->text_chars == -1 && a->text_words == -1);
    cr_expect(a->loss_tokens == -1 && a->replica == -1 && a->microbatch == -1);
    cr_expect(a->n_images == 0 && a->n_videos == 0 && a->n_audio == 0);
    cr_expect_eq(a->line, 1);
    cr_expect_str_eq(b->source, "s");
    cr_expect(b->text_tokens == 7 && b->text_chars == 30 && b->text_words == 6);
    cr_expect(b->loss_tokens == 5 && b->replica == 1 && b->microbatch == 2 && b->line == 4);
    cr_assert(b->n_images == 3 && b->n_videos == 2 && b->n_audio == 2);
    cr_expect(b->images[0].width == 640 && b->images[0].height == 480);
    cr_expect(b->images[1].width == -1 && b->images[2].height == -1);
    cr_expect(b->videos[0].seconds == 2.5 && b->videos[0].width == 320);
    cr_expect(b->videos[0].height == -1 && b->videos[1].seconds == -1);
    cr_expect(b->audio_seconds[0] == 1 && b->audio_seconds[1] == 2.5);
    cr_assert(c->n_audio == 1 && c->n_images == 0);
    cr_expect(c->audio_seconds[0] == 3 && c->text_chars == -1 && c->line == 5);
    weft_batch_free(batch);
}

Test(batch, refuses_wrong_lines)
{
    static const char *const CASES[][2] = {
        {"", "0:: no sample in the file"},
        {" \n\n", "0:: no sample in the file"},
        {"{\"id\":\"a\"}\n{\"text_chars\":1}", "2:$: missing key 'id'"},
        {"{\"id\":\"a\"}\n{\"id\":1}", "2:$.id: expected a string, found 1"},
        {"\n{\"id\":\"a\",\"image\":[]}", "2:$.image: unknown key 'image', did you mean 'images'?"},
        {"{\"id\":\"a\",\"images\":[[1,2],[3]]}", "1:$.images[1]: expected 2 items, found 1"},
        {"{\"id\":\"a\",\"images\":[[1,0]]}",
         "1:$.images[0][1]: expected an integer from 1 to 1048576, found 0"},
        {"{\"id\":\"a\",\"videos\":[{\"seconds\":-1}]}",
         "1:$.videos[0].seconds: expected a number from 0 to 1000000, found -1"},
        {"{\"id\":\"a\",\"audio_seconds\":\"1\"}",
         "1:$.audio_seconds: expected an array, found '1'"},
        {"{\"id\":\"a\",\"replica\":1}",
         "1:$: replica and microbatch go together, found replica alone"},
        {"{\"id\":\"a\"}\n[]", "2:$: expected an object, found an array"},
        {"{\"id\":\"a\"}\n{\"id\":", "2:: not valid JSON: the text ends too early"},
        {"{\"id\":\"a\"} {}",
         "1:: not valid JSON: something follows the end of the JSON value near '{'"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char line[1024];
        weft_error error = {0};
        weft_batch *batch = NULL;
        cr_expect_eq(weft_i_batch_parse("t", CASES[i][0], strlen(CASES[i][0]), &error, &batch),
                     WEFT_STATUS_BAD_INPUT);
        cr_expect_null(batch);
        snprintf(line, sizeof(line), "%d:%s: %s", error.line, error.path, error.text);
        cr_expect_str_eq(line, CASES[i][1]);
    }
}
