/* base/json_out.h - writing JSON as a stream: nothing is built in memory first.
 *
 * Objects and arrays are indented by two spaces; from `compact` on, a value and all below it stand
 * on one line (broken only where a reader would refuse its length). Errors are kept and reported
 * once, at the end. Doubles are written with the fewest digits that read back as the same value. In
 * strings, bytes that are not valid UTF-8 become U+FFFD.
 */
#ifndef WEFT_BASE_JSON_OUT_H
#define WEFT_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weft/status.h"

typedef struct weft_i_json_out {
    FILE *stream;
    int depth;
    int compact_depth; /* depth from which all is on one line; 0 = none */
    bool first[72];    /* nothing written yet at this depth */
    int failed;        /* errno of the first write that failed; 0 = none */
    bool after_key;
    size_t n_line; /* bytes of the line so far */
    size_t n;      /* bytes waiting in the buffer */
    char buffer[1 << 14];
} weft_i_json_out;

void weft_i_json_out_begin(weft_i_json_out *out, FILE *stream);
/* Ends the text with a newline and flushes; IO when any write failed. */
weft_status weft_i_json_out_end(weft_i_json_out *out, weft_error *error);

/* Opens the document's object: "format": "weft.<kind>", "version": 1, "revision": 0. */
void weft_i_json_put_header(weft_i_json_out *out, const char *kind);

void weft_i_json_key(weft_i_json_out *out, const char *key);
void weft_i_json_open_object(weft_i_json_out *out);
void weft_i_json_close_object(weft_i_json_out *out);
void weft_i_json_open_array(weft_i_json_out *out);
void weft_i_json_close_array(weft_i_json_out *out);
/* The next object or array opened in this one is written on one line. */
void weft_i_json_compact(weft_i_json_out *out);
void weft_i_json_put_int(weft_i_json_out *out, int64_t value);
void weft_i_json_put_double(weft_i_json_out *out, double value);
void weft_i_json_put_bool(weft_i_json_out *out, bool value);
void weft_i_json_put_string(weft_i_json_out *out, const char *text);
void weft_i_json_put_null(weft_i_json_out *out);

/* Key and value at once; a whole array of integers on one line. */
void weft_i_json_put_key_int(weft_i_json_out *out, const char *key, int64_t value);
void weft_i_json_put_key_double(weft_i_json_out *out, const char *key, double value);
void weft_i_json_put_key_bool(weft_i_json_out *out, const char *key, bool value);
void weft_i_json_put_key_string(weft_i_json_out *out, const char *key, const char *text);
void weft_i_json_put_key_ints(weft_i_json_out *out, const char *key, const int64_t *values,
                              size_t n);

#endif
