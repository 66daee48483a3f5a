/* base/words.h - pieces of texts: numbers, quoted values, ranges, choices, the nearest word.
 * Not: whole messages, which belong to who finds the error. */
#ifndef WEFT_BASE_WORDS_H
#define WEFT_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEFT_I_NUMBER_SIZE = 32, WEFT_I_QUOTE_SIZE = 72, WEFT_I_RANGE_SIZE = 96 };

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

/* Edit distance (Levenshtein) of two words, for "did you mean"; INT_MAX when one is over 63 bytes.
 */
int weft_i_words_distance(const char *a, const char *b);

/* Whether `distance` is small enough for `word` to be a misspelling: at most 2, and at most half of
 * the word. */
bool weft_i_words_is_near(const char *word, int distance);

#endif
