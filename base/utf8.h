/* base/utf8.h - where UTF-8 is valid. Not: any other encoding. */
#ifndef WEFT_BASE_UTF8_H
#define WEFT_BASE_UTF8_H

#include <stddef.h>

/* Bytes (1 to 4) of the valid sequence that starts at `text`, of which n bytes may be read; 0 where
 * it is invalid or cut off. Overlong forms and surrogates are invalid. */
size_t weft_i_utf8_length(const char *text, size_t n);

/* The same, and 0 as well for what could steer a terminal: control characters, U+0080 to U+009F
 * among them. */
size_t weft_i_utf8_shown_length(const char *text, size_t n);

#endif
