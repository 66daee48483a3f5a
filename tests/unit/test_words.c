/* Pieces of texts. */
#include <criterion/criterion.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/words.h"

Test(words, doubles_are_short_and_exact)
{
    const uint64_t seed = 21;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    char text[WEFT_I_NUMBER_SIZE];
    for (int round = 0; round < 20000; round++) {
        uint64_t bits = weft_i_rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) continue;
        if (round % 2) value = (double)(int64_t)weft_i_rng_below(&rng, 1000000) / 1000;
        double again = strtod(weft_i_words_double(value, text), NULL);
        cr_assert_eq(memcmp(&value, &again, sizeof(value)), 0, "%s, seed %lu", text, seed);
    }
    cr_expect_str_eq(weft_i_words_double(0.1, text), "0.1");
    cr_expect_str_eq(weft_i_words_double(1.0 / 3, text), "0.3333333333333333");
    cr_expect_str_eq(weft_i_words_double(-0.0, text), "-0");
    cr_expect_lt(strlen(weft_i_words_double(-DBL_TRUE_MIN, text)), WEFT_I_NUMBER_SIZE);
    cr_expect_lt(strlen(weft_i_words_double(-DBL_MAX, text)), WEFT_I_NUMBER_SIZE);
}

Test(words, quotes_are_cut_between_characters)
{
    char quote[WEFT_I_QUOTE_SIZE], text[200];
    cr_expect_str_eq(weft_i_words_quote("", quote), "''");
    memset(text, 'a', sizeof(text));
    text[66] = '\0';
    cr_expect_eq(strlen(weft_i_words_quote(text, quote)), 68, "as long as fits");
    memcpy(text + 64, "\U0001F600", 5);
    weft_i_words_quote(text, quote);
    cr_expect_str_eq(quote + 64, "a...'");
}

Test(words, ranges)
{
    char range[WEFT_I_RANGE_SIZE];
    cr_expect_str_eq(weft_i_words_int_range(-3, 8, range), "an integer from -3 to 8");
    cr_expect_str_eq(weft_i_words_int_range(0, INT64_MAX, range), "an integer of at least 0");
    cr_expect_str_eq(weft_i_words_int_range(INT64_MIN, INT64_MAX, range), "an integer");
    cr_expect_str_eq(weft_i_words_double_range(0.5, 1, range), "a number from 0.5 to 1");
    cr_expect_str_eq(weft_i_words_double_range(0, DBL_MAX, range), "a number of at least 0");
    cr_expect_str_eq(weft_i_words_double_range(-DBL_MAX, DBL_MAX, range), "a number");
    weft_i_words_double_range(-1.2345678901234568e-300, 1.2345678901234567e+300, range);
    cr_expect_str_eq(range, "a number from -1.2345678901234568e-300 to 1.2345678901234567e+300");
}

Test(words, choices_are_cut_to_size)
{
    char text[64];
    cr_expect_str_eq(weft_i_words_choices("a|bc|d", text, sizeof(text)), "a, bc, d");
    cr_expect_leq(strlen(weft_i_words_choices("aa|bb|cc|dd", text, 8)), 7);
    char one_of[WEFT_I_ONE_OF_SIZE];
    cr_expect_str_eq(weft_i_words_one_of("a|b", one_of), "one of a, b");
}

/* The definition itself, exponential. */
static int slow_distance(const char *a, const char *b)
{
    if (!*a || !*b) return (int)(strlen(a) + strlen(b));
    int change = slow_distance(a + 1, b + 1) + (*a != *b);
    int drop = slow_distance(a + 1, b) + 1;
    int add = slow_distance(a, b + 1) + 1;
    int best = change < drop ? change : drop;
    return best < add ? best : add;
}

Test(words, distance_as_defined)
{
    const uint64_t seed = 22;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int round = 0; round < 2000; round++) {
        char words[2][7];
        for (int i = 0; i < 2; i++) {
            size_t n = weft_i_rng_below(&rng, 7);
            for (size_t j = 0; j < n; j++)
                words[i][j] = (char)('a' + weft_i_rng_below(&rng, 3));
            words[i][n] = '\0';
        }
        cr_assert_eq(weft_i_words_distance(words[0], words[1]), slow_distance(words[0], words[1]),
                     "%s %s, seed %lu", words[0], words[1], seed);
    }
    char text[100];
    memset(text, 'a', sizeof(text));
    text[64] = '\0';
    cr_expect_eq(weft_i_words_distance(text, "a"), INT_MAX);
    text[63] = '\0';
    cr_expect_eq(weft_i_words_distance(text, "a"), 62);
}

static const char *nearest_to(const char *word, const char *const *known)
{
    weft_i_nearest nearest = {.word = word};
    for (; *known; known++)
        weft_i_nearest_look(&nearest, *known);
    return weft_i_nearest_known(&nearest);
}

Test(words, nearest_is_the_first_of_the_nearest_and_may_be_none)
{
    const char *const known[] = {"pp", "rink", "rank", "ranks", "ranked", "stages", NULL};
    cr_expect_str_eq(nearest_to("rank", known), "rank");
    cr_expect_str_eq(nearest_to("ronk", known), "rink");
    cr_expect_str_eq(nearest_to("tanked", known), "ranked");
    cr_expect_str_eq(nearest_to("stge", known), "stages", "two of four letters");
    cr_expect_null(nearest_to("stg", known), "two are over half of three letters");
    cr_expect_null(nearest_to("stakkk", known), "at a distance of three");
    cr_expect_null(nearest_to("rank", known + 6), "nothing is known");
}
