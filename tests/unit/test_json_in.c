/* Reading JSON: limits, syntax errors, places of errors, tables of fields. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json_in.h"
#include "base/rng.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct point {
    int64_t fw_ns;
    int32_t rank;
    double ratio;
    int64_t two;
    bool on;
    const char *name;
    int mode;
} point;

static const weft_i_json_field FIELDS[] = {
    {.key = "fw_ns", .type = WEFT_I_JSON_INT64, .offset = offsetof(point, fw_ns), .required = true},
    {.key = "rank",
     .offset = offsetof(point, rank),
     .type = WEFT_I_JSON_INT32,
     .min = -1,
     .max = 7},
    {.key = "ratio", .type = WEFT_I_JSON_DOUBLE, .offset = offsetof(point, ratio), .max = 1},
    {.key = "on", .type = WEFT_I_JSON_BOOL, .offset = offsetof(point, on)},
    {.key = "name", .type = WEFT_I_JSON_STRING, .offset = offsetof(point, name)},
    {.key = "mode", .type = WEFT_I_JSON_ENUM, .offset = offsetof(point, mode), .choices = "a|b|c"},
    {.key = "two", .type = WEFT_I_JSON_INT64, .offset = offsetof(point, two), .min = 2, .max = 2},
    {.key = "most", .type = WEFT_I_JSON_INT64, .offset = offsetof(point, two), .min = 2},
    {.key = "flop", .type = WEFT_I_JSON_DOUBLE, .offset = offsetof(point, ratio)},
    {.key = "rest", .type = WEFT_I_JSON_OTHER},
};

/* An error as one line, "line:column:path: text", column only where known. */
static const char *line_of(const weft_error *error)
{
    static char line[1024];
    char column[16] = "";
    if (error->column > 0) snprintf(column, sizeof(column), "%d:", error->column);
    snprintf(line, sizeof(line), "%d:%s%s: %s", error->line, column, error->path, error->text);
    return line;
}

static weft_status parse(const char *text, weft_error *error, weft_i_json_doc **out)
{
    return weft_i_json_parse("t.json", text, strlen(text), 1, error, out);
}

/* Read one point; strings end up in the arena. */
static weft_status read_point(const char *text, weft_i_arena *arena, weft_error *error, point *out)
{
    weft_i_json_doc *doc = NULL;
    weft_status status = parse(text, error, &doc);
    if (status == WEFT_STATUS_OK) {
        weft_i_json root = weft_i_json_root(doc);
        status = weft_i_json_read(&root, FIELDS, N_OF(FIELDS), arena, error, out);
    }
    weft_i_json_free(doc);
    return status;
}

Test(json_in, reads_a_table)
{
    weft_i_arena arena = {0};
    point p = {.mode = 1};
    const char *text = "{\"ratio\":1,\"rank\":-1,\"on\":true,\"fw_ns\":9,\"x_y\":[1],"
                       "\"name\":\"\\u00e9\",\"meta\":{\"any\":1},\"version\":3,\"rest\":null}";
    cr_assert_eq(read_point(text, &arena, NULL, &p), WEFT_STATUS_OK);
    cr_expect_eq(p.fw_ns, 9);
    cr_expect_eq(p.rank, -1);
    cr_expect_float_eq(p.ratio, 1.0, 0);
    cr_expect(p.on);
    cr_expect_str_eq(p.name, "\u00e9");
    cr_expect_eq(p.mode, 1, "an absent field keeps its value");
    cr_expect_eq(read_point("{\"mode\":\"c\",\"fw_ns\":0}", NULL, NULL, &p), WEFT_STATUS_OK);
    cr_expect_eq(p.mode, 2);
    cr_expect_eq(read_point("{\"mode\":\"a\",\"fw_ns\":0}", NULL, NULL, &p), WEFT_STATUS_OK);
    cr_expect_eq(p.mode, 0);
    cr_expect_eq(read_point("{\"flop\":1e300,\"fw_ns\":0}", NULL, NULL, &p), WEFT_STATUS_OK);
    cr_expect_float_eq(p.ratio, 1e300, 0);
    weft_i_arena_free(&arena);
}

