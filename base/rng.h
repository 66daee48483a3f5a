/* base/rng.h - the one random generator: xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64.
 * The same seed gives the same numbers on every machine. Not for secrets. */
#ifndef WEFT_BASE_RNG_H
#define WEFT_BASE_RNG_H

#include <stdint.h>

typedef struct weft_i_rng {
    uint64_t s[4];
} weft_i_rng;

void weft_i_rng_seed(weft_i_rng *rng, uint64_t seed);
uint64_t weft_i_rng_next(weft_i_rng *rng);
/* Uniform in [0, n), n >= 1, without modulo bias. */
uint64_t weft_i_rng_below(weft_i_rng *rng, uint64_t n);
/* Uniform in [0, 1) with 53 bits. */
double weft_i_rng_double(weft_i_rng *rng);

#endif
