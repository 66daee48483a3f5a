/* planner/attempt.c - problems and schedules of every replica. */
#include "planner/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "search/memory.h"
#include "search/one_strategy.h"
#include "search/order_floor.h"
#include "search/variant.h"

static weft_status allocate(weft_i_attempt *a, weft_error *error)
{
    size_t n = (size_t)a->n_replicas;
    a->problems = weft_i_alloc(n, sizeof *a->problems);
    a->sums = weft_i_alloc(n, sizeof *a->sums);
    a->solutions = weft_i_alloc(n, sizeof *a->solutions);
    if (a->problems && a->sums && a->solutions) return WEFT_STATUS_OK;
    return weft_i_no_memory(error);
}

weft_status weft_i_attempt_open(const weft_i_case *plan_case, weft_layout *layout,
                                weft_error *error, weft_i_attempt *out_attempt)
{
    weft_i_attempt a = {.options = &plan_case->options,
                        .plan_case = plan_case,
                        .layout = layout,
                        .n_replicas = plan_case->packed.n_replicas};
    weft_status status = allocate(&a, error);
    for (int32_t r = 0; !status && r < a.n_replicas; r++)
        status = weft_i_problem_build(plan_case->model, &plan_case->recipe, plan_case->emu, layout,
                                      &plan_case->packed, r, error, &a.problems[r], &a.sums[r]);
    if (status)
        weft_i_attempt_close(&a);
    else
        *out_attempt = a;
    return status;
}

weft_status weft_i_attempt_open_problem(const weft_problem *problem,
                                        const weft_planner_options *options, weft_error *error,
                                        weft_i_attempt *out_attempt)
{
    weft_i_attempt a = {.options = options, .n_replicas = 1};
    weft_status status = allocate(&a, error);
    if (status) {
        weft_i_attempt_close(&a);
        return status;
    }
    a.problems[0] = (weft_problem *)(uintptr_t)problem; /* borrowed: never written, never freed */
    *out_attempt = a;
    return WEFT_STATUS_OK;
}

void weft_i_attempt_close(weft_i_attempt *attempt)
{
    for (int32_t r = 0; r < attempt->n_replicas; r++) {
        if (attempt->solutions) weft_solution_free(&attempt->solutions[r]);
        if (attempt->problems && attempt->plan_case) weft_problem_free(attempt->problems[r]);
    }
    free(attempt->solutions);
    free(attempt->sums);
    free(attempt->problems);
    if (attempt->plan_case && attempt->layout != attempt->plan_case->layout)
        weft_layout_free(attempt->layout);
    memset(attempt, 0, sizeof *attempt);
}

/* Slots of the layout, or those that the problem has by itself. */
static weft_status slots_of(const weft_i_attempt *a, const weft_i_graph *graph, weft_i_arena *arena,
                            weft_error *error, weft_i_slots *out_slots)
{
    if (!a->layout || !a->layout->slot_of_chunk)
        return weft_i_slots_derive(graph, arena, error, out_slots);
    *out_slots = (weft_i_slots){a->layout->slot_of_chunk, a->layout->n_slots};
    return WEFT_STATUS_OK;
}

/* LIMIT where an order cannot get shorter than what is known. */
static weft_status weigh(const weft_i_attempt *a, const weft_i_graph *graph,
                         const weft_i_effort *effort, const weft_order *order, weft_error *error)
{
    int64_t floor_ns = 0;
    if (effort->beat_ns == WEFT_INT_MAX || a->options->objective == WEFT_OBJECTIVE_SPAN)
        return WEFT_STATUS_OK;
    weft_status status = weft_i_order_floor(graph, order, error, &floor_ns);
    if (status || floor_ns < effort->beat_ns) return status;
    return weft_i_fail(error, WEFT_STATUS_LIMIT, "%lld ns at the least, expected less than %lld",
                       (long long)floor_ns, (long long)effort->beat_ns);
}

