/* Fuzz target: any bytes as JSON. What parses is walked, failed at and written back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json_in.h"
#include "base/json_out.h"
#include "tests/fuzz/fuzz_target.h"

/* Errors are cut, but never empty and never outside the text. */
static void check_error(const weft_error *error, const char *text, size_t n)
{
    int n_lines = 1;
    for (size_t i = 0; i < n; i++)
        n_lines += text[i] == '\n';
    FUZZ_CHECK(error->status != WEFT_STATUS_OK && error->text[0]);
    FUZZ_CHECK(error->line >= 0 && error->line <= n_lines);
}

static void copy_value(const weft_i_json *in, weft_i_json_out *out);

static void copy_array(const weft_i_json *in, weft_i_json_out *out)
{
    size_t n = 0;
    weft_i_json_array(in, 0, SIZE_MAX, NULL, &n);
    weft_i_json_open_array(out);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        copy_value(&item, out);
    }
    weft_i_json_close_array(out);
}

static void copy_object(const weft_i_json *in, weft_i_json_out *out)
{
    weft_i_json member;
    weft_i_json_open_object(out);
    for (size_t i = 0; weft_i_json_member(in, i, &member); i++) {
        weft_i_json_key(out, member.key);
        copy_value(&member, out);
    }
    weft_i_json_close_object(out);
}

static void copy_string(const weft_i_json *in, weft_i_json_out *out)
{
    weft_i_arena arena = {0};
    const char *text = "";
    weft_i_json_string(in, &arena, NULL, &text);
    weft_i_json_put_string(out, text);
    weft_i_arena_free(&arena);
}

static void copy_number(const weft_i_json *in, weft_i_json_out *out)
{
    int64_t integer;
    double real = 0;
    if (weft_i_json_int(in, INT64_MIN, INT64_MAX, NULL, &integer) == WEFT_STATUS_OK) {
        weft_i_json_put_int(out, integer);
        return;
    }
    weft_i_json_double(in, -INFINITY, INFINITY, NULL, &real);
    weft_i_json_put_double(out, real);
}

static void copy_value(const weft_i_json *in, weft_i_json_out *out)
{
    bool value = false;
    if (weft_i_json_is_array(in)) {
        copy_array(in, out);
    } else if (weft_i_json_is_object(in)) {
        copy_object(in, out);
    } else if (weft_i_json_is_string(in)) {
        copy_string(in, out);
    } else if (weft_i_json_is_number(in)) {
        copy_number(in, out);
    } else if (weft_i_json_is_null(in)) {
        weft_i_json_put_null(out);
    } else {
        weft_i_json_bool(in, NULL, &value);
        weft_i_json_put_bool(out, value);
    }
}

/* The document as weft writes it; caller frees. */
static char *copy_document(const weft_i_json_doc *doc, size_t *out_n)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, out_n);
    FUZZ_CHECK(stream);
    weft_i_json_out out;
    weft_i_json root = weft_i_json_root(doc);
    weft_i_json_out_begin(&out, stream);
    copy_value(&root, &out);
    FUZZ_CHECK(weft_i_json_out_end(&out, NULL) == WEFT_STATUS_OK);
    fclose(stream);
    return text;
}

/* Fail at the first value of each depth, where the text must be walked to. */
static void fail_down(const weft_i_json *in, const char *text, size_t n)
{
    weft_error error = {0};
    weft_i_json below;
    size_t n_items = 0;
    weft_i_json_fail(in, &error, "x");
    check_error(&error, text, n);
    FUZZ_CHECK(error.line > 0 && error.path[0] == '$');
    weft_i_json_array(in, 0, SIZE_MAX, NULL, &n_items);
    if (n_items > 0) below = weft_i_json_item(in, n_items - 1);
    if (n_items > 0 || weft_i_json_member(in, 0, &below)) fail_down(&below, text, n);
}

static void read_tables(const weft_i_json *root, const char *text, size_t n)
{
    static const weft_i_json_field FIELDS[] = {
        {.key = "a", .type = WEFT_I_JSON_INT32, .required = true},
        {.key = "stages", .type = WEFT_I_JSON_ENUM, .choices = "none|full"},
    };
    int values[1] = {0};
    weft_error error = {0};
    if (weft_i_json_header(root, "plan", 1, &error)) check_error(&error, text, n);
    error = (weft_error){0};
    if (weft_i_json_read(root, FIELDS, 2, NULL, &error, values)) check_error(&error, text, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    weft_error error = {0};
    weft_i_json_doc *doc = NULL, *again = NULL;
    if (weft_i_json_parse("fuzz", text, size, 1, &error, &doc) != WEFT_STATUS_OK) {
        check_error(&error, text, size);
        return 0;
    }
    weft_i_json root = weft_i_json_root(doc);
    fail_down(&root, text, size);
    read_tables(&root, text, size);

    /* Written back and read again, it is written the same way. */
    size_t n_first = 0, n_second = 0;
    char *first = copy_document(doc, &n_first);
    FUZZ_CHECK(weft_i_json_parse("copy", first, n_first, 1, NULL, &again) == WEFT_STATUS_OK);
    char *second = copy_document(again, &n_second);
    FUZZ_CHECK(n_first == n_second && memcmp(first, second, n_first) == 0);
    weft_i_json_free(again);
    weft_i_json_free(doc);
    free(first);
    free(second);
    return 0;
}