Test(json_in, says_what_is_wrong_and_where)
{
    static const char *const CASES[][2] = {
        {"{\"fw_ns\":\n1.5}", "2:$.fw_ns: expected an integer, found 1.5"},
        {"{\"fw_ns\":1.0}", "1:$.fw_ns: expected an integer, found 1.0"},
        {"{\"fw_ns\":1e3}", "1:$.fw_ns: expected an integer, found 1000.0"},
        {"{\"fw_ns\":-1}", "1:$.fw_ns: expected an integer of at least 0, found -1"},
        {"{\"fw_ns\":9007199254740993}",
         "1:$.fw_ns: expected an integer from 0 to 9007199254740992, found 9007199254740993"},
        {"{\"fw_ns\":\"1\"}", "1:$.fw_ns: expected an integer, found '1'"},
        {"{\"fw_ns\":null}", "1:$.fw_ns: expected an integer, found null"},
        {"{\n\"fw_n\":\n1}", "2:$.fw_n: unknown key 'fw_n', did you mean 'fw_ns'?"},
        {"{\"zzz\":1}", "1:$.zzz: unknown key 'zzz'"},
        {"{\"rank\":8}", "1:$.rank: expected an integer from -1 to 7, found 8"},
        {"{\"two\":3}", "1:$.two: expected an integer from 2 to 2, found 3"},
        {"{\"most\":1}", "1:$.most: expected an integer of at least 2, found 1"},
        {"{\"ratio\":1.5}", "1:$.ratio: expected a number from 0 to 1, found 1.5"},
        {"{\"flop\":-1}", "1:$.flop: expected a number of at least 0, found -1"},
        {"{\"ratio\":true}", "1:$.ratio: expected a number, found true"},
        {"{\"on\":1}", "1:$.on: expected true or false, found 1"},
        {"{\"name\":[]}", "1:$.name: expected a string, found an array"},
        {"{\"mode\":\"d\"}", "1:$.mode: expected one of a, b, c, found 'd'"},
        {"{\"mode\":0}", "1:$.mode: expected one of a, b, c, found 0"},
        {"\n{}", "2:$: missing key 'fw_ns'"},
        {"[]", "1:$: expected an object, found an array"},
        {"12", "1:$: expected an object, found 12"},
    };
    for (size_t i = 0; i < N_OF(CASES); i++) {
        weft_i_arena arena = {0};
        point p = {0};
        weft_error error = {0};
        cr_expect_eq(read_point(CASES[i][0], &arena, &error, &p), WEFT_STATUS_BAD_INPUT);
        cr_expect_str_eq(line_of(&error), CASES[i][1]);
        cr_expect_str_eq(error.file, "t.json");
        cr_expect_eq(read_point(CASES[i][0], &arena, NULL, &p), WEFT_STATUS_BAD_INPUT);
        weft_i_arena_free(&arena);
    }
}

Test(json_in, syntax_errors_have_line_and_column)
{
    static const char *const CASES[][2] = {
        {"", "1:: not valid JSON: the text ends too early"},
        {"{\"a\":1,\n \"a\":2}", "2:4:: not valid JSON: duplicate key near '\"a\"'"},
        {"[1,]", "1:4:: not valid JSON: unexpected token near ']'"},
        {"[1] 2", "1:5:: not valid JSON: something follows the end of the JSON value near '2'"},
        {"[9223372036854775808]",
         "1:20:: not valid JSON: an integer beyond 64 bits near '9223372036854775808'"},
        {"[-1e999]", "1:7:: not valid JSON: a number beyond the range of a double near '-1e999'"},
        {"[\"\xff\"]", "1:2:: not valid JSON: unable to decode byte 0xff near '\"'"},
        {"[\"\\u0000\"]", "1:9:: not valid JSON: \\u0000 in a string near '\"\\u0000\"'"},
        {"{\"\\u0000\":1}", "1:9:: not valid JSON: \\u0000 in a key near '\"\\u0000\"'"},
        {"[NaN]", "1:4:: not valid JSON: invalid token near 'NaN'"},
        {"[01]", "1:2:: not valid JSON: invalid token near '0'"},
        {"{\"a\" 1}", "1:6:: not valid JSON: ':' expected near '1'"},
        {"[\"\\x\"]", "1:4:: not valid JSON: invalid escape near '\"\\x'"},
        {"[\"a\nb\"]", "1:3:: not valid JSON: unexpected newline near '\"a'"},
        {"\xef\xbb\xbf{}", "1:: a byte order mark before the JSON text"},
    };
    for (size_t i = 0; i < N_OF(CASES); i++) {
        weft_error error = {0};
        weft_i_json_doc *doc = NULL;
        cr_expect_eq(parse(CASES[i][0], &error, &doc), WEFT_STATUS_BAD_INPUT);
        cr_expect_str_eq(line_of(&error), CASES[i][1]);
        cr_expect_null(doc);
    }
}

