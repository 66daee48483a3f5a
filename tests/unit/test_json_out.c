/* Writing JSON: its exact form, and random documents read back by json_in. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_in.h"
#include "base/json_out.h"
#include "base/rng.h"

/* What a writer writes, on the heap. */
static char *written(void (*write)(weft_i_json_out *out, void *context), void *context)
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    write(&out, context);
    cr_assert_eq(weft_i_json_out_end(&out, NULL), WEFT_STATUS_OK);
    fclose(stream);
    return text;
}

static void expect_written(void (*write)(weft_i_json_out *out, void *context), const char *expected)
{
    char *text = written(write, NULL);
    cr_expect_str_eq(text, expected);
    free(text);
}

static void write_forms(weft_i_json_out *out, void *context)
{
    (void)context;
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "n", 1);
    weft_i_json_key(out, "empty");
    weft_i_json_open_array(out);
    weft_i_json_close_array(out);
    weft_i_json_key(out, "rows");
    weft_i_json_open_array(out);
    for (int i = 0; i < 2; i++) {
        weft_i_json_compact(out);
        weft_i_json_open_object(out);
        weft_i_json_put_key_bool(out, "on", i == 1);
        weft_i_json_put_key_ints(out, "v", (const int64_t[]){1, -2}, 2);
        weft_i_json_put_key_double(out, "x", i);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
    weft_i_json_put_key_ints(out, "none", NULL, 0);
    weft_i_json_put_key_string(out, "s", "t");
    weft_i_json_close_object(out);
}

Test(json_out, indents_and_puts_on_one_line)
{
    expect_written(write_forms, "{\n  \"n\": 1,\n  \"empty\": [],\n  \"rows\": [\n"
                                "    {\"on\":false,\"v\":[1,-2],\"x\":0.0},\n"
                                "    {\"on\":true,\"v\":[1,-2],\"x\":1.0}\n  ],\n"
                                "  \"none\": [],\n  \"s\": \"t\"\n}\n");
}

static void write_numbers(weft_i_json_out *out, void *context)
{
    (void)context;
    static const double DOUBLES[] = {0.1, 1e22, -0.0, 1e300, 100};
    weft_i_json_compact(out);
    weft_i_json_open_array(out);
    weft_i_json_put_int(out, INT64_MIN);
    weft_i_json_put_int(out, INT64_MAX);
    weft_i_json_put_int(out, 0);
    for (int i = 0; i < 5; i++)
        weft_i_json_put_double(out, DOUBLES[i]);
    weft_i_json_put_null(out);
    weft_i_json_close_array(out);
}

Test(json_out, numbers)
{
    expect_written(write_numbers, "[-9223372036854775808,9223372036854775807,0,"
                                  "0.1,1e+22,-0.0,1e+300,100.0,null]\n");
}

static void write_strings(weft_i_json_out *out, void *context)
{
    (void)context;
    weft_i_json_compact(out);
    weft_i_json_open_array(out);
    weft_i_json_put_string(out, "\"\\/\b\f\n\r\t\x01\x1f\x7f");
    weft_i_json_put_string(out, "\u00e9\u20ac\U0001F600");
    weft_i_json_put_string(out, "a\xff\xe2\x82z");
    weft_i_json_close_array(out);
}

Test(json_out, strings)
{
    expect_written(write_strings, "[\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\","
                                  "\"\u00e9\u20ac\U0001F600\",\"a\ufffd\ufffd\ufffdz\"]\n");
}

static void write_scalar(weft_i_json_out *out, void *context)
{
    (void)context;
    weft_i_json_put_string(out, "alone");
}

Test(json_out, a_scalar_alone)
{
    expect_written(write_scalar, "\"alone\"\n");
}

static void write_long_array(weft_i_json_out *out, void *context)
{
    (void)context;
    enum { N = 1000000 };
    int64_t *values = calloc(N, sizeof(*values));
    for (int i = 0; i < N; i++)
        values[i] = (int64_t)1 << 60;
    weft_i_json_open_object(out);
    weft_i_json_put_key_ints(out, "v", values, N);
    weft_i_json_close_object(out);
    free(values);
}

