/* Option tables: each kind of field, set and refused. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "weft/option.h"

typedef struct settings {
    int64_t threads;
    double time_limit;
    bool strict;
    const char *name;
    int objective;
    int64_t parts;
} settings;

static const weft_option TABLE[] = {
    {.name = "threads", .offset = offsetof(settings, threads), .min = 1, .max = 64},
    {"time-limit", WEFT_OPTION_DOUBLE, offsetof(settings, time_limit), 0.001, 86400, NULL,
     "SECONDS", "stop after this time"},
    {.name = "strict", .kind = WEFT_OPTION_BOOL, .offset = offsetof(settings, strict)},
    {.name = "name", .kind = WEFT_OPTION_STRING, .offset = offsetof(settings, name)},
    {.name = "objective",
     .kind = WEFT_OPTION_ENUM,
     .offset = offsetof(settings, objective),
     .choices = "step|makespan|span"},
    {.name = "parts",
     .kind = WEFT_OPTION_SET,
     .offset = offsetof(settings, parts),
     .choices = "a|b|c"},
};
enum { N_OPTIONS = sizeof(TABLE) / sizeof(TABLE[0]) };

static weft_status set(const char *name, const char *text, weft_error *error, settings *out)
{
    const weft_option *option = weft_option_find(TABLE, N_OPTIONS, name);
    cr_assert_not_null(option);
    return weft_option_set(option, text, error, out);
}

Test(option, sets_each_kind)
{
    settings s = {0};
    weft_error error = {0};
    cr_expect_eq(set("threads", "64", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(set("time-limit", "0.5", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(set("strict", "true", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(set("name", "", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(set("objective", "span", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(s.threads, 64);
    cr_expect_float_eq(s.time_limit, 0.5, 0);
    cr_expect(s.strict);
    cr_expect_str_eq(s.name, "");
    cr_expect_eq(s.objective, 2);
    cr_expect_eq(set("objective", "step", NULL, &s), WEFT_STATUS_OK);
    cr_expect_eq(s.objective, 0);
    cr_expect_eq(set("strict", "false", NULL, &s), WEFT_STATUS_OK);
    cr_expect_not(s.strict);
    cr_expect_null(weft_option_find(TABLE, N_OPTIONS, "thread"));
}

Test(option, a_set_adds_up)
{
    settings s = {0};
    weft_error error = {0};
    cr_expect_eq(set("parts", "c", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(s.parts, 4);
    cr_expect_eq(set("parts", "a,c", &error, &s), WEFT_STATUS_OK);
    cr_expect_eq(s.parts, 5);
    cr_expect_eq(set("parts", "b,d", &error, &s), WEFT_STATUS_USAGE);
    cr_expect_eq(s.parts, 5);
    cr_expect_str_eq(error.text, "--parts: 'd' is not one of a, b, c");
    cr_expect_eq(set("parts", "a,", NULL, &s), WEFT_STATUS_USAGE);
    cr_expect_eq(set("parts", "", NULL, &s), WEFT_STATUS_USAGE);
}

Test(option, says_what_was_expected)
{
    static const char *const CASES[][3] = {
        {"threads", "0", "--threads: '0' is not an integer from 1 to 64"},
        {"threads", "2.0", "--threads: '2.0' is not an integer from 1 to 64"},
        {"time-limit", "abc", "--time-limit: 'abc' is not a number from 0.001 to 86400"},
        {"time-limit", "1e9", "--time-limit: '1e9' is not a number from 0.001 to 86400"},
        {"strict", "yes", "--strict: 'yes' is not true or false"},
        {"objective", "fast", "--objective: 'fast' is not one of step, makespan, span"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        settings s, before;
        memset(&s, 0x55, sizeof(s));
        before = s;
        weft_error error = {0};
        cr_expect_eq(set(CASES[i][0], CASES[i][1], &error, &s), WEFT_STATUS_USAGE);
        cr_expect_eq(error.status, WEFT_STATUS_USAGE);
        cr_expect_str_eq(error.text, CASES[i][2]);
        cr_expect_eq(memcmp(&s, &before, sizeof(s)), 0, "written only on success");
        cr_expect_eq(set(CASES[i][0], CASES[i][1], NULL, &s), WEFT_STATUS_USAGE);
    }
}

Test(option, long_values_leave_room_for_what_was_expected)
{
    char text[1000];
    memset(text, '9', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    settings s = {0};
    weft_error error = {0};
    cr_expect_eq(set("threads", text, &error, &s), WEFT_STATUS_USAGE);
    cr_expect_not_null(strstr(error.text, "999...' is not an integer from 1 to 64"));
}
