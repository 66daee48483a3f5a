/* tests/unit/test_planner.c - the front door on uniform problems: plans keep the rules, are no
 * worse than the baselines, come out alike again; refusals. Batches: test_planner_batch.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "tests/unit/problems.h"
#include "weft/weft.h"

static weft_planner_options quick(int64_t iterations)
{
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.iterations = iterations;
    options.threads = 1;
    return options;
}

/* A random line of text; every part of the grammar comes up. */
static void random_text(weft_i_rng *rng, char *text, size_t size)
{
    int pp = 1 + (int)weft_i_rng_below(rng, 5), fw = 1 + (int)weft_i_rng_below(rng, 50);
    int bw = 2 + (int)weft_i_rng_below(rng, 90), n = 0;
    n += snprintf(text + n, size - (size_t)n, "pp=%d microbatches=%d fw=%d bw=%d", pp,
                  1 + (int)weft_i_rng_below(rng, 9), fw, bw);
    if (weft_i_rng_below(rng, 2))
        n += snprintf(text + n, size - (size_t)n, " bww=%d",
                      1 + (int)weft_i_rng_below(rng, (uint64_t)bw - 1));
    if (weft_i_rng_below(rng, 2))
        n += snprintf(text + n, size - (size_t)n, " transfer=%d", (int)weft_i_rng_below(rng, 9));
    if (weft_i_rng_below(rng, 2))
        n += snprintf(text + n, size - (size_t)n, " limit=%d", 1 + (int)weft_i_rng_below(rng, 9));
    if (weft_i_rng_below(rng, 3) == 0)
        n += snprintf(text + n, size - (size_t)n, " held=0.%d", (int)weft_i_rng_below(rng, 10));
    if (weft_i_rng_below(rng, 3) == 0)
        n += snprintf(text + n, size - (size_t)n, " vary=0.5 seed=%d",
                      1 + (int)weft_i_rng_below(rng, 99));
    switch (weft_i_rng_below(rng, 4)) {
    case 0:
        snprintf(text + n, size - (size_t)n, " v=1");
        break;
    case 1:
        snprintf(text + n, size - (size_t)n, " segments=%d", 1 + (int)weft_i_rng_below(rng, 4));
        break;
    default:
        break;
    }
}

Test(planner, random_uniform_problems_are_planned_within_the_rules)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 20);
    for (int i = 0; i < 120; i++) {
        char text[256];
        random_text(&rng, text, sizeof text);
        weft_planner_options options = quick(20);
        options.objective = i % 3;
        weft_error error = {0};
        weft_plan *plan = NULL;
        weft_status status = weft_planner_synthetic(text, &options, &error, &plan);
        cr_assert(status == WEFT_STATUS_OK, "seed 20, %s: %s", text, error.text);
        cr_assert(weft_plan_check(plan, &error, NULL) == WEFT_STATUS_OK, "%s: %s", text,
                  error.text);
        weft_plan_free(plan);
    }
}

static int64_t value(const weft_plan *plan)
{
    return plan->objective == WEFT_OBJECTIVE_SPAN ? plan->pipelines[0].span_ns
                                                  : plan->predicted.step_ns;
}

Test(planner, no_baseline_beats_the_plan)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 21);
    for (int i = 0; i < 40; i++) {
        char text[256];
        random_text(&rng, text, sizeof text);
        weft_planner_options options = quick(20);
        options.objective = i % 2 ? WEFT_OBJECTIVE_SPAN : WEFT_OBJECTIVE_STEP;
        weft_error error = {0};
        weft_comparison *comparison = NULL;
        weft_status status = weft_planner_compare_synthetic(text, &options, &error, &comparison);
        cr_assert(status == WEFT_STATUS_OK, "seed 21, %s: %s", text, error.text);
        for (int32_t r = 1; r < comparison->n_rows; r++) {
            const weft_compared *row = &comparison->rows[r];
            if (row->plan)
                cr_assert(value(comparison->rows[0].plan) <= value(row->plan),
                          "seed 21, %s: %s is better", text, row->name);
            else
                cr_assert(row->status == WEFT_STATUS_INFEASIBLE && row->text[0], "%s: %s: %s", text,
                          row->name, row->text);
        }
        weft_comparison_free(comparison);
    }
}

