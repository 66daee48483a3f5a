/* base/parse.c - strict numbers: a grammar check first, then the C library converts. */
#include "base/parse.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

bool weft_i_parse_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    bool negative = text[0] == '-';
    const char *digits = text + negative;
    const char *end = skip_digits(digits);
    if (end == digits || *end) return false;

    /* Counted downwards, since INT64_MIN has no positive counterpart. */
    int64_t value = 0;
    for (const char *p = digits; p < end; p++) {
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_sub_overflow(value, *p - '0', &value)) return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value)) return false;
    if (value < min || value > max) return false;
    *out = value;
    return true;
}

/* [-] digits [. digits] [e [+-] digits], with a digit on at least one side of the point. */
static bool is_decimal(const char *text)
{
    const char *p = text + (text[0] == '-');
    const char *end = skip_digits(p);
    bool has_digits = end > p;
    p = end;
    if (*p == '.') {
        end = skip_digits(p + 1);
        has_digits = has_digits || end > p + 1;
        p = end;
    }
    if (!has_digits) return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        end = skip_digits(p);
        if (end == p) return false;
        p = end;
    }
    return *p == '\0';
}

bool weft_i_parse_double(const char *text, double min, double max, double *out)
{
    if (!is_decimal(text)) return false;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale) return false;
    double value = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    if (!isfinite(value) || value < min || value > max) return false;
    *out = value;
    return true;
}

int weft_i_parse_choice(const char *choices, const char *word)
{
    size_t n_word = strlen(word);
    for (int place = 0;; place++) {
        size_t n = strcspn(choices, "|");
        if (n == n_word && memcmp(choices, word, n) == 0) return place;
        if (choices[n] == '\0') return -1;
        choices += n + 1;
    }
}

int64_t weft_i_parse_bound(double bound)
{
    if (bound >= 0x1p63) return INT64_MAX;
    return bound <= -0x1p63 ? INT64_MIN : (int64_t)bound;
}