Test(json_in, the_first_line_can_have_another_number)
{
    weft_error error = {0};
    weft_i_json_doc *doc = NULL;
    cr_expect_eq(weft_i_json_parse("t", "\n[", 2, 40, &error, &doc), WEFT_STATUS_BAD_INPUT);
    cr_expect_eq(error.line, 41);
    error = (weft_error){0};
    cr_assert_eq(weft_i_json_parse("t", "\n[]", 3, 40, &error, &doc), WEFT_STATUS_OK);
    weft_i_json root = weft_i_json_root(doc);
    weft_i_json_fail(&root, &error, "x");
    cr_expect_eq(error.line, 41);
    weft_i_json_free(doc);
}

/* Lists and objects in turn, `depth` deep, behind a string whose brackets do not count. */
static void write_nested(int depth, char *text)
{
    text = stpcpy(text, "[\"[[\\\"[[{\",\n");
    for (int i = 1; i < depth; i++)
        text = stpcpy(text, i % 2 ? "[" : "{\"k\":");
    *text++ = '1';
    for (int i = depth - 1; i >= 1; i--)
        *text++ = i % 2 ? ']' : '}';
    strcpy(text, "]");
}

Test(json_in, refuses_what_is_nested_too_deeply)
{
    for (int depth = 63; depth <= 66; depth++) {
        char text[512];
        write_nested(depth, text);
        weft_error error = {0};
        weft_i_json_doc *doc = NULL;
        weft_status expected = depth <= 64 ? WEFT_STATUS_OK : WEFT_STATUS_BAD_INPUT;
        cr_expect_eq(parse(text, &error, &doc), expected, "depth %d: %s", depth, error.text);
        const char *line = depth <= 64 ? "0:: " : "2:: nested deeper than 64";
        cr_expect_str_eq(line_of(&error), line);
        weft_i_json_free(doc);
    }
}

