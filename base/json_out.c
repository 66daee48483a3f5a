/* base/json_out.c - the streaming JSON writer: a buffer of its own, no printf for integers. */
#include "base/json_out.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "base/words.h"

enum { MAX_DEPTH = sizeof(((weft_i_json_out *)0)->first) };

static void flush(weft_i_json_out *out)
{
    if (out->n > 0 && out->failed == 0 && fwrite(out->buffer, 1, out->n, out->stream) != out->n) {
        out->failed = errno ? errno : EIO;
    }
    out->n = 0;
}

static void put_bytes(weft_i_json_out *out, const char *bytes, size_t n)
{
    out->n_line += n;
    while (n > sizeof(out->buffer) - out->n) {
        size_t n_fit = sizeof(out->buffer) - out->n;
        memcpy(out->buffer + out->n, bytes, n_fit);
        out->n += n_fit;
        bytes += n_fit;
        n -= n_fit;
        flush(out);
    }
    memcpy(out->buffer + out->n, bytes, n);
    out->n += n;
}

static void put_text(weft_i_json_out *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

static void put_char(weft_i_json_out *out, char c)
{
    if (out->n == sizeof(out->buffer)) flush(out);
    out->buffer[out->n++] = c;
    out->n_line++;
}

static bool is_compact(const weft_i_json_out *out)
{
    return out->compact_depth > 0 && out->depth >= out->compact_depth;
}

static void new_line(weft_i_json_out *out)
{
    put_char(out, '\n');
    for (int i = 0; i < out->depth; i++)
        put_text(out, "  ");
    out->n_line = 2 * (size_t)out->depth;
}

/* What stands between the text so far and the next value or key. */
static void separate(weft_i_json_out *out)
{
    if (out->after_key) {
        out->after_key = false;
        return;
    }
    if (!out->first[out->depth]) put_char(out, ',');
    /* A line that readers would refuse for its length is broken. */
    bool is_long = out->n_line > WEFT_I_LINE_MAX / 2;
    if (out->depth > 0 && (!is_compact(out) || is_long)) new_line(out);
    out->first[out->depth] = false;
}

void weft_i_json_out_begin(weft_i_json_out *out, FILE *stream)
{
    out->stream = stream;
    out->depth = 0;
    out->compact_depth = 0;
    out->first[0] = true;
    out->failed = 0;
    out->after_key = false;
    out->n = 0;
    out->n_line = 0;
}

weft_status weft_i_json_out_end(weft_i_json_out *out, weft_error *error)
{
    assert(out->depth == 0 && !out->after_key);
    put_char(out, '\n');
    flush(out);
    if (fflush(out->stream) != 0 && out->failed == 0) out->failed = errno;
    if (out->failed == 0) return WEFT_STATUS_OK;
    return weft_i_fail_io(error, NULL, "write", out->failed);
}

static void open_container(weft_i_json_out *out, char bracket)
{
    separate(out);
    put_char(out, bracket);
    out->depth++;
    assert(out->depth < MAX_DEPTH);
    out->first[out->depth] = true;
}

static void close_container(weft_i_json_out *out, char bracket)
{
    assert(out->depth > 0 && !out->after_key);
    bool was_compact = is_compact(out);
    bool is_empty = out->first[out->depth];
    out->depth--;
    if (!was_compact && !is_empty) new_line(out);
    put_char(out, bracket);
    if (out->depth < out->compact_depth) out->compact_depth = 0;
}

void weft_i_json_open_object(weft_i_json_out *out)
{
    open_container(out, '{');
}

void weft_i_json_close_object(weft_i_json_out *out)
{
    close_container(out, '}');
}

void weft_i_json_open_array(weft_i_json_out *out)
{
    open_container(out, '[');
}

void weft_i_json_close_array(weft_i_json_out *out)
{
    close_container(out, ']');
}

void weft_i_json_compact(weft_i_json_out *out)
{
    if (out->compact_depth == 0) out->compact_depth = out->depth + 1;
}

/* One character of a string, of `length` bytes; 0 = not valid UTF-8. */
static void put_character(weft_i_json_out *out, const char *text, size_t length)
{
    unsigned char c = (unsigned char)*text;
    static const char escaped[] = "\"\\\b\f\n\r\t";
    const char *place = c ? strchr(escaped, c) : NULL;
    if (length == 0) {
        put_text(out, "\xef\xbf\xbd"); /* U+FFFD, the replacement character */
    } else if (place) {
        char escape[2] = {'\\', "\"\\bfnrt"[place - escaped]};
        put_bytes(out, escape, 2);
    } else if (c < 0x20) {
        char escape[6] = {'\\', 'u', '0', '0', (char)('0' + c / 16), "0123456789abcdef"[c % 16]};
        put_bytes(out, escape, 6);
    } else {
        put_bytes(out, text, length);
    }
}

/* Bytes at the beginning of `text` that stand for themselves in a string. */
static size_t plain_length(const char *text)
{
    size_t n = 0;
    while (text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

static void put_quoted(weft_i_json_out *out, const char *text)
{
    put_char(out, '"');
    for (;;) {
        size_t n_plain = plain_length(text);
        put_bytes(out, text, n_plain);
        text += n_plain;
        if (*text == '\0') break;
        size_t length = weft_i_utf8_length(text, strnlen(text, 4));
        put_character(out, text, length);
        text += length > 0 ? length : 1;
    }
    put_char(out, '"');
}

void weft_i_json_key(weft_i_json_out *out, const char *key)
{
    assert(out->depth > 0 && !out->after_key);
    separate(out);
    put_quoted(out, key);
    put_char(out, ':');
    if (!is_compact(out)) put_char(out, ' ');
    out->after_key = true;
}

void weft_i_json_put_int(weft_i_json_out *out, int64_t value)
{
    char digits[24];
    size_t first = sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) digits[--first] = '-';
    separate(out);
    put_bytes(out, digits + first, sizeof(digits) - first);
}

void weft_i_json_put_double(weft_i_json_out *out, double value)
{
    assert(isfinite(value));
    if (!isfinite(value)) {
        weft_i_json_put_null(out);
        return;
    }
    char text[WEFT_I_NUMBER_SIZE];
    weft_i_words_double(value, text);
    separate(out);
    put_text(out, text);
    if (!strpbrk(text, ".e")) put_text(out, ".0");
}

void weft_i_json_put_bool(weft_i_json_out *out, bool value)
{
    separate(out);
    put_text(out, value ? "true" : "false");
}

void weft_i_json_put_string(weft_i_json_out *out, const char *text)
{
    separate(out);
    put_quoted(out, text);
}

void weft_i_json_put_null(weft_i_json_out *out)
{
    separate(out);
    put_text(out, "null");
}

void weft_i_json_put_key_int(weft_i_json_out *out, const char *key, int64_t value)
{
    weft_i_json_key(out, key);
    weft_i_json_put_int(out, value);
}

void weft_i_json_put_key_double(weft_i_json_out *out, const char *key, double value)
{
    weft_i_json_key(out, key);
    weft_i_json_put_double(out, value);
}

void weft_i_json_put_key_bool(weft_i_json_out *out, const char *key, bool value)
{
    weft_i_json_key(out, key);
    weft_i_json_put_bool(out, value);
}

void weft_i_json_put_key_string(weft_i_json_out *out, const char *key, const char *text)
{
    weft_i_json_key(out, key);
    weft_i_json_put_string(out, text);
}

void weft_i_json_put_key_ints(weft_i_json_out *out, const char *key, const int64_t *values,
                              size_t n)
{
    weft_i_json_key(out, key);
    weft_i_json_compact(out);
    weft_i_json_open_array(out);
    for (size_t i = 0; i < n; i++)
        weft_i_json_put_int(out, values[i]);
    weft_i_json_close_array(out);
}

void weft_i_json_put_header(weft_i_json_out *out, const char *kind)
{
    char format[64];
    snprintf(format, sizeof(format), "weft.%s", kind);
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "format", format);
    weft_i_json_put_key_int(out, "version", 1);
    weft_i_json_put_key_int(out, "revision", 0);
}
