/* tests/unit/test_planner_alloc.c - the front door, out of memory: each allocation fails once, all
 * of them or as many as time allows. Leaks are for the sanitizers to find. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "weft/weft.h"

/* What is called, with its inputs; frees what it makes. */
typedef struct work {
    weft_status (*run)(const struct work *work, weft_error *error);
    const char *text, *file;
    weft_planner_input input;
    weft_planner_options options;
    const weft_plan *plan;
} work;

/* Of one run. After it the count goes on until the allocation that fails. */
static long count_allocations(const work *w)
{
    const long most = 1000000;
    weft_error error = {0};
    long left = 0;
    weft_i_alloc_fail_after(most);
    cr_assert_eq(w->run(w, &error), WEFT_STATUS_OK, "%s", error.text);
    for (void *p; (p = weft_i_alloc(1, 1)) != NULL; left++)
        free(p);
    weft_i_alloc_fail_after(0);
    return most - 1 - left;
}

/* A failure is told as what it is or, where one layout or baseline of many is left out, got round:
 * then `run` has checked its answer. */
static void expect_no_memory(const work *w, long n_tries, long least)
{
    long n = count_allocations(w), n_told = 0, step = n > n_tries ? n / n_tries : 1;
    cr_assert_geq(n, least, "%ld allocations", n);
    for (long k = 1; k <= n; k += step) {
        weft_error error = {0};
        weft_i_alloc_fail_after(k);
        weft_status status = w->run(w, &error);
        weft_i_alloc_fail_after(0);
        if (status == WEFT_STATUS_OK) continue;
        n_told++;
        cr_assert_eq(status, WEFT_STATUS_NO_MEMORY, "allocation %ld of %ld: %s", k, n, error.text);
        cr_assert_eq(error.status, WEFT_STATUS_NO_MEMORY, "allocation %ld of %ld", k, n);
    }
    cr_expect_geq(n_told, 1, "%ld of %ld", n_told, n / step);
}

static weft_status check_and_free(weft_status status, weft_plan **plan, weft_error *error)
{
    if (status == WEFT_STATUS_OK) status = weft_plan_check(*plan, error, NULL);
    weft_plan_free(*plan);
    return status;
}

static weft_status run_synthetic(const work *w, weft_error *error)
{
    weft_plan *plan = NULL;
    return check_and_free(weft_planner_synthetic(w->text, &w->options, error, &plan), &plan, error);
}

static weft_status run_compare(const work *w, weft_error *error)
{
    weft_comparison *comparison = NULL;
    weft_status status = weft_planner_compare_synthetic(w->text, &w->options, error, &comparison);
    if (status == WEFT_STATUS_OK) status = weft_plan_check(comparison->rows[0].plan, error, NULL);
    weft_comparison_free(comparison);
    return status;
}

static weft_status run_make(const work *w, weft_error *error)
{
    weft_plan *plan = NULL;
    return check_and_free(weft_planner_make(&w->input, &w->options, error, &plan), &plan, error);
}

static weft_status run_write(const work *w, weft_error *error)
{
    return weft_plan_write(w->plan, w->file, error);
}

static weft_status run_read(const work *w, weft_error *error)
{
    weft_plan *plan = NULL;
    return check_and_free(weft_plan_read(w->file, error, &plan), &plan, error);
}

static work open_work(weft_status (*run)(const work *, weft_error *))
{
    work w = {.run = run,
              .text = "pp=2 microbatches=3 fw=10 bw=20 bww=8 limit=2 segments=2",
              .file = "plan.json"};
    weft_planner_options_init(&w.options);
    w.options.iterations = 5;
    w.options.threads = 1;
    return w;
}

Test(planner_alloc, a_line_of_text)
{
    work w = open_work(run_synthetic);
    expect_no_memory(&w, 400, 100);
}

Test(planner_alloc, a_comparison)
{
    work w = open_work(run_compare);
    expect_no_memory(&w, 200, 100);
}

Test(planner_alloc, a_batch)
{
    work w = open_work(run_make);
    weft_model *model = NULL;
    weft_cluster *cluster = NULL;
    weft_batch *batch = NULL;
    cr_assert_eq(weft_model_load("vlm-s", NULL, &model), WEFT_STATUS_OK);
    cr_assert_eq(weft_cluster_load("h800", NULL, &cluster), WEFT_STATUS_OK);
    cr_assert_eq(weft_batch_read(SOURCE_ROOT "/examples/batches/vlm-mixed.jsonl", NULL, &batch),
                 WEFT_STATUS_OK);
    w.input = (weft_planner_input){.model = model, .cluster = cluster, .batch = batch};
    w.options.gpus = 16;
    w.options.microbatches = 2;
    w.options.iterations = 1;
    expect_no_memory(&w, 40, 1000);
    weft_batch_free(batch);
    weft_cluster_free(cluster);
    weft_model_free(model);
}

Test(planner_alloc, a_file)
{
    char folder[] = "weft-test-XXXXXX";
    weft_plan *plan = NULL;
    work w = open_work(run_write);
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    cr_assert_eq(weft_planner_synthetic(w.text, &w.options, NULL, &plan), WEFT_STATUS_OK);
    w.plan = plan;
    expect_no_memory(&w, 400, 2);
    w.run = run_read;
    expect_no_memory(&w, 400, 5);
    weft_plan_free(plan);
    cr_assert(unlink(w.file) == 0 && chdir("..") == 0 && rmdir(folder) == 0);
}
