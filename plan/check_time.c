/* plan/check_time.c - start and end of every action, by the time rule alone.
 *
 * An action starts when the one before it on its rank has ended; a forward not before its stage's
 * ready_ns. Passes take their cost; isend, irecv, offload, prefetch, reduce and unshard take
 * post_ns. wait_irecv ends when the message is here: transfer_ns after the end of its isend.
 * wait_reduce ends when the reduction has (plan/reduce.h has that rule). All else takes no time:
 * the file has no times of copies to the host and of gathered parameters. */
#include "plan/check_run.h"

/* Of the reductions of one rank, over all replicas. */
typedef struct reductions {
    int32_t next;   /* first action of replica 0 not looked at yet */
    int64_t end_ns; /* of the last reduction that is known */
} reductions;

typedef struct timeline {
    weft_i_run run;
    int64_t *clock_ns;    /* per node */
    int64_t **arrival_ns; /* per pipeline and message; -1 = not sent */
    int64_t *posted_ns;   /* per chunk: latest end of its reduces so far */
    int64_t *reduced_ns;  /* per chunk; -1 = not known */
    reductions *of_rank;
} timeline;

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t pass_ns(const weft_cost *cost, weft_action_kind kind)
{
    return kind == WEFT_ACTION_FW    ? cost->fw_ns
           : kind == WEFT_ACTION_BW  ? cost->bw_ns
           : kind == WEFT_ACTION_BWI ? cost->bwi_ns
                                     : cost->bww_ns;
}

static bool is_posting(weft_action_kind kind)
{
    return kind == WEFT_ACTION_ISEND || kind == WEFT_ACTION_IRECV || kind == WEFT_ACTION_OFFLOAD ||
           kind == WEFT_ACTION_PREFETCH || kind == WEFT_ACTION_REDUCE ||
           kind == WEFT_ACTION_UNSHARD;
}

/* Over the replicas, and then with the other holder of a shared tensor. */
static int64_t reduction_ns(const weft_chunk *chunk)
{
    return chunk->reduce_ns + chunk->share_ns;
}

/* End the reductions of a rank in their sequence, as far as all replicas have posted them. */
static void reduce(timeline *t, int32_t rank)
{
    const weft_plan *plan = t->run.check->plan;
    const weft_rank_actions *actions = &plan->pipelines[0].ranks[rank];
    reductions *of = &t->of_rank[rank];
    for (; of->next < actions->n_actions; of->next++) {
        const weft_action *action = &actions->actions[of->next];
        if (action->kind != WEFT_ACTION_REDUCE) continue;
        if (t->run.n_reduces[action->operand] < plan->n_pipelines) return;
        of->end_ns = weft_i_add_capped(later(t->posted_ns[action->operand], of->end_ns),
                                       reduction_ns(&plan->chunks[action->operand]));
        t->reduced_ns[action->operand] = of->end_ns;
    }
}

/* Start and end as the rule has them; false while the action has to wait. */
static bool time_action(timeline *t, int32_t node, const weft_action *action, int64_t *start_ns,
                        int64_t *end_ns)
{
    int32_t pipeline = node / t->run.check->n_ranks;
    const weft_problem *problem = t->run.check->pipelines[pipeline].problem;
    *start_ns = *end_ns = t->clock_ns[node];
    if (action->kind <= WEFT_ACTION_BWW) {
        const weft_stage *stage = &problem->stages[action->operand];
        if (action->kind == WEFT_ACTION_FW) *start_ns = later(*start_ns, stage->ready_ns);
        *end_ns = *start_ns + pass_ns(&stage->now.cost, action->kind);
    } else if (is_posting(action->kind)) {
        *end_ns = *start_ns + t->run.check->plan->post_ns;
    } else if (action->kind == WEFT_ACTION_WAIT_IRECV) {
        int64_t arrival_ns = t->arrival_ns[pipeline][action->operand];
        if (arrival_ns < 0) return false;
        *end_ns = later(*start_ns, arrival_ns);
    } else if (action->kind == WEFT_ACTION_WAIT_REDUCE) {
        reduce(t, node % t->run.check->n_ranks);
        if (t->reduced_ns[action->operand] < 0) return false;
        *end_ns = later(*start_ns, t->reduced_ns[action->operand]);
    }
    return true;
}

