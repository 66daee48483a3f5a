/* planner/synthetic_cuts.c - a line of text planned, its cut chosen where it is open. */
#include "planner/synthetic_cuts.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"
#include "plan/synthetic.h"
#include "planner/attempt.h"

static const struct {
    int32_t segments;
    bool is_v;
} cuts[WEFT_I_SYNTHETIC_CUTS_MAX] = {{2, true}, {4, true},  {1, false}, {2, false},
                                     {3, true}, {3, false}, {4, false}};

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

/* Parts of the time: of each cut at first, of each of the best again; the best one has the rest. */
static const double FIRST = 0.05, AGAIN = 0.08;
enum { N_AGAIN = 3 };

/* The cuts while they are searched. */
typedef struct contest {
    weft_i_attempt *attempts;
    int32_t n;
    const weft_planner_options *options;
    weft_error first; /* why the first that failed did */
    bool stopped, solved;
    int64_t end_ns; /* of the time; WEFT_INT_MAX = there is no limit */
} contest;

/* Search a cut on for a part of the time. */
static void search_cut(contest *c, int32_t i, double part)
{
    weft_error why = {0};
    if (c->stopped || (c->solved && weft_i_now_ns() >= c->end_ns)) return;
    weft_status status = weft_i_attempt_search(&c->attempts[i], c->options->time_limit_s * part,
                                               c->options->iterations, &why);
    c->stopped = c->attempts[i].stopped;
    c->solved = c->solved || !status;
    if (status && !c->first.status) c->first = why;
}

/* The best cut of those that are not in `but`; -1 = none has an order. */
static int32_t best_cut(const contest *c, const bool *but)
{
    int32_t best = -1;
    for (int32_t i = 0; i < c->n; i++) {
        int64_t value = weft_i_attempt_value(&c->attempts[i]);
        if (but[i] || value == WEFT_INT_MAX) continue;
        if (best < 0 || value < weft_i_attempt_value(&c->attempts[best])) best = i;
    }
    return best;
}

/* Search every cut for a while, the best of them again, the best one for the rest of the time.
 * Returns it, -1 = none. */
static int32_t search_cuts(contest *c)
{
    bool again[WEFT_I_SYNTHETIC_CUTS_MAX] = {false}, none[WEFT_I_SYNTHETIC_CUTS_MAX] = {false};
    bool is_timed = c->options->time_limit_s > 0;
    for (int32_t i = 0; i < c->n; i++)
        search_cut(c, i, c->n > 1 ? FIRST : 1);
    if (c->n > 1 && is_timed) {
        for (int k = 0; k < N_AGAIN; k++) {
            int32_t i = best_cut(c, again);
            if (i < 0) break;
            again[i] = true;
            search_cut(c, i, AGAIN);
        }
        int32_t best = best_cut(c, none);
        if (best >= 0) search_cut(c, best, 1 - FIRST * c->n - AGAIN * N_AGAIN);
    }
    return best_cut(c, none);
}

static weft_status plan_cuts(weft_problem *const *problems, int32_t n,
                             const weft_planner_options *options, weft_error *error,
                             weft_plan **out_plan)
{
    weft_i_attempt attempts[WEFT_I_SYNTHETIC_CUTS_MAX] = {{0}};
    int64_t limit_ns = (int64_t)(options->time_limit_s * 1e9), now_ns = weft_i_now_ns();
    contest c = {.attempts = attempts,
                 .n = n,
                 .options = options,
                 .end_ns = limit_ns > 0 ? now_ns + limit_ns : WEFT_INT_MAX};
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; i < n && !status; i++)
        status = weft_i_attempt_open_problem(problems[i], options, error, &attempts[i]);
    if (!status) {
        int32_t best = search_cuts(&c);
        status = best < 0 ? weft_i_fail(error, c.first.status, "%s", c.first.text)
                          : weft_i_attempt_robust(&attempts[best], error);
        if (!status) status = weft_i_attempt_plan(&attempts[best], NULL, error, out_plan);
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
