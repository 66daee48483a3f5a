/* base/words.h - pieces of texts: numbers, quoted values, ranges, choices, the nearest word.
 * Not: whole messages, which belong to who finds the error. */
#ifndef WEFT_BASE_WORDS_H
#define WEFT_BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum {
    WEFT_I_NUMBER_SIZE = 32,
    WEFT_I_QUOTE_SIZE = 72,
    WEFT_I_RANGE_SIZE = 96,
    WEFT_I_ONE_OF_SIZE = 200
};

/* The fewest of 15 to 17 digits that read back as `value` (finite), with a '.' in every locale. */
const char *weft_i_words_double(double value, char out[WEFT_I_NUMBER_SIZE]);

/* 'text', cut with "..." where it is long. */
const char *weft_i_words_quote(const char *text, char out[WEFT_I_QUOTE_SIZE]);

/* "an integer from 0 to 8", "a number of at least 0.5", "a number". INT64_MIN, INT64_MAX, -DBL_MAX
 * and DBL_MAX count as no bound. */
const char *weft_i_words_int_range(int64_t min, int64_t max, char out[WEFT_I_RANGE_SIZE]);
const char *weft_i_words_double_range(double min, double max, char out[WEFT_I_RANGE_SIZE]);

/* "a|b|c" as "a, b, c", cut to size. */
const char *weft_i_words_choices(const char *choices, char *out, size_t size);

/* The same as what is expected, "one of a, b, c". */
const char *weft_i_words_one_of(const char *choices, char out[WEFT_I_ONE_OF_SIZE]);

/* Edit distance (Levenshtein) of two words, for "did you mean"; INT_MAX when one is over 63 bytes.
 */
int weft_i_words_distance(const char *a, const char *b);

/* The known word that a misspelled one is nearest to: begin with {.word = "..."}, look at all that
 * are known. */
typedef struct weft_i_nearest {
    const char *word;
    const char *known; /* the first of the nearest so far; NULL = none */
    int distance;
} weft_i_nearest;

void weft_i_nearest_look(weft_i_nearest *nearest, const char *known);

/* The one that was probably meant: at distance 2 at most, and half of the word's length at most.
 * NULL where there is none. */
const char *weft_i_nearest_known(const weft_i_nearest *nearest);

#endif
