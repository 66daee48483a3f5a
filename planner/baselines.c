/* planner/baselines.c - the table of baselines. */
#include "planner/baselines.h"

#include <string.h>

#include "base/error.h"
#include "base/threads.h"

typedef enum baseline_cut {
    CUT_PARAMETERS,
    CUT_TIME,
    CUT_SLOWEST,
    CUT_MODULES,
    CUT_FOLDED,
    CUT_HAND
} baseline_cut;

/* Name, how layers are cut, chunks a rank tried, order, whether the order alone is worth a row. */
static const struct baseline {
    const char *name;
    baseline_cut cut;
    int32_t max_v;
    weft_i_fixed_kind order;
    bool orders;
} baselines[] = {
    {"gpipe", CUT_TIME, 1, WEFT_I_FIXED_GPIPE, true},
    {"1f1b", CUT_PARAMETERS, 1, WEFT_I_FIXED_1F1B, true},
    {"vpp", CUT_PARAMETERS, 4, WEFT_I_FIXED_VPP, true},
    {"vpp-time", CUT_TIME, 4, WEFT_I_FIXED_VPP, false},
    {"nnscaler", CUT_SLOWEST, 1, WEFT_I_FIXED_1F1B, false},
    {"optimus", CUT_MODULES, 1, WEFT_I_FIXED_OPTIMUS, true},
    {"zb-h1", CUT_TIME, 1, WEFT_I_FIXED_ZB_H1, true},
    {"zb-v", CUT_FOLDED, 1, WEFT_I_FIXED_ZB_V, true},
    {"hand", CUT_HAND, 1, WEFT_I_FIXED_1F1B, false},
};

int32_t weft_i_baseline_count(void)
{
    return (int32_t)(sizeof baselines / sizeof baselines[0]);
}

const char *weft_i_baseline_name(int32_t index)
{
    return index >= 0 && index < weft_i_baseline_count() ? baselines[index].name : NULL;
}

bool weft_i_baseline_orders(int32_t index)
{
    return baselines[index].orders;
}

bool weft_i_baseline_suits_all(int32_t index)
{
    return baselines[index].order != WEFT_I_FIXED_ZB_V;
}

const char *weft_planner_baseline(size_t index)
{
    return index < (size_t)weft_i_baseline_count() ? baselines[index].name : NULL;
}

static weft_status make_layout(const weft_i_case *c, baseline_cut cut, int32_t v, const char *hand,
                               weft_error *error, weft_layout **out_layout)
{
    weft_i_layout_input input = weft_i_case_layout_input(c);
    switch (cut) {
    case CUT_PARAMETERS:
        return weft_i_layout_cut(&input, WEFT_I_CUT_PARAMETERS, v, error, out_layout);
    case CUT_TIME:
        return weft_i_layout_cut(&input, WEFT_I_CUT_TIME, v, error, out_layout);
    case CUT_SLOWEST:
        return weft_i_layout_cut(&input, WEFT_I_CUT_SLOWEST, v, error, out_layout);
    case CUT_MODULES:
        return weft_i_layout_modules(&input, error, out_layout);
    case CUT_FOLDED:
        return weft_i_layout_cut(&input, WEFT_I_CUT_FOLDED, 2, error, out_layout);
    case CUT_HAND:
        break;
    }
    if (!hand) return weft_i_fail(error, WEFT_STATUS_USAGE, "no cut by hand was given (--hand)");
    return weft_i_layout_hand(&input, hand, error, out_layout);
}

/* VPP with one chunk a rank is 1F1B. */
static weft_i_fixed_kind order_for(const struct baseline *b, int32_t v)
{
    return b->order == WEFT_I_FIXED_VPP && v == 1 ? WEFT_I_FIXED_1F1B : b->order;
}

static weft_status attempt_v(const weft_i_case *c, const struct baseline *b, int32_t v,
                             const char *hand, const weft_i_effort *effort, weft_error *error,
                             weft_i_attempt *out_attempt)
{
    weft_layout *layout = NULL;
    weft_status status = make_layout(c, b->cut, v, hand, error, &layout);
    weft_i_attempt attempt = {0};
    if (!status) status = weft_i_attempt_open(c, layout, error, &attempt);
    if (!status) status = weft_i_attempt_fixed(&attempt, order_for(b, v), effort, error);
    if (status)
        weft_i_attempt_close(&attempt);
    else
        *out_attempt = attempt;
    return status;
}

weft_status weft_i_baseline_attempt(const weft_i_case *plan_case, int32_t index, const char *hand,
                                    const weft_i_effort *effort, weft_error *error,
                                    weft_i_attempt *out_attempt)
{
    weft_i_effort left = *effort;
    const struct baseline *b = &baselines[index];
    weft_i_attempt best = {0};
    bool found = false;
    weft_error first = {0};
    for (int32_t v = 1; v <= b->max_v; v++) {
        weft_i_attempt attempt = {0};
        weft_error why = {0};
        if (v > 1 && left.until_ns > 0 && weft_i_now_ns() >= left.until_ns) break;
        weft_status status = attempt_v(plan_case, b, v, hand, &left, &why, &attempt);
        if (status && !first.status) first = why;
        if (status == WEFT_STATUS_NO_MEMORY) break;
        if (status) continue;
        int64_t value = weft_i_attempt_value(&attempt);
        if (!found || value < weft_i_attempt_value(&best)) {
            weft_i_attempt_close(&best);
            best = attempt;
            found = true;
            left.beat_ns = value < left.beat_ns ? value : left.beat_ns;
        } else {
            weft_i_attempt_close(&attempt);
        }
    }
    if (!found)
        return weft_i_fail_at(error, first.status, first.file, first.line, first.path, "%s",
                              first.text);
    *out_attempt = best;
    return WEFT_STATUS_OK;
}

weft_status weft_i_baseline_problem(const weft_problem *problem,
                                    const weft_planner_options *options, int32_t index,
                                    weft_error *error, weft_i_attempt *out_attempt)
{
    weft_i_attempt attempt = {0};
    weft_status status = weft_i_attempt_open_problem(problem, options, error, &attempt);
    if (!status) status = weft_i_attempt_fixed(&attempt, baselines[index].order, NULL, error);
    if (status)
        weft_i_attempt_close(&attempt);
    else
        *out_attempt = attempt;
    return status;
}
