/* plan/reduce.c - see reduce.h. */
#include "plan/reduce.h"

#include <stdlib.h>

#include "base/error.h"

/* A chunk to reduce, for sorting. */
typedef struct candidate {
    int64_t last_ns;
    int32_t chunk;
} candidate;

bool weft_i_task_has_weight_gradient(const weft_problem *problem, weft_task task)
{
    weft_pass pass = weft_task_pass(task);
    if (problem->stages[weft_task_stage(task)].backward != WEFT_BACKWARD_FULL) return false;
    return pass == WEFT_PASS_BW || pass == WEFT_PASS_BWW;
}

bool weft_i_chunk_is_reduced(const weft_chunk *chunk, bool has_replicas)
{
    return chunk->share_ns > 0 || (has_replicas && chunk->reduce_bytes > 0);
}

int64_t weft_i_chunk_reduction_ns(const weft_chunk *chunk)
{
    return chunk->reduce_ns + chunk->share_ns;
}

void weft_i_reduce_note(const weft_i_sequence *sequence, int64_t *last_ns)
{
    const weft_problem *problem = sequence->graph->problem;
    for (int32_t i = 0; i < sequence->n_tasks; i++) {
        weft_task task = sequence->tasks[i];
        if (!weft_i_task_has_weight_gradient(problem, task)) continue;
        int64_t *last = &last_ns[problem->stages[weft_task_stage(task)].chunk];
        if (sequence->end_ns[task] > *last) *last = sequence->end_ns[task];
    }
}

static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->last_ns != y->last_ns) return x->last_ns < y->last_ns ? -1 : 1;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

weft_status weft_i_reduce_sequence(const weft_chunk *chunks, int32_t n_chunks, bool has_replicas,
                                   const int64_t *last_ns, weft_error *error, int32_t *out_sequence,
                                   int32_t *out_n)
{
    candidate *all = weft_i_alloc((size_t)n_chunks, sizeof(*all));
    if (!all) return weft_i_no_memory(error);
    int32_t n = 0;
    for (int32_t c = 0; c < n_chunks; c++) {
        if (weft_i_chunk_is_reduced(&chunks[c], has_replicas))
            all[n++] = (candidate){last_ns[c], c};
    }
    qsort(all, (size_t)n, sizeof(*all), compare);
    for (int32_t i = 0; i < n; i++)
        out_sequence[i] = all[i].chunk;
    free(all);
    *out_n = n;
    return WEFT_STATUS_OK;
}

/* Ends of the reductions of a rank, by chunk. Every replica has the same reduces in the same
 * sequence. The k-th one of a replica is found by walking its actions once. */
static void time_reductions(const weft_pipeline *pipelines, int32_t n_pipelines, int32_t rank,
                            const weft_chunk *chunks, int64_t *ends_ns)
{
    for (int32_t i = 0; i < n_pipelines; i++) {
        const weft_rank_actions *actions = &pipelines[i].ranks[rank];
        for (int32_t a = 0; a < actions->n_actions; a++) {
            const weft_action *action = &actions->actions[a];
            if (action->kind != WEFT_ACTION_REDUCE) continue;
            int64_t *posted_ns = &ends_ns[action->operand];
            if (i == 0 || action->end_ns > *posted_ns) *posted_ns = action->end_ns;
        }
    }
    int64_t previous_ns = 0;
    const weft_rank_actions *actions = &pipelines[0].ranks[rank];
    for (int32_t a = 0; a < actions->n_actions; a++) {
        if (actions->actions[a].kind != WEFT_ACTION_REDUCE) continue;
        int64_t *end_ns = &ends_ns[actions->actions[a].operand];
        if (previous_ns > *end_ns) *end_ns = previous_ns;
        *end_ns += weft_i_chunk_reduction_ns(&chunks[actions->actions[a].operand]);
        previous_ns = *end_ns;
    }
}

static int64_t time_tail(weft_rank_actions *rank, const int64_t *ends_ns)
{
    int64_t clock_ns = 0, latest_ns = 0;
    for (int32_t a = 0; a < rank->n_actions; a++) {
        weft_action *action = &rank->actions[a];
        if (action->kind == WEFT_ACTION_WAIT_REDUCE) {
            int64_t end_ns = ends_ns[action->operand];
            action->start_ns = clock_ns;
            action->end_ns = latest_ns = end_ns > clock_ns ? end_ns : clock_ns;
        } else if (action->kind == WEFT_ACTION_OPTIMIZER) {
            action->start_ns = action->end_ns = clock_ns;
        }
        clock_ns = action->end_ns;
    }
    return latest_ns;
}

int64_t weft_i_reduce_times(weft_pipeline *pipelines, int32_t n_pipelines, const weft_chunk *chunks,
                            int64_t *ends_ns)
{
    int64_t latest_ns = 0;
    for (int32_t r = 0; r < pipelines[0].problem.n_ranks; r++) {
        time_reductions(pipelines, n_pipelines, r, chunks, ends_ns);
        for (int32_t i = 0; i < n_pipelines; i++) {
            int64_t end_ns = time_tail(&pipelines[i].ranks[r], ends_ns);
            if (end_ns > latest_ns) latest_ns = end_ns;
        }
    }
    return latest_ns;
}
