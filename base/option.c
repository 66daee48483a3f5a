/* base/option.c - the public option tables: finding a row, setting its field from text. */
#include "weft/option.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/words.h"

const weft_option *weft_option_find(const weft_option *table, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, name) == 0) return &table[i];
    }
    return NULL;
}

static weft_status fail(const weft_option *option, const char *text, const char *expected,
                        weft_error *error)
{
    char quote[WEFT_I_QUOTE_SIZE];
    return weft_i_fail(error, WEFT_STATUS_USAGE, "--%s: %s is not %s", option->name,
                       weft_i_words_quote(text, quote), expected);
}

static weft_status set_int(const weft_option *option, const char *text, weft_error *error,
                           void *field)
{
    char range[WEFT_I_RANGE_SIZE];
    int64_t min = weft_i_parse_bound(option->min), max = weft_i_parse_bound(option->max), value;
    if (!weft_i_parse_int(text, min, max, &value)) {
        return fail(option, text, weft_i_words_int_range(min, max, range), error);
    }
    memcpy(field, &value, sizeof(value));
    return WEFT_STATUS_OK;
}

static weft_status set_double(const weft_option *option, const char *text, weft_error *error,
                              void *field)
{
    char range[WEFT_I_RANGE_SIZE];
    double value;
    if (!weft_i_parse_double(text, option->min, option->max, &value)) {
        return fail(option, text, weft_i_words_double_range(option->min, option->max, range),
                    error);
    }
    memcpy(field, &value, sizeof(value));
    return WEFT_STATUS_OK;
}

static weft_status set_bool(const weft_option *option, const char *text, weft_error *error,
                            void *field)
{
    int place = weft_i_parse_choice("false|true", text);
    if (place < 0) return fail(option, text, "true or false", error);
    bool value = place == 1;
    memcpy(field, &value, sizeof(value));
    return WEFT_STATUS_OK;
}

static weft_status set_enum(const weft_option *option, const char *text, weft_error *error,
                            void *field)
{
    int place = weft_i_parse_choice(option->choices, text);
    if (place < 0) {
        char expected[WEFT_I_ONE_OF_SIZE];
        return fail(option, text, weft_i_words_one_of(option->choices, expected), error);
    }
    memcpy(field, &place, sizeof(place));
    return WEFT_STATUS_OK;
}

static weft_status set_set(const weft_option *option, const char *text, weft_error *error,
                           void *field)
{
    int64_t bits;
    char name[40];
    memcpy(&bits, field, sizeof(bits));
    for (const char *rest = text; rest;) {
        size_t n = strcspn(rest, ",");
        size_t kept = n < sizeof(name) ? n : sizeof(name) - 1;
        memcpy(name, rest, kept);
        name[kept] = '\0';
        int place = weft_i_parse_choice(option->choices, name);
        if (place < 0) {
            char expected[WEFT_I_ONE_OF_SIZE];
            return fail(option, name, weft_i_words_one_of(option->choices, expected), error);
        }
        bits |= INT64_C(1) << place;
        rest = rest[n] == ',' ? rest + n + 1 : NULL;
    }
    memcpy(field, &bits, sizeof(bits));
    return WEFT_STATUS_OK;
}

weft_status weft_option_set(const weft_option *option, const char *text, weft_error *error,
                            void *options)
{
    void *field = (char *)options + option->offset;
    switch (option->kind) {
    case WEFT_OPTION_INT:
        return set_int(option, text, error, field);
    case WEFT_OPTION_DOUBLE:
        return set_double(option, text, error, field);
    case WEFT_OPTION_BOOL:
        return set_bool(option, text, error, field);
    case WEFT_OPTION_STRING:
        memcpy(field, &text, sizeof(text));
        return WEFT_STATUS_OK;
    case WEFT_OPTION_ENUM:
        return set_enum(option, text, error, field);
    case WEFT_OPTION_SET:
        return set_set(option, text, error, field);
    }
    return weft_i_fail(error, WEFT_STATUS_USAGE, "--%s: unknown kind of option", option->name);
}
