/* base/json_in.h - reading JSON with errors that say file, line and path.
 *
 * jansson parses; this adds what it lacks: limits checked before parsing (size, line length, depth
 * 64), and for every value its JSON path and its line. A weft_i_json is a cursor on the C stack
 * that knows its parent, so a path costs nothing until an error needs it; the line is then found by
 * walking the text. A table of fields reads an object into a struct and refuses unknown keys;
 * keys that start with "x_" and everything under "meta" are ignored.
 */
#ifndef WEFT_BASE_JSON_IN_H
#define WEFT_BASE_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "weft/status.h"

/* A parsed document: owns text and values. */
typedef struct weft_i_json_doc weft_i_json_doc;

typedef struct weft_i_json {
    const weft_i_json_doc *doc;
    const void *value;                /* json_t */
    const struct weft_i_json *parent; /* NULL for the root; must outlive this one */
    const char *key;                  /* of an object's member, NULL for an array's item */
    size_t index;                     /* of an array's item */
} weft_i_json;

/* Parse text that is in memory. `name` is what errors call it; `first_line` the number of its first
 * line (1; JSON Lines pass the line's number). BAD_INPUT with line and column when it is not JSON,
 * has duplicate keys, is deeper than 64 or breaks a limit. The text is borrowed and must outlive
 * the document. */
weft_status weft_i_json_parse(const char *name, const char *text, size_t n, int first_line,
                              weft_error *error, weft_i_json_doc **out_doc);
void weft_i_json_free(weft_i_json_doc *doc);
weft_i_json weft_i_json_root(const weft_i_json_doc *doc);

/* Checks that the root is an object with "format": "weft.<kind>", "version": `version` and an
 * integer "revision"; a newer version, and another kind, are refused by name. */
weft_status weft_i_json_header(const weft_i_json *root, const char *kind, int version,
                               weft_error *error);

typedef enum weft_i_json_type {
    WEFT_I_JSON_INT64,
    WEFT_I_JSON_INT32,
    WEFT_I_JSON_DOUBLE, /* an integer is accepted */
    WEFT_I_JSON_BOOL,
    WEFT_I_JSON_STRING, /* const char *, copied into the arena */
    WEFT_I_JSON_ENUM,   /* int (any enum type), place in `choices` */
    WEFT_I_JSON_OTHER   /* any value: known here, read by the caller */
} weft_i_json_type;

typedef struct weft_i_json_field {
    const char *key;
    weft_i_json_type type;
    size_t offset;
    /* Of numbers, inclusive; max < min or both 0 = up to the largest (2^53 for INT64). */
    double min, max;
    const char *choices;
    bool required;
} weft_i_json_field;

/* The beginnings of rows of tables of fields. */
#define WEFT_I_FIELD(field_key, field_type, owner, member)                                         \
    .key = (field_key), .type = (field_type), .offset = offsetof(owner, member)
#define WEFT_I_FIELD_INT32(key, owner, member)  WEFT_I_FIELD(key, WEFT_I_JSON_INT32, owner, member)
#define WEFT_I_FIELD_DOUBLE(key, owner, member) WEFT_I_FIELD(key, WEFT_I_JSON_DOUBLE, owner, member)
#define WEFT_I_FIELD_BOOL(key, owner, member)   WEFT_I_FIELD(key, WEFT_I_JSON_BOOL, owner, member)
#define WEFT_I_FIELD_STRING(key, owner, member) WEFT_I_FIELD(key, WEFT_I_JSON_STRING, owner, member)
#define WEFT_I_FIELD_ENUM(key, owner, member, words)                                               \
    WEFT_I_FIELD(key, WEFT_I_JSON_ENUM, owner, member), .choices = (words)
#define WEFT_I_FIELD_OTHER(field_key) .key = (field_key), .type = WEFT_I_JSON_OTHER

#define WEFT_I_N_FIELDS(fields) (sizeof(fields) / sizeof((fields)[0]))

/* The upper bound of a field's numbers: its own, or `largest`, that of its type. */
double weft_i_json_field_max(const weft_i_json_field *field, double largest);

/* Read an object by a table of at most 64 fields; fields that are absent keep what `out` holds, and
 * on failure those before the wrong one are written. `out` may be NULL when every field is OTHER,
 * `arena` when none is a STRING. Keys "format", "version", "revision" and "meta" of the root are
 * known. */
weft_status weft_i_json_read(const weft_i_json *in, const weft_i_json_field *fields,
                             size_t n_fields, weft_i_arena *arena, weft_error *error, void *out);

/* Member of an object: false where absent, or where `in` is no object. */
bool weft_i_json_get(const weft_i_json *in, const char *key, weft_i_json *out);
bool weft_i_json_is_null(const weft_i_json *in);
bool weft_i_json_is_array(const weft_i_json *in);
bool weft_i_json_is_object(const weft_i_json *in);
bool weft_i_json_is_string(const weft_i_json *in);
bool weft_i_json_is_number(const weft_i_json *in);

/* Number of items, after checking that it is an array of min..max items. */
weft_status weft_i_json_array(const weft_i_json *in, size_t min, size_t max, weft_error *error,
                              size_t *out_n);
weft_i_json weft_i_json_item(const weft_i_json *array, size_t index);

/* i-th member of an object in the order of the file, for maps with free keys; false at the end.
 * Goes on from the call before (loops may nest), so that one thread at a time may use a document.
 */
bool weft_i_json_member(const weft_i_json *object, size_t index, weft_i_json *out);

/* Single values with checks. */
weft_status weft_i_json_int(const weft_i_json *in, int64_t min, int64_t max, weft_error *error,
                            int64_t *out);
weft_status weft_i_json_double(const weft_i_json *in, double min, double max, weft_error *error,
                               double *out);
weft_status weft_i_json_bool(const weft_i_json *in, weft_error *error, bool *out);
weft_status weft_i_json_choice(const weft_i_json *in, const char *choices, weft_error *error,
                               int *out);
weft_status weft_i_json_string(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               const char **out);
/* A whole array of int64 in one go (the fast path of plans): n items written to out. */
weft_status weft_i_json_ints(const weft_i_json *array, size_t n, int64_t min, int64_t max,
                             weft_error *error, int64_t *out);

/* BAD_INPUT at this value's file, line and path; for checks that a table cannot express. */
weft_status weft_i_json_fail(const weft_i_json *at, weft_error *error, const char *fmt, ...)
    WEFT_PRINTF(3, 4);
/* The same at the key in front of the value, for keys that are wrong themselves. */
weft_status weft_i_json_fail_key(const weft_i_json *at, weft_error *error, const char *fmt, ...)
    WEFT_PRINTF(3, 4);

#endif
