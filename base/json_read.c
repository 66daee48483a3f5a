/* base/json_read.c - typed reading of JSON values: single ones, arrays, tables of fields.
 * Declared in json_in.h. */
#include <assert.h>
#include <float.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_in.h"
#include "base/parse.h"
#include "base/words.h"

static const double LARGEST_INT = 0x1p53; /* up to here doubles hold every integer */

/* What a value is, in a few words, for "found ...". */
static const char *describe(const json_t *value, char out[WEFT_I_QUOTE_SIZE])
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return weft_i_words_quote(json_string_value(value), out);
    case JSON_INTEGER:
        snprintf(out, WEFT_I_QUOTE_SIZE, "%lld", (long long)json_integer_value(value));
        return out;
    case JSON_REAL:
        weft_i_words_double(json_real_value(value), out);
        if (!strpbrk(out, ".e")) strcat(out, ".0");
        return out;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "?";
}

static weft_status fail_type(const weft_i_json *in, const char *expected, weft_error *error)
{
    char found[WEFT_I_QUOTE_SIZE];
    return weft_i_json_fail(in, error, "expected %s, found %s", expected,
                            describe(in->value, found));
}

weft_status weft_i_json_int(const weft_i_json *in, int64_t min, int64_t max, weft_error *error,
                            int64_t *out)
{
    const json_t *value = in->value;
    int64_t number = json_integer_value(value); /* 0 for another type */
    if (!json_is_integer(value)) return fail_type(in, "an integer", error);
    if (number < min || number > max) {
        char range[WEFT_I_RANGE_SIZE];
        /* The bound of what a double holds is told only to who broke it. */
        int64_t told = number < min && max >= (int64_t)LARGEST_INT ? INT64_MAX : max;
        return fail_type(in, weft_i_words_int_range(min, told, range), error);
    }
    *out = number;
    return WEFT_STATUS_OK;
}

weft_status weft_i_json_double(const weft_i_json *in, double min, double max, weft_error *error,
                               double *out)
{
    const json_t *value = in->value;
    double number = json_number_value(value);
    if (!json_is_number(value)) return fail_type(in, "a number", error);
    if (number < min || number > max) {
        char range[WEFT_I_RANGE_SIZE];
        return fail_type(in, weft_i_words_double_range(min, max, range), error);
    }
    *out = number;
    return WEFT_STATUS_OK;
}

weft_status weft_i_json_choice(const weft_i_json *in, const char *choices, weft_error *error,
                               int *out)
{
    const char *word = json_string_value(in->value); /* NULL for another type */
    int place = word ? weft_i_parse_choice(choices, word) : -1;
    if (place < 0) {
        char expected[WEFT_I_ONE_OF_SIZE];
        return fail_type(in, weft_i_words_one_of(choices, expected), error);
    }
    *out = place;
    return WEFT_STATUS_OK;
}

weft_status weft_i_json_string(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               const char **out)
{
    const char *text = json_string_value(in->value);
    if (!text) return fail_type(in, "a string", error);
    const char *copy = weft_i_arena_string(arena, text);
    if (!copy) return weft_i_no_memory(error);
    *out = copy;
    return WEFT_STATUS_OK;
}

weft_status weft_i_json_bool(const weft_i_json *in, weft_error *error, bool *out)
{
    const json_t *value = in->value;
    if (!json_is_boolean(value)) return fail_type(in, "true or false", error);
    *out = json_is_true(value);
    return WEFT_STATUS_OK;
}

static weft_status fail_count(const weft_i_json *in, size_t n, size_t min, size_t max,
                              weft_error *error)
{
    const char *bound = min == max ? "" : n < min ? "at least " : "at most ";
    size_t expected = n < min ? min : max;
    return weft_i_json_fail(in, error, "expected %s%zu item%s, found %zu", bound, expected,
                            expected == 1 ? "" : "s", n);
}

weft_status weft_i_json_array(const weft_i_json *in, size_t min, size_t max, weft_error *error,
                              size_t *out_n)
{
    if (!weft_i_json_is_array(in)) return fail_type(in, "an array", error);
    size_t n = json_array_size(in->value);
    if (n < min || n > max) return fail_count(in, n, min, max, error);
    *out_n = n;
    return WEFT_STATUS_OK;
}

weft_status weft_i_json_ints(const weft_i_json *array, size_t n, int64_t min, int64_t max,
                             weft_error *error, int64_t *out)
{
    size_t n_found;
    weft_status status = weft_i_json_array(array, n, n, error, &n_found);
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(array, i);
        status = weft_i_json_int(&item, min, max, error, &out[i]);
    }
    return status;
}

weft_status weft_i_json_header(const weft_i_json *root, const char *kind, int version,
                               weft_error *error)
{
    static const char *const keys[] = {"format", "version", "revision"};
    weft_i_json members[3];
    if (!weft_i_json_is_object(root)) return fail_type(root, "an object", error);
    for (int i = 0; i < 3; i++) {
        if (!weft_i_json_get(root, keys[i], &members[i])) {
            return weft_i_json_fail(root, error, "missing key '%s'", keys[i]);
        }
    }
    char expected[80];
    snprintf(expected, sizeof(expected), "weft.%s", kind);
    const char *format = json_string_value(members[0].value);
    if (!format || strcmp(format, expected) != 0) {
        snprintf(expected, sizeof(expected), "'weft.%s'", kind);
        return fail_type(&members[0], expected, error);
    }
    int64_t number, revision;
    weft_status status = weft_i_json_int(&members[1], 1, INT64_MAX, error, &number);
    if (status != WEFT_STATUS_OK) return status;
    if (number > version) {
        return weft_i_json_fail(
            &members[1], error,
            "version %lld of weft.%s is newer than version %d, the newest known", (long long)number,
            kind, version);
    }
    return weft_i_json_int(&members[2], 0, INT64_MAX, error, &revision);
}

