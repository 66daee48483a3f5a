/* base/parse.h - strict numbers out of text: the whole text, no blanks, in range. */
#ifndef WEFT_BASE_PARSE_H
#define WEFT_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* True and *out set when all of `text` is one decimal integer in min..max. */
bool weft_i_parse_int(const char *text, int64_t min, int64_t max, int64_t *out);
/* True and *out set when all of `text` is one finite decimal number in min..max. No hex, no inf;
 * independent of the locale. */
bool weft_i_parse_double(const char *text, double min, double max, double *out);
/* Place of `word` in "a|b|c", or -1. */
int weft_i_parse_choice(const char *choices, const char *word);
/* A bound that a table holds as a double, as the nearest int64. */
int64_t weft_i_parse_bound(double bound);

#endif
