/* plan/check_sums.c - makespan, span, bounds and prediction follow from the actions' times, which
 * are right by now. */
#include <math.h>

#include "plan/check.h"

/* From 0 to the last end of a pass, and the longest from first start to last end on a rank. */
static void measure(const weft_pipeline *pipeline, int64_t *pipeline_ns, int64_t *span_ns)
{
    *pipeline_ns = *span_ns = 0;
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        int64_t first_ns = -1, last_ns = 0;
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
            const weft_action *action = &pipeline->ranks[r].actions[a];
            if (action->kind > WEFT_ACTION_BWW) continue;
            if (first_ns < 0) first_ns = action->start_ns;
            last_ns = action->end_ns;
        }
        if (first_ns < 0) continue;
        if (last_ns > *pipeline_ns) *pipeline_ns = last_ns;
        if (last_ns - first_ns > *span_ns) *span_ns = last_ns - first_ns;
    }
}

static bool is_equal(weft_i_verify *check, int32_t p, const char *name, int64_t found,
                     int64_t expected)
{
    if (found == expected) return true;
    return weft_i_violate(check, "time", p, -1, -1, "%s is %lld, expected %lld", name,
                          (long long)found, (long long)expected);
}

static bool is_bound(weft_i_verify *check, int32_t p, const char *name, int64_t bound,
                     const char *of, int64_t value)
{
    if (bound <= value) return true;
    return weft_i_violate(check, "time", p, -1, -1, "%s is %lld, expected no more than %s, %lld",
                          name, (long long)bound, of, (long long)value);
}

static bool check_pipeline(weft_i_verify *check, int32_t p)
{
    const weft_pipeline *in = &check->plan->pipelines[p];
    int64_t pipeline_ns, span_ns;
    measure(in, &pipeline_ns, &span_ns);
    return is_equal(check, p, "pipeline_ns", in->pipeline_ns, pipeline_ns) &&
           is_equal(check, p, "span_ns", in->span_ns, span_ns) &&
           is_bound(check, p, "lower_bound_ns", in->lower_bound_ns, "pipeline_ns", pipeline_ns) &&
           is_bound(check, p, "span_lower_bound_ns", in->span_lower_bound_ns, "span_ns", span_ns) &&
           is_bound(check, p, "work_bound_ns", in->work_bound_ns, "pipeline_ns", pipeline_ns);
}

/* Time of passes without what they recompute, and the latest end of a wait_reduce. */
static void add_up(const weft_pipeline *pipeline, double *busy, int64_t *reduced_ns)
{
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
            const weft_action *action = &pipeline->ranks[r].actions[a];
            if (action->kind <= WEFT_ACTION_BWW)
                *busy += (double)(action->end_ns - action->start_ns);
            if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
                *busy -= (double)pipeline->problem.stages[action->operand].now.cost.recompute_ns;
            if (action->kind == WEFT_ACTION_WAIT_REDUCE && action->end_ns > *reduced_ns)
                *reduced_ns = action->end_ns;
        }
    }
}

/* A file of some replicas: the prediction is of them all, so that theirs can only be no longer. */
static bool check_part(weft_i_verify *check, int64_t longest_ns)
{
    const weft_prediction *predicted = &check->plan->predicted;
    if (predicted->bubble < 0 || predicted->bubble >= 1) {
        return weft_i_violate(check, "time", -1, -1, -1,
                              "predicted.bubble is %.12g, expected 0 or more and less than 1",
                              predicted->bubble);
    }
    return is_bound(check, -1, "the longest pipeline with its tail and the optimizer",
                    longest_ns + predicted->reduce_tail_ns + predicted->optimizer_ns,
                    "predicted.step_ns", predicted->step_ns);
}

static bool check_prediction(weft_i_verify *check)
{
    const weft_plan *plan = check->plan;
    const weft_prediction *predicted = &plan->predicted;
    int64_t longest_ns = 0, reduced_ns = 0;
    double busy = 0;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        if (plan->pipelines[p].pipeline_ns > longest_ns)
            longest_ns = plan->pipelines[p].pipeline_ns;
        add_up(&plan->pipelines[p], &busy, &reduced_ns);
    }
    if (plan->n_pipelines < plan->parallel.dp) return check_part(check, longest_ns);
    int64_t tail_ns = reduced_ns > longest_ns ? reduced_ns - longest_ns : 0;
    double slots = (double)plan->n_pipelines * plan->parallel.pp * (double)longest_ns;
    double bubble = slots > 0 ? 1 - busy / slots : 0;
    if (fabs(predicted->bubble - bubble) > 1e-9) {
        return weft_i_violate(check, "time", -1, -1, -1,
                              "predicted.bubble is %.12g, expected %.12g", predicted->bubble,
                              bubble);
    }
    return is_equal(check, -1, "predicted.reduce_tail_ns", predicted->reduce_tail_ns, tail_ns) &&
           is_equal(check, -1, "predicted.step_ns", predicted->step_ns,
                    longest_ns + tail_ns + predicted->optimizer_ns);
}

bool weft_i_verify_sums(weft_i_verify *check)
{
    for (int32_t p = 0; p < check->plan->n_pipelines; p++) {
        if (!check_pipeline(check, p)) return false;
    }
    return check_prediction(check);
}
