/* search/workbench.c - see workbench.h. */
#include "search/workbench.h"

#include "base/error.h"

/* Dispatches of one policy, each with larger margins than the last. */
enum { MARGIN_ROUNDS = 4 };

static weft_status open_slots(weft_i_workbench *w, weft_error *error, weft_i_slots *out_slots)
{
    weft_status status = weft_i_slots_derive(&w->variant.graph, &w->arena, NULL, out_slots);
    if (status == WEFT_STATUS_FAILED) /* data flows in circles: keys without slots */
        status = weft_i_slots_single(&w->variant.problem, &w->arena, error, out_slots);
    return status == WEFT_STATUS_NO_MEMORY ? weft_i_no_memory(error) : status;
}

static weft_status open_parts(weft_i_workbench *w, const bool *split, weft_error *error)
{
    weft_i_slots slots;
    weft_i_graph *graph = &w->variant.graph;
    weft_status status = weft_i_net_build(graph, split, &w->arena, error, &w->net);
    if (status == WEFT_STATUS_OK) status = weft_i_flow_build(graph, &w->arena, error, &w->flow);
    if (status == WEFT_STATUS_OK) status = open_slots(w, error, &slots);
    if (status == WEFT_STATUS_OK)
        status = weft_i_course_build(&w->net, &w->flow, &slots, &w->arena, error, &w->course);
    if (status == WEFT_STATUS_OK)
        status = weft_i_dispatcher_create(&w->net, &w->flow, &w->arena, error, &w->dispatcher);
    if (status == WEFT_STATUS_OK)
        status = weft_i_strict_create(&w->net, &w->course, &w->arena, error, &w->strict);
    return status;
}

weft_status weft_i_workbench_open(const weft_i_graph *graph, const int32_t *choices,
                                  const bool *split, weft_error *error, weft_i_workbench *workbench)
{
    weft_i_workbench *w = workbench;
    const weft_problem *problem = graph->problem;
    *w = (weft_i_workbench){.choices = NULL};
    weft_status status = weft_i_variant_init(graph, &w->arena, error, &w->variant);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_variant_set_all(&w->variant, choices);
    status = open_parts(w, split, error);
    if (status != WEFT_STATUS_OK) return status;
    w->choices = weft_i_new(&w->arena, int32_t, problem->n_stages);
    w->turn = weft_i_new(&w->arena, int32_t, w->flow.n_microbatches);
    w->key = weft_i_new(&w->arena, int64_t, 4 * (size_t)problem->n_stages);
    w->margin = weft_i_new(&w->arena, int64_t, problem->n_ranks);
    w->limit = weft_i_new(&w->arena, int64_t, problem->n_ranks);
    w->soft = weft_i_new(&w->arena, int64_t, problem->n_ranks);
    if (!w->choices || !w->turn || !w->key || !w->margin || !w->limit || !w->soft)
        return weft_i_no_memory(error);
    for (int32_t s = 0; s < problem->n_stages; s++)
        w->choices[s] = choices ? choices[s] : -1;
    for (int32_t m = 0; m < w->flow.n_microbatches; m++)
        w->turn[m] = m;
    w->turns = (weft_i_turns){w->turn, weft_i_dispatcher_fw_turns(w->dispatcher),
                              weft_i_dispatcher_bw_turns(w->dispatcher)};
    weft_i_strict_set_turns(w->strict, &w->turns);
    return WEFT_STATUS_OK;
}

void weft_i_workbench_close(weft_i_workbench *workbench)
{
    weft_i_dispatcher_free(workbench->dispatcher);
    weft_i_strict_free(workbench->strict);
    workbench->dispatcher = NULL;
    workbench->strict = NULL;
    weft_i_arena_free(&workbench->arena);
}

void weft_i_workbench_set_turns(weft_i_workbench *workbench)
{
    weft_i_dispatcher_set_turns(workbench->dispatcher, workbench->turn);
    weft_i_strict_set_turns(workbench->strict, &workbench->turns);
}

void weft_i_workbench_set_limits(weft_i_workbench *workbench)
{
    const weft_problem *problem = &workbench->variant.problem;
    for (int32_t r = 0; r < problem->n_ranks; r++)
        workbench->limit[r] =
            problem->limit_bytes[r] - problem->static_bytes[r] - workbench->margin[r];
}

bool weft_i_workbench_fits(const weft_i_workbench *workbench)
{
    const weft_problem *problem = &workbench->variant.problem;
    for (int32_t r = 0; r < problem->n_ranks; r++)
        if (weft_i_dispatcher_need(workbench->dispatcher, r) >
            problem->limit_bytes[r] - problem->static_bytes[r])
            return false;
    return true;
}

/* Offer an order; where it is over a limit, margins grow by what it is over. */
static weft_status offer(weft_i_workbench *w, const weft_order *order, const char *method,
                         weft_i_incumbent *incumbent, weft_error *error, bool *out_over)
{
    weft_i_offer fate;
    weft_status status = weft_i_incumbent_offer(incumbent, order, w->choices, method, error, &fate);
    if (status != WEFT_STATUS_OK) return status;
    *out_over = fate == WEFT_I_OFFER_OVER_LIMIT;
    for (int32_t r = 0; *out_over && r < w->net.n_ranks; r++) {
        int64_t excess = incumbent->peaks[r] - w->variant.problem.limit_bytes[r];
        w->margin[r] += excess > 0 ? excess : 0;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_workbench_try(weft_i_workbench *workbench, const weft_i_rule *rule,
                                 const int64_t *soft_bytes, const char *method,
                                 weft_i_incumbent *incumbent, weft_error *error, int64_t *out_ns)
{
    weft_i_workbench *w = workbench;
    weft_i_dispatched result;
    bool over = true;
    *out_ns = WEFT_INT_MAX;
    for (int round = 0; over && round < MARGIN_ROUNDS; round++) {
        weft_i_workbench_set_limits(w);
        if (!weft_i_dispatch(w->dispatcher, rule, w->key, w->limit, soft_bytes, &result)) break;
        weft_status status = offer(w, result.order, method, incumbent, error, &over);
        if (status != WEFT_STATUS_OK) return status;
        bool span = incumbent->objective == WEFT_OBJECTIVE_SPAN;
        if (!over) *out_ns = span ? result.span_ns : result.pipeline_ns;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_workbench_try_strict(weft_i_workbench *workbench, const weft_i_pattern *pattern,
                                        const weft_i_strict_rule *rule, const char *method,
                                        weft_i_incumbent *incumbent, weft_error *error,
                                        int64_t *out_ns)
{
    weft_i_workbench *w = workbench;
    weft_i_strict_result result;
    bool over = true;
    *out_ns = WEFT_INT_MAX;
    for (int round = 0; over && round < MARGIN_ROUNDS; round++) {
        weft_i_workbench_set_limits(w);
        if (!weft_i_strict_run(w->strict, pattern, rule, w->limit, &result)) break;
        weft_status status = offer(w, result.order, method, incumbent, error, &over);
        if (status != WEFT_STATUS_OK) return status;
        bool span = incumbent->objective == WEFT_OBJECTIVE_SPAN;
        if (!over) *out_ns = span ? result.span_ns : result.pipeline_ns;
    }
    return WEFT_STATUS_OK;
}
