/* base/rng.c - xoshiro256** 1.0 and splitmix64 as published at prng.di.unimi.it (public domain). */
#include "base/rng.h"

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void weft_i_rng_seed(weft_i_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        rng->s[i] = z ^ (z >> 31);
    }
}

uint64_t weft_i_rng_next(weft_i_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t weft_i_rng_below(weft_i_rng *rng, uint64_t n)
{
    /* The lowest 2^64 mod n values are drawn again, so that n divides the number of the rest. */
    uint64_t low = -n % n;
    uint64_t x;
    do {
        x = weft_i_rng_next(rng);
    } while (x < low);
    return x % n;
}

double weft_i_rng_double(weft_i_rng *rng)
{
    return (double)(weft_i_rng_next(rng) >> 11) * 0x1p-53;
}
