/* planner/synthetic_cuts.c - a line of text planned, its cut chosen where it is open. */
#include "planner/synthetic_cuts.h"

#include "base/arena.h"
#include "plan/synthetic.h"
#include "planner/make.h"

static const struct {
    int32_t segments;
    bool is_v;
} cuts[WEFT_I_SYNTHETIC_CUTS_MAX] = {{1, false}, {2, false}, {2, true}, {3, false}, {4, false}};

static weft_status build_all(weft_i_synthetic *synthetic, weft_error *error, int32_t *out_n,
                             weft_problem *problems[WEFT_I_SYNTHETIC_CUTS_MAX])
{
    int32_t n = synthetic->is_cut_given ? 1 : WEFT_I_SYNTHETIC_CUTS_MAX;
    for (int32_t i = 0; i < n; i++) {
        if (!synthetic->is_cut_given) {
            synthetic->segments = cuts[i].segments;
            synthetic->is_v = cuts[i].is_v;
        }
        weft_status status = weft_i_synthetic_build(synthetic, error, &problems[i]);
        if (status) {
            while (i > 0)
                weft_problem_free(problems[--i]);
            return status;
        }
    }
    *out_n = n;
    return WEFT_STATUS_OK;
}

weft_status weft_i_synthetic_cuts(const char *text, weft_error *error, int32_t *out_n,
                                  weft_problem *out_problems[WEFT_I_SYNTHETIC_CUTS_MAX])
{
    weft_i_arena arena = {0};
    weft_i_synthetic synthetic;
    weft_status status = weft_i_synthetic_parse(text, &arena, error, &synthetic);
    if (!status) status = build_all(&synthetic, error, out_n, out_problems);
    weft_i_arena_free(&arena);
    return status;
}

weft_status weft_planner_synthetic(const char *text, const weft_planner_options *options,
                                   weft_error *error, weft_plan **out_plan)
{
    weft_problem *problems[WEFT_I_SYNTHETIC_CUTS_MAX];
    int32_t n = 0;
    weft_planner_options resolved;
    weft_status status = weft_i_options_resolve(options, error, &resolved);
    if (!status) status = weft_i_synthetic_cuts(text, error, &n, problems);
    if (status) return status;
    if (resolved.objective < 0) resolved.objective = WEFT_OBJECTIVE_STEP;
    resolved.time_limit_s /= n;
    weft_plan *best = NULL;
    weft_error first = {0};
    for (int32_t i = 0; i < n; i++) {
        weft_plan *plan = NULL;
        if (!weft_i_make_problem_plan(problems[i], &resolved, &first, &plan)) {
            if (!best || weft_i_plan_value(plan) < weft_i_plan_value(best)) {
                weft_plan *swap = best;
                best = plan;
                plan = swap;
            }
            weft_plan_free(plan);
        }
        weft_problem_free(problems[i]);
    }
    if (!best) {
        if (error && !error->status) *error = first;
        return first.status;
    }
    *out_plan = best;
    return WEFT_STATUS_OK;
}
