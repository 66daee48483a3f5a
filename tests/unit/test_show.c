/* tests/unit/test_show.c - the picture in the terminal, and the slices that it is made of. */
#include "tests/unit/show_case.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "plan/export/picture.h"
#include "plan/export/readable.h"
#include "tests/unit/random_plan.h"

Test(show, small_plan_as_letters)
{
    weft_plan *plan = show_plan("pp=3 microbatches=3 fw=10 bw=20 limit=4", WEFT_I_FIXED_1F1B);
    weft_show_options options;
    weft_show_options_init(&options);
    options.width = 58;
    char *text = show_text(plan, &options);
    cr_expect_str_eq(text,
                     "step 150.000 us, bubble 40.0 %\n"
                     "pipeline 150.000 us\n"
                     "\n"
                     "rank                                  busy   peak / limit\n"
                     "   0 |mmmmmm........MMMM..MMMM..MMMM|  60 %  3.0 / 4.0 GiB\n"
                     "   1 |..mmmm....MMMMmmMMMM..MMMM....|  60 %  2.0 / 4.0 GiB\n"
                     "   2 |....mmMMMMmmMMMMmmMMMM........|  60 %  1.0 / 4.0 GiB\n"
                     "      +---------+---------+---------\n"
                     "      0 us      50        100\n"
                     "\n"
                     "model  m forward  M backward\n",
                     "found:\n%s", text);
    free(text);
    weft_plan_free(plan);
}

Test(show, run_below_the_plan)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20 limit=4", WEFT_I_FIXED_1F1B);
    weft_timeline *run = show_run(plan, 1, 9000);
    weft_show_options options;
    weft_show_options_init(&options);
    options.width = 70;
    options.measured = run;
    char *text = show_text(plan, &options);
    cr_expect_str_eq(text,
                     "step      predicted 90.000 us, measured 90.000 us, +0.00 %\n"
                     "pipeline  predicted 90.000 us, measured 90.000 us, +0.00 %\n"
                     "bubble    predicted 33.3 %, measured 33.3 %\n"
                     "worst     rank 1  predicted 70.000 us, measured 79.000 us, +12.86 %\n"
                     "device    virtual\n"
                     "\n"
                     "rank                                             busy    peak / limit\n"
                     "   0 predicted |mmmmmmm.......MMMMMMM...MMMMMMM|  67 %   2.0 / 4.0 GiB\n"
                     "     measured  |mmmmmmm.......MMMMMMM...MMMMMMM|  67 %   error +0.00 %\n"
                     "   1 predicted |...mmmmMMMMMMMmmmMMMMMMM.......|  67 %   1.0 / 4.0 GiB\n"
                     "     measured  |.......mmmMMMMMMMmmmMMMMMMM....|  67 %  error +12.86 %\n"
                     "                +----------------+-------------\n"
                     "                0 us             50\n"
                     "\n"
                     "model  m forward  M backward\n",
                     "found:\n%s", text);
    free(text);
    weft_timeline_free(run);
    weft_plan_free(plan);
}

/* At half the speed the drawing is the same: only the numbers are twice as large. */
Test(show, run_at_another_scale)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_timeline *run = show_run(plan, 1, 9000);
    weft_show_options options;
    weft_show_options_init(&options);
    options.measured = run;
    char *once = show_text(plan, &options);
    for (int32_t r = 0; r < run->n_ranks; r++) {
        const weft_rank_actions *rank = &run->pipelines[0].ranks[r].actions;
        for (int32_t a = 0; a < rank->n_actions; a++) {
            rank->actions[a].start_ns *= 2;
            rank->actions[a].end_ns *= 2;
        }
    }
    run->scale = 2;
    char *twice = show_text(plan, &options);
    cr_expect_str_eq(strstr(twice, "\nrank"), strstr(once, "\nrank"), "%s", twice);
    cr_expect(strstr(twice, "step      predicted 180.000 us, measured 180.000 us, +0.00 %"));
    cr_expect(strstr(twice, ", scale 2: drawn in the plan's times\n"));
    free(once);
    free(twice);
    weft_timeline_free(run);
    weft_plan_free(plan);
}

