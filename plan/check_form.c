/* plan/check_form.c - every number of a plan is in its range, so that the other parts can walk it
 * without looking. weft_plan_read accepts only such plans; one made in memory comes here first.
 * The rules of stages, edges and chunks are those of every problem (problem_check.c). */
#include <math.h>

#include "plan/check.h"
#include "plan/problem_own.h"

/* A value of a pipeline (-1 = of the plan), with the name that the file gives it. */
static bool in_range(weft_i_verify *check, int32_t pipeline, const char *name, int64_t value,
                     int64_t min, int64_t max)
{
    if (value >= min && value <= max) return true;
    return weft_i_violate(check, "form", pipeline, -1, -1, "%s is %lld, expected %lld to %lld",
                          name, (long long)value, (long long)min, (long long)max);
}

static bool check_action(weft_i_verify *check, int32_t p, int32_t r, int32_t a)
{
    const weft_pipeline *pipeline = &check->plan->pipelines[p];
    const weft_action *action = &pipeline->ranks[r].actions[a];
    if ((unsigned)action->kind >= WEFT_N_ACTIONS) {
        return weft_i_violate(check, "form", p, r, -1, "action %d is of kind %d, expected 0 to %d",
                              a, (int)action->kind, WEFT_N_ACTIONS - 1);
    }
    int32_t n = weft_i_verify_n_operands(check->plan, &pipeline->problem, action->kind);
    bool has_operand = weft_action_operand(action->kind) != WEFT_OPERAND_NONE;
    if (has_operand && (action->operand < 0 || action->operand >= n)) {
        return weft_i_violate(check, "form", p, r, a, "the operand is %d, expected 0 to %d",
                              action->operand, n - 1);
    }
    bool is_of_message = weft_action_operand(action->kind) == WEFT_OPERAND_EDGE;
    if (action->group < -1 || (action->group >= 0 && !is_of_message)) {
        return weft_i_violate(check, "form", p, r, a, "group is %d, expected -1%s", action->group,
                              is_of_message ? " or more" : " as it is not of a message");
    }
    const int64_t times[] = {action->start_ns, action->end_ns};
    for (int i = 0; i < 2; i++) {
        if (times[i] >= 0 && times[i] <= WEFT_INT_MAX) continue;
        return weft_i_violate(check, "form", p, r, a, "%s is %lld, expected 0 to %lld",
                              i == 0 ? "start_ns" : "end_ns", (long long)times[i],
                              (long long)WEFT_INT_MAX);
    }
    return true;
}

static bool check_ranks(weft_i_verify *check, int32_t p)
{
    const weft_pipeline *pipeline = &check->plan->pipelines[p];
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        if (pipeline->peak_bytes[r] < 0 || pipeline->peak_bytes[r] > WEFT_INT_MAX) {
            return weft_i_violate(check, "form", p, r, -1, "peak_bytes is %lld, expected 0 to %lld",
                                  (long long)pipeline->peak_bytes[r], (long long)WEFT_INT_MAX);
        }
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
            if (!check_action(check, p, r, a)) return false;
        }
    }
    return true;
}

static bool check_problem(weft_i_verify *check, int32_t p)
{
    weft_error error = {0};
    weft_problem problem = check->plan->pipelines[p].problem;
    problem.chunks = check->plan->chunks;
    problem.post_ns = check->plan->post_ns;
    weft_status status = weft_i_problem_check(&problem, "$", &error);
    if (status == WEFT_STATUS_OK) return true;
    if (status == WEFT_STATUS_NO_MEMORY) return weft_i_verify_no_memory(check);
    return weft_i_violate(check, "form", p, -1, -1, "%s: %s", error.path, error.text);
}

static bool check_pipeline(weft_i_verify *check, int32_t p)
{
    const weft_plan *plan = check->plan;
    const weft_pipeline *in = &plan->pipelines[p];
    int32_t least_replica = p > 0 ? plan->pipelines[p - 1].replica + 1 : 0;
    return in_range(check, p, "replica", in->replica, least_replica, plan->parallel.dp - 1) &&
           in_range(check, p, "number of ranks", in->problem.n_ranks, plan->parallel.pp,
                    plan->parallel.pp) &&
           in_range(check, p, "number of chunks", in->problem.n_chunks, plan->n_chunks,
                    plan->n_chunks) &&
           in_range(check, p, "pipeline_ns", in->pipeline_ns, 0, WEFT_INT_MAX) &&
           in_range(check, p, "span_ns", in->span_ns, 0, WEFT_INT_MAX) &&
           in_range(check, p, "lower_bound_ns", in->lower_bound_ns, 0, WEFT_INT_MAX) &&
           in_range(check, p, "span_lower_bound_ns", in->span_lower_bound_ns, 0, WEFT_INT_MAX) &&
           in_range(check, p, "work_bound_ns", in->work_bound_ns, 0, WEFT_INT_MAX) &&
           check_problem(check, p) && check_ranks(check, p);
}

static bool check_parallel(weft_i_verify *check)
{
    const weft_parallel *parallel = &check->plan->parallel;
    return in_range(check, -1, "parallel.dp", parallel->dp, 1, INT32_MAX) &&
           in_range(check, -1, "parallel.pp", parallel->pp, 1, INT32_MAX) &&
           in_range(check, -1, "parallel.tp", parallel->tp, 1, INT32_MAX) &&
           in_range(check, -1, "parallel.cp", parallel->cp, 1, INT32_MAX) &&
           in_range(check, -1, "parallel.ep", parallel->ep, 1, INT32_MAX);
}

static bool check_prediction(weft_i_verify *check)
{
    const weft_prediction *predicted = &check->plan->predicted;
    const double ratios[] = {predicted->bubble, predicted->mfu, predicted->hfu};
    static const char *const names[] = {"bubble", "mfu", "hfu"};
    for (int i = 0; i < 3; i++) {
        if (isfinite(ratios[i])) continue;
        return weft_i_violate(check, "form", -1, -1, -1, "predicted.%s is not a finite number",
                              names[i]);
    }
    return in_range(check, -1, "predicted.step_ns", predicted->step_ns, 0, WEFT_INT_MAX) &&
           in_range(check, -1, "predicted.reduce_tail_ns", predicted->reduce_tail_ns, 0,
                    WEFT_INT_MAX) &&
           in_range(check, -1, "predicted.optimizer_ns", predicted->optimizer_ns, 0, WEFT_INT_MAX);
}

static bool check_shared(weft_i_verify *check)
{
    for (int32_t i = 0; i < check->plan->n_shared; i++) {
        const weft_shared *shared = &check->plan->shared[i];
        if (!in_range(check, -1, "bytes of a shared tensor", shared->bytes, 0, WEFT_INT_MAX))
            return false;
        for (int32_t c = 0; c < shared->n_chunks; c++) {
            if (!in_range(check, -1, "chunk of a shared tensor", shared->chunks[c], 0,
                          (int64_t)check->plan->n_chunks - 1))
                return false;
        }
    }
    return true;
}

bool weft_i_verify_form(weft_i_verify *check)
{
    const weft_plan *plan = check->plan;
    if (!check_parallel(check) ||
        /* So that a rank of a replica has a number. */
        !in_range(check, -1, "number of pipelines", plan->n_pipelines, 1,
                  INT32_MAX / plan->parallel.pp) ||
        !in_range(check, -1, "post_ns", plan->post_ns, 0, WEFT_INT_MAX) ||
        !check_prediction(check) || !check_shared(check)) {
        return false;
    }
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        if (!check_pipeline(check, p)) return false;
    }
    return true;
}
