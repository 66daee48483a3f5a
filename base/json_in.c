/* base/json_in.c - documents, cursors and places of errors. Not: typed reading (json_read.c). */
#include "base/json_in.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_text.h"

enum { CHAIN_MAX = WEFT_I_JSON_DEPTH_MAX + 2 };

/* Where weft_i_json_member stopped at a depth, so that walking a large object takes one pass. */
typedef struct member_place {
    const json_t *object;
    size_t index;
    void *iter;
} member_place;

struct weft_i_json_doc {
    json_t *root;
    const char *text;
    size_t n;
    int first_line;
    char name[sizeof(((weft_error *)0)->file)];
    member_place *last; /* of each depth; by pointer, since cursors see the document as const */
    member_place last_places[CHAIN_MAX];
};

/* jansson's message in clearer words; NULL where its own are clear. */
static const char *syntax_words(const json_error_t *parsed)
{
    static const struct {
        enum json_error_code code;
        const char *begin; /* of jansson's text; "" = any */
        const char *words;
    } table[] = {
        {json_error_duplicate_key, "", "duplicate key"},
        {json_error_premature_end_of_input, "", "the text ends too early"},
        {json_error_end_of_input_expected, "", "something follows the end of the JSON value"},
        {json_error_numeric_overflow, "too big", "an integer beyond 64 bits"},
        {json_error_numeric_overflow, "", "a number beyond the range of a double"},
        {json_error_null_character, "", "\\u0000 in a string"},
        {json_error_null_byte_in_key, "", "\\u0000 in a key"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        bool begins = strncmp(parsed->text, table[i].begin, strlen(table[i].begin)) == 0;
        if (json_error_code(parsed) == table[i].code && begins) return table[i].words;
    }
    return NULL;
}

static weft_status fail_syntax(const weft_i_json_doc *doc, const json_error_t *parsed,
                               weft_error *error)
{
    /* jansson tells most of its failed allocations as wrong syntax, or as nothing at all. */
    if (errno == ENOMEM || !parsed->text[0]) return weft_i_no_memory(error);
    const char *words = syntax_words(parsed);
    const char *near = strstr(parsed->text, " near ");
    if (!near || strcmp(near, " near end of file") == 0) near = "";
    bool is_first = error && error->status == WEFT_STATUS_OK;
    int line = doc->first_line + parsed->line - 1;
    weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, doc->name, line, NULL, "not valid JSON: %s%s",
                   words ? words : parsed->text, words ? near : "");
    if (is_first) error->column = parsed->column;
    return WEFT_STATUS_BAD_INPUT;
}

weft_status weft_i_json_parse(const char *name, const char *text, size_t n, int first_line,
                              weft_error *error, weft_i_json_doc **out_doc)
{
    weft_status status = weft_i_json_text_check(name, text, n, first_line, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json_doc *doc = weft_i_alloc(1, sizeof(*doc));
    if (!doc) return weft_i_no_memory(error);
    doc->text = text;
    doc->n = n;
    doc->first_line = first_line;
    doc->last = doc->last_places;
    snprintf(doc->name, sizeof(doc->name), "%s", name);

    json_error_t parsed;
    errno = 0;
    doc->root = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &parsed);
    if (!doc->root) {
        status = fail_syntax(doc, &parsed, error);
        weft_i_json_free(doc);
        return status;
    }
    *out_doc = doc;
    return WEFT_STATUS_OK;
}

void weft_i_json_free(weft_i_json_doc *doc)
{
    if (!doc) return;
    json_decref(doc->root);
    free(doc);
}

weft_i_json weft_i_json_root(const weft_i_json_doc *doc)
{
    return (weft_i_json){.doc = doc, .value = doc->root};
}

bool weft_i_json_is_null(const weft_i_json *in)
{
    return json_is_null((const json_t *)in->value);
}

bool weft_i_json_is_array(const weft_i_json *in)
{
    return json_is_array((const json_t *)in->value);
}

bool weft_i_json_is_object(const weft_i_json *in)
{
    return json_is_object((const json_t *)in->value);
}

bool weft_i_json_is_string(const weft_i_json *in)
{
    return json_is_string((const json_t *)in->value);
}

bool weft_i_json_is_number(const weft_i_json *in)
{
    return json_is_number((const json_t *)in->value);
}