/* 20 MB of integers in one array: its own reader must take them. */
Test(json_out, breaks_a_line_that_a_reader_would_refuse)
{
    char *text = written(write_long_array, NULL);
    weft_error error = {0};
    weft_i_json_doc *doc = NULL;
    weft_i_json_parse("t", text, strlen(text), 1, &error, &doc);
    cr_expect_eq(error.status, WEFT_STATUS_OK, "%s", error.text);
    weft_i_json_free(doc);
    free(text);
}

Test(json_out, a_full_disk_is_reported_once)
{
    FILE *stream = fopen("/dev/full", "w");
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_open_array(&out);
    for (int i = 0; i < 100000; i++)
        weft_i_json_put_int(&out, i);
    weft_i_json_close_array(&out);
    weft_error error = {0};
    cr_expect_eq(weft_i_json_out_end(&out, &error), WEFT_STATUS_IO);
    cr_expect_str_eq(error.text, "cannot write: no space left on device");
    fclose(stream);
}

#ifndef NDEBUG
Test(json_out, a_number_that_json_lacks_is_our_mistake, .signal = SIGABRT)
{
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stdout);
    weft_i_json_put_double(&out, (double)NAN);
}
#endif

/* A random document is a sequence of decisions that a seed gives: written by one pass over them,
 * and checked by another. Exactly one of out and in is set. */
typedef struct walk {
    weft_i_rng rng;
    weft_i_json_out *out;
    const char *text; /* as read, to count lines in */
    int n_checked;
} walk;

/* A string that no other value or key of the document has: an id between odd characters. */
static void unique_string(walk *w, char out[64])
{
    static const char *const ODD[] = {"", "\"", "\\", "\n", "\u00e9", "\U0001F600", "/", "\x01"};
    const char *before = ODD[weft_i_rng_below(&w->rng, 8)],
               *after = ODD[weft_i_rng_below(&w->rng, 8)];
    snprintf(out, 64, "%sid%016lx%s", before, weft_i_rng_next(&w->rng), after);
}

static int naive_line(const char *text, const char *marker)
{
    const char *place = strstr(text, marker);
    cr_assert_not_null(place, "%s", marker);
    int line = 1;
    for (const char *p = text; p < place; p++)
        line += *p == '\n';
    return line;
}

/* Fail at the value, and compare the line with that of its marker. */
static void check_line(walk *w, const weft_i_json *in, const char *marker)
{
    weft_error error = {0};
    weft_i_json_fail(in, &error, "x");
    cr_assert_eq(error.line, naive_line(w->text, marker), "%s", error.path);
    w->n_checked++;
}

static void walk_int(walk *w, const weft_i_json *in)
{
    int64_t value = (int64_t)(weft_i_rng_next(&w->rng) >> weft_i_rng_below(&w->rng, 8));
    if (weft_i_rng_below(&w->rng, 2)) value = -value;
    int64_t found = 0;
    if (w->out) {
        weft_i_json_put_int(w->out, value);
        return;
    }
    cr_assert_eq(weft_i_json_int(in, INT64_MIN, INT64_MAX, NULL, &found), WEFT_STATUS_OK);
    cr_assert_eq(found, value);
    char marker[32];
    snprintf(marker, sizeof(marker), "%ld", value);
    if (strlen(marker) > 15) check_line(w, in, marker);
}

static void walk_double(walk *w, const weft_i_json *in)
{
    uint64_t bits = weft_i_rng_next(&w->rng);
    double value, found = 0;
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value)) value = 0.25;
    if (w->out) {
        weft_i_json_put_double(w->out, value);
        return;
    }
    cr_assert_eq(weft_i_json_double(in, -INFINITY, INFINITY, NULL, &found), WEFT_STATUS_OK);
    cr_assert_eq(memcmp(&found, &value, sizeof(value)), 0);
    int64_t integer;
    cr_assert_eq(weft_i_json_int(in, INT64_MIN, INT64_MAX, NULL, &integer), WEFT_STATUS_BAD_INPUT);
}

static void walk_string(walk *w, const weft_i_json *in)
{
    char text[64];
    unique_string(w, text);
    if (w->out) {
        weft_i_json_put_string(w->out, text);
        return;
    }
    weft_i_arena arena = {0};
    const char *found = "";
    cr_assert_eq(weft_i_json_string(in, &arena, NULL, &found), WEFT_STATUS_OK);
    cr_assert_str_eq(found, text);
    weft_i_arena_free(&arena);
    char *id = strstr(text, "id");
    id[18] = '\0';
    check_line(w, in, id);
}