/* Limits between 60 % of the peaks of a plan without any, and all of them. */
static void set_limits(weft_i_rng *rng, weft_problem *problem)
{
    weft_planner_options options = quick(1);
    weft_plan *plan = NULL;
    cr_assert(weft_planner_solve(problem, &options, NULL, &plan) == WEFT_STATUS_OK);
    for (int32_t r = 0; r < problem->n_ranks; r++)
        problem->limit_bytes[r] = plan->pipelines[0].peak_bytes[r] * random_in(rng, 60, 100) / 100;
    weft_plan_free(plan);
}

Test(planner, no_baseline_beats_the_plan_of_a_problem)
{
    const random_options shape = {.max_ranks = 4,
                                  .max_microbatches = 6,
                                  .max_modules = 3,
                                  .max_segments = 2,
                                  .max_time_ns = 50,
                                  .max_transfer_ns = 9,
                                  .max_bytes = 40,
                                  .straight = true,
                                  .uniform = true};
    int n_limited = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_error error = {0};
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &shape);
        set_limits(&rng, problem);
        weft_planner_options options = quick(1);
        weft_comparison *comparison = NULL;
        weft_status status = weft_planner_compare_problem(problem, &options, &error, &comparison);
        cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_INFEASIBLE, "%s", error.text);
        for (int32_t r = 1; comparison && r < comparison->n_rows; r++) {
            const weft_compared *row = &comparison->rows[r];
            if (!row->plan) continue;
            n_limited++;
            cr_assert(value(comparison->rows[0].plan) <= value(row->plan), "seed %d: %s is better",
                      (int)seed, row->name);
        }
        weft_comparison_free(comparison);
        random_free(problem);
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_limited, 60);
}

/* The bytes of a plan's file. */
static char *bytes_of(const weft_plan *plan)
{
    char name[] = "planner_XXXXXX";
    int fd = mkstemp(name);
    cr_assert(fd >= 0);
    close(fd);
    weft_error error = {0};
    cr_assert(weft_plan_write(plan, name, &error) == WEFT_STATUS_OK, "%s", error.text);
    FILE *file = fopen(name, "r");
    cr_assert(fseek(file, 0, SEEK_END) == 0);
    long n = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)n + 1);
    cr_assert(fread(text, 1, (size_t)n, file) == (size_t)n);
    fclose(file);
    unlink(name);
    return text;
}

Test(planner, the_same_seed_and_iterations_give_the_same_bytes)
{
    const char *text = "pp=4 microbatches=12 fw=10 bw=21 bww=9 transfer=2 limit=5 vary=0.4";
    char *first = NULL;
    for (int i = 0; i < 3; i++) {
        weft_planner_options options = quick(400);
        weft_plan *plan = NULL;
        cr_assert(weft_planner_synthetic(text, &options, NULL, &plan) == WEFT_STATUS_OK);
        char *bytes = bytes_of(plan);
        weft_plan_free(plan);
        if (first) cr_assert(strcmp(first, bytes) == 0);
        if (first) free(bytes);
        first = first ? first : bytes;
    }
    free(first);
}

Test(planner, what_cannot_be_is_refused)
{
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_planner_options options = quick(10);
    cr_assert(weft_planner_synthetic("pp=2 microbatches=4 fw=1 bw=2 limit=0.5 segments=1", &options,
                                     &error, &plan) == WEFT_STATUS_INFEASIBLE);
    cr_assert_str_eq(error.text, "rank 0 needs 1.0 GiB of 0.5 GiB");
    error = (weft_error){0};
    options.struct_size = 4 * sizeof options;
    cr_assert(weft_planner_synthetic("pp=2 microbatches=4 fw=1 bw=2", &options, &error, &plan) ==
              WEFT_STATUS_USAGE);
    error = (weft_error){0};
    cr_assert(weft_planner_synthetic("pp=2", NULL, &error, &plan) == WEFT_STATUS_BAD_INPUT);
    cr_assert_null(plan);
}

static bool stop_at_once(void *context, const weft_progress *progress)
{
    (void)progress;
    ++*(int *)context;
    return false;
}

Test(planner, a_stopped_search_hands_out_the_best_so_far)
{
    int calls = 0;
    weft_planner_options options = quick(0);
    options.time_limit_s = 60;
    options.progress = stop_at_once;
    options.context = &calls;
    weft_plan *plan = NULL;
    weft_status status = weft_planner_synthetic("pp=4 microbatches=32 fw=10 bw=20 bww=9 limit=4",
                                                &options, NULL, &plan);
    cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_LIMIT);
    cr_assert(calls > 0);
    weft_plan_free(plan);
}
