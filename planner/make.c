/* planner/make.c - one plan: search within the time, then the best of ours and the baselines'. */
#include "planner/make.h"

#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "plan/synthetic.h"
#include "planner/baselines.h"
#include "planner/reference.h"
#include "planner/tries.h"

/* Part of the time that goes into choosing a layout, where none is given. */
#define EXPLORE_SHARE 0.5

int64_t weft_i_plan_value(const weft_plan *plan)
{
    if (plan->objective != WEFT_OBJECTIVE_SPAN) return plan->predicted.step_ns;
    int64_t worst = 0;
    for (int32_t i = 0; i < plan->n_pipelines; i++)
        worst = plan->pipelines[i].span_ns > worst ? plan->pipelines[i].span_ns : worst;
    return worst;
}

/* Keep the better plan in *best; the other is freed. */
static void keep_better(weft_plan **best, weft_plan *plan)
{
    if (*best && weft_i_plan_value(plan) >= weft_i_plan_value(*best)) {
        weft_plan_free(plan);
        return;
    }
    weft_plan_free(*best);
    *best = plan;
}

static double left_s(int64_t end_ns)
{
    double left = (double)(end_ns - weft_i_now_ns()) / 1e9;
    return left > 0.001 ? left : 0.001;
}

/* The given layout, or the best of those tried, searched to the end of the time. */
static weft_status our_attempt(const weft_i_case *c, int64_t end_ns, weft_error *error,
                               weft_i_attempt *attempt)
{
    bool timed = c->options.time_limit_s > 0;
    weft_status status;
    if (c->layout) {
        status = weft_i_attempt_open(c, (weft_layout *)(uintptr_t)c->layout, error, attempt);
    } else {
        double share = timed ? left_s(end_ns) * EXPLORE_SHARE : 0;
        status = weft_i_try_layouts(c, share, c->options.iterations, error, attempt);
    }
    if (!status && (c->layout || timed))
        status = weft_i_attempt_search(attempt, timed ? left_s(end_ns) : 0, c->options.iterations,
                                       error);
    return status;
}

static weft_status our_plan(const weft_i_case *c, int64_t end_ns, weft_error *error,
                            weft_plan **out_plan)
{
    weft_i_attempt attempt = {0};
    double seconds = c->options.time_limit_s > 0 ? left_s(end_ns) : 0;
    weft_status status =
        c->options.search == WEFT_SEARCH_PAPER
            ? weft_i_reference_attempt(c, seconds, c->options.iterations, error, &attempt)
            : our_attempt(c, end_ns, error, &attempt);
    if (!status) status = weft_i_attempt_plan(&attempt, NULL, error, out_plan);
    weft_i_attempt_close(&attempt);
    return status;
}

/* Whether a baseline that has been made is no better than `best`. */
static bool is_beaten(const weft_comparison *baselines, const char *name, const weft_plan *best)
{
    for (int32_t i = 1; baselines && i < baselines->n_rows; i++) {
        const weft_plan *plan = baselines->rows[i].plan;
        if (strcmp(baselines->rows[i].name, name) == 0)
            return !plan || (best && weft_i_plan_value(plan) >= weft_i_plan_value(best));
    }
    return false;
}

