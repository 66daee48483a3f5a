/* plan/check_mpi.c - no deadlock under mpi: isend and irecv never block; a wait ends only after
 * both sides have posted, since sends may be synchronous. */
#include "plan/check_run.h"

typedef struct mpi {
    weft_i_run run;
    bool **is_sent, **is_received; /* per pipeline and message: posted by that side */
} mpi;

static weft_i_step step(void *context, int32_t node, const weft_action *action)
{
    mpi *m = context;
    if (weft_action_operand(action->kind) != WEFT_OPERAND_EDGE) {
        return weft_i_run_collective(&m->run, node, action);
    }
    int32_t n_ranks = m->run.check->n_ranks, pipeline = node / n_ranks;
    const weft_i_verify_pipeline *in = &m->run.check->pipelines[pipeline];
    const weft_edge *edge = &in->problem->edges[action->operand];
    bool *sent = &m->is_sent[pipeline][action->operand];
    bool *received = &m->is_received[pipeline][action->operand];
    if (action->kind == WEFT_ACTION_ISEND) {
        *sent = true;
        weft_i_run_wake(&m->run, pipeline * n_ranks + in->rank[edge->to]);
    } else if (action->kind == WEFT_ACTION_IRECV) {
        *received = true;
        weft_i_run_wake(&m->run, pipeline * n_ranks + in->rank[edge->from]);
    } else if (!*sent || !*received) {
        return WEFT_I_STEP_BLOCKED;
    }
    return WEFT_I_STEP_DONE;
}

static bool begin(weft_i_verify *check, mpi *m)
{
    int32_t n = check->plan->n_pipelines;
    m->is_sent = weft_i_new(&check->arena, bool *, n);
    m->is_received = weft_i_new(&check->arena, bool *, n);
    if (!m->is_sent || !m->is_received) return weft_i_verify_no_memory(check);
    for (int32_t p = 0; p < n; p++) {
        int32_t n_edges = check->pipelines[p].problem->n_edges;
        m->is_sent[p] = weft_i_new(&check->arena, bool, n_edges);
        m->is_received[p] = weft_i_new(&check->arena, bool, n_edges);
        if (!m->is_sent[p] || !m->is_received[p]) return weft_i_verify_no_memory(check);
    }
    return weft_i_run_begin(check, &m->run);
}

bool weft_i_verify_mpi(weft_i_verify *check)
{
    mpi m;
    if (!begin(check, &m) || !weft_i_run_all(&m.run, step, &m)) return false;
    int32_t stuck = weft_i_run_stuck(&m.run);
    return stuck < 0 || weft_i_run_tell_stuck(&m.run, "deadlock-mpi", stuck);
}
