/* The generator against published values, and the ranges it promises. */
#include <criterion/criterion.h>

#include "base/rng.h"

/* xoshiro256** from the state {1, 2, 3, 4}, as the authors' C code prints it. */
Test(rng, reference_values)
{
    static const uint64_t EXPECTED[] = {11520,
                                        0,
                                        1509978240,
                                        1215971899390074240,
                                        1216172134540287360,
                                        607988272756665600,
                                        16172922978634559625u,
                                        8476171486693032832,
                                        10595114339597558777u,
                                        2904607092377533576};
    weft_i_rng rng = {{1, 2, 3, 4}};
    for (int i = 0; i < 10; i++)
        cr_expect_eq(weft_i_rng_next(&rng), EXPECTED[i], "value %d", i);
}

/* splitmix64 from 1234567. */
Test(rng, reference_seed)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 1234567);
    cr_expect_eq(rng.s[0], 6457827717110365317u);
    cr_expect_eq(rng.s[1], 3203168211198807973u);
    cr_expect_eq(rng.s[2], 9817491932198370423u);
    cr_expect_eq(rng.s[3], 4593380528125082431u);
}

Test(rng, below_reaches_all_and_nothing_else)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 5);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = weft_i_rng_below(&rng, 7);
        cr_assert_lt(x, 7);
        counts[x]++;
    }
    for (int i = 0; i < 7; i++)
        cr_expect(counts[i] > 9500 && counts[i] < 10500, "%d", counts[i]);
    cr_expect_eq(weft_i_rng_below(&rng, 1), 0);
}

/* With n = 3 * 2^62 a plain modulo would give values below 2^62 half of the time, not a third. */
Test(rng, below_has_no_modulo_bias)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 6);
    int n_low = 0;
    for (int i = 0; i < 30000; i++) {
        n_low += weft_i_rng_below(&rng, (uint64_t)3 << 62) < (uint64_t)1 << 62;
    }
    cr_expect(n_low > 9500 && n_low < 10500, "%d", n_low);
}

Test(rng, doubles_fill_the_unit_interval)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 8);
    double sum = 0, least = 1, largest = 0;
    for (int i = 0; i < 100000; i++) {
        double x = weft_i_rng_double(&rng);
        cr_assert(x >= 0 && x < 1);
        sum += x;
        least = x < least ? x : least;
        largest = x > largest ? x : largest;
    }
    cr_expect_float_eq(sum / 100000, 0.5, 0.005);
    cr_expect(least < 0.001 && largest > 0.999);
}
