/* The command line of weft-run. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "runtime/launch.h"

enum { MAX_WORDS = 16 };

/* Words between blanks. */
static weft_status read_line(const char *line, weft_error *error, weft_i_launch *out)
{
    static char text[256], name[] = "weft-run";
    char *argv[MAX_WORDS] = {name};
    int argc = 1;
    snprintf(text, sizeof(text), "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return weft_i_launch_read(argc, argv, error, out);
}

Test(launch, has_defaults)
{
    weft_i_launch launch;
    cr_assert_eq(read_line("plan.json", NULL, &launch), WEFT_STATUS_OK);
    cr_expect_str_eq(launch.plan, "plan.json");
    cr_expect(launch.n_steps == 1 && launch.scale == 1 && launch.timeout == 60);
    cr_expect(!launch.payload && !launch.json && !launch.timeline && !launch.help);
}

Test(launch, reads_every_flag)
{
    weft_i_launch launch;
    cr_assert_eq(read_line("--steps 3 --scale=0.5 - --payload --timeout 2.5 --timeline t --json",
                           NULL, &launch),
                 WEFT_STATUS_OK);
    cr_expect_str_eq(launch.plan, "-");
    cr_expect_str_eq(launch.timeline, "t");
    cr_expect(launch.n_steps == 3 && launch.scale == 0.5 && launch.timeout == 2.5);
    cr_expect(launch.payload && launch.json);
    cr_assert_eq(read_line("p --device cpu --model m --batch b --check --seed 3 --threads 2 "
                           "--learning-rate 0.01",
                           NULL, &launch),
                 WEFT_STATUS_OK);
    cr_expect_eq(launch.device, WEFT_I_DEVICE_CPU);
    cr_expect_str_eq(launch.model, "m");
    cr_expect_str_eq(launch.batch, "b");
    cr_expect(launch.check && launch.seed == 3 && launch.threads == 2);
    cr_expect_eq(launch.learning_rate, 0.01);
    cr_expect_eq(launch.messages, WEFT_I_MESSAGES_AUTO);
    cr_assert_eq(read_line("p --device cuda --messages staged", NULL, &launch), WEFT_STATUS_OK);
    cr_expect_eq(launch.messages, WEFT_I_MESSAGES_STAGED);
    cr_assert_eq(read_line("--help", NULL, &launch), WEFT_STATUS_OK);
    cr_expect(launch.help && !launch.plan);
}

static void expect_usage(const char *line, const char *text)
{
    weft_error error = {0};
    weft_i_launch launch;
    cr_expect_eq(read_line(line, &error, &launch), WEFT_STATUS_USAGE, "%s", line);
    cr_expect_str_eq(error.text, text);
}

Test(launch, says_what_is_wrong)
{
    expect_usage("", "no plan given");
    expect_usage("a b", "unexpected word 'b'");
    expect_usage("a --stepss 3", "unknown flag '--stepss'");
    expect_usage("a --device gpu", "--device: 'gpu' is not one of virtual, cpu, cuda, twin");
    expect_usage("--profile f", "--profile wants --model");
    expect_usage("a --profile f --model m", "--profile runs no plan, found 'a'");
    expect_usage("a --check", "--check wants --device cpu, cuda or twin");
    expect_usage("a --messages direct", "--messages wants --device cuda or twin");
    expect_usage("a -x", "unknown flag '-x'");
    expect_usage("a --steps", "--steps wants N");
    expect_usage("a --json=1", "--json takes no value, found '1'");
    expect_usage("a --steps 0", "--steps: '0' is not an integer from 1 to 10000");
    expect_usage("a --a-flag-whose-name-is-longer-than-any-other 3",
                 "unknown flag '--a-flag-whose-name-is-longer-than-any-other'");
}
