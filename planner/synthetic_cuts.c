/* planner/synthetic_cuts.c - a line of text planned, its cut chosen where it is open. */
#include "planner/synthetic_cuts.h"

#include "base/arena.h"
#include "base/error.h"
#include "plan/synthetic.h"
#include "planner/attempt.h"

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

/* Search every cut for a tenth of the time, then the best one for the rest. Cuts that fail keep no
 * order; the first one's reason is left in `first`. Returns the best cut, -1 = none. */
static int32_t search_cuts(weft_i_attempt *attempts, int32_t n, const weft_planner_options *options,
                           weft_error *first)
{
    int32_t best = -1;
    bool stopped = false;
    double total = options->time_limit_s, share = n > 1 ? 0.1 : 1;
    for (int32_t i = 0; i < n && !stopped; i++) {
        weft_error why = {0};
        weft_status status =
            weft_i_attempt_search(&attempts[i], total * share, options->iterations, &why);
        stopped = attempts[i].stopped;
        if (status && !first->status) *first = why;
        if (!status && (best < 0 ||
                        weft_i_attempt_value(&attempts[i]) < weft_i_attempt_value(&attempts[best])))
            best = i;
    }
    if (best >= 0 && n > 1 && total > 0 && !stopped)
        weft_i_attempt_search(&attempts[best], total * (1 - share * n), options->iterations, NULL);
    return best;
}

static weft_status plan_cuts(weft_problem *const *problems, int32_t n,
                             const weft_planner_options *options, weft_error *error,
                             weft_plan **out_plan)
{
    weft_i_attempt attempts[WEFT_I_SYNTHETIC_CUTS_MAX] = {{0}};
    weft_error first = {0};
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; i < n && !status; i++)
        status = weft_i_attempt_open_problem(problems[i], options, error, &attempts[i]);
    if (!status) {
        int32_t best = search_cuts(attempts, n, options, &first);
        status = best < 0 ? weft_i_fail(error, first.status, "%s", first.text)
                          : weft_i_attempt_plan(&attempts[best], NULL, error, out_plan);
    }
    for (int32_t i = 0; i < n; i++)
        weft_i_attempt_close(&attempts[i]);
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
    status = plan_cuts(problems, n, &resolved, error, out_plan);
    for (int32_t i = 0; i < n; i++)
        weft_problem_free(problems[i]);
    return status;
}