Test(show, run_of_another_plan)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_plan *other = show_plan("pp=2 microbatches=3 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_timeline *run = show_run(other, 1, 0);
    weft_show_options options;
    weft_error error = {0};
    weft_show_options_init(&options);
    options.measured = run;
    cr_expect_eq(weft_show_text(plan, &options, &error, stdout), WEFT_STATUS_BAD_INPUT);
    cr_expect(strstr(error.text, "the timeline has "), "%s", error.text);
    weft_timeline_free(run);
    weft_plan_free(other);
    weft_plan_free(plan);
}

/* With colours the same cells are blanks on a background, and a pass begins with its microbatch. */
/* Letters come from the names, the first that is free; blanks stay, control characters do not. */
Test(show, names_of_modules)
{
    static const char *const names[] = {"an encoder", "a\xc2\x9bz", "aaa"};
    weft_plan *plan = show_plan("pp=3 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_problem *problem = &plan->pipelines[0].problem;
    weft_submicrobatch subs[6];
    for (int32_t c = 0; c < 3; c++) {
        plan->chunks[c].module = problem->chunks[c].module = names[c];
        for (int32_t i = 0; i < 2; i++) {
            subs[2 * c + i] = problem->submicrobatches[i];
            subs[2 * c + i].module = names[c];
        }
    }
    int32_t seen[3] = {0};
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t c = problem->stages[s].chunk;
        problem->stages[s].submicrobatch = 2 * c + seen[c]++;
    }
    problem->submicrobatches = subs;
    problem->n_submicrobatches = 6;
    char *text = show_text(plan, NULL);
    cr_expect(strstr(text, "an encoder  a forward  A backward"), "found:\n%s", text);
    cr_expect(strstr(text, "a??z        z forward  Z backward"), "found:\n%s", text);
    cr_expect(strstr(text, "aaa         b forward  B backward"), "found:\n%s", text);
    free(text);
    weft_plan_free(plan);
}

Test(show, small_plan_in_colours)
{
    weft_plan *plan = show_plan("pp=1 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_show_options options;
    weft_show_options_init(&options);
    options.width = 46;
    options.color = true;
    char *text = show_text(plan, &options);
    cr_expect(strstr(text, "   0 |\033[48;5;75;38;5;16m0   \033[0m"
                           "\033[48;5;25;38;5;231m0       \033[0m"
                           "\033[48;5;75;38;5;16m1   \033[0m"
                           "\033[48;5;25;38;5;231m1       \033[0m| 100 %  1.0 GiB\n"),
              "found:\n%s", text);
    free(text);
    weft_plan_free(plan);
}

/* Sum over a slice's tints the obvious way, every action for every slice. */
static double obvious_cover(const weft_i_picture *picture, int32_t rank, weft_i_tint tint,
                            double start, double end)
{
    const weft_rank_actions *actions = &picture->pipeline->ranks[rank];
    double sum = tint == WEFT_I_TINT_IDLE ? end - start : 0;
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (!weft_i_action_is_pass(action)) continue;
        double part = fmin((double)action->end_ns, end) - fmax((double)action->start_ns, start);
        if (part <= 0) continue;
        if (tint == WEFT_I_TINT_IDLE) sum -= part;
        if (tint == weft_i_picture_tint(picture, action)) sum += part;
    }
    return sum;
}

static void expect_slices(const weft_i_picture *picture, int32_t rank, int32_t n)
{
    int64_t length_ns = picture->pipeline->pipeline_ns;
    weft_i_slice slices[64];
    cr_assert_eq(
        weft_i_picture_slices(picture, &picture->pipeline->ranks[rank], length_ns, n, NULL, slices),
        WEFT_STATUS_OK);
    for (int32_t i = 0; i < n; i++) {
        double start = (double)length_ns * i / n, end = (double)length_ns * (i + 1) / n;
        double found = obvious_cover(picture, rank, slices[i].tint, start, end);
        for (weft_i_tint t = WEFT_I_TINT_IDLE; t < 4 * picture->n_modules; t++) {
            double other = obvious_cover(picture, rank, t, start, end);
            cr_expect_leq(other, found + 1e-9, "rank %d, slice %d of %d: tint %d covers %g, not %g",
                          rank, i, n, t, other, found);
        }
        if (slices[i].tint == WEFT_I_TINT_IDLE) continue;
        const weft_action *action = &picture->pipeline->ranks[rank].actions[slices[i].action];
        cr_expect(weft_i_action_is_pass(action));
        cr_expect_eq(weft_i_picture_tint(picture, action), slices[i].tint);
    }
}

