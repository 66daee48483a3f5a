/* base/words.c - pieces of texts. */
#include "base/words.h"

#include <float.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The locale's decimal point, one or more bytes, becomes '.'. */
static void make_point(char *text)
{
    size_t n = strspn(text, "+-0123456789eE");
    if (text[n] == '\0') return;
    size_t n_point = strcspn(text + n, "+-0123456789eE");
    text[n] = '.';
    memmove(text + n + 1, text + n + n_point, strlen(text + n + n_point) + 1);
}

const char *weft_i_words_double(double value, char out[WEFT_I_NUMBER_SIZE])
{
    for (int n_digits = 15; n_digits <= 17; n_digits++) {
        snprintf(out, WEFT_I_NUMBER_SIZE, "%.*g", n_digits, value);
        /* Written and read in the same locale, so that the comparison holds in each. */
        double again = strtod(out, NULL);
        if (again >= value && again <= value) break;
    }
    make_point(out);
    return out;
}

const char *weft_i_words_quote(const char *text, char out[WEFT_I_QUOTE_SIZE])
{
    enum { SHOWN = WEFT_I_QUOTE_SIZE - 6 };
    size_t n = strnlen(text, SHOWN + 1);
    bool cut = n > SHOWN;
    if (cut) n = SHOWN;
    while (cut && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    snprintf(out, WEFT_I_QUOTE_SIZE, "'%.*s%s'", (int)n, text, cut ? "..." : "");
    return out;
}

const char *weft_i_words_int_range(int64_t min, int64_t max, char out[WEFT_I_RANGE_SIZE])
{
    if (max == INT64_MAX && min == INT64_MIN) {
        snprintf(out, WEFT_I_RANGE_SIZE, "an integer");
    } else if (max == INT64_MAX) {
        snprintf(out, WEFT_I_RANGE_SIZE, "an integer of at least %lld", (long long)min);
    } else {
        snprintf(out, WEFT_I_RANGE_SIZE, "an integer from %lld to %lld", (long long)min,
                 (long long)max);
    }
    return out;
}

const char *weft_i_words_double_range(double min, double max, char out[WEFT_I_RANGE_SIZE])
{
    char low[WEFT_I_NUMBER_SIZE], high[WEFT_I_NUMBER_SIZE];
    weft_i_words_double(min, low);
    weft_i_words_double(max, high);
    if (max >= DBL_MAX && min <= -DBL_MAX) {
        snprintf(out, WEFT_I_RANGE_SIZE, "a number");
    } else if (max >= DBL_MAX) {
        snprintf(out, WEFT_I_RANGE_SIZE, "a number of at least %s", low);
    } else {
        snprintf(out, WEFT_I_RANGE_SIZE, "a number from %s to %s", low, high);
    }
    return out;
}

const char *weft_i_words_choices(const char *choices, char *out, size_t size)
{
    size_t n = 0;
    for (; *choices && n + 3 < size; choices++) {
        out[n++] = *choices == '|' ? ',' : *choices;
        if (*choices == '|') out[n++] = ' ';
    }
    out[n] = '\0';
    return out;
}

const char *weft_i_words_one_of(const char *choices, char out[WEFT_I_ONE_OF_SIZE])
{
    int n = snprintf(out, WEFT_I_ONE_OF_SIZE, "one of ");
    weft_i_words_choices(choices, out + n, WEFT_I_ONE_OF_SIZE - (size_t)n);
    return out;
}

static int least(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int weft_i_words_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > LONGEST || n_b > LONGEST) return INT_MAX;

    /* row[j] = distance of the first i bytes of a and the first j of b. */
    int row[LONGEST + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n_b];
}

void weft_i_nearest_look(weft_i_nearest *nearest, const char *known)
{
    int distance = weft_i_words_distance(nearest->word, known);
    if (nearest->known && nearest->distance <= distance) return;
    nearest->known = known;
    nearest->distance = distance;
}

const char *weft_i_nearest_known(const weft_i_nearest *nearest)
{
    if (!nearest->known || nearest->distance > 2) return NULL;
    return 2 * (size_t)nearest->distance <= strlen(nearest->word) ? nearest->known : NULL;
}
