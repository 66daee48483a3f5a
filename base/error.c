/* base/error.c - statuses as text, and filling a weft_error. */
#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

typedef struct status_row {
    const char *name;
    const char *text;
    int exit_code;
} status_row;

static const status_row statuses[] = {
#define STATUS_ROW(name, code, text) {#name, text, code},
    WEFT_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const status_row unknown = {"?", "?", 1};

static const status_row *status_row_of(weft_status status)
{
    size_t i = (size_t)status;
    return i < sizeof(statuses) / sizeof(statuses[0]) ? &statuses[i] : &unknown;
}

const char *weft_status_name(weft_status status)
{
    return status_row_of(status)->name;
}

const char *weft_status_text(weft_status status)
{
    return status_row_of(status)->text;
}

int weft_status_exit_code(weft_status status)
{
    return status_row_of(status)->exit_code;
}

/* Make a text that came from input fit for one line of a terminal: no control characters, valid
 * UTF-8; "..." at the end where it was cut. */
static void clean(char *text, size_t size, bool cut)
{
    size_t n = strlen(text);
    if (cut && size >= 4) {
        n = size - 4;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        memcpy(text + n, "...", 4);
        n += 3;
    }
    for (size_t i = 0; i < n;) {
        size_t length = weft_i_utf8_shown_length(text + i, n - i);
        if (length == 0) {
            text[i] = '?';
            length = 1;
        }
        i += length;
    }
}

static void copy(char *out, size_t size, const char *text)
{
    int n = snprintf(out, size, "%s", text ? text : "");
    clean(out, size, n >= (int)size);
}

WEFT_PRINTF(3, 0)
static void fill(weft_error *error, weft_status status, const char *fmt, va_list args)
{
    error->status = status;
    int n = vsnprintf(error->text, sizeof(error->text), fmt, args);
    clean(error->text, sizeof(error->text), n >= (int)sizeof(error->text));
}

static bool wants(const weft_error *error)
{
    return error && error->status == WEFT_STATUS_OK;
}

weft_status weft_i_fail(weft_error *error, weft_status status, const char *fmt, ...)
{
    if (!wants(error)) return status;
    va_list args;
    va_start(args, fmt);
    fill(error, status, fmt, args);
    va_end(args);
    return status;
}

weft_status weft_i_fail_at(weft_error *error, weft_status status, const char *file, int line,
                           const char *path, const char *fmt, ...)
{
    if (!wants(error)) return status;
    va_list args;
    va_start(args, fmt);
    fill(error, status, fmt, args);
    va_end(args);
    copy(error->file, sizeof(error->file), file);
    copy(error->path, sizeof(error->path), path);
    error->line = line;
    return status;
}

weft_status weft_i_no_memory(weft_error *error)
{
    return weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "out of memory");
}

weft_status weft_i_fail_io(weft_error *error, const char *file, const char *what, int number)
{
    if (number == ENOMEM) return weft_i_no_memory(error);
    char reason[128];
    snprintf(reason, sizeof(reason), "%s", strerror(number));
    bool is_word = reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a' && reason[1] <= 'z';
    if (is_word) reason[0] = (char)(reason[0] - 'A' + 'a');
    return weft_i_fail_at(error, WEFT_STATUS_IO, file, 0, NULL, "cannot %s: %s", what, reason);
}