Test(show, slices_show_what_covers_most)
{
    uint64_t seed = 5;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int k = 0; k < 60; k++) {
        weft_plan *plan = random_plan(&rng, 1, random_to(&rng, 3));
        weft_i_picture picture;
        weft_error error = {0};
        cr_assert_eq(weft_i_picture_open(plan, -1, NULL, &error, &picture), WEFT_STATUS_OK,
                     "seed %" PRIu64 ", plan %d: %s", seed, k, error.text);
        for (int32_t r = 0; r < picture.pipeline->problem.n_ranks; r++)
            expect_slices(&picture, r, 1 + random_to(&rng, 63));
        weft_i_picture_close(&picture);
        weft_plan_free(plan);
    }
}

static void expect_width(const char *rows, int32_t width)
{
    while (*rows == 'r' || *rows == ' ') {
        size_t n = strcspn(rows, "\n");
        cr_expect_leq(n, (size_t)width, "over %d columns: %.*s", width, (int)n, rows);
        rows += n + (rows[n] != 0);
    }
}

Test(show, no_line_is_wider_than_asked_for)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 6);
    for (int k = 0; k < 60; k++) {
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, 2), 0);
        weft_show_options options;
        weft_show_options_init(&options);
        options.width = 40 + random_to(&rng, 100);
        char *text = show_text(plan, &options);
        expect_width(strstr(text, "rank"), options.width);
        free(text);
        weft_plan_free(plan);
    }
}

Test(show, the_slowest_replica_or_the_one_asked_for)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 7);
    weft_plan *plan = random_plan(&rng, 3, 0);
    while (plan->pipelines[0].pipeline_ns >= plan->pipelines[1].pipeline_ns) {
        weft_plan_free(plan);
        plan = random_plan(&rng, 3, 0);
    }
    weft_i_picture picture;
    weft_error error = {0};
    cr_assert_eq(weft_i_picture_open(plan, -1, NULL, &error, &picture), WEFT_STATUS_OK, "%s",
                 error.text);
    for (int32_t i = 0; i < 3; i++)
        cr_expect_geq(picture.pipeline->pipeline_ns, plan->pipelines[i].pipeline_ns);
    weft_i_picture_close(&picture);
    cr_assert_eq(weft_i_picture_open(plan, 1, NULL, &error, &picture), WEFT_STATUS_OK, "%s",
                 error.text);
    cr_expect_eq(picture.pipeline, &plan->pipelines[1]);
    weft_i_picture_close(&picture);
    cr_assert_eq(weft_i_picture_open(plan, 0, NULL, &error, &picture), WEFT_STATUS_OK, "%s",
                 error.text);
    cr_expect_eq(picture.pipeline, &plan->pipelines[0]);
    weft_i_picture_close(&picture);
    cr_expect_eq(weft_i_picture_open(plan, 3, NULL, &error, &picture), WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "the plan has no replica 3");
    weft_plan_free(plan);
}

static void expect_text_status(const weft_plan *plan, const weft_show_options *options,
                               const char *file, weft_status expected, const char *text)
{
    FILE *stream = fopen(file, "w");
    cr_assert(stream);
    weft_error error = {0};
    cr_expect_eq(weft_show_text(plan, options, &error, stream), expected, "%s", error.text);
    cr_expect(strstr(error.text, text), "'%s' is not in '%s'", text, error.text);
    fclose(stream);
}

