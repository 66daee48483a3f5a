/* planner/attempt_plan.c - from an attempt's solutions to a plan: bounds, inputs, flop, check. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plan/plan_own.h"
#include "planner/host_memory.h"
#include "planner/reductions.h"

/* All passes at their fastest strategies over the ranks: bounds every order of a problem as it is
 * cut. */
static int64_t work_bound(const weft_problem *problem)
{
    int64_t sum = 0;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        int64_t least = WEFT_INT_MAX;
        for (int32_t k = -1; k < stage->n_candidates; k++) {
            if (k < 0 && stage->n_candidates > 0) continue;
            const weft_cost *c = k < 0 ? &stage->now.cost : &stage->candidates[k].cost;
            int64_t split = c->bwi_ns + c->bww_ns;
            int64_t back = split > 0 && split < c->bw_ns ? split : c->bw_ns;
            least = c->fw_ns + back < least ? c->fw_ns + back : least;
        }
        sum += least;
    }
    return sum / problem->n_ranks;
}

static weft_status fill_inputs(const weft_i_attempt *a, weft_pipeline_input *inputs,
                               weft_error *error)
{
    for (int32_t r = 0; r < a->n_replicas; r++) {
        const weft_solution *solution = &a->solutions[r];
        weft_bounds bounds;
        weft_status status = weft_bounds_compute(a->problems[r], solution->choices, error, &bounds);
        if (status) return status;
        inputs[r] = (weft_pipeline_input){
            .problem = a->problems[r],
            .order = solution->order,
            .choices = solution->choices,
            .lower_bound_ns = bounds.makespan_ns,
            .span_lower_bound_ns = bounds.span_ns,
            .work_bound_ns = a->plan_case ? a->sums[r].work_bound_ns : work_bound(a->problems[r]),
            .reduce_at_end = a->plan_case && !weft_i_emu_hides_reductions(a->plan_case->emu),
        };
    }
    return WEFT_STATUS_OK;
}

/* Whether the optimizer has anything to do for a chunk. */
static bool is_trained(const weft_model *model, const weft_chunk *chunk)
{
    for (int32_t m = 0; m < model->n_modules; m++) {
        if (strcmp(model->modules[m].name, chunk->module) == 0)
            return weft_model_parameters(model, m, chunk->first_layer, chunk->layers, true) > 0;
    }
    return false;
}

/* The shortest forward of a chunk; 0 where no replica has one. */
static int64_t shortest_forward(const weft_i_attempt *a, int32_t chunk)
{
    int64_t least = WEFT_INT_MAX;
    for (int32_t r = 0; r < a->n_replicas; r++)
        for (int32_t s = 0; s < a->problems[r]->n_stages; s++) {
            const weft_stage *stage = &a->problems[r]->stages[s];
            int32_t choice = a->solutions[r].choices[s];
            if (stage->chunk != chunk) continue;
            int64_t ns = choice >= 0 ? stage->candidates[choice].cost.fw_ns : stage->now.cost.fw_ns;
            least = ns < least ? ns : least;
        }
    return least < WEFT_INT_MAX ? least : 0;
}

/* The slowest rank's optimizer step. Parameters that are gathered after it can be so while the
 * first forwards of the next step run, which are taken to be as short as this one's. */
static int64_t optimizer_ns(const weft_i_attempt *a)
{
    int64_t worst = 0;
    const weft_problem *problem = a->problems[0];
    for (int32_t rank = 0; a->plan_case && rank < problem->n_ranks; rank++) {
        int64_t state = 0, forward_ns = 0;
        for (int32_t c = 0; c < problem->n_chunks; c++) {
            const weft_chunk *chunk = &problem->chunks[c];
            if (chunk->rank == rank && is_trained(a->plan_case->model, chunk))
                state += chunk->state_bytes;
        }
        const weft_i_emu *emu = a->plan_case->emu;
        int64_t gather_ns = weft_i_emu_gather_ns(emu, state);
        for (int32_t c = 0; gather_ns > 0 && c < problem->n_chunks; c++)
            if (problem->chunks[c].rank == rank) forward_ns += shortest_forward(a, c);
        int64_t ns =
            weft_i_emu_optimizer_ns(emu, state) - weft_i_emu_hidden_ns(emu, gather_ns, forward_ns);
        worst = ns > worst ? ns : worst;
    }
    return worst;
}

/* MFU and HFU: flop of the model (and what is computed again) over what the devices could do in the
 * step (Chowdhery et al. 2022, PaLM, appendix B). */
