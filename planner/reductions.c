/* planner/reductions.c - see reductions.h. */
#include "planner/reductions.h"

#include <string.h>

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
