/* tests/unit/plan_sim.h - slow and obvious versions of what weft_plan_check simulates: the time
 * rule and both transports. All ranks are looked at again and again, and everything is searched
 * for. For the small plans of random_plan.h. */
#ifndef WEFT_TESTS_UNIT_PLAN_SIM_H
#define WEFT_TESTS_UNIT_PLAN_SIM_H

#include "tests/unit/plan_twins.h"
#include "tests/unit/random_plan.h"

typedef enum sim_mode { SIM_TIME, SIM_MPI, SIM_NCCL } sim_mode;

typedef struct sim {
    weft_plan *plan;
    sim_mode mode;
    int32_t next[RANDOM_REPLICAS][RANDOM_RANKS];
    bool is_through[RANDOM_REPLICAS][3 * RANDOM_STAGES]; /* messages under nccl */
} sim;

/* Whether a rank of a replica has done an action. */
static inline bool sim_done(const sim *s, int32_t p, int32_t rank, weft_action_kind kind,
                            int32_t operand)
{
    int32_t at = twin_find(&s->plan->pipelines[p], rank, kind, operand);
    return at >= 0 && at < s->next[p][rank];
}

static inline bool sim_is_post(const weft_action *action)
{
    return action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_IRECV;
}

/* First action of the batch that an isend or irecv belongs to. */
static inline int32_t sim_batch(const weft_rank_actions *rank, int32_t a)
{
    while (a > 0 && rank->actions[a].group >= 0 && sim_is_post(&rank->actions[a - 1]) &&
           rank->actions[a - 1].group == rank->actions[a].group)
        a--;
    return a;
}

static inline int32_t sim_peer(const weft_pipeline *pipeline, const weft_action *action)
{
    const weft_edge *edge = &pipeline->problem.edges[action->operand];
    return twin_rank(&pipeline->problem, action->kind == WEFT_ACTION_ISEND ? edge->to : edge->from);
}

/* The batch of action `a` is complete: all its messages are through. */
static inline bool sim_complete(const sim *s, int32_t p, int32_t r, int32_t a)
{
    const weft_rank_actions *rank = &s->plan->pipelines[p].ranks[r];
    int32_t batch = sim_batch(rank, a);
    for (int32_t i = 0; i < rank->n_actions; i++) {
        if (sim_is_post(&rank->actions[i]) && sim_batch(rank, i) == batch &&
            !s->is_through[p][rank->actions[i].operand])
            return false;
    }
    return true;
}

/* The batch of action `a` runs: it is posted, and all that the rank posted earlier to one of its
 * peers is complete. */
static inline bool sim_started(const sim *s, int32_t p, int32_t r, int32_t a)
{
    const weft_pipeline *pipeline = &s->plan->pipelines[p];
    const weft_rank_actions *rank = &pipeline->ranks[r];
    int32_t batch = sim_batch(rank, a);
    if (s->next[p][r] <= batch) return false;
    for (int32_t i = 0; i < rank->n_actions; i++) {
        if (!sim_is_post(&rank->actions[i]) || sim_batch(rank, i) != batch) continue;
        for (int32_t j = 0; j < batch; j++) {
            if (sim_is_post(&rank->actions[j]) &&
                sim_peer(pipeline, &rank->actions[j]) == sim_peer(pipeline, &rank->actions[i]) &&
                !sim_complete(s, p, r, j))
                return false;
        }
    }
    return true;
}

/* Let messages through whose both sides have started; true when there was one. */
static inline bool sim_pass_messages(sim *s, int32_t p)
{
    const weft_pipeline *pipeline = &s->plan->pipelines[p];
    bool moved = false;
    for (int32_t e = 0; e < pipeline->problem.n_edges; e++) {
        const weft_edge *edge = &pipeline->problem.edges[e];
        int32_t from = twin_rank(&pipeline->problem, edge->from);
        int32_t to = twin_rank(&pipeline->problem, edge->to);
        if (from == to || s->is_through[p][e]) continue;
        int32_t isend = twin_find(pipeline, from, WEFT_ACTION_ISEND, e);
        int32_t irecv = twin_find(pipeline, to, WEFT_ACTION_IRECV, e);
        if (!sim_started(s, p, from, isend) || !sim_started(s, p, to, irecv)) continue;
        s->is_through[p][e] = moved = true;
    }
    return moved;
}