static void fill_utilization(const weft_i_attempt *a, weft_plan *plan)
{
    double model = 0, again = 0;
    for (int32_t r = 0; r < a->n_replicas; r++) {
        const weft_solution *solution = &a->solutions[r];
        model += a->sums[r].model_flop;
        for (int32_t s = 0; s < a->problems[r]->n_stages; s++) {
            if (solution->choices[s] >= 0)
                again += a->sums[r].recompute_flop[s][solution->choices[s]];
        }
    }
    double possible =
        (double)plan->predicted.step_ns / 1e9 * weft_i_emu_peak_flops(a->plan_case->emu);
    plan->predicted.mfu = model / possible;
    plan->predicted.hfu = (model + again) / possible;
}

static weft_status name_input(weft_i_arena *arena, const char *name, const char *sha256,
                              weft_input *out_input)
{
    out_input->name = weft_i_arena_string(arena, name ? name : "");
    out_input->sha256 = weft_i_arena_string(arena, sha256 ? sha256 : "");
    return out_input->name && out_input->sha256 ? WEFT_STATUS_OK : WEFT_STATUS_NO_MEMORY;
}

static weft_status name_inputs(const weft_i_attempt *a, weft_error *error, weft_plan *plan)
{
    weft_i_arena *arena = weft_i_plan_arena(plan);
    const weft_i_case *c = a->plan_case;
    weft_status status = name_input(arena, c->model->name, c->model->sha256, &plan->model);
    if (!status) status = name_input(arena, c->cluster->name, c->cluster->sha256, &plan->cluster);
    if (!status) status = name_input(arena, c->recipe.name, c->recipe.sha256, &plan->recipe);
    if (!status) status = name_input(arena, a->layout->name, a->layout->sha256, &plan->layout);
    if (!status) status = name_input(arena, c->batch->name, c->batch->sha256, &plan->batch);
    plan->n_samples = c->batch->n_samples;
    plan->parallel = c->parallel;
    return status ? weft_i_no_memory(error) : status;
}

/* "search from dual-queue": what the slowest replica's order began as; "paper", "exact". */
static const char *method_of(const weft_i_attempt *a, weft_i_arena *arena)
{
    const weft_solution *slowest = &a->solutions[0];
    for (int32_t r = 1; r < a->n_replicas; r++) {
        if (a->solutions[r].time.pipeline_ns > slowest->time.pipeline_ns)
            slowest = &a->solutions[r];
    }
    bool is_default = a->options->search == WEFT_SEARCH_DEFAULT;
    return weft_i_arena_printf(arena, "%s%s", is_default ? "search from " : "", slowest->method);
}

/* The layout's shared tensors, copied into the plan. */
static weft_status copy_shared(const weft_layout *layout, weft_plan *plan, weft_error *error)
{
    weft_i_arena *arena = weft_i_plan_arena(plan);
    weft_shared *shared = weft_i_new(arena, weft_shared, layout->n_shared);
    for (int32_t i = 0; shared && i < layout->n_shared; i++) {
        const weft_shared *from = &layout->shared[i];
        shared[i] = *from;
        shared[i].name = weft_i_arena_string(arena, from->name);
        shared[i].chunks =
            weft_i_arena_copy(arena, from->chunks, (size_t)from->n_chunks * sizeof *from->chunks);
        if (!shared[i].name || !shared[i].chunks) shared = NULL;
    }
    if (!shared) return weft_i_no_memory(error);
    plan->shared = shared;
    plan->n_shared = layout->n_shared;
    return WEFT_STATUS_OK;
}

weft_status weft_i_attempt_plan(const weft_i_attempt *attempt, const char *method,
                                weft_error *error, weft_plan **out_plan)
{
    weft_plan *plan = NULL;
    weft_status status = weft_i_host_memory_check(attempt, error);
    if (status) return status;
    weft_pipeline_input *inputs = weft_i_alloc((size_t)attempt->n_replicas, sizeof *inputs);
    if (!inputs) return weft_i_no_memory(error);
    if (attempt->plan_case) weft_i_reductions_settle(attempt);
    status = fill_inputs(attempt, inputs, error);
    if (!status)
        status = weft_plan_build(inputs, attempt->n_replicas, optimizer_ns(attempt), error, &plan);
    free(inputs);
    if (!status) {
        plan->seed = (uint64_t)attempt->options->seed;
        plan->objective = attempt->options->objective;
        weft_i_arena *arena = weft_i_plan_arena(plan);
        plan->method = method ? weft_i_arena_string(arena, method) : method_of(attempt, arena);
        if (!plan->method) status = weft_i_no_memory(error);
    }
    if (!status && attempt->plan_case) {
        fill_utilization(attempt, plan);
        status = name_inputs(attempt, error, plan);
        if (!status) status = copy_shared(attempt->layout, plan, error);
    }
    if (!status) status = weft_plan_check(plan, error, NULL);
    if (status)
        weft_plan_free(plan);
    else
        *out_plan = plan;
    return status;
}