double weft_i_json_field_max(const weft_i_json_field *field, double largest)
{
    bool is_open = field->max < field->min || (field->min == 0 && field->max == 0);
    assert(largest >= LARGEST_INT || is_open || field->max <= largest);
    return is_open ? largest : field->max;
}

static weft_status read_int(const weft_i_json *in, const weft_i_json_field *field, double largest,
                            weft_error *error, int64_t *out)
{
    int64_t max = weft_i_parse_bound(weft_i_json_field_max(field, largest));
    return weft_i_json_int(in, weft_i_parse_bound(field->min), max, error, out);
}

static weft_status read_double(const weft_i_json *in, const weft_i_json_field *field,
                               weft_error *error, double *out)
{
    return weft_i_json_double(in, field->min, weft_i_json_field_max(field, DBL_MAX), error, out);
}

/* A value of any type that a field can have. */
typedef union any_value {
    int64_t int64;
    int32_t int32;
    double real;
    bool boolean;
    const char *string;
    int choice;
} any_value;

static weft_status read_field(const weft_i_json *in, const weft_i_json_field *field,
                              weft_i_arena *arena, weft_error *error, void *out)
{
    any_value value = {0};
    weft_status status = WEFT_STATUS_OK;
    size_t size = 0;
    switch (field->type) {
    case WEFT_I_JSON_INT64:
        status = read_int(in, field, LARGEST_INT, error, &value.int64);
        size = sizeof(value.int64);
        break;
    case WEFT_I_JSON_INT32:
        status = read_int(in, field, INT32_MAX, error, &value.int64);
        value.int32 = (int32_t)value.int64;
        size = sizeof(value.int32);
        break;
    case WEFT_I_JSON_DOUBLE:
        status = read_double(in, field, error, &value.real);
        size = sizeof(value.real);
        break;
    case WEFT_I_JSON_BOOL:
        status = weft_i_json_bool(in, error, &value.boolean);
        size = sizeof(value.boolean);
        break;
    case WEFT_I_JSON_STRING:
        status = weft_i_json_string(in, arena, error, &value.string);
        size = sizeof(value.string);
        break;
    case WEFT_I_JSON_ENUM:
        status = weft_i_json_choice(in, field->choices, error, &value.choice);
        size = sizeof(value.choice);
        break;
    case WEFT_I_JSON_OTHER:
        break;
    }
    if (status == WEFT_STATUS_OK && size > 0) memcpy((char *)out + field->offset, &value, size);
    return status;
}

/* Keys of every object, and of every document, that no table names. */
static bool is_ignored(const weft_i_json *member)
{
    static const char *const of_root[] = {"format", "version", "revision", "meta"};
    if (strncmp(member->key, "x_", 2) == 0) return true;
    for (size_t i = 0; i < sizeof(of_root) / sizeof(of_root[0]); i++) {
        if (!member->parent->parent && strcmp(member->key, of_root[i]) == 0) return true;
    }
    return false;
}

static weft_status fail_unknown(const weft_i_json *member, const weft_i_json_field *fields,
                                size_t n_fields, weft_error *error)
{
    char key[WEFT_I_QUOTE_SIZE];
    weft_i_words_quote(member->key, key);
    weft_i_nearest nearest = {.word = member->key};
    for (size_t i = 0; i < n_fields; i++)
        weft_i_nearest_look(&nearest, fields[i].key);
    const char *meant = weft_i_nearest_known(&nearest);
    if (!meant) return weft_i_json_fail_key(member, error, "unknown key %s", key);
    return weft_i_json_fail_key(member, error, "unknown key %s, did you mean '%s'?", key, meant);
}

/* Files keep the order of the table as a rule, so the search goes on after the last one found. */
static size_t find_field(const weft_i_json_field *fields, size_t n_fields, size_t from,
                         const char *key)
{
    for (size_t i = 0; i < n_fields; i++) {
        size_t place = from + i < n_fields ? from + i : from + i - n_fields;
        if (strcmp(fields[place].key, key) == 0) return place;
    }
    return n_fields;
}

weft_status weft_i_json_read(const weft_i_json *in, const weft_i_json_field *fields,
                             size_t n_fields, weft_i_arena *arena, weft_error *error, void *out)
{
    assert(n_fields <= 64);
    if (!weft_i_json_is_object(in)) return fail_type(in, "an object", error);
    uint64_t seen = 0;
    weft_i_json member;
    for (size_t i = 0, next = 0; weft_i_json_member(in, i, &member); i++) {
        size_t place = find_field(fields, n_fields, next, member.key);
        if (place == n_fields && is_ignored(&member)) continue;
        if (place == n_fields) return fail_unknown(&member, fields, n_fields, error);
        weft_status status = read_field(&member, &fields[place], arena, error, out);
        if (status != WEFT_STATUS_OK) return status;
        seen |= (uint64_t)1 << place;
        next = place + 1;
    }
    for (size_t i = 0; i < n_fields; i++) {
        if (fields[i].required && !(seen >> i & 1)) {
            return weft_i_json_fail(in, error, "missing key '%s'", fields[i].key);
        }
    }
    return WEFT_STATUS_OK;
}
