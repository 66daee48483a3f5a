/* plan/check_memory.c - the memory rule along each rank's actions: never over the limit, and the
 * peak is the one written. */
#include "plan/check.h"

/* Bytes of all edges into and out of each stage, by pass (fw, bw). */
typedef struct flows {
    int64_t *in[2], *out[2];
} flows;

/* What is live on a rank, and the most so far. */
typedef struct meter {
    weft_i_verify *check;
    int32_t pipeline, rank;
    int64_t bytes, peak;
    int32_t peak_action; /* -1 = before the first */
} meter;

static bool make_flows(weft_i_verify *check, const weft_problem *problem, flows *out)
{
    for (int pass = 0; pass < 2; pass++) {
        out->in[pass] = weft_i_new(&check->arena, int64_t, problem->n_stages);
        out->out[pass] = weft_i_new(&check->arena, int64_t, problem->n_stages);
        if (!out->in[pass] || !out->out[pass]) return weft_i_verify_no_memory(check);
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        int pass = edge->pass == WEFT_PASS_FW ? 0 : 1;
        out->out[pass][edge->from] += edge->bytes;
        out->in[pass][edge->to] += edge->bytes;
    }
    return true;
}

/* `bytes` more, and `work` while the action runs. */
static bool add(meter *m, int32_t action, int64_t bytes, int64_t work)
{
    m->bytes += bytes;
    int64_t now = m->bytes + work;
    int64_t limit = m->check->pipelines[m->pipeline].problem->limit_bytes[m->rank];
    if (now > limit) {
        return weft_i_violate(m->check, "memory", m->pipeline, m->rank, action,
                              "%lld bytes are needed, expected at most limit_bytes, %lld",
                              (long long)now, (long long)limit);
    }
    if (now > m->peak) {
        m->peak = now;
        m->peak_action = action;
    }
    return true;
}

static bool run_pass(meter *m, const flows *flow, int32_t place, const weft_action *action)
{
    int32_t s = action->operand;
    const weft_stage *stage = &m->check->pipelines[m->pipeline].problem->stages[s];
    const weft_cost *cost = &stage->now.cost;
    int64_t work = cost->work_bytes[action->kind];
    if (action->kind == WEFT_ACTION_FW) {
        if (!add(m, place, cost->saved_bytes + flow->out[0][s], work)) return false;
        m->bytes -= flow->in[0][s];
    } else if (action->kind == WEFT_ACTION_BWW) {
        if (!add(m, place, 0, work)) return false;
        m->bytes -= cost->held_bytes;
    } else {
        if (!add(m, place, flow->out[1][s], work)) return false;
        m->bytes -= flow->in[1][s] + cost->saved_bytes;
        /* held_bytes may be more than saved_bytes: a moment of its own. */
        if (action->kind == WEFT_ACTION_BWI) return add(m, place, cost->held_bytes, 0);
    }
    return true;
}

static bool run_action(meter *m, const flows *flow, int32_t place, const weft_action *action)
{
    const weft_problem *problem = m->check->pipelines[m->pipeline].problem;
    if (action->kind <= WEFT_ACTION_BWW) return run_pass(m, flow, place, action);
    if (action->kind == WEFT_ACTION_IRECV) {
        return add(m, place, problem->edges[action->operand].bytes, 0);
    }
    if (action->kind == WEFT_ACTION_PREFETCH) {
        return add(m, place, problem->stages[action->operand].now.cost.saved_bytes, 0);
    }
    if (action->kind == WEFT_ACTION_WAIT_ISEND) {
        m->bytes -= problem->edges[action->operand].bytes;
    } else if (action->kind == WEFT_ACTION_WAIT_OFFLOAD) {
        m->bytes -= problem->stages[action->operand].now.cost.saved_bytes;
    }
    return true;
}

static bool check_rank(weft_i_verify *check, int32_t p, int32_t r, const flows *flow)
{
    const weft_pipeline *pipeline = check->pipelines[p].pipeline;
    meter m = {.check = check, .pipeline = p, .rank = r, .peak_action = -1};
    if (!add(&m, -1, pipeline->problem.static_bytes[r], 0)) return false;
    for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
        if (!run_action(&m, flow, a, &pipeline->ranks[r].actions[a])) return false;
    }
    if (m.peak == pipeline->peak_bytes[r]) return true;
    return weft_i_violate(check, "memory", p, r, m.peak_action,
                          "peak_bytes is %lld, expected %lld, reached here",
                          (long long)pipeline->peak_bytes[r], (long long)m.peak);
}

bool weft_i_verify_memory(weft_i_verify *check)
{
    for (int32_t p = 0; p < check->plan->n_pipelines; p++) {
        flows flow;
        if (!make_flows(check, check->pipelines[p].problem, &flow)) return false;
        for (int32_t r = 0; r < check->n_ranks; r++) {
            if (!check_rank(check, p, r, &flow)) return false;
        }
    }
    return true;
}