/* jansson's iterators want json_t *, though these calls do not write. */
static json_t *writable(const weft_i_json *in)
{
    union {
        const void *shared;
        json_t *value;
    } cast = {.shared = in->value};
    return cast.value;
}

static weft_i_json member_at(const weft_i_json *object, void *iter)
{
    return (weft_i_json){.doc = object->doc,
                         .value = json_object_iter_value(iter),
                         .parent = object,
                         .key = json_object_iter_key(iter)};
}

bool weft_i_json_get(const weft_i_json *in, const char *key, weft_i_json *out)
{
    void *iter = json_object_iter_at(writable(in), key); /* NULL for what is no object */
    if (!iter) return false;
    *out = member_at(in, iter);
    return true;
}

bool weft_i_json_member(const weft_i_json *object, size_t index, weft_i_json *out)
{
    json_t *value = writable(object);
    size_t depth = 0;
    for (const weft_i_json *p = object->parent; p && depth < CHAIN_MAX - 1; p = p->parent)
        depth++;
    member_place *last = &object->doc->last[depth];
    if (last->object != value || last->index > index || !last->iter) {
        *last = (member_place){value, 0, json_object_iter(value)};
    }
    while (last->iter && last->index < index) {
        last->iter = json_object_iter_next(value, last->iter);
        last->index++;
    }
    if (!last->iter) return false;
    *out = member_at(object, last->iter);
    return true;
}

weft_i_json weft_i_json_item(const weft_i_json *array, size_t index)
{
    return (weft_i_json){.doc = array->doc,
                         .value = json_array_get(array->value, index),
                         .parent = array,
                         .index = index};
}

/* Root first. */
static size_t steps_to(const weft_i_json *at, weft_i_json_step steps[CHAIN_MAX])
{
    size_t n = 0;
    for (const weft_i_json *p = at; p->parent && n < CHAIN_MAX; p = p->parent)
        n++;
    size_t i = n;
    for (const weft_i_json *p = at; i > 0; p = p->parent) {
        steps[--i] = (weft_i_json_step){.key = p->key, .index = p->index};
    }
    return n;
}

static bool is_identifier(const char *key)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char letters_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return strspn(key, letters) > 0 && key[strspn(key, letters_digits)] == '\0';
}

/* Append, cutting at the end of `path`; weft_i_fail_at marks the cut. */
static size_t append(char *path, size_t size, size_t n, const char *text)
{
    int more = snprintf(path + n, size - n, "%s", text);
    return n + (size_t)more < size ? n + (size_t)more : size - 1;
}

static void write_path(const weft_i_json_step *steps, size_t n_steps, char *path, size_t size)
{
    size_t n = append(path, size, 0, "$");
    for (size_t i = 0; i < n_steps; i++) {
        const char *key = steps[i].key;
        char index[32];
        if (!key) {
            snprintf(index, sizeof(index), "[%zu]", steps[i].index);
            n = append(path, size, n, index);
        } else if (is_identifier(key)) {
            n = append(path, size, n, ".");
            n = append(path, size, n, key);
        } else {
            n = append(path, size, n, "[\"");
            for (const char *p = key; *p; p++) {
                char one[3] = {'\\', *p, '\0'};
                n = append(path, size, n, *p == '"' || *p == '\\' ? one : one + 1);
            }
            n = append(path, size, n, "\"]");
        }
    }
}

static weft_status fail_there(const weft_i_json *at, bool of_key, weft_error *error,
                              const char *text)
{
    if (!error || error->status != WEFT_STATUS_OK) return WEFT_STATUS_BAD_INPUT;
    weft_i_json_step steps[CHAIN_MAX];
    size_t n_steps = steps_to(at, steps);
    char path[sizeof(error->path) + 8]; /* longer than the field, which marks what is cut */
    write_path(steps, n_steps, path, sizeof(path));
    const weft_i_json_doc *doc = at->doc;
    int line = weft_i_json_text_line(doc->text, doc->n, steps, n_steps, of_key);
    return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, doc->name, doc->first_line + line - 1, path,
                          "%s", text);
}

weft_status weft_i_json_fail(const weft_i_json *at, weft_error *error, const char *fmt, ...)
{
    char text[sizeof(error->text) + 8];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fail_there(at, false, error, text);
}

weft_status weft_i_json_fail_key(const weft_i_json *at, weft_error *error, const char *fmt, ...)
{
    char text[sizeof(error->text) + 8];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fail_there(at, true, error, text);
}
