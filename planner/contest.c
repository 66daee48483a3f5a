/* planner/contest.c - see contest.h. */
#include "planner/contest.h"

#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "planner/baselines.h"
#include "planner/make.h"
#include "planner/tries.h"

/* Parts of the time after which layouts of ours are no longer compared, no further baseline is
 * made. */
static const double OURS_UNTIL = 0.6, BASELINES_UNTIL = 0.8;

/* A gain of one part in so many is worth going on for. */
enum { ENOUGH = 2000 };

typedef struct contest {
    const weft_i_case *plan_case;
    const weft_comparison *baselines;
    const char *hand;
    int64_t begin_ns;
    bool timed;
    weft_i_attempt best; /* and its plan; NULL = none yet */
    weft_plan *plan;
    bool is_baseline;
} contest;

/* The clock at a part of the time; 0 = there is no limit. */
static int64_t at_part(const contest *c, double part)
{
    double seconds = c->plan_case->options.time_limit_s;
    return c->timed ? c->begin_ns + (int64_t)(part * seconds * 1e9) : 0;
}

static bool is_over(const contest *c, double part)
{
    return c->timed && weft_i_now_ns() >= at_part(c, part);
}

static double left_s(const contest *c, double part)
{
    double left = (double)(at_part(c, part) - weft_i_now_ns()) / 1e9;
    return left > 0.001 ? left : 0.001;
}

/* Take over an attempt and its plan where they are the best, else close them. method NULL: ours. */
static weft_status enter(contest *c, weft_i_attempt *attempt, const char *method, weft_error *error)
{
    weft_plan *plan = NULL;
    weft_status status = weft_i_attempt_plan(attempt, method, error, &plan);
    if (status || (c->plan && weft_i_plan_value(plan) >= weft_i_plan_value(c->plan))) {
        weft_plan_free(plan);
        weft_i_attempt_close(attempt);
        return status;
    }
    weft_i_attempt_close(&c->best);
    weft_plan_free(c->plan);
    c->best = *attempt;
    c->plan = plan;
    c->is_baseline = method != NULL;
    return WEFT_STATUS_OK;
}

static weft_status enter_ours(contest *c, weft_error *error)
{
    weft_i_attempt ours = {0};
    weft_status status = weft_i_try_layouts(c->plan_case, c->timed ? left_s(c, OURS_UNTIL) : 0,
                                            c->plan_case->options.iterations, error, &ours);
    return status ? status : enter(c, &ours, NULL, error);
}

/* The plan that a baseline is known to have; NULL = none is known. */
static const weft_compared *row_of(const contest *c, const char *name)
{
    for (int32_t i = 1; c->baselines && i < c->baselines->n_rows; i++) {
        if (strcmp(c->baselines->rows[i].name, name) == 0) return &c->baselines->rows[i];
    }
    return NULL;
}

/* Whether a baseline is to be made: known to be better, or not known and there is time. */
static bool is_worth_it(const contest *c, const char *name)
{
    const weft_compared *row = row_of(c, name);
    if (!row) return !c->plan || !(c->best.stopped || is_over(c, BASELINES_UNTIL));
    if (!row->plan) return false;
    return !c->plan || weft_i_plan_value(row->plan) < weft_i_plan_value(c->plan);
}

/* The stronger ones stand last in the table. A baseline that fails is none. */
static weft_status enter_baselines(contest *c, weft_error *error)
{
    for (int32_t i = weft_i_baseline_count(); i-- > 0;) {
        const char *name = weft_i_baseline_name(i);
        if (!is_worth_it(c, name)) continue;
        weft_i_attempt attempt = {0};
        weft_i_effort effort = {.beat_ns = c->plan ? weft_i_plan_value(c->plan) : WEFT_INT_MAX,
                                .until_ns = at_part(c, row_of(c, name) ? 1 : BASELINES_UNTIL)};
        weft_status status =
            weft_i_baseline_attempt(c->plan_case, i, c->hand, &effort, NULL, &attempt);
        if (!status) status = enter(c, &attempt, name, NULL);
        if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
    }
    return WEFT_STATUS_OK;
}

/* Search the best for a part of the time that is left; its plan is replaced by a better one. */
static weft_status search_best(contest *c, double part, bool goes_on, weft_error *error)
{
    weft_plan *plan = NULL;
    c->best.goes_on = goes_on;
    weft_status status = weft_i_attempt_search(&c->best, c->timed ? part * left_s(c, 1) : 0,
                                               c->plan_case->options.iterations, error);
    if (!status) status = weft_i_attempt_plan(&c->best, NULL, error, &plan);
    if (status || weft_i_plan_value(plan) >= weft_i_plan_value(c->plan)) {
        weft_plan_free(plan);
        return status;
    }
    weft_plan_free(c->plan);
    c->plan = plan;
    return WEFT_STATUS_OK;
}

/* Search the best on to the end of the time; without a limit, if it has not been searched. What an
 * earlier search found is improved further while that gains; else the search begins anew. */
static weft_status search_on(contest *c, weft_error *error)
{
    if (c->timed ? is_over(c, 1) : !c->is_baseline) return WEFT_STATUS_OK;
    bool goes_on = !c->is_baseline;
    if (goes_on) {
        int64_t before_ns = weft_i_plan_value(c->plan);
        weft_status status = search_best(c, 1.0 / 3, true, error);
        if (status || c->best.stopped || is_over(c, 1)) return status;
        goes_on = before_ns - weft_i_plan_value(c->plan) >= before_ns / ENOUGH;
    }
    return search_best(c, 1, goes_on, error);
}

/* Where jitter is to be borne, the best orders are changed for it, whatever they take without. */
static weft_status make_robust(contest *c, weft_error *error)
{
    weft_plan *plan = NULL;
    if (c->plan_case->options.jitter <= 0) return WEFT_STATUS_OK;
    weft_status status = weft_i_attempt_robust(&c->best, error);
    if (!status) status = weft_i_attempt_plan(&c->best, NULL, error, &plan);
    weft_plan_free(c->plan);
    c->plan = plan;
    return status;
}

weft_status weft_i_contest(const weft_i_case *plan_case, const weft_comparison *baselines,
                           const char *hand, weft_error *error, weft_plan **out_plan)
{
    contest c = {.plan_case = plan_case,
                 .baselines = baselines,
                 .hand = hand,
                 .begin_ns = weft_i_now_ns(),
                 .timed = plan_case->options.time_limit_s > 0};
    weft_error why = {0};
    weft_status status = enter_ours(&c, &why);
    if (status != WEFT_STATUS_NO_MEMORY && enter_baselines(&c, &why))
        status = WEFT_STATUS_NO_MEMORY;
    if (c.plan && !c.best.stopped && status != WEFT_STATUS_NO_MEMORY) status = search_on(&c, &why);
    if (c.plan && status != WEFT_STATUS_NO_MEMORY) status = make_robust(&c, &why);
    weft_i_attempt_close(&c.best);
    if (c.plan && status != WEFT_STATUS_NO_MEMORY) {
        *out_plan = c.plan;
        return WEFT_STATUS_OK;
    }
    weft_plan_free(c.plan);
    return weft_i_fail_at(error, status, why.file, why.line, why.path, "%s", why.text);
}
