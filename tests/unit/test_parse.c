/* Strict numbers, against the C library where it is as strict. */
#include <criterion/criterion.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/rng.h"

Test(parse, integers_of_the_whole_range)
{
    int64_t x = 77;
    cr_expect(weft_i_parse_int("9223372036854775807", INT64_MIN, INT64_MAX, &x) && x == INT64_MAX);
    cr_expect(weft_i_parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &x) && x == INT64_MIN);
    cr_expect(weft_i_parse_int("007", 0, 7, &x) && x == 7);
    cr_expect(weft_i_parse_int("-0", 0, 0, &x) && x == 0);
    x = 77;
    cr_expect_not(weft_i_parse_int("8", 0, 7, &x));
    cr_expect_not(weft_i_parse_int("-1", 0, 7, &x));
    static const char *const BAD[] = {"",    "-",    "+1",  " 1",  "1 ",
                                      "1.0", "0x10", "1e3", "--1", "9223372036854775808",
                                      "1_0", "1,0",  "a",   "-a",  "-9223372036854775809"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        cr_expect_not(weft_i_parse_int(BAD[i], INT64_MIN, INT64_MAX, &x), "'%s'", BAD[i]);
    }
    cr_expect_eq(x, 77, "written only on success");
}

/* Random digits around the limits of int64, against strtoll. */
Test(parse, integers_as_strtoll)
{
    const uint64_t seed = 11;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int round = 0; round < 20000; round++) {
        char text[32];
        int n = 0, n_digits = 1 + (int)weft_i_rng_below(&rng, 20);
        if (weft_i_rng_below(&rng, 2)) text[n++] = '-';
        for (int i = 0; i < n_digits; i++)
            text[n++] = (char)('0' + weft_i_rng_below(&rng, 10));
        text[n] = '\0';
        errno = 0;
        long long expected = strtoll(text, NULL, 10);
        bool fits = errno == 0;
        int64_t x = 0;
        cr_assert_eq(weft_i_parse_int(text, INT64_MIN, INT64_MAX, &x), fits, "%s", text);
        cr_assert(!fits || x == expected, "%s, seed %lu", text, seed);
    }
}

Test(parse, doubles_of_every_bit_pattern)
{
    const uint64_t seed = 12;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int round = 0; round < 20000; round++) {
        uint64_t bits = weft_i_rng_next(&rng);
        double value, again;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) continue;
        char text[64];
        snprintf(text, sizeof(text), "%.17g", value);
        char *plus = strstr(text, "e+");
        if (plus && round % 2) memmove(plus + 1, plus + 2, strlen(plus + 2) + 1);
        cr_assert(weft_i_parse_double(text, -DBL_MAX, DBL_MAX, &again), "%s", text);
        cr_assert_eq(memcmp(&value, &again, sizeof(value)), 0, "%s, seed %lu", text, seed);
    }
}

Test(parse, doubles_in_range_only)
{
    double x = 77;
    static const char *const BAD[] = {"",     ".",   "-",    "+1",   " 1",    "1 ",  "1e",   "1e+",
                                      "0x1",  "inf", "-inf", "nan",  "1e999", "1,5", "1.5.", "e5",
                                      "1..2", "--1", "1e5.", "1e-+", "Inf",   "1f",  "1d0",  ".e1"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        cr_expect_not(weft_i_parse_double(BAD[i], -INFINITY, INFINITY, &x), "'%s'", BAD[i]);
    }
    cr_expect_not(weft_i_parse_double("1.01", 0, 1, &x));
    cr_expect_not(weft_i_parse_double("-1e-9", 0, 1, &x));
    cr_expect_float_eq(x, 77, 0, "written only on success");
    cr_expect(weft_i_parse_double("1.", 0, 1, &x) && x >= 1);
    cr_expect(weft_i_parse_double(".5", 0.5, 0.5, &x));
    cr_expect(weft_i_parse_double("1e-999", 0, 1, &x) && x <= 0, "too small is zero");
}

Test(parse, choices)
{
    cr_expect_eq(weft_i_parse_choice("step|makespan|span", "step"), 0);
    cr_expect_eq(weft_i_parse_choice("step|makespan|span", "span"), 2);
    cr_expect_eq(weft_i_parse_choice("step|makespan|span", "spa"), -1);
    cr_expect_eq(weft_i_parse_choice("step|makespan|span", "makespan|span"), -1);
    cr_expect_eq(weft_i_parse_choice("step|makespan|span", ""), -1);
    cr_expect_eq(weft_i_parse_choice("one", "one"), 0);
}

Test(parse, bounds)
{
    cr_expect_eq(weft_i_parse_bound(9.3e18), INT64_MAX);
    cr_expect_eq(weft_i_parse_bound(-1e30), INT64_MIN);
    cr_expect_eq(weft_i_parse_bound(0x1p53), (int64_t)1 << 53);
    cr_expect_eq(weft_i_parse_bound(-5), -5);
}
