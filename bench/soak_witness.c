/* bench/soak_witness.c - random orders of a problem that is said to be infeasible, until one fits.
 */
#include "bench/soak_verify.h"

#include <stdlib.h>
#include <string.h>

/* One random order being made. */
typedef struct draw {
    const weft_problem *problem;
    weft_order *order;
    int32_t *choices;
    bool *split, *done; /* by stage; by task */
    weft_task *ready;
    int32_t n_ready;
} draw;

static bool is_split_task(const draw *d, int32_t stage, weft_pass pass)
{
    if (pass == WEFT_PASS_FW) return true;
    if (d->problem->stages[stage].backward == WEFT_BACKWARD_NONE) return false;
    return (pass == WEFT_PASS_BW) != d->split[stage];
}

static weft_task backward_of(const draw *d, int32_t stage)
{
    return weft_task_make(stage, d->split[stage] ? WEFT_PASS_BWI : WEFT_PASS_BW);
}

static bool has_inputs(const draw *d, int32_t stage, weft_pass pass)
{
    if (pass == WEFT_PASS_BWW) return d->done[weft_task_make(stage, WEFT_PASS_BWI)];
    if (pass != WEFT_PASS_FW && !d->done[weft_task_make(stage, WEFT_PASS_FW)]) return false;
    weft_pass of_edge = pass == WEFT_PASS_FW ? WEFT_PASS_FW : WEFT_PASS_BW;
    for (int32_t e = 0; e < d->problem->n_edges; e++) {
        const weft_edge *edge = &d->problem->edges[e];
        if (edge->to != stage || edge->pass != of_edge) continue;
        weft_task needed = edge->pass == WEFT_PASS_FW ? weft_task_make(edge->from, WEFT_PASS_FW)
                                                      : backward_of(d, edge->from);
        if (!d->done[needed]) return false;
    }
    return true;
}

static void list_ready(draw *d, bool backward)
{
    d->n_ready = 0;
    for (int32_t t = 0; t < 4 * d->problem->n_stages; t++) {
        int32_t stage = weft_task_stage(t);
        weft_pass pass = weft_task_pass(t);
        if (d->done[t] || !is_split_task(d, stage, pass)) continue;
        if (backward && pass == WEFT_PASS_FW) continue;
        if (has_inputs(d, stage, pass)) d->ready[d->n_ready++] = t;
    }
}

static void append(draw *d, weft_task task)
{
    int32_t rank = d->problem->chunks[d->problem->stages[weft_task_stage(task)].chunk].rank;
    d->order->tasks[rank][d->order->n_tasks[rank]++] = task;
    d->done[task] = true;
}

/* Backwards mostly first, and early microbatches: what takes little memory. */
static void draw_order(draw *d, soak_rng *rng)
{
    const weft_problem *problem = d->problem;
    memset(d->done, 0, 4 * (size_t)problem->n_stages * sizeof *d->done);
    memset(d->order->n_tasks, 0, (size_t)problem->n_ranks * sizeof *d->order->n_tasks);
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        d->choices[s] = (int32_t)soak_in(rng, 0, stage->n_candidates) - 1;
        if (stage->n_candidates > 0 && d->choices[s] < 0) d->choices[s] = 0;
        const weft_cost *cost =
            d->choices[s] < 0 ? &stage->now.cost : &stage->candidates[d->choices[s]].cost;
        d->split[s] = stage->backward == WEFT_BACKWARD_FULL && weft_cost_can_split(cost) &&
                      soak_chance(rng, 50);
    }
    for (;;) {
        list_ready(d, soak_chance(rng, 90));
        if (d->n_ready == 0) list_ready(d, false);
        if (d->n_ready == 0) return;
        int32_t last = soak_chance(rng, 70) ? 0 : d->n_ready - 1;
        append(d, d->ready[soak_in(rng, 0, last)]);
    }
}

static bool open_draw(const weft_problem *problem, draw *d)
{
    size_t n = (size_t)problem->n_stages + 1;
    int32_t capacity[64];
    for (int32_t r = 0; r < problem->n_ranks; r++)
        capacity[r] = 4 * problem->n_stages;
    *d = (draw){.problem = problem, .order = weft_order_create(problem->n_ranks, capacity)};
    d->choices = calloc(n, sizeof *d->choices);
    d->split = calloc(n, sizeof *d->split);
    d->done = calloc(4 * n, sizeof *d->done);
    d->ready = calloc(4 * n, sizeof *d->ready);
    return d->order && d->choices && d->split && d->done && d->ready;
}

bool soak_has_witness(const weft_problem *problem, soak_rng *rng, int tries)
{
    draw d;
    bool found = false, opened = open_draw(problem, &d);
    for (int i = 0; opened && i < tries && !found; i++) {
        draw_order(&d, rng);
        weft_plan *plan = NULL;
        const weft_pipeline_input input = {
            .problem = problem, .order = d.order, .choices = d.choices};
        found = weft_plan_build(&input, 1, 0, NULL, &plan) == WEFT_STATUS_OK;
        weft_plan_free(plan);
    }
    weft_order_free(d.order);
    free(d.choices);
    free(d.split);
    free(d.done);
    free(d.ready);
    return found;
}
