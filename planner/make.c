/* planner/make.c - one plan: search within the time, then the best of ours and the baselines'. */
#include "planner/make.h"

#include <string.h>

#include "base/error.h"
#include "plan/synthetic.h"
#include "planner/baselines.h"
#include "planner/contest.h"
#include "planner/reference.h"
#include "planner/tries.h"

int64_t weft_i_plan_value(const weft_plan *plan)
{
    if (plan->objective != WEFT_OBJECTIVE_SPAN) return plan->predicted.step_ns;
    int64_t worst = 0;
    for (int32_t i = 0; i < plan->n_pipelines; i++)
        worst = plan->pipelines[i].span_ns > worst ? plan->pipelines[i].span_ns : worst;
    return worst;
}

/* By the paper's method, on the given layout, or on the best of those tried. */
static weft_status make_attempt(const weft_i_case *c, weft_error *error, weft_i_attempt *attempt)
{
    double seconds = c->options.time_limit_s;
    int64_t iterations = c->options.iterations;
    if (c->options.search == WEFT_SEARCH_PAPER)
        return weft_i_reference_attempt(c, seconds, iterations, error, attempt);
    if (!c->layout) return weft_i_try_layouts(c, seconds, iterations, error, attempt);
    weft_layout *layout = (weft_layout *)(uintptr_t)c->layout; /* only read */
    weft_status status = weft_i_attempt_open(c, layout, error, attempt);
    return status ? status : weft_i_attempt_search(attempt, seconds, iterations, error);
}

weft_status weft_i_make_plan(const weft_i_case *plan_case, const weft_comparison *baselines,
                             const char *hand, weft_error *error, weft_plan **out_plan)
{
    bool is_ours = plan_case->options.search == WEFT_SEARCH_DEFAULT;
    if (is_ours && !plan_case->layout)
        return weft_i_contest(plan_case, baselines, hand, error, out_plan);
    weft_i_attempt attempt = {0};
    weft_status status = make_attempt(plan_case, error, &attempt);
    if (!status) status = weft_i_attempt_robust(&attempt, error);
    if (!status) status = weft_i_attempt_plan(&attempt, NULL, error, out_plan);
    weft_i_attempt_close(&attempt);
    return status;
}

weft_status weft_i_make_problem_plan(const weft_problem *problem,
                                     const weft_planner_options *options, weft_error *error,
                                     weft_plan **out_plan)
{
    weft_i_attempt attempt = {0};
    weft_status status = weft_i_attempt_open_problem(problem, options, error, &attempt);
    if (!status)
        status = weft_i_attempt_search(&attempt, options->time_limit_s, options->iterations, error);
    if (!status) status = weft_i_attempt_robust(&attempt, error);
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
    const weft_i_effort all = {.beat_ns = WEFT_INT_MAX};
    if (!status)
        status = weft_i_baseline_attempt(&plan_case, index, input->hand, &all, error, &attempt);
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
