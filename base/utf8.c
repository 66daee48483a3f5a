/* base/utf8.c - the table of well-formed byte sequences (Unicode 15, table 3-7) as code. */
#include "base/utf8.h"

#include <stdbool.h>

static bool is_tail(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

size_t weft_i_utf8_length(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    if (n == 0) return 0;
    if (s[0] < 0x80) return 1;

    size_t length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < length) return 0;
    /* The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF. */
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (!is_tail(s[1], low, high)) return 0;
    for (size_t i = 2; i < length; i++) {
        if (!is_tail(s[i], 0x80, 0xbf)) return 0;
    }
    return length;
}

size_t weft_i_utf8_shown_length(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t length = weft_i_utf8_length(text, n);
    bool is_control =
        length == 1 ? s[0] < 0x20 || s[0] == 0x7f : length == 2 && s[0] == 0xc2 && s[1] < 0xa0;
    return is_control ? 0 : length;
}
