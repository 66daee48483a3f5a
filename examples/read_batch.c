/* examples/read_batch.c - what a batch holds: samples, texts, images, videos, audio.
 *
 * usage: read_batch BATCH.jsonl...
 */
#include <stdio.h>

#include "weft/batch.h"

/* Sums over a batch; sizes that are not known do not count. */
typedef struct sums {
    long long chars, images, pixels, videos, audio;
    double video_seconds, audio_seconds;
} sums;

static void add_sample(const weft_sample *sample, sums *sum)
{
    if (sample->text_chars > 0) sum->chars += sample->text_chars;
    sum->images += sample->n_images;
    sum->videos += sample->n_videos;
    sum->audio += sample->n_audio;
    for (int i = 0; i < sample->n_images; i++) {
        const weft_image *image = &sample->images[i];
        if (image->width > 0 && image->height > 0)
            sum->pixels += (long long)image->width * image->height;
    }
    for (int i = 0; i < sample->n_videos; i++) {
        if (sample->videos[i].seconds > 0) sum->video_seconds += sample->videos[i].seconds;
    }
    for (int i = 0; i < sample->n_audio; i++) {
        if (sample->audio_seconds[i] > 0) sum->audio_seconds += sample->audio_seconds[i];
    }
}

static int print_batch(const char *file)
{
    weft_error error = {0};
    weft_batch *batch;
    sums sum = {0};
    if (weft_batch_read(file, &error, &batch) != WEFT_STATUS_OK) {
        fprintf(stderr, "%s:%d: %s: %s\n", error.file, error.line, error.path, error.text);
        return 1;
    }
    for (int i = 0; i < batch->n_samples; i++)
        add_sample(&batch->samples[i], &sum);
    printf(
        "%s: %d samples, %lld characters, %lld images of %.2f megapixels, %lld videos of %.1f s, "
        "%lld recordings of %.1f s\n",
        batch->name, batch->n_samples, sum.chars, sum.images,
        sum.images ? (double)sum.pixels / 1e6 / (double)sum.images : 0, sum.videos,
        sum.videos ? sum.video_seconds / (double)sum.videos : 0, sum.audio,
        sum.audio ? sum.audio_seconds / (double)sum.audio : 0);
    weft_batch_free(batch);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    if (argc < 2) fprintf(stderr, "usage: read_batch BATCH.jsonl...\n");
    for (int i = 1; i < argc; i++)
        failed |= print_batch(argv[i]);
    return failed;
}