/* What others see of an action that has ended. */
static void publish(timeline *t, int32_t node, const weft_action *action)
{
    int32_t n_ranks = t->run.check->n_ranks, pipeline = node / n_ranks;
    const weft_i_verify_pipeline *in = &t->run.check->pipelines[pipeline];
    t->clock_ns[node] = action->end_ns;
    if (action->kind == WEFT_ACTION_ISEND) {
        const weft_edge *edge = &in->problem->edges[action->operand];
        t->arrival_ns[pipeline][action->operand] = action->end_ns + edge->transfer_ns;
        weft_i_run_wake(&t->run, pipeline * n_ranks + in->rank[edge->to]);
    } else if (action->kind == WEFT_ACTION_REDUCE) {
        int64_t *posted_ns = &t->posted_ns[action->operand];
        *posted_ns = later(*posted_ns, action->end_ns);
    }
}

static bool is_part(const weft_plan *plan)
{
    return plan->n_pipelines < plan->parallel.dp;
}

/* The written times are in range and equal so far: adding one cost cannot overflow. */
static weft_i_step step(void *context, int32_t node, const weft_action *action)
{
    timeline *t = context;
    int64_t start_ns, end_ns;
    if (!time_action(t, node, action, &start_ns, &end_ns)) return WEFT_I_STEP_BLOCKED;
    /* In a file of some replicas a reduction may have waited for one that is not there. */
    if (action->kind == WEFT_ACTION_WAIT_REDUCE && is_part(t->run.check->plan))
        end_ns = later(end_ns, action->end_ns);
    if (action->start_ns != start_ns || action->end_ns != end_ns) {
        int32_t n_ranks = t->run.check->n_ranks;
        weft_i_violate(t->run.check, "time", node / n_ranks, node % n_ranks, t->run.next[node],
                       "from %lld to %lld ns, expected %lld to %lld", (long long)action->start_ns,
                       (long long)action->end_ns, (long long)start_ns, (long long)end_ns);
        return WEFT_I_STEP_BROKEN;
    }
    weft_i_step made = weft_i_run_collective(&t->run, node, action);
    if (made == WEFT_I_STEP_DONE) publish(t, node, action);
    return made;
}

static bool begin(weft_i_verify *check, timeline *t)
{
    weft_i_arena *arena = &check->arena;
    int32_t n_pipelines = check->plan->n_pipelines, n_chunks = check->plan->n_chunks;
    if (!weft_i_run_begin(check, &t->run)) return false;
    t->clock_ns = weft_i_new(arena, int64_t, t->run.n_nodes);
    t->arrival_ns = weft_i_new(arena, int64_t *, n_pipelines);
    t->posted_ns = weft_i_new(arena, int64_t, n_chunks);
    t->reduced_ns = weft_i_new(arena, int64_t, n_chunks);
    t->of_rank = weft_i_new(arena, reductions, check->n_ranks);
    if (!t->clock_ns || !t->arrival_ns || !t->posted_ns || !t->reduced_ns || !t->of_rank) {
        return weft_i_verify_no_memory(check);
    }
    for (int32_t p = 0; p < n_pipelines; p++) {
        int32_t n_edges = check->pipelines[p].problem->n_edges;
        t->arrival_ns[p] = weft_i_new(arena, int64_t, n_edges);
        if (!t->arrival_ns[p]) return weft_i_verify_no_memory(check);
        for (int32_t e = 0; e < n_edges; e++)
            t->arrival_ns[p][e] = -1;
    }
    for (int32_t c = 0; c < n_chunks; c++)
        t->reduced_ns[c] = -1;
    return true;
}

/* Nothing waits for ever: what blocks here blocks under both transports. */
bool weft_i_verify_time(weft_i_verify *check)
{
    timeline t;
    return begin(check, &t) && weft_i_run_all(&t.run, step, &t);
}
