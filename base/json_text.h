/* base/json_text.h - JSON as raw text: limits checked before parsing, and the line of a value.
 * Not: a parser. */
#ifndef WEFT_BASE_JSON_TEXT_H
#define WEFT_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "weft/status.h"

enum { WEFT_I_JSON_DEPTH_MAX = 64 };

/* BAD_INPUT with the line where text is too large, has too long a line, is nested too deeply or
 * holds a NUL byte or a byte order mark. Any text may be given. */
weft_status weft_i_json_text_check(const char *name, const char *text, size_t n, int first_line,
                                   weft_error *error);

/* One step down a document: to a member by its decoded key, or to an item by its index. */
typedef struct weft_i_json_step {
    const char *key; /* NULL = by index */
    size_t index;
} weft_i_json_step;

/* The line, from 1, on which the value at the end of the steps begins, or with `of_key` the key in
 * front of it; that of the last step found where the text lacks one. The text is valid JSON. */
int weft_i_json_text_line(const char *text, size_t n, const weft_i_json_step *steps, size_t n_steps,
                          bool of_key);

#endif
