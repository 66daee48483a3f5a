/* base/json_text.c - one scan before parsing, and one walk when an error needs a line. */
#include "base/json_text.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

static weft_status fail(const char *name, int line, weft_error *error, const char *what)
{
    return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, line, NULL, "%s", what);
}

static weft_status check_lines(const char *name, const char *text, size_t n, int first_line,
                               weft_error *error)
{
    int line = first_line;
    for (const char *p = text, *end = text + n; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *next = newline ? newline : end;
        if ((size_t)(next - p) > WEFT_I_LINE_MAX) {
            return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, line, NULL,
                                  "line of %zu bytes, the limit is %zu", (size_t)(next - p),
                                  WEFT_I_LINE_MAX);
        }
        if (memchr(p, '\0', (size_t)(next - p))) return fail(name, line, error, "a NUL byte");
        p = next + 1;
    }
    return WEFT_STATUS_OK;
}

/* The byte after a string that begins at p; one that is not valid ends at its line's end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\n') return p;
        if (*p == '\\' && end - p > 1 && p[1] != '\n') p++;
    }
    return p < end ? p + 1 : end;
}

static weft_status check_depth(const char *name, const char *text, size_t n, int first_line,
                               weft_error *error)
{
    int line = first_line, depth = 0;
    for (const char *p = text, *end = text + n; p < end;) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (*p == '\n') line++;
        if (*p == ']' || *p == '}') depth--;
        if ((*p == '[' || *p == '{') && ++depth > WEFT_I_JSON_DEPTH_MAX) {
            return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, line, NULL,
                                  "nested deeper than %d", WEFT_I_JSON_DEPTH_MAX);
        }
        p++;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_json_text_check(const char *name, const char *text, size_t n, int first_line,
                                   weft_error *error)
{
    if (n > WEFT_I_FILE_MAX) {
        return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, 0, NULL,
                              "%zu bytes, the limit is %zu", n, WEFT_I_FILE_MAX);
    }
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        return fail(name, first_line, error, "a byte order mark before the JSON text");
    }
    weft_status status = check_lines(name, text, n, first_line, error);
    if (status != WEFT_STATUS_OK) return status;
    return check_depth(name, text, n, first_line, error);
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static const char *skip_value(const char *p, const char *end)
{
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else {
            if (*p == '[' || *p == '{') depth++;
            if (*p == ']' || *p == '}') depth--;
            p++;
        }
        if (depth == 0 && p < end && strchr(",]} \t\r\n", *p)) return p;
    }
    return end;
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i];
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t encode_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char marks[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(marks[length] | c);
    return length;
}

/* Decode one character of a string at p into `out`; returns where the next one begins. */
static const char *decode(const char *p, const char *end, char out[4], size_t *out_length)
{
    *out_length = 1;
    out[0] = *p++;
    if (out[0] != '\\' || p == end) return p;
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *place = strchr(letters, *p);
    out[0] = place && *place ? meanings[place - letters] : *p;
    if (*p++ != 'u' || end - p < 4) return p;

    uint32_t c = hex4(p);
    p += 4;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6) {
        c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
        p += 6;
    }
    *out_length = encode_utf8(c, out);
    return p;
}

/* Whether the string literal at p, decoded, is `key`. */
static bool is_key(const char *p, const char *end, const char *key)
{
    for (p++; p < end && *p != '"';) {
        char bytes[4];
        size_t length;
        p = decode(p, end, bytes, &length);
        if (strncmp(key, bytes, length) != 0) return false;
        key += length;
    }
    return *key == '\0';
}

typedef struct found {
    const char *key; /* the item itself in an array */
    const char *value;
} found;

/* One step down from a container at p; value NULL where it has no such member or item. */
static found step_down(const char *p, const char *end, const weft_i_json_step *step)
{
    bool is_object = *p == '{';
    p = skip_blanks(p + 1, end);
    for (size_t i = 0; p < end && *p != ']' && *p != '}'; i++) {
        found at = {p, p};
        if (is_object) {
            p = skip_blanks(skip_string(p, end), end);              /* to the colon */
            at.value = p = skip_blanks(p < end ? p + 1 : end, end); /* past it */
        }
        bool matches = step->key ? is_object && is_key(at.key, end, step->key) : i == step->index;
        if (matches) return at;
        p = skip_blanks(skip_value(p, end), end);
        if (p < end && *p == ',') p = skip_blanks(p + 1, end);
    }
    return (found){NULL, NULL};
}

int weft_i_json_text_line(const char *text, size_t n, const weft_i_json_step *steps, size_t n_steps,
                          bool of_key)
{
    const char *end = text + n;
    const char *place = skip_blanks(text, end);
    found at = {place, place};
    for (size_t i = 0; i < n_steps && at.value < end; i++) {
        found next = step_down(at.value, end, &steps[i]);
        if (!next.value) break;
        at = next;
    }
    int line = 1;
    for (const char *p = text, *to = of_key ? at.key : at.value; p < to; p++)
        line += *p == '\n';
    return line;
}