static weft_status add_baselines(const weft_i_case *c, const weft_comparison *baselines,
                                 const char *hand, weft_plan **best)
{
    for (int32_t i = 0; i < weft_i_baseline_count(); i++) {
        const char *name = weft_i_baseline_name(i);
        if (is_beaten(baselines, name, *best)) continue;
        weft_i_attempt attempt = {0};
        weft_plan *plan = NULL;
        weft_status status = weft_i_baseline_attempt(c, i, hand, NULL, &attempt);
        if (!status) status = weft_i_attempt_plan(&attempt, name, NULL, &plan);
        if (!status) keep_better(best, plan);
        weft_i_attempt_close(&attempt);
        if (status == WEFT_STATUS_NO_MEMORY) return status;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_make_plan(const weft_i_case *plan_case, const weft_comparison *baselines,
                             const char *hand, weft_error *error, weft_plan **out_plan)
{
    int64_t end_ns = weft_i_now_ns() + (int64_t)(plan_case->options.time_limit_s * 1e9);
    weft_plan *best = NULL, *plan = NULL;
    weft_error why = {0};
    weft_status status = our_plan(plan_case, end_ns, &why, &plan);
    if (!status) keep_better(&best, plan);
    bool is_ours = plan_case->options.search == WEFT_SEARCH_DEFAULT;
    if (is_ours && !plan_case->layout && add_baselines(plan_case, baselines, hand, &best))
        status = weft_i_no_memory(&why);
    if (!best) return weft_i_fail_at(error, status, why.file, why.line, why.path, "%s", why.text);
    *out_plan = best;
    return WEFT_STATUS_OK;
}

weft_status weft_i_make_problem_plan(const weft_problem *problem,
                                     const weft_planner_options *options, weft_error *error,
                                     weft_plan **out_plan)
{
    weft_i_attempt attempt = {0};
    weft_status status = weft_i_attempt_open_problem(problem, options, error, &attempt);
    if (!status)
        status = weft_i_attempt_search(&attempt, options->time_limit_s, options->iterations, error);
    weft_plan *best = NULL;
    if (!status) status = weft_i_attempt_plan(&attempt, NULL, error, &best);
    weft_i_attempt_close(&attempt);
    if (!status) *out_plan = best;
    return status;
}

weft_status weft_planner_make(const weft_planner_input *input, const weft_planner_options *options,
                              weft_error *error, weft_plan **out_plan)
{
    weft_i_case plan_case;
    weft_status status = weft_i_case_open(input, options, error, &plan_case);
    if (status) return status;
    status = weft_i_case_pack(&plan_case, input->batch, error);
    if (!status && !input->layout && plan_case.options.note)
        plan_case.options.note(plan_case.options.context,
                               "no layout given: one is made for this batch alone");
    if (!status) status = weft_i_make_plan(&plan_case, NULL, input->hand, error, out_plan);
    weft_i_case_close(&plan_case);
    return status;
}

weft_status weft_planner_layout(const weft_planner_input *input,
                                const weft_planner_options *options, weft_error *error,
                                weft_layout **out_layout)
{
    weft_i_case plan_case;
    weft_i_attempt best = {0};
    weft_status status = weft_i_case_open(input, options, error, &plan_case);
    if (status) return status;
    status = weft_i_case_pack(&plan_case, input->batch, error);
    if (!status)
        status = weft_i_try_layouts(&plan_case, plan_case.options.time_limit_s,
                                    plan_case.options.iterations, error, &best);
    if (!status) {
        *out_layout = best.layout;
        best.layout = NULL;
    }
    weft_i_attempt_close(&best);
    weft_i_case_close(&plan_case);
    return status;
}

weft_status weft_planner_make_baseline(const weft_planner_input *input, const char *name,
                                       const weft_planner_options *options, weft_error *error,
                                       weft_plan **out_plan)
{
    int32_t index = 0;
    while (index < weft_i_baseline_count() && strcmp(weft_i_baseline_name(index), name) != 0)
        index++;
    if (index == weft_i_baseline_count())
        return weft_i_fail(error, WEFT_STATUS_USAGE, "'%s' is not a baseline", name);
    weft_i_case plan_case;
    weft_i_attempt attempt = {0};
    weft_status status = weft_i_case_open(input, options, error, &plan_case);
    if (status) return status;
    status = weft_i_case_pack(&plan_case, input->batch, error);
    if (!status) status = weft_i_baseline_attempt(&plan_case, index, input->hand, error, &attempt);
    if (!status) status = weft_i_attempt_plan(&attempt, name, error, out_plan);
    weft_i_attempt_close(&attempt);
    weft_i_case_close(&plan_case);
    return status;
}

weft_status weft_planner_solve(const weft_problem *problem, const weft_planner_options *options,
                               weft_error *error, weft_plan **out_plan)
{
    weft_planner_options resolved;
    weft_status status = weft_i_options_resolve(options, error, &resolved);
    if (!status) status = weft_problem_check(problem, error);
    if (status) return status;
    if (resolved.objective < 0) resolved.objective = WEFT_OBJECTIVE_STEP;
    return weft_i_make_problem_plan(problem, &resolved, error, out_plan);
}
