/* planner/compare.c - the plan beside every baseline. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"
#include "planner/baselines.h"
#include "planner/make.h"
#include "planner/synthetic_cuts.h"

/* Room for the plan and every baseline; the row of the plan. */
static weft_comparison *create(weft_error *error)
{
    weft_comparison *comparison = weft_i_alloc(1, sizeof *comparison);
    size_t n = (size_t)(1 + weft_i_baseline_count());
    if (comparison) comparison->rows = weft_i_alloc(n, sizeof *comparison->rows);
    if (!comparison || !comparison->rows) {
        free(comparison);
        weft_i_no_memory(error);
        return NULL;
    }
    comparison->n_rows = 1;
    comparison->best_static = -1;
    comparison->rows[0].name = "plan";
    return comparison;
}

/* The row of baseline `index`, made where it is not there. */
static weft_compared *row_of(weft_comparison *comparison, int32_t index)
{
    const char *name = weft_i_baseline_name(index);
    for (int32_t i = 1; i < comparison->n_rows; i++) {
        if (strcmp(comparison->rows[i].name, name) == 0) return &comparison->rows[i];
    }
    weft_compared *row = &comparison->rows[comparison->n_rows++];
    row->name = name;
    return row;
}

void weft_comparison_free(weft_comparison *comparison)
{
    if (!comparison) return;
    for (int32_t i = 0; i < comparison->n_rows; i++)
        weft_plan_free(comparison->rows[i].plan);
    free(comparison->rows);
    free(comparison);
}

/* Put a plan, or the reason why there is none, into a row; a better plan of the same row stays. */
static void fill_row(weft_compared *row, weft_status status, const weft_error *why, weft_plan *plan)
{
    if (status) {
        if (!row->plan && !row->status) {
            row->status = status;
            memcpy(row->text, why->text, sizeof row->text);
        }
        return;
    }
    if (row->plan && weft_i_plan_value(row->plan) <= weft_i_plan_value(plan)) {
        weft_plan_free(plan);
        return;
    }
    weft_plan_free(row->plan);
    row->plan = plan;
    row->status = WEFT_STATUS_OK;
}

static void find_best_static(weft_comparison *comparison)
{
    int64_t least = WEFT_INT_MAX;
    for (int32_t i = 1; i < comparison->n_rows; i++) {
        const weft_plan *plan = comparison->rows[i].plan;
        if (plan && weft_i_plan_value(plan) < least) {
            least = weft_i_plan_value(plan);
            comparison->best_static = i;
        }
    }
}

/* Take over an attempt's plan, and close it. */
static void fill_from_attempt(weft_compared *row, weft_status status, weft_error *why,
                              weft_i_attempt *attempt)
{
    weft_plan *plan = NULL;
    if (!status) status = weft_i_attempt_plan(attempt, row->name, why, &plan);
    fill_row(row, status, why, plan);
    weft_i_attempt_close(attempt);
}

static weft_status compare_case(const weft_i_case *c, const char *hand, weft_error *error,
                                weft_comparison *comparison)
{
    weft_i_effort effort = {.beat_ns = WEFT_INT_MAX};
    if (c->options.time_limit_s > 0)
        effort.until_ns = weft_i_now_ns() + (int64_t)(c->options.time_limit_s * 1e9);
    for (int32_t i = 0; i < weft_i_baseline_count(); i++) {
        if (!hand && strcmp(weft_i_baseline_name(i), "hand") == 0) continue;
        weft_i_attempt attempt = {0};
        weft_error why = {0};
        weft_status status = weft_i_baseline_attempt(c, i, hand, &effort, &why, &attempt);
        if (status == WEFT_STATUS_USAGE) return weft_i_fail(error, status, "%s", why.text);
        if (status == WEFT_STATUS_FAILED && !weft_i_baseline_suits_all(i)) continue;
        fill_from_attempt(row_of(comparison, i), status, &why, &attempt);
    }
    find_best_static(comparison);
    return weft_i_make_plan(c, comparison, hand, error, &comparison->rows[0].plan);
}

weft_status weft_planner_compare(const weft_planner_input *input,
                                 const weft_planner_options *options, weft_error *error,
                                 weft_comparison **out_comparison)
{
    weft_i_case plan_case;
    weft_comparison *comparison = create(error);
    if (!comparison) return WEFT_STATUS_NO_MEMORY;
    weft_status status = weft_i_case_open(input, options, error, &plan_case);
    if (!status) {
        status = weft_i_case_pack(&plan_case, input->batch, error);
        if (!status) status = compare_case(&plan_case, input->hand, error, comparison);
        weft_i_case_close(&plan_case);
    }
    if (status)
        weft_comparison_free(comparison);
    else
        *out_comparison = comparison;
    return status;
}

/* The rows of one problem, better plans of earlier problems staying. */
static void compare_one(const weft_problem *problem, const weft_planner_options *options,
                        weft_comparison *comparison)
{
    for (int32_t i = 0; i < weft_i_baseline_count(); i++) {
        if (!weft_i_baseline_orders(i)) continue;
        weft_i_attempt attempt = {0};
        weft_error why = {0};
        weft_status status = weft_i_baseline_problem(problem, options, i, &why, &attempt);
        if (status == WEFT_STATUS_FAILED) continue; /* the order does not suit this cut */
        fill_from_attempt(row_of(comparison, i), status, &why, &attempt);
    }
    weft_plan *plan = NULL;
    weft_error why = {0};
    weft_status status = weft_i_make_problem_plan(problem, options, &why, &plan);
    fill_row(&comparison->rows[0], status, &why, plan);
}

static weft_status compare_problems(weft_problem *const *problems, int32_t n,
                                    const weft_planner_options *options, weft_error *error,
                                    weft_comparison **out_comparison)
{
    weft_planner_options resolved;
    weft_status status = weft_i_options_resolve(options, error, &resolved);
    if (status) return status;
    weft_comparison *comparison = create(error);
    if (!comparison) return WEFT_STATUS_NO_MEMORY;
    resolved.time_limit_s /= n;
    if (resolved.objective < 0) resolved.objective = WEFT_OBJECTIVE_STEP;
    for (int32_t i = 0; i < n; i++)
        compare_one(problems[i], &resolved, comparison);
    find_best_static(comparison);
    const weft_compared *ours = &comparison->rows[0];
    if (!ours->plan) {
        status = weft_i_fail(error, ours->status, "%s", ours->text);
        weft_comparison_free(comparison);
        return status;
    }
    *out_comparison = comparison;
    return WEFT_STATUS_OK;
}

weft_status weft_planner_compare_problem(const weft_problem *problem,
                                         const weft_planner_options *options, weft_error *error,
                                         weft_comparison **out_comparison)
{
    weft_status status = weft_problem_check(problem, error);
    if (status) return status;
    weft_problem *one = (weft_problem *)(uintptr_t)problem; /* only read */
    return compare_problems(&one, 1, options, error, out_comparison);
}

weft_status weft_planner_compare_synthetic(const char *text, const weft_planner_options *options,
                                           weft_error *error, weft_comparison **out_comparison)
{
    weft_problem *problems[WEFT_I_SYNTHETIC_CUTS_MAX];
    int32_t n = 0;
    weft_status status = weft_i_synthetic_cuts(text, error, &n, problems);
    if (status) return status;
    status = compare_problems(problems, n, options, error, out_comparison);
    for (int32_t i = 0; i < n; i++)
        weft_problem_free(problems[i]);
    return status;
}
