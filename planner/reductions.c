/* planner/reductions.c - see reductions.h. */
#include "planner/reductions.h"

#include <string.h>

#include "base/error.h"
#include "plan/reduce.h"
#include "search/variant.h"

static int32_t module_of(const weft_model *model, const weft_chunk *chunk)
{
    int32_t m = 0;
    while (m < model->n_modules - 1 && strcmp(model->modules[m].name, chunk->module) != 0)
        m++;
    return m;
}

/* The last pass of chunk `c` that makes gradients of weights; WEFT_INT_MAX = the replica has no
 * work for the chunk, and reduces when the others do. */
static int64_t last_pass_ns(const weft_problem *problem, const weft_solution *solution, int32_t c)
{
    int32_t rank = problem->chunks[c].rank;
    const weft_task *tasks = solution->order->tasks[rank];
    for (int32_t i = solution->order->n_tasks[rank] - 1; i >= 0; i--) {
        int32_t s = weft_task_stage(tasks[i]), choice = solution->choices[s];
        weft_pass pass = weft_task_pass(tasks[i]);
        const weft_stage *stage = &problem->stages[s];
        bool makes = stage->backward == WEFT_BACKWARD_FULL &&
                     (pass == WEFT_PASS_BW || pass == WEFT_PASS_BWW);
        if (stage->chunk != c || !makes) continue;
        const weft_cost *cost = choice >= 0 ? &stage->candidates[choice].cost : &stage->now.cost;
        return pass == WEFT_PASS_BW ? cost->bw_ns : cost->bww_ns;
    }
    return WEFT_INT_MAX;
}

void weft_i_reductions_settle(const weft_i_attempt *attempt)
{
    const weft_i_case *own = attempt->plan_case;
    for (int32_t c = 0; c < attempt->problems[0]->n_chunks; c++) {
        const weft_chunk *chunk = &attempt->problems[0]->chunks[c];
        int64_t least_ns = WEFT_INT_MAX;
        int64_t ns = weft_i_emu_reduce_ns(own->emu, module_of(own->model, chunk),
                                          chunk->first_layer, chunk->layers, chunk->rank);
        for (int32_t r = 0; r < attempt->n_replicas; r++) {
            int64_t pass_ns = last_pass_ns(attempt->problems[r], &attempt->solutions[r], c);
            if (pass_ns < least_ns) least_ns = pass_ns;
        }
        for (int32_t r = 0; r < attempt->n_replicas; r++)
            attempt->problems[r]->chunks[c].reduce_ns =
                ns - weft_i_emu_hidden_ns(own->emu, ns, least_ns);
    }
}

/* Raise last_ns of each chunk to where one replica can begin to reduce it. */
static weft_status note_replica(const weft_problem *problem, const weft_solution *solution,
                                bool at_end, weft_i_arena *arena, weft_error *error,
                                int64_t *last_ns)
{
    int64_t *start = weft_i_new(arena, int64_t, 4 * (size_t)problem->n_stages);
    int64_t *end = weft_i_new(arena, int64_t, 4 * (size_t)problem->n_stages);
    weft_i_graph graph;
    weft_i_variant variant;
    weft_schedule_time time;
    if (!start || !end) return weft_i_no_memory(error);
    weft_status status = weft_i_graph_build(problem, arena, error, &graph);
    if (!status) status = weft_i_variant_init(&graph, arena, error, &variant);
    if (status) return status;
    weft_i_variant_set_all(&variant, solution->choices);
    status = weft_order_time(&variant.problem, solution->order, error, start, end, &time);
    for (int32_t r = 0; !status && r < problem->n_ranks; r++)
        for (int32_t i = 0; i < solution->order->n_tasks[r]; i++) {
            weft_task task = solution->order->tasks[r][i];
            int64_t *last = &last_ns[problem->stages[weft_task_stage(task)].chunk];
            if (weft_i_task_has_weight_gradient(problem, task) && end[task] > *last)
                *last = end[task];
        }
    for (int32_t c = 0; !status && at_end && c < problem->n_chunks; c++) {
        int32_t r = problem->chunks[c].rank, n = solution->order->n_tasks[r];
        int64_t rank_ns = n > 0 ? end[solution->order->tasks[r][n - 1]] : 0;
        if (rank_ns > last_ns[c]) last_ns[c] = rank_ns;
    }
    return status;
}

static weft_status sum_up(const weft_i_attempt *attempt, weft_i_arena *arena, weft_error *error,
                          int64_t *out_tail_ns)
{
    const weft_problem *first = attempt->problems[0];
    int64_t *last_ns = weft_i_new(arena, int64_t, first->n_chunks);
    int64_t *free_ns = weft_i_new(arena, int64_t, first->n_ranks), longest_ns = 0, end_ns = 0;
    int32_t *sequence = weft_i_new(arena, int32_t, first->n_chunks), n = 0;
    bool at_end = !weft_i_emu_hides_reductions(attempt->plan_case->emu);
    weft_status status = last_ns && free_ns && sequence ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t r = 0; !status && r < attempt->n_replicas; r++) {
        status = note_replica(attempt->problems[r], &attempt->solutions[r], at_end, arena, error,
                              last_ns);
        int64_t ns = attempt->solutions[r].time.pipeline_ns;
        longest_ns = ns > longest_ns ? ns : longest_ns;
    }
    if (!status)
        status = weft_i_reduce_sequence(first->chunks, first->n_chunks, attempt->n_replicas > 1,
                                        last_ns, error, sequence, &n);
    for (int32_t i = 0; !status && i < n; i++) {
        const weft_chunk *chunk = &first->chunks[sequence[i]];
        int64_t *at = &free_ns[chunk->rank], posted_ns = last_ns[sequence[i]];
        *at = (posted_ns > *at ? posted_ns : *at) + weft_i_chunk_reduction_ns(chunk);
        end_ns = *at > end_ns ? *at : end_ns;
    }
    if (!status) *out_tail_ns = end_ns > longest_ns ? end_ns - longest_ns : 0;
    return status;
}

weft_status weft_i_reductions_tail(const weft_i_attempt *attempt, weft_error *error,
                                   int64_t *out_tail_ns)
{
    const weft_problem *first = attempt->problems[0];
    weft_i_arena arena = {0};
    bool any = false;
    for (int32_t c = 0; c < first->n_chunks; c++)
        any = any || weft_i_chunk_is_reduced(&first->chunks[c], attempt->n_replicas > 1);
    *out_tail_ns = 0;
    if (!any) return WEFT_STATUS_OK;
    weft_i_reductions_settle(attempt);
    weft_status status = sum_up(attempt, &arena, error, out_tail_ns);
    weft_i_arena_free(&arena);
    return status;
}