/* Choose strategies for solution->order and time it with them. */
static weft_status complete(const weft_i_graph *graph, bool one_strategy, int64_t until_ns,
                            weft_i_arena *arena, weft_error *error, weft_solution *solution)
{
    const weft_problem *problem = graph->problem;
    weft_i_variant variant;
    solution->choices = weft_i_alloc((size_t)problem->n_stages, sizeof *solution->choices);
    if (!solution->choices) return weft_i_no_memory(error);
    weft_status status =
        one_strategy ? weft_i_one_strategy_choose(graph, solution->order, error, solution->choices)
                     : weft_i_memory_choose_until(graph, solution->order, until_ns, error, NULL,
                                                  solution->choices);
    if (!status) status = weft_i_variant_init(graph, arena, error, &variant);
    if (status) return status;
    weft_i_variant_set_all(&variant, solution->choices);
    return weft_order_time(&variant.problem, solution->order, error, NULL, NULL, &solution->time);
}

/* `group` as in weft_i_order_fixed. */
static weft_status solve_order(const weft_i_attempt *a, int32_t r, weft_i_fixed_kind kind,
                               int32_t group, const weft_i_effort *effort, weft_error *error,
                               weft_solution *out_solution)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_solution solution = {.method = weft_i_fixed_name(kind)};
    weft_status status = weft_i_graph_build(a->problems[r], &arena, error, &graph);
    if (!status) status = slots_of(a, &graph, &arena, error, &slots);
    if (!status) status = weft_i_order_fixed(&graph, kind, &slots, group, error, &solution.order);
    if (!status) status = weigh(a, &graph, effort, solution.order, error);
    if (!status)
        status = complete(&graph, a->one_strategy, effort->until_ns, &arena, error, &solution);
    weft_i_arena_free(&arena);
    if (status)
        weft_solution_free(&solution);
    else
        *out_solution = solution;
    return status;
}

static int32_t count_microbatches(const weft_problem *problem)
{
    int32_t last = -1;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++) {
        const weft_submicrobatch *sub = &problem->submicrobatches[i];
        for (int32_t k = 0; k < sub->n_microbatches; k++)
            last = sub->microbatches[k] > last ? sub->microbatches[k] : last;
    }
    return last + 1;
}

/* OPTIMUS takes as many microbatches together through the encoders as memory allows. */
static weft_status solve_fixed(const weft_i_attempt *a, int32_t r, weft_i_fixed_kind kind,
                               const weft_i_effort *effort, weft_error *error,
                               weft_solution *out_solution)
{
    weft_error why = {0};
    int32_t group = kind == WEFT_I_FIXED_OPTIMUS ? count_microbatches(a->problems[r]) : 0;
    weft_status status = solve_order(a, r, kind, group, effort, &why, out_solution);
    while (status == WEFT_STATUS_INFEASIBLE && group > 1) {
        group /= 2;
        why = (weft_error){0};
        status = solve_order(a, r, kind, group, effort, &why, out_solution);
    }
    return status ? weft_i_fail(error, status, "%s", why.text) : status;
}

weft_status weft_i_attempt_fixed(weft_i_attempt *attempt, weft_i_fixed_kind kind,
                                 const weft_i_effort *effort, weft_error *error)
{
    static const weft_i_effort all = {.beat_ns = WEFT_INT_MAX};
    for (int32_t r = 0; r < attempt->n_replicas; r++) {
        weft_solution solution = {0};
        weft_status status =
            solve_fixed(attempt, r, kind, effort ? effort : &all, error, &solution);
        if (status) return status;
        weft_solution_free(&attempt->solutions[r]);
        attempt->solutions[r] = solution;
    }
    return WEFT_STATUS_OK;
}

static int64_t value_of(const weft_i_attempt *a, const weft_solution *solution)
{
    if (!solution->order) return WEFT_INT_MAX;
    return a->options->objective == WEFT_OBJECTIVE_SPAN ? solution->time.span_ns
                                                        : solution->time.pipeline_ns;
}

int64_t weft_i_attempt_value(const weft_i_attempt *attempt)
{
    int64_t worst = 0;
    for (int32_t r = 0; r < attempt->n_replicas; r++) {
        int64_t value = value_of(attempt, &attempt->solutions[r]);
        worst = value > worst ? value : worst;
    }
    return worst;
}
