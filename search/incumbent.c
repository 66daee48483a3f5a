/* search/incumbent.c - see incumbent.h. */
#include "search/incumbent.h"

#include <string.h>

#include "base/error.h"
#include "plan/compile.h"
#include "plan/order_time.h"

weft_status weft_i_incumbent_init(const weft_i_graph *graph, weft_objective objective,
                                  weft_i_arena *arena, weft_error *error,
                                  weft_i_incumbent *incumbent)
{
    *incumbent = (weft_i_incumbent){.objective = objective};
    incumbent->peaks = weft_i_new(arena, int64_t, graph->problem->n_ranks);
    incumbent->choices = weft_i_new(arena, int32_t, graph->problem->n_stages);
    if (!incumbent->peaks || !incumbent->choices) return weft_i_no_memory(error);
    return weft_i_variant_init(graph, arena, error, &incumbent->variant);
}

void weft_i_incumbent_free(weft_i_incumbent *incumbent)
{
    weft_order_free(incumbent->order);
    incumbent->order = NULL;
}

int64_t weft_i_objective_ns(weft_objective objective, const weft_schedule_time *time)
{
    return objective == WEFT_OBJECTIVE_SPAN ? time->span_ns : time->pipeline_ns;
}

int64_t weft_i_incumbent_ns(const weft_i_incumbent *incumbent)
{
    if (!incumbent->order) return WEFT_INT_MAX;
    return weft_i_objective_ns(incumbent->objective, &incumbent->time);
}

static weft_status take(weft_i_incumbent *incumbent, const weft_order *order,
                        const int32_t *choices, const weft_schedule_time *time, const char *method,
                        weft_error *error)
{
    int32_t n_stages = incumbent->variant.problem.n_stages;
    weft_order *copy = weft_order_copy(order);
    if (!copy) return weft_i_no_memory(error);
    weft_order_free(incumbent->order);
    incumbent->order = copy;
    incumbent->time = *time;
    incumbent->method = method;
    if (incumbent->budget) incumbent->budget->best_ns = weft_i_incumbent_ns(incumbent);
    for (int32_t s = 0; s < n_stages; s++)
        incumbent->choices[s] = choices ? choices[s] : -1;
    return WEFT_STATUS_OK;
}

weft_status weft_i_incumbent_offer(weft_i_incumbent *incumbent, const weft_order *order,
                                   const int32_t *choices, const char *method, weft_error *error,
                                   weft_i_offer *out_offer)
{
    weft_i_variant *variant = &incumbent->variant;
    weft_schedule_time time;
    weft_i_variant_set_all(variant, choices);
    weft_status status = weft_i_order_time(&variant->graph, order, error, NULL, NULL, &time);
    if (status != WEFT_STATUS_OK) return status;
    if (weft_i_objective_ns(incumbent->objective, &time) >= weft_i_incumbent_ns(incumbent)) {
        *out_offer = WEFT_I_OFFER_NO_BETTER;
        return WEFT_STATUS_OK;
    }
    status = weft_i_compile_peaks(&variant->graph, order, error, incumbent->peaks);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t r = 0; r < order->n_ranks; r++)
        if (incumbent->peaks[r] > variant->problem.limit_bytes[r]) {
            *out_offer = WEFT_I_OFFER_OVER_LIMIT;
            return WEFT_STATUS_OK;
        }
    *out_offer = WEFT_I_OFFER_TAKEN;
    return take(incumbent, order, choices, &time, method, error);
}

weft_status weft_i_incumbent_bound(const weft_i_incumbent *incumbent, weft_error *error,
                                   int64_t *out_ns)
{
    weft_bounds bounds;
    const int32_t *choices = incumbent->order ? incumbent->choices : NULL;
    weft_status status = weft_bounds_compute(incumbent->variant.base, choices, error, &bounds);
    if (status != WEFT_STATUS_OK) return status;
    bool span = incumbent->objective == WEFT_OBJECTIVE_SPAN;
    *out_ns = span ? bounds.span_ns : bounds.makespan_ns;
    return WEFT_STATUS_OK;
}

weft_status weft_i_incumbent_hand_over(weft_i_incumbent *incumbent, const weft_i_budget *budget,
                                       weft_error *error, weft_solution *out_solution)
{
    size_t n = (size_t)incumbent->variant.problem.n_stages;
    int32_t *choices = weft_i_alloc(n > 0 ? n : 1, sizeof *choices);
    if (!choices) return weft_i_no_memory(error);
    memcpy(choices, incumbent->choices, n * sizeof *choices);
    *out_solution = (weft_solution){.order = incumbent->order,
                                    .choices = choices,
                                    .time = incumbent->time,
                                    .method = incumbent->method,
                                    .iterations = budget->iterations,
                                    .stopped = budget->stopped,
                                    .bound_ns = budget->bound_ns};
    incumbent->order = NULL;
    return WEFT_STATUS_OK;
}
