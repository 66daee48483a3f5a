/* bench/soak_random.c - random numbers and lines of text. */
#include "bench/soak_random.h"

#include <stdarg.h>
#include <stdio.h>

uint64_t soak_next(soak_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t soak_in(soak_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)(soak_next(rng) % (uint64_t)(high - low + 1));
}

bool soak_chance(soak_rng *rng, int percent)
{
    return soak_in(rng, 0, 99) < percent;
}

double soak_real(soak_rng *rng, double low, double high)
{
    return low + (high - low) * ((double)(soak_next(rng) >> 11) / 9007199254740992.0);
}

WEFT_PRINTF(3, 4) static void add(soak_text *text, size_t *n, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    *n += (size_t)vsnprintf(text->s + *n, sizeof text->s - *n, fmt, args);
    va_end(args);
}

/* In millionths of an activation: from far too little to plenty, and the edge where one microbatch
 * just fits. */
static int64_t random_limit(soak_rng *rng)
{
    switch (soak_in(rng, 0, 5)) {
    case 0:
        return 1000000;
    case 1:
        return soak_in(rng, 0, 1200000);
    case 2:
        return soak_in(rng, 1000000, 2000000);
    case 3:
        return soak_in(rng, 1000000, 20000000);
    default:
        return -1;
    }
}

void soak_random_text(soak_rng *rng, soak_text *out)
{
    size_t n = 0;
    int pp = (int)soak_in(rng, 1, soak_chance(rng, 10) ? 16 : 6);
    int microbatches = (int)soak_in(rng, 1, soak_chance(rng, 10) ? 60 : 12);
    double fw = soak_chance(rng, 5) ? 0 : soak_real(rng, 0, 50);
    double bw = soak_chance(rng, 5) ? 0 : soak_real(rng, 0, 90);
    add(out, &n, "pp=%d microbatches=%d fw=%.3f bw=%.3f", pp, microbatches, fw, bw);
    if (soak_chance(rng, 60)) add(out, &n, " bww=%.3f", soak_chance(rng, 10) ? bw : bw * 0.4);
    if (soak_chance(rng, 50)) add(out, &n, " transfer=%.3f", soak_real(rng, 0, 20));
    int64_t limit = random_limit(rng);
    out->is_feasible = limit < 0 || limit >= 1000000;
    if (limit >= 0) add(out, &n, " limit=%.6f", (double)limit / 1e6);
    if (soak_chance(rng, 40)) add(out, &n, " held=%.2f", soak_real(rng, 0, 1));
    if (soak_chance(rng, 40))
        add(out, &n, " vary=%.2f seed=%d", soak_real(rng, 0, 1), (int)soak_in(rng, 0, 99));
    if (soak_chance(rng, 30)) {
        for (int r = 0; r < pp; r++)
            add(out, &n, "%s%.2f", r ? "," : " stage_scale=", soak_real(rng, 0, 3));
    }
    if (soak_chance(rng, 25))
        add(out, &n, " v=1");
    else if (soak_chance(rng, 50))
        add(out, &n, " segments=%d", (int)soak_in(rng, 1, 6));
}