static void walk_value(walk *w, const weft_i_json *in, int depth);

static void walk_array(walk *w, const weft_i_json *in, int depth)
{
    size_t n = weft_i_rng_below(&w->rng, 6), n_found = 0;
    if (w->out) weft_i_json_open_array(w->out);
    if (in) weft_i_json_array(in, n, n, NULL, &n_found);
    cr_assert(!in || n_found == n);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = {0};
        if (in) item = weft_i_json_item(in, i);
        walk_value(w, in ? &item : NULL, depth + 1);
    }
    if (w->out) weft_i_json_close_array(w->out);
}

static void walk_object(walk *w, const weft_i_json *in, int depth)
{
    size_t n = weft_i_rng_below(&w->rng, 6);
    if (w->out) weft_i_json_open_object(w->out);
    for (size_t i = 0; i < n; i++) {
        char key[64];
        unique_string(w, key);
        weft_i_json by_key = {0}, member = {0};
        if (w->out) weft_i_json_key(w->out, key);
        if (in) {
            cr_assert(weft_i_json_member(in, i, &member));
            cr_assert_str_eq(member.key, key);
            cr_assert(weft_i_json_get(in, key, &by_key));
            cr_assert_eq(by_key.value, member.value);
        }
        walk_value(w, in ? &member : NULL, depth + 1);
    }
    weft_i_json past;
    cr_assert(!in || !weft_i_json_member(in, n, &past));
    if (w->out) weft_i_json_close_object(w->out);
}

static void walk_value(walk *w, const weft_i_json *in, int depth)
{
    if (w->out && weft_i_rng_below(&w->rng, 8) == 0) weft_i_json_compact(w->out);
    if (in) weft_i_rng_below(&w->rng, 8);
    switch (weft_i_rng_below(&w->rng, depth < 8 ? 8 : 3)) {
    case 0:
        walk_int(w, in);
        return;
    case 1:
        walk_double(w, in);
        return;
    case 2:
        walk_string(w, in);
        return;
    case 3:
    case 4:
        walk_array(w, in, depth);
        return;
    default:
        walk_object(w, in, depth);
    }
}

static void write_random(weft_i_json_out *out, void *context)
{
    walk w = {.out = out};
    weft_i_rng_seed(&w.rng, *(uint64_t *)context);
    walk_object(&w, NULL, 0);
}

/* The same document with blanks and newlines strewn between its tokens. */
static char *strew(const char *text, uint64_t seed)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    char *strewn = calloc(4 * strlen(text) + 1, 1), *to = strewn;
    bool in_string = false;
    for (const char *p = text; *p; p++) {
        bool is_escape = in_string && *p == '\\';
        if (*p == '"') in_string = !in_string;
        bool is_gap = !in_string && strchr(",:[]{}", *p);
        if (is_gap && weft_i_rng_below(&rng, 2)) *to++ = " \n\t\r"[weft_i_rng_below(&rng, 4)];
        *to++ = *p;
        if (is_escape) *to++ = *++p;
        if (is_gap && weft_i_rng_below(&rng, 2)) *to++ = " \n\t\r"[weft_i_rng_below(&rng, 4)];
    }
    return strewn;
}

Test(json_out, random_documents_read_back_with_their_lines)
{
    int n_checked = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        char *text = written(write_random, &seed);
        char *strewn = strew(text, seed);
        const char *const FORMS[] = {text, strewn};
        for (int i = 0; i < 2; i++) {
            weft_error error = {0};
            weft_i_json_doc *doc = NULL;
            weft_i_json_parse("t", FORMS[i], strlen(FORMS[i]), 1, &error, &doc);
            cr_assert_not_null(doc, "seed %lu: %d: %s", seed, error.line, error.text);
            walk w = {.text = FORMS[i]};
            weft_i_rng_seed(&w.rng, seed);
            weft_i_json root = weft_i_json_root(doc);
            walk_object(&w, &root, 0);
            n_checked += w.n_checked;
            weft_i_json_free(doc);
        }
        free(strewn);
        free(text);
    }
    cr_expect_gt(n_checked, 1000, "only %d values checked", n_checked);
}
