/* Statuses as text, and what a weft_error holds. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

Test(error, statuses_have_names_and_codes)
{
    cr_expect_str_eq(weft_status_name(WEFT_STATUS_BAD_INPUT), "BAD_INPUT");
    cr_expect_str_eq(weft_status_text(WEFT_STATUS_BAD_INPUT), "bad input");
    cr_expect_eq(weft_status_exit_code(WEFT_STATUS_OK), 0);
    cr_expect_eq(weft_status_exit_code(WEFT_STATUS_USAGE), 2);
    cr_expect_eq(weft_status_exit_code(WEFT_STATUS_INTERRUPTED), 130);
    cr_expect_str_eq(weft_status_name((weft_status)99), "?");
    cr_expect_str_eq(weft_status_text((weft_status)-1), "?");
    cr_expect_eq(weft_status_exit_code((weft_status)99), 1);
    cr_expect_str_eq(weft_status_name((weft_status)(WEFT_STATUS_INTERRUPTED + 1)), "?");
}

Test(error, the_first_one_wins)
{
    weft_error error = {0};
    cr_expect_eq(weft_i_fail(NULL, WEFT_STATUS_IO, "x"), WEFT_STATUS_IO);
    cr_expect_eq(weft_i_fail_at(&error, WEFT_STATUS_BAD_INPUT, "a.json", 3, "$.x", "found %d", 5),
                 WEFT_STATUS_BAD_INPUT);
    cr_expect_eq(weft_i_fail(&error, WEFT_STATUS_IO, "later"), WEFT_STATUS_IO);
    cr_expect_eq(weft_i_no_memory(&error), WEFT_STATUS_NO_MEMORY);
    cr_expect_eq(error.status, WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.text, "found 5");
    cr_expect_str_eq(error.file, "a.json");
    cr_expect_str_eq(error.path, "$.x");
    cr_expect_eq(error.line, 3);
}

static bool is_utf8(const char *text)
{
    for (size_t n = strlen(text), i = 0; i < n;) {
        size_t length = weft_i_utf8_length(text + i, n - i);
        if (length == 0) return false;
        i += length;
    }
    return true;
}

/* Whatever the offset, a cut falls between characters. */
Test(error, long_texts_are_cut_and_marked)
{
    char text[2000];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\U0001F600", 5);
        weft_error error = {0};
        weft_i_fail_at(&error, WEFT_STATUS_BAD_INPUT, text, 1, text, "%s", text);
        const char *fields[] = {error.text, error.file, error.path};
        size_t sizes[] = {sizeof(error.text), sizeof(error.file), sizeof(error.path)};
        for (int i = 0; i < 3; i++) {
            size_t n = strlen(fields[i]);
            cr_expect(is_utf8(fields[i]), "shift %zu", shift);
            cr_expect_str_eq(fields[i] + n - 3, "...");
            cr_expect_gt(n, sizes[i] - 6);
        }
    }
}

/* The words of an errno as part of a sentence; an abbreviation stays one. */
Test(error, words_of_the_system)
{
    static const struct {
        int number;
        weft_status status;
        const char *text;
    } cases[] = {{ENOENT, WEFT_STATUS_IO, "cannot read: no such file or directory"},
                 {EDOTDOT, WEFT_STATUS_IO, "cannot read: RFS specific error"},
                 {ENOMEM, WEFT_STATUS_NO_MEMORY, "out of memory"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_error error = {0};
        cr_expect_eq(weft_i_fail_io(&error, NULL, "read", cases[i].number), cases[i].status);
        cr_expect_str_eq(error.text, cases[i].text);
    }
}

Test(error, control_characters_and_broken_utf8_are_replaced)
{
    weft_error error = {0};
    weft_i_fail(&error, WEFT_STATUS_BAD_INPUT, "a%sb", "\x1b[2J\n\x7f\xff\xc2\x9b\xc2\x9f\xc2\xa0");
    cr_expect_str_eq(error.text, "a?[2J???????\xc2\xa0\x62");
}

/* Every sequence of up to two bytes, and the edges of the longer ones. */
Test(error, utf8_lengths)
{
    for (int a = 1; a < 256; a++) {
        for (int b = 1; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
            cr_assert_eq(weft_i_utf8_length(text, 2), a < 0x80 ? 1 : two ? 2 : 0, "%x %x", a, b);
            cr_assert_eq(weft_i_utf8_length(text, 1), a < 0x80);
            bool is_control = two ? a == 0xc2 && b < 0xa0 : a < 0x20 || a == 0x7f;
            cr_assert_eq(weft_i_utf8_shown_length(text, 2),
                         is_control ? 0 : weft_i_utf8_length(text, 2), "%x %x", a, b);
        }
    }
    static const struct {
        const char *text;
        size_t length;
    } EDGES[] = {
        {"\xe0\xa0\x80", 3},     {"\xe0\x9f\xbf", 0},     {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},     {"\xee\x80\x80", 3},     {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4}, {"\xf0\x8f\xbf\xbf", 0}, {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0}, {"\xf5\x80\x80\x80", 0}, {"\xe1\x80\x41", 0},
        {"\xf1\x80\x80\x41", 0}, {"\xe1\x80", 0},         {"\xf1\x80\x80", 0},
    };
    for (size_t i = 0; i < sizeof(EDGES) / sizeof(EDGES[0]); i++) {
        cr_expect_eq(weft_i_utf8_length(EDGES[i].text, strlen(EDGES[i].text)), EDGES[i].length,
                     "edge %zu", i);
    }
    cr_expect_eq(weft_i_utf8_length("", 0), 0);
}