Test(json_in, counts_lines_in_broken_strings)
{
    char text[100] = "\"\\\n\"\n";
    memset(text + strlen(text), '[', 65);
    weft_error error = {0};
    weft_i_json_doc *doc = NULL;
    cr_expect_eq(parse(text, &error, &doc), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(line_of(&error), "3:: nested deeper than 64");
}

Test(json_in, refuses_long_lines_large_texts_and_nul_bytes)
{
    size_t n = WEFT_I_LINE_MAX + 4;
    char *text = malloc(n);
    weft_error error = {0};
    weft_i_json_doc *doc = NULL;
    memset(text, ' ', n);
    memcpy(text, "1\n", 2);
    cr_expect_eq(weft_i_json_parse("t", text, n, 1, &error, &doc), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(line_of(&error), "2:: line of 16777218 bytes, the limit is 16777216");
    cr_expect_eq(weft_i_json_parse("t", text, n - 2, 1, NULL, &doc), WEFT_STATUS_OK);
    weft_i_json_free(doc);
    free(text);

    error = (weft_error){0};
    cr_expect_eq(weft_i_json_parse("t", "", WEFT_I_FILE_MAX + 1, 1, &error, &doc),
                 WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(line_of(&error), "0:: 536870913 bytes, the limit is 536870912");
    error = (weft_error){0};
    cr_expect_eq(weft_i_json_parse("t", "[\n\0]", 4, 1, &error, &doc), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(line_of(&error), "2:: a NUL byte");
}

/* Paths with keys of every kind, and keys that the file writes with escapes. */
Test(json_in, paths)
{
    const char *text = "{\"stages\":[0,{\"a b\":[\n[7]]}],\n"
                       "\"q\\\"\\\\\":{\"1x\":{\"\":1}},\n"
                       "\"\\u00e9\\ud83d\\ude00\\n\\/\":{\"_y2\":\n true}}";
    static const struct {
        const char *steps[4];
        const char *place;
    } CASES[] = {
        {{"stages", "#1", "a b", "#0"}, "2:$.stages[1][\"a b\"][0]: x"},
        {{"stages", "#1"}, "1:$.stages[1]: x"},
        {{"q\"\\", "1x", ""}, "3:$[\"q\\\"\\\\\"][\"1x\"][\"\"]: x"},
        {{"\u00e9\U0001F600\n/", "_y2"}, "5:$[\"\u00e9\U0001F600?/\"]._y2: x"},
    };
    weft_i_json_doc *doc = NULL;
    cr_assert_eq(parse(text, NULL, &doc), WEFT_STATUS_OK);
    for (size_t i = 0; i < N_OF(CASES); i++) {
        weft_i_json chain[5] = {weft_i_json_root(doc)};
        int n = 0;
        for (; n < 4 && CASES[i].steps[n]; n++) {
            const char *step = CASES[i].steps[n];
            if (step[0] == '#') {
                chain[n + 1] = weft_i_json_item(&chain[n], (size_t)atoi(step + 1));
            } else {
                cr_assert(weft_i_json_get(&chain[n], step, &chain[n + 1]));
            }
        }
        weft_error error = {0};
        cr_expect_eq(weft_i_json_fail(&chain[n], &error, "x"), WEFT_STATUS_BAD_INPUT);
        cr_expect_str_eq(line_of(&error), CASES[i].place);
    }
    weft_i_json_free(doc);
}

Test(json_in, long_paths_are_cut_and_marked)
{
    char text[400], key[300];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    snprintf(text, sizeof(text), "{\"%s\":1}", key);
    weft_error error = {0};
    weft_i_json_doc *doc = NULL;
    cr_assert_eq(parse(text, NULL, &doc), WEFT_STATUS_OK);
    weft_i_json root = weft_i_json_root(doc), member;
    cr_assert(weft_i_json_member(&root, 0, &member));
    weft_i_json_fail(&member, &error, "x");
    cr_expect_eq(strlen(error.path), sizeof(error.path) - 1);
    cr_expect_str_eq(error.path + sizeof(error.path) - 6, "kk...");
    weft_i_json_free(doc);
}

static void add_escaped(char **to, uint32_t unit)
{
    *to += sprintf(*to, "\\u%04x", unit);
}

/* A random key as it is and as a file may write it, each character plain or escaped. */
static void random_key(weft_i_rng *rng, char *plain, char *raw)
{
    static const struct {
        const char *text;
        uint32_t units[2];
    } CHARACTERS[] = {{"a", {'a'}},         {"b", {'b'}},
                      {"\u00e9", {0xe9}},   {"\u20ac", {0x20ac}},
                      {"\u07ff", {0x7ff}},  {"\u0800", {0x800}},
                      {"\uffff", {0xffff}}, {"\U0001F600", {0xd83d, 0xde00}}};
    for (size_t n = 1 + weft_i_rng_below(rng, 4); n > 0; n--) {
        size_t i = weft_i_rng_below(rng, N_OF(CHARACTERS));
        plain = stpcpy(plain, CHARACTERS[i].text);
        if (weft_i_rng_below(rng, 2)) {
            raw = stpcpy(raw, CHARACTERS[i].text);
            continue;
        }
        add_escaped(&raw, CHARACTERS[i].units[0]);
        if (CHARACTERS[i].units[1]) add_escaped(&raw, CHARACTERS[i].units[1]);
    }
    *plain = *raw = '\0';
}

/* One key a line: the key of line i must be found on line i. */
Test(json_in, finds_the_line_of_escaped_keys)
{
    const uint64_t seed = 31;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int round = 0; round < 200; round++) {
        char text[4096] = "{", plain[20][64], raw[64], *to = text + 1;
        int n = 0;
        while (n < 20) {
            random_key(&rng, plain[n], raw);
            bool is_new = true;
            for (int i = 0; i < n; i++)
                is_new = is_new && strcmp(plain[i], plain[n]) != 0;
            if (!is_new) continue;
            to += sprintf(to, "%s\"%s\":[]", n ? ",\n" : "", raw);
            n++;
        }
        strcpy(to, "}");
        weft_i_json_doc *doc = NULL;
        cr_assert_eq(parse(text, NULL, &doc), WEFT_STATUS_OK, "%s", text);
        weft_i_json root = weft_i_json_root(doc), member;
        for (int i = 0; i < n; i++) {
            weft_error error = {0};
            cr_assert(weft_i_json_get(&root, plain[i], &member));
            weft_i_json_fail(&member, &error, "x");
            cr_assert_eq(error.line, i + 1, "'%s' in %s, seed %lu", plain[i], text, seed);
        }
        weft_i_json_free(doc);
    }
}

Test(json_in, header)
{
    static const char *const CASES[][2] = {
        {"{\"format\":\"weft.plan\",\"version\":1,\"revision\":4}", "0:: "},
        {"{\"format\":\"weft.plan\",\"version\":2,\"revision\":0}", "0:: "},
        {"[]", "1:$: expected an object, found an array"},
        {"{\"version\":1,\"revision\":0}", "1:$: missing key 'format'"},
        {"{\"format\":\"weft.plan\",\"version\":1}", "1:$: missing key 'revision'"},
        {"{\"format\":\"weft.model\",\"version\":1,\"revision\":0}",
         "1:$.format: expected 'weft.plan', found 'weft.model'"},
        {"{\"format\":7,\"version\":1,\"revision\":0}",
         "1:$.format: expected 'weft.plan', found 7"},
        {"{\"format\":\"weft.plan\",\"version\":3,\"revision\":0}",
         "1:$.version: version 3 of weft.plan is newer than version 2, the newest known"},
        {"{\"format\":\"weft.plan\",\"version\":0,\"revision\":0}",
         "1:$.version: expected an integer of at least 1, found 0"},
        {"{\"format\":\"weft.plan\",\"version\":1,\"revision\":-1}",
         "1:$.revision: expected an integer of at least 0, found -1"},
    };
    for (size_t i = 0; i < N_OF(CASES); i++) {
        weft_error error = {0};
        weft_i_json_doc *doc = NULL;
        cr_assert_eq(parse(CASES[i][0], NULL, &doc), WEFT_STATUS_OK);
        weft_i_json root = weft_i_json_root(doc);
        cr_expect_eq(weft_i_json_header(&root, "plan", 2, &error), error.status);
        cr_expect_str_eq(line_of(&error), CASES[i][1]);
        weft_i_json_free(doc);
    }
}

Test(json_in, whole_arrays_of_integers)
{
    weft_i_json_doc *doc = NULL;
    cr_assert_eq(parse("[3,-4,5]", NULL, &doc), WEFT_STATUS_OK);
    weft_i_json root = weft_i_json_root(doc);
    int64_t values[3] = {0};
    cr_expect_eq(weft_i_json_ints(&root, 3, -4, 5, NULL, values), WEFT_STATUS_OK);
    cr_expect(values[0] == 3 && values[1] == -4 && values[2] == 5);
    weft_i_json_free(doc);
}

Test(json_in, arrays)
{
    static const struct {
        size_t min, max; /* both 0: read 3 integers up to `limit` */
        int64_t limit;
        const char *expected;
    } CASES[] = {
        {2, 2, 0, "2:$: expected 2 items, found 3"},
        {4, 9, 0, "2:$: expected at least 4 items, found 3"},
        {0, 1, 0, "2:$: expected at most 1 item, found 3"},
        {0, 0, 9, "4:$[2]: expected an integer, found 5.5"},
        {0, 0, 3, "3:$[1]: expected an integer from 0 to 3, found 4"},
    };
    weft_i_json_doc *doc = NULL;
    cr_assert_eq(parse("\n[3,\n4,\n5.5]", NULL, &doc), WEFT_STATUS_OK);
    weft_i_json root = weft_i_json_root(doc);
    size_t n = 0;
    int64_t values[3];
    cr_expect_eq(weft_i_json_array(&root, 1, 3, NULL, &n), WEFT_STATUS_OK);
    cr_expect_eq(n, 3);
    for (size_t i = 0; i < N_OF(CASES); i++) {
        weft_error error = {0};
        if (CASES[i].max > 0) weft_i_json_array(&root, CASES[i].min, CASES[i].max, &error, &n);
        if (CASES[i].max == 0) weft_i_json_ints(&root, 3, 0, CASES[i].limit, &error, values);
        cr_expect_str_eq(line_of(&error), CASES[i].expected);
    }
    weft_i_json_free(doc);
}

/* Loops in loops over one document, each member seen once and in order. */
Test(json_in, members_in_nested_loops)
{
    weft_i_json_doc *doc = NULL;
    cr_assert_eq(parse("{\"a\":{\"0\":0,\"1\":1},\"b\":{\"2\":2,\"3\":3},\"c\":{}}", NULL, &doc),
                 WEFT_STATUS_OK);
    weft_i_json root = weft_i_json_root(doc), outer, inner, again;
    int64_t next = 0, value;
    for (size_t i = 0; weft_i_json_member(&root, i, &outer); i++) {
        cr_expect_eq(outer.key[0], (char)('a' + i));
        for (size_t j = 0; weft_i_json_member(&outer, j, &inner); j++) {
            cr_expect_eq(weft_i_json_int(&inner, 0, 9, NULL, &value), WEFT_STATUS_OK);
            cr_expect_eq(value, next++);
        }
    }
    cr_expect_eq(next, 4);
    cr_expect(weft_i_json_member(&root, 2, &again) && again.key[0] == 'c');
    cr_expect(weft_i_json_member(&root, 0, &again) && again.key[0] == 'a', "backwards");
    cr_expect_not(weft_i_json_member(&root, 3, &again));
    cr_expect_not(weft_i_json_get(&inner, "x", &again), "no object");
    weft_i_json_free(doc);
}

Test(json_in, each_allocation_fails_once)
{
    const char *text = "{\"fw_ns\":1,\"name\":\"long enough to be copied\"}";
    int n_ok = 0;
    for (long k = 1; k <= 5; k++) {
        weft_i_arena arena = {0};
        weft_error error = {0};
        point p = {0};
        weft_i_alloc_fail_after(k);
        weft_status status = read_point(text, &arena, &error, &p);
        weft_i_alloc_fail_after(0);
        cr_expect_eq(status, k <= 3 ? WEFT_STATUS_NO_MEMORY : WEFT_STATUS_OK, "k %ld", k);
        cr_expect_eq(error.status, status);
        n_ok += status == WEFT_STATUS_OK;
        weft_i_arena_free(&arena);
    }
    cr_expect_eq(n_ok, 2);
    weft_i_json_free(NULL);
}

static long parser_allocations_left;

static void *fail_in_parser(size_t n)
{
    if (--parser_allocations_left != 0) return malloc(n);
    errno = ENOMEM;
    return NULL;
}

/* jansson allocates by itself: each of its allocations fails once. It tells some as wrong syntax,
 * which must not reach the user; the growth of a string it does not tell at all. */
Test(json_in, each_allocation_of_the_parser_fails_once)
{
    const char *text =
        "{\"fw_ns\":1,\"x_a\":[1,2.5,\"a long string with \\u00e9\",{\"b\":[]},true],"
        "\"x_1\":1,\"x_2\":1,\"x_3\":1,\"x_4\":1,\"x_5\":1,\"x_6\":1,\"x_7\":1}";
    int n_ok = 0;
    json_set_alloc_funcs(fail_in_parser, free);
    parser_allocations_left = 0;
    for (long k = 1; parser_allocations_left <= 0; k++) {
        point p = {0};
        weft_error error = {0};
        parser_allocations_left = k;
        weft_status status = read_point(text, NULL, &error, &p);
        n_ok += status == WEFT_STATUS_OK;
        bool is_right = status == WEFT_STATUS_OK || status == WEFT_STATUS_NO_MEMORY;
        cr_assert(is_right, "k %ld: %s", k, line_of(&error));
        cr_assert_eq(error.status, status);
    }
    cr_expect_eq(n_ok, 2, "that string, and the last time without a failure");
}