Test(show, refusals)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_show_options options;
    weft_show_options_init(&options);
    expect_text_status(plan, &options, "/dev/full", WEFT_STATUS_IO, "cannot write the picture");
    options.width = 39;
    expect_text_status(plan, &options, "/dev/null", WEFT_STATUS_USAGE, "39 columns, expected 40");
    options.width = 0;
    options.struct_size = 0;
    expect_text_status(plan, &options, "/dev/null", WEFT_STATUS_USAGE, "not initialised");
    plan->pipelines[0].peak_bytes[1]++;
    expect_text_status(plan, NULL, "/dev/null", WEFT_STATUS_VIOLATION, "peak_bytes");
    weft_plan_free(plan);
}

Test(show, every_allocation_fails_once)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_status status = WEFT_STATUS_NO_MEMORY;
    long k = 0;
    FILE *stream = fopen("/dev/null", "w");
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_show_text(plan, NULL, NULL, stream);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 8);
    fclose(stream);
    weft_plan_free(plan);
}

static void expect_text(weft_i_text found, const char *expected)
{
    cr_expect_str_eq(found.s, expected, "found '%s', expected '%s'", found.s, expected);
}

Test(show, units)
{
    expect_text(weft_i_readable_decimal(1995, 1000, 2), "2.00");
    expect_text(weft_i_readable_decimal(1994, 1000, 2), "1.99");
    expect_text(weft_i_readable_decimal(-26, 10, 1), "-2.6");
    expect_text(weft_i_readable_decimal(-4, 1000, 1), "0.0");
    expect_text(weft_i_readable_decimal(WEFT_INT_MAX, 1, 3), "9007199254740991.000");
    expect_text(weft_i_readable_time(0), "0 ns");
    expect_text(weft_i_readable_time(999), "999 ns");
    expect_text(weft_i_readable_time(1000), "1.000 us");
    expect_text(weft_i_readable_time(12345678), "12.346 ms");
    expect_text(weft_i_readable_time(WEFT_INT_MAX), "9007199.255 s");
    expect_text(weft_i_readable_share(0.1234), "12.3 %");
    expect_text(weft_i_readable_share(-0.02), "-2.0 %");
    expect_text(weft_i_readable_share(INFINITY), "? %");
    expect_text(weft_i_readable_change(0.0123), "+1.23 %");
    expect_text(weft_i_readable_change(-0.0004), "-0.04 %");
    expect_text(weft_i_readable_change(-1e-6), "+0.00 %");
    expect_text(weft_i_readable_change(NAN), "? %");
    expect_text(weft_i_readable_size((INT64_C(5) << 30) + (1 << 29),
                                     weft_i_readable_size_unit(INT64_C(5) << 30)),
                "5.5");
    cr_expect_str_eq(weft_i_readable_size_unit(1023).name, "B");
    cr_expect_str_eq(weft_i_readable_size_unit(1024).name, "KiB");
}

Test(show, ticks_are_few_and_round)
{
    weft_i_ticks ticks = weft_i_readable_ticks(759065000, 7);
    cr_expect_eq(ticks.step_ns, 200000000);
    expect_text(weft_i_readable_tick(ticks, 0), "0 ms");
    expect_text(weft_i_readable_tick(ticks, 400000000), "400");
    ticks = weft_i_readable_ticks(1282000000, 5);
    expect_text(weft_i_readable_tick(ticks, 0), "0 s");
    expect_text(weft_i_readable_tick(ticks, ticks.step_ns), "0.5");
    uint64_t seed = 8;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int k = 0; k < 1000; k++) {
        int64_t length = (int64_t)weft_i_rng_below(&rng, UINT64_C(1) << random_to(&rng, 53));
        int32_t most = 1 + random_to(&rng, 30);
        ticks = weft_i_readable_ticks(length, most);
        cr_expect_lt(length / ticks.step_ns, most, "seed %" PRIu64 ": %lld ns", seed,
                     (long long)length);
        cr_expect(ticks.step_ns == 1 || length / ticks.step_ns >= (most - 1) / 3,
                  "seed %" PRIu64 ": %lld ns, %d ticks at most, steps of %lld ns", seed,
                  (long long)length, most, (long long)ticks.step_ns);
    }
}
