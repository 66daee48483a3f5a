/* profiles/keyvalue.c - "key=value,key=value", strictly. */
#include "profiles/keyvalue.h"

#include <float.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/words.h"

static weft_status fail_pair(const char *text, size_t n, const char *what, const char *expected,
                             weft_error *error)
{
    char word[WEFT_I_QUOTE_SIZE + 8], quote[WEFT_I_QUOTE_SIZE];
    if (n >= sizeof(word)) n = sizeof(word) - 1;
    memcpy(word, text, n);
    word[n] = 0;
    return weft_i_fail(error, WEFT_STATUS_USAGE, "%s: expected %s, found %s", what, expected,
                       weft_i_words_quote(word, quote));
}

/* Whether a pair before `at` has the key of n bytes that begins there. */
static bool is_repeated(const char *text, const char *at, size_t n)
{
    for (; text < at; text += strcspn(text, ",") + 1)
        if (strcspn(text, "=,") == n && memcmp(text, at, n) == 0) return true;
    return false;
}

weft_status weft_i_keyvalue_next(weft_i_keyvalue *pair, const char *what, weft_error *error,
                                 bool *out_more)
{
    const char *text = pair->rest;
    *out_more = text != NULL;
    if (!text) return WEFT_STATUS_OK;
    if (!pair->text) pair->text = text;
    size_t n = strcspn(text, ","), n_key = strcspn(text, "=,");
    if (text[n_key] != '=' || n_key == 0 || n_key + 1 == n)
        return fail_pair(text, n, what, "key=value", error);
    size_t n_value = n - n_key - 1;
    if (n_key >= sizeof(pair->key) || n_value >= sizeof(pair->value))
        return fail_pair(text, n, what, "a shorter key=value", error);
    memcpy(pair->key, text, n_key);
    pair->key[n_key] = 0;
    if (is_repeated(pair->text, text, n_key))
        return weft_i_fail(error, WEFT_STATUS_USAGE, "%s: '%s' is given twice", what, pair->key);
    memcpy(pair->value, text + n_key + 1, n_value);
    pair->value[n_value] = 0;
    pair->rest = text[n] == ',' ? text + n + 1 : NULL;
    return WEFT_STATUS_OK;
}

static bool can_be_set(const weft_i_json_field *field)
{
    return field->type != WEFT_I_JSON_STRING && field->type != WEFT_I_JSON_OTHER;
}

weft_status weft_i_keyvalue_unknown(const weft_i_keyvalue *pair, const char *what,
                                    const weft_i_json_field *fields, size_t n_fields,
                                    weft_error *error)
{
    char quote[WEFT_I_QUOTE_SIZE];
    weft_i_nearest nearest = {.word = pair->key};
    for (size_t i = 0; i < n_fields; i++) {
        if (can_be_set(&fields[i])) weft_i_nearest_look(&nearest, fields[i].key);
    }
    weft_i_words_quote(pair->key, quote);
    const char *meant = weft_i_nearest_known(&nearest);
    if (!meant) return weft_i_fail(error, WEFT_STATUS_USAGE, "%s: unknown key %s", what, quote);
    return weft_i_fail(error, WEFT_STATUS_USAGE, "%s: unknown key %s, did you mean '%s'?", what,
                       quote, meant);
}

static weft_status fail_value(const weft_i_keyvalue *pair, const char *what, const char *expected,
                              weft_error *error)
{
    char quote[WEFT_I_QUOTE_SIZE];
    return weft_i_fail(error, WEFT_STATUS_USAGE, "%s: %s: expected %s, found %s", what, pair->key,
                       expected, weft_i_words_quote(pair->value, quote));
}

static weft_status parse_int(const weft_i_keyvalue *pair, const char *what,
                             const weft_i_json_field *field, double largest, weft_error *error,
                             int64_t *out)
{
    char range[WEFT_I_RANGE_SIZE];
    int64_t min = weft_i_parse_bound(field->min);
    int64_t max = weft_i_parse_bound(weft_i_json_field_max(field, largest));
    if (weft_i_parse_int(pair->value, min, max, out)) return WEFT_STATUS_OK;
    return fail_value(pair, what, weft_i_words_int_range(min, max, range), error);
}

static weft_status parse_double(const weft_i_keyvalue *pair, const char *what,
                                const weft_i_json_field *field, weft_error *error, double *out)
{
    char range[WEFT_I_RANGE_SIZE];
    double max = weft_i_json_field_max(field, DBL_MAX);
    if (weft_i_parse_double(pair->value, field->min, max, out)) return WEFT_STATUS_OK;
    return fail_value(pair, what, weft_i_words_double_range(field->min, max, range), error);
}

static weft_status parse_choice(const weft_i_keyvalue *pair, const char *what, const char *choices,
                                weft_error *error, int *out)
{
    char expected[WEFT_I_ONE_OF_SIZE];
    *out = weft_i_parse_choice(choices, pair->value);
    if (*out >= 0) return WEFT_STATUS_OK;
    return fail_value(pair, what, weft_i_words_one_of(choices, expected), error);
}

static weft_status set_field(const weft_i_keyvalue *pair, const char *what,
                             const weft_i_json_field *field, weft_error *error, void *out)
{
    union {
        int64_t int64;
        int32_t int32;
        double real;
        bool boolean;
        int choice;
    } value = {0};
    weft_status status = WEFT_STATUS_OK;
    size_t size = 0;
    switch (field->type) {
    case WEFT_I_JSON_INT64:
        status = parse_int(pair, what, field, 0x1p53, error, &value.int64);
        size = sizeof(value.int64);
        break;
    case WEFT_I_JSON_INT32:
        status = parse_int(pair, what, field, INT32_MAX, error, &value.int64);
        value.int32 = (int32_t)value.int64;
        size = sizeof(value.int32);
        break;
    case WEFT_I_JSON_DOUBLE:
        status = parse_double(pair, what, field, error, &value.real);
        size = sizeof(value.real);
        break;
    case WEFT_I_JSON_BOOL:
        status = parse_choice(pair, what, "false|true", error, &value.choice);
        value.boolean = value.choice == 1;
        size = sizeof(value.boolean);
        break;
    case WEFT_I_JSON_ENUM:
        status = parse_choice(pair, what, field->choices, error, &value.choice);
        size = sizeof(value.choice);
        break;
    case WEFT_I_JSON_STRING:
    case WEFT_I_JSON_OTHER:
        break;
    }
    if (status == WEFT_STATUS_OK) memcpy((char *)out + field->offset, &value, size);
    return status;
}

weft_status weft_i_keyvalue_set(const weft_i_keyvalue *pair, const char *what,
                                const weft_i_json_field *fields, size_t n_fields, weft_error *error,
                                void *out)
{
    for (size_t i = 0; i < n_fields; i++) {
        if (can_be_set(&fields[i]) && strcmp(fields[i].key, pair->key) == 0)
            return set_field(pair, what, &fields[i], error, out);
    }
    return weft_i_keyvalue_unknown(pair, what, fields, n_fields, error);
}
