/* Reading JSON: limits, syntax errors, places of errors, tables of fields. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/json_in.h"

typedef struct point {
    int64_t fw_ns;
    int32_t rank;
    double ratio;
    bool on;
    const char *name;
    int mode;
} point;

static const weft_i_json_field FIELDS[] = {
    {.key = "fw_ns", .type = WEFT_I_JSON_INT64, .offset = offsetof(point, fw_ns), .required = true},
    {.key = "rank", .type = WEFT_I_JSON_INT32, .offset = offsetof(point, rank), .max = 7},
    {.key = "ratio", .type = WEFT_I_JSON_DOUBLE, .offset = offsetof(point, ratio), .max = 1},
    {.key = "on", .type = WEFT_I_JSON_BOOL, .offset = offsetof(point, on)},
    {.key = "name", .type = WEFT_I_JSON_STRING, .offset = offsetof(point, name)},
    {.key = "mode", .type = WEFT_I_JSON_ENUM, .offset = offsetof(point, mode), .choices = "a|b|c"},
};
enum { N_FIELDS = sizeof(FIELDS) / sizeof(FIELDS[0]) };

/* Read one point; the error as "line:path: text". */
static const char *read_point(const char *text, point *out)
{
    static char line[1024];
    weft_error error = {0};
    weft_i_arena arena = {0};
    weft_i_json_doc *doc = NULL;
    weft_status status = weft_i_json_parse("t", text, strlen(text), 1, &error, &doc);
    if (status == WEFT_STATUS_OK) {
        weft_i_json root = weft_i_json_root(doc);
        status = weft_i_json_read(&root, FIELDS, N_FIELDS, &arena, &error, out);
    }
    cr_assert_eq(status, error.status);
    snprintf(line, sizeof(line), "%d:%s: %s", error.line, error.path, error.text);
    weft_i_json_free(doc);
    weft_i_arena_free(&arena);
    return status == WEFT_STATUS_OK ? "ok" : line;
}

Test(json_in, reads_a_table)
{
    point p = {.mode = 5};
    cr_expect_str_eq(read_point("{\"rank\":3,\"fw_ns\":9,\"ratio\":1,\"on\":true,\"x_y\":[]}", &p),
                     "ok");
    cr_expect_eq(p.fw_ns, 9);
    cr_expect_eq(p.rank, 3);
    cr_expect_float_eq(p.ratio, 1.0, 0);
    cr_expect(p.on);
    cr_expect_eq(p.mode, 5, "an absent field keeps its value");
}

Test(json_in, says_what_is_wrong_and_where)
{
    static const char *const CASES[][2] = {
        {"{\"fw_ns\":\n1.5}", "2:$.fw_ns: expected an integer, found 1.5"},
        {"{\"fw_n\":1}", "1:$.fw_n: unknown key 'fw_n', did you mean 'fw_ns'?"},
        {"{\"rank\":8}", "1:$.rank: expected an integer from 0 to 7, found 8"},
        {"{}", "1:$: missing key 'fw_ns'"},
        {"[]", "1:$: expected an object, found an array"},
        {"{\"mode\":\"d\"}", "1:$.mode: expected one of a, b, c, found 'd'"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        point p = {0};
        cr_expect_str_eq(read_point(CASES[i][0], &p), CASES[i][1]);
    }
}