/* Whether the wait of a message may end. */
static inline bool sim_may_end(const sim *s, int32_t p, const weft_action *action)
{
    const weft_pipeline *pipeline = &s->plan->pipelines[p];
    const weft_edge *edge = &pipeline->problem.edges[action->operand];
    int32_t from = twin_rank(&pipeline->problem, edge->from);
    int32_t to = twin_rank(&pipeline->problem, edge->to);
    bool sends = action->kind == WEFT_ACTION_WAIT_ISEND;
    bool is_sent = sim_done(s, p, from, WEFT_ACTION_ISEND, action->operand);
    bool is_received = sim_done(s, p, to, WEFT_ACTION_IRECV, action->operand);
    if (s->mode == SIM_TIME) return is_sent;
    if (s->mode == SIM_MPI) return is_sent && is_received;
    int32_t rank = sends ? from : to;
    int32_t post =
        twin_find(pipeline, rank, sends ? WEFT_ACTION_ISEND : WEFT_ACTION_IRECV, action->operand);
    return sim_complete(s, p, rank, post);
}

/* End of a reduction; -1 while a replica has not posted it. */
static inline int64_t sim_reduced_ns(const sim *s, int32_t r, int32_t chunk)
{
    const weft_rank_actions *first = &s->plan->pipelines[0].ranks[r];
    int64_t end_ns = 0;
    for (int32_t a = 0; a < first->n_actions; a++) {
        const weft_action *action = &first->actions[a];
        if (action->kind != WEFT_ACTION_REDUCE) continue;
        for (int32_t p = 0; p < s->plan->n_pipelines; p++) {
            if (!sim_done(s, p, r, WEFT_ACTION_REDUCE, action->operand)) return -1;
            const weft_pipeline *pipeline = &s->plan->pipelines[p];
            int32_t at = twin_find(pipeline, r, WEFT_ACTION_REDUCE, action->operand);
            int64_t posted_ns = pipeline->ranks[r].actions[at].end_ns;
            if (posted_ns > end_ns) end_ns = posted_ns;
        }
        end_ns +=
            s->plan->chunks[action->operand].reduce_ns + s->plan->chunks[action->operand].share_ns;
        if (action->operand == chunk) return end_ns;
    }
    return -1;
}

static inline bool sim_may_run(const sim *s, int32_t p, int32_t r, const weft_action *action)
{
    if (action->kind == WEFT_ACTION_WAIT_ISEND || action->kind == WEFT_ACTION_WAIT_IRECV)
        return sim_may_end(s, p, action);
    if (action->kind == WEFT_ACTION_WAIT_REDUCE) return sim_reduced_ns(s, r, action->operand) >= 0;
    return true;
}

/* Whether all that a pass reads is on its rank. */
static inline bool sim_has_inputs(const sim *s, int32_t p, int32_t r, const weft_action *action)
{
    const weft_problem *problem = &s->plan->pipelines[p].problem;
    int32_t stage = action->operand;
    if (action->kind == WEFT_ACTION_BWW) return sim_done(s, p, r, WEFT_ACTION_BWI, stage);
    bool forward = action->kind == WEFT_ACTION_FW;
    if (!forward && !sim_done(s, p, r, WEFT_ACTION_FW, stage)) return false;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->to != stage || (edge->pass == WEFT_PASS_FW) != forward) continue;
        if (twin_rank(problem, edge->from) != r) {
            if (!sim_done(s, p, r, WEFT_ACTION_WAIT_IRECV, e)) return false;
        } else if (twin_find_end(&s->plan->pipelines[p], edge, edge->from) >= s->next[p][r]) {
            return false;
        }
    }
    return true;
}

