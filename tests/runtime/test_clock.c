/* Clock offsets from questions and answers: never further from the truth than said. */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "runtime/clock.h"

enum { N = 20 };

static int64_t draw(weft_i_rng *rng, int64_t below)
{
    return (int64_t)weft_i_rng_below(rng, (uint64_t)below);
}

/* Ways of different lengths there and back; the other's clock is `offset_ns` ahead. */
static int64_t draw_samples(weft_i_rng *rng, int64_t offset_ns, weft_i_clock_sample *samples)
{
    int64_t now_ns = draw(rng, 1000000), shortest_ns = INT64_MAX;
    for (int i = 0; i < N; i++) {
        int64_t there_ns = 500 + draw(rng, 100000), back_ns = 500 + draw(rng, 100000);
        samples[i] = (weft_i_clock_sample){now_ns, now_ns + there_ns + offset_ns,
                                           now_ns + there_ns + back_ns};
        if (there_ns + back_ns < shortest_ns) shortest_ns = there_ns + back_ns;
        now_ns += 1000000;
    }
    return shortest_ns;
}

Test(clock, offset_is_within_its_error)
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        weft_i_rng rng;
        weft_i_clock_sample samples[N];
        weft_i_rng_seed(&rng, seed);
        int64_t offset_ns = draw(&rng, 2000000000) - 1000000000;
        int64_t shortest_ns = draw_samples(&rng, offset_ns, samples);
        weft_i_clock_offset found = weft_i_clock_estimate(samples, N, false);
        int64_t off_ns = found.offset_ns - offset_ns;
        cr_expect(-found.error_ns <= off_ns && off_ns <= found.error_ns, "seed %d", (int)seed);
        cr_expect_leq(found.error_ns, shortest_ns / 2 + 1);
    }
}

Test(clock, one_machine_has_one_clock)
{
    const weft_i_clock_sample near[] = {{1000, 1900, 2000}}, far[] = {{1000, 5000, 2000}};
    weft_i_clock_offset found = weft_i_clock_estimate(near, 1, true);
    cr_expect(found.offset_ns == 0 && found.error_ns == 0);
    found = weft_i_clock_estimate(near, 1, false);
    cr_expect(found.offset_ns == 400 && found.error_ns == 500);
    found = weft_i_clock_estimate(far, 1, true); /* a container with a clock of its own */
    cr_expect(found.offset_ns == 3500 && found.error_ns == 500);
}
