/* runtime/feed.c - see feed.h. */
#include "runtime/feed.h"

#include <math.h>

#include "base/rng.h"

/* Both the patches and the head's targets of an item are drawn from here. */
static weft_i_rng rng_of(const weft_i_rows *rows, const weft_i_piece *piece, uint64_t what)
{
    weft_i_rng rng;
    uint64_t kind = (uint64_t)piece->item->kind, index = (uint64_t)piece->item->index;
    weft_i_rng_seed(
        &rng, weft_i_trainee_seed(rows->trainee, what, (uint64_t)piece->item->sample, kind, index));
    return rng;
}

/* Normal, by Box and Muller. */
static double normal(weft_i_rng *rng)
{
    double u = 1 - weft_i_rng_double(rng), v = weft_i_rng_double(rng);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static double moment_of(weft_i_rng *noise)
{
    return weft_i_rng_double(noise);
}

/* A picture is waves of its own length and direction, with some noise. */
void weft_i_feed_patches(const weft_i_rows *rows, int32_t sub, int32_t width, float *out,
                         float *velocities)
{
    for (int32_t p = rows->sub_first[sub]; p < rows->sub_first[sub + 1]; p++) {
        const weft_i_piece *piece = &rows->pieces[p];
        const weft_i_block *block = &piece->levels[0];
        weft_i_rng pixels = rng_of(rows, piece, WEFT_I_SEED_PIXELS);
        weft_i_rng noise = rng_of(rows, piece, WEFT_I_SEED_NOISE);
        double time = moment_of(&noise), phase = 6.28 * weft_i_rng_double(&pixels);
        double along = weft_i_rng_double(&pixels), across = weft_i_rng_double(&pixels);
        for (int64_t i = 0; i < (int64_t)block->n * width; i++) {
            int64_t at = (int64_t)block->first * width + i;
            double wave = cos(phase + along * (double)(i / width) + across * (double)(i % width));
            double patch = wave + 0.2 * (weft_i_rng_double(&pixels) - 0.5);
            out[at] = (float)patch;
            if (!velocities) continue;
            double end = normal(&noise);
            out[at] = (float)((1 - time) * patch + time * end);
            velocities[at] = (float)(end - patch);
        }
    }
}

void weft_i_feed_times(const weft_i_rows *rows, int32_t sub, int32_t width, float *out)
{
    int32_t half = width / 2;
    for (int32_t p = rows->sub_first[sub]; p < rows->sub_first[sub + 1]; p++, out += width) {
        weft_i_rng noise = rng_of(rows, &rows->pieces[p], WEFT_I_SEED_NOISE);
        double time = 1000 * moment_of(&noise);
        for (int32_t i = 0; i < width; i++) {
            double rate =
                exp(-9.210340371976184 * (i % (half > 0 ? half : 1)) / (half > 0 ? half : 1));
            out[i] = (float)(i < half ? cos(time * rate) : sin(time * rate));
        }
    }
}