/* Write the times of the action that a rank does next. */
static inline void sim_time(const sim *s, int32_t p, int32_t r)
{
    const weft_pipeline *pipeline = &s->plan->pipelines[p];
    int32_t a = s->next[p][r];
    weft_action *action = &pipeline->ranks[r].actions[a];
    int64_t clock_ns = a > 0 ? action[-1].end_ns : 0;
    action->start_ns = action->end_ns = clock_ns;
    if (action->kind <= WEFT_ACTION_BWW) {
        const weft_stage *stage = &pipeline->problem.stages[action->operand];
        if (action->kind == WEFT_ACTION_FW && stage->ready_ns > clock_ns)
            action->start_ns = stage->ready_ns;
        action->end_ns =
            action->start_ns + weft_cost_pass_ns(&stage->now.cost, (weft_pass)action->kind);
    } else if (action->kind == WEFT_ACTION_WAIT_IRECV) {
        const weft_edge *edge = &pipeline->problem.edges[action->operand];
        int32_t from = twin_rank(&pipeline->problem, edge->from);
        int32_t isend = twin_find(pipeline, from, WEFT_ACTION_ISEND, action->operand);
        int64_t here_ns = pipeline->ranks[from].actions[isend].end_ns + edge->transfer_ns;
        if (here_ns > clock_ns) action->end_ns = here_ns;
    } else if (action->kind == WEFT_ACTION_WAIT_REDUCE) {
        int64_t end_ns = sim_reduced_ns(s, r, action->operand);
        if (end_ns > clock_ns) action->end_ns = end_ns;
    } else if (sim_is_post(action) || action->kind == WEFT_ACTION_REDUCE ||
               action->kind == WEFT_ACTION_UNSHARD || action->kind == WEFT_ACTION_OFFLOAD ||
               action->kind == WEFT_ACTION_PREFETCH) {
        action->end_ns += s->plan->post_ns;
    }
}

/* Run a plan whose messages are complete. False when it deadlocks or a pass runs without its
 * inputs; under SIM_TIME the actions' times are set on the way. (Unshard does not block here.) */
static inline bool sim_run(weft_plan *plan, sim_mode mode)
{
    static sim s;
    s = (sim){.plan = plan, .mode = mode};
    int32_t n_left = 0;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        for (int32_t r = 0; r < plan->parallel.pp; r++)
            n_left += plan->pipelines[p].ranks[r].n_actions;
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t p = 0; p < plan->n_pipelines; p++) {
            for (int32_t r = 0; r < plan->parallel.pp; r++) {
                const weft_rank_actions *rank = &plan->pipelines[p].ranks[r];
                while (s.next[p][r] < rank->n_actions) {
                    weft_action *action = &rank->actions[s.next[p][r]];
                    if (!sim_may_run(&s, p, r, action)) break;
                    if (action->kind <= WEFT_ACTION_BWW && !sim_has_inputs(&s, p, r, action))
                        return false;
                    if (mode == SIM_TIME) sim_time(&s, p, r);
                    s.next[p][r]++;
                    n_left--;
                    moved = true;
                }
            }
            if (mode == SIM_NCCL && sim_pass_messages(&s, p)) moved = true;
        }
    }
    return n_left == 0;
}

/* Write times, sums and peaks of a plan as the rules have them; limits are lifted. */
static inline void sim_rewrite(weft_plan *plan)
{
    cr_assert(sim_run(plan, SIM_TIME));
    int64_t longest_ns = 0, reduced_ns = 0;
    double busy = 0;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        weft_pipeline *pipeline = &plan->pipelines[p];
        pipeline->pipeline_ns = pipeline->span_ns = 0;
        for (int32_t r = 0; r < plan->parallel.pp; r++) {
            int64_t first_ns = -1, last_ns = -1;
            for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
                const weft_action *action = &pipeline->ranks[r].actions[a];
                if (action->kind == WEFT_ACTION_WAIT_REDUCE && action->end_ns > reduced_ns)
                    reduced_ns = action->end_ns;
                if (action->kind > WEFT_ACTION_BWW) continue;
                if (first_ns < 0) first_ns = action->start_ns;
                last_ns = action->end_ns;
                busy += (double)(action->end_ns - action->start_ns);
                if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
                    busy -= (double)pipeline->problem.stages[action->operand].now.cost.recompute_ns;
            }
            if (last_ns > pipeline->pipeline_ns) pipeline->pipeline_ns = last_ns;
            if (last_ns - first_ns > pipeline->span_ns) pipeline->span_ns = last_ns - first_ns;
            pipeline->peak_bytes[r] = twin_peak(pipeline, r);
            pipeline->problem.limit_bytes[r] = WEFT_INT_MAX;
        }
        if (pipeline->pipeline_ns > longest_ns) longest_ns = pipeline->pipeline_ns;
    }
    double slots = (double)plan->n_pipelines * plan->parallel.pp * (double)longest_ns;
    weft_prediction *predicted = &plan->predicted;
    predicted->bubble = slots > 0 ? 1 - busy / slots : 0;
    predicted->reduce_tail_ns = reduced_ns > longest_ns ? reduced_ns - longest_ns : 0;
    predicted->step_ns = longest_ns + predicted->reduce_tail_ns + predicted->optimizer_ns;
}

#endif
