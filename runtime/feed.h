/* runtime/feed.h - values that nobody computes: pixels, and for flow matching noise, times and the
 * velocities that a head learns. The same sample and seed give the same values on every rank. */
#ifndef WEFT_RUNTIME_FEED_H
#define WEFT_RUNTIME_FEED_H

#include "runtime/rows.h"

/* Values of every patch of a sub-microbatch, [rows x width]. Where `velocities` is not NULL, values
 * are those of a moment between the clean patch and noise, and the velocity is noise less patch. */
void weft_i_feed_patches(const weft_i_rows *rows, int32_t sub, int32_t width, float *out,
                         float *velocities);

/* Each sequence's moment, from 0 (clean) to 1 (noise), as `width` cosines and sines. */
void weft_i_feed_times(const weft_i_rows *rows, int32_t sub, int32_t width, float *out);

#endif
