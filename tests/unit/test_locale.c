/* Numbers in a locale that writes 1,5: nothing may change. The locale is made here; where localedef
 * is missing the tests are skipped. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_in.h"
#include "base/json_out.h"
#include "base/parse.h"
#include "base/words.h"

static char folder[64];

static void enter(void)
{
    snprintf(folder, sizeof(folder), "test_locale.%ld", (long)getpid());
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_assert_eq(chdir(folder), 0);
    FILE *source = fopen("source", "w");
    fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n",
          source);
    fclose(source);
    /* It complains about the other categories, and exits 1. */
    int rc = system("localedef -c -i ./source ./comma >/dev/null 2>&1");
    setenv("LOCPATH", ".", 1);
    char text[8] = "";
    if (rc >= 0 && setlocale(LC_NUMERIC, "comma")) snprintf(text, sizeof(text), "%.1f", 1.5);
    if (strcmp(text, "1,5") != 0) cr_skip_test("no locale with a comma");
}

static void leave(void)
{
    char command[80];
    snprintf(command, sizeof(command), "rm -r ../%s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(locale, .init = enter, .fini = leave);

Test(locale, numbers_of_the_command_line)
{
    double x = 0;
    cr_expect(weft_i_parse_double("1.5", 1.5, 1.5, &x));
    cr_expect_not(weft_i_parse_double("1,5", 0, 2, &x));
}

Test(locale, numbers_in_messages)
{
    char text[WEFT_I_NUMBER_SIZE];
    cr_expect_str_eq(weft_i_words_double(-0.001, text), "-0.001");
    cr_expect_str_eq(weft_i_words_double(1.5e300, text), "1.5e+300");
    cr_expect_str_eq(weft_i_words_double(12, text), "12");
}

Test(locale, numbers_in_files)
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_put_double(&out, 0.1);
    weft_i_json_out_end(&out, NULL);
    fclose(stream);
    cr_expect_str_eq(text, "0.1\n");

    weft_i_json_doc *doc = NULL;
    double x = 0;
    cr_assert_eq(weft_i_json_parse("t", text, n, 1, NULL, &doc), WEFT_STATUS_OK);
    weft_i_json root = weft_i_json_root(doc);
    cr_expect_eq(weft_i_json_double(&root, 0.1, 0.1, NULL, &x), WEFT_STATUS_OK);
    weft_i_json_free(doc);
    free(text);
}
