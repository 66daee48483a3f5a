/* plan/check_nccl.c - no deadlock under nccl: between two ranks operations run in posting order,
 * both directions in one queue, each when both sides have reached it.
 *
 * What a rank posts at once is a batch: neighbouring isends and irecvs of one group, or one alone.
 * A batch starts when every batch that the rank posted before it to one of its peers is complete;
 * a message is through when the batches of both its sides have started; a batch is complete, and
 * waits for its operations end, when all its messages are through. */
#include "plan/check_run.h"

typedef struct batch {
    int32_t node;
    int32_t first, n;    /* its actions */
    int32_t n_before;    /* batches that have to be complete before it starts */
    int32_t n_open;      /* its messages that are not through */
    int32_t first_after; /* links to batches that wait for it; -1 = none */
    bool is_posted, is_started;
} batch;

/* `batch` waits for the batch whose list this link is in. */
typedef struct link {
    int32_t batch, next;
} link;

typedef struct nccl {
    weft_i_run run;
    int32_t **batch_of[2]; /* of the sender's and receiver's side, per pipeline and message */
    batch *batches;
    link *links;
    int32_t n_batches, n_links;
    int32_t *last;      /* per peer of the rank at hand: batch it posted last to it */
    int32_t *last_node; /* the rank for which last[] is meant */
    int32_t *ready;     /* batches that can start, a stack */
    int32_t n_ready;
} nccl;

static bool is_post(const weft_action *action)
{
    return action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_IRECV;
}

static int32_t *batch_at(const nccl *n, int32_t node, const weft_action *action)
{
    bool sends = action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_WAIT_ISEND;
    return &n->batch_of[!sends][node / n->run.check->n_ranks][action->operand];
}

static int32_t peer_of(const nccl *n, int32_t node, const weft_action *action)
{
    const weft_i_verify_pipeline *in = &n->run.check->pipelines[node / n->run.check->n_ranks];
    const weft_edge *edge = &in->problem->edges[action->operand];
    return in->rank[action->kind == WEFT_ACTION_ISEND ? edge->to : edge->from];
}

/* Put an operation in its batch, which waits for the one before it to the same peer. */
static void add_post(nccl *n, int32_t node, const weft_action *action, bool is_new, int32_t place)
{
    if (is_new)
        n->batches[n->n_batches++] = (batch){.node = node, .first = place, .first_after = -1};
    int32_t own = n->n_batches - 1, peer = peer_of(n, node, action);
    n->batches[own].n++;
    n->batches[own].n_open++;
    *batch_at(n, node, action) = own;
    if (n->last_node[peer] == node && n->last[peer] != own) {
        batch *before = &n->batches[n->last[peer]];
        n->links[n->n_links] = (link){own, before->first_after};
        before->first_after = n->n_links++;
        n->batches[own].n_before++;
    }
    n->last_node[peer] = node;
    n->last[peer] = own;
}

static void make_batches(nccl *n)
{
    for (int32_t node = 0; node < n->run.n_nodes; node++) {
        const weft_rank_actions *rank = weft_i_verify_actions(n->run.check, node);
        for (int32_t a = 0; a < rank->n_actions; a++) {
            const weft_action *action = &rank->actions[a];
            if (!is_post(action)) continue;
            bool joins = a > 0 && action->group >= 0 && is_post(action - 1) &&
                         action[-1].group == action->group;
            add_post(n, node, action, !joins, a);
        }
    }
}

/* The message of an operation is through on both sides. */
static void complete_message(nccl *n, int32_t own, int32_t other)
{
    const int32_t both[] = {own, other};
    for (int i = 0; i < 2; i++) {
        batch *b = &n->batches[both[i]];
        if (--b->n_open > 0) continue;
        weft_i_run_wake(&n->run, b->node);
        for (int32_t l = b->first_after; l >= 0; l = n->links[l].next) {
            batch *after = &n->batches[n->links[l].batch];
            if (--after->n_before == 0 && after->is_posted)
                n->ready[n->n_ready++] = n->links[l].batch;
        }
    }
}

static void start_ready(nccl *n)
{
    while (n->n_ready > 0) {
        int32_t own = n->ready[--n->n_ready];
        batch *b = &n->batches[own];
        b->is_started = true;
        const weft_rank_actions *rank = weft_i_verify_actions(n->run.check, b->node);
        int32_t pipeline = b->node / n->run.check->n_ranks;
        for (int32_t a = b->first; a < b->first + b->n; a++) {
            const weft_action *action = &rank->actions[a];
            bool sends = action->kind == WEFT_ACTION_ISEND;
            int32_t other = n->batch_of[sends][pipeline][action->operand];
            if (n->batches[other].is_started) complete_message(n, own, other);
        }
    }
}

static weft_i_step step(void *context, int32_t node, const weft_action *action)
{
    nccl *n = context;
    if (weft_action_operand(action->kind) != WEFT_OPERAND_EDGE) {
        return weft_i_run_collective(&n->run, node, action);
    }
    int32_t own = *batch_at(n, node, action);
    batch *b = &n->batches[own];
    if (!is_post(action)) return b->n_open == 0 ? WEFT_I_STEP_DONE : WEFT_I_STEP_BLOCKED;
    if (!b->is_posted) {
        b->is_posted = true;
        if (b->n_before == 0) n->ready[n->n_ready++] = own;
        start_ready(n);
    }
    return WEFT_I_STEP_DONE;
}

static bool begin(weft_i_verify *check, nccl *n)
{
    weft_i_arena *arena = &check->arena;
    int32_t n_pipelines = check->plan->n_pipelines;
    size_t n_posts = 0;
    *n = (nccl){.batch_of = {weft_i_new(arena, int32_t *, n_pipelines),
                             weft_i_new(arena, int32_t *, n_pipelines)}};
    if (!n->batch_of[0] || !n->batch_of[1]) return weft_i_verify_no_memory(check);
    for (int32_t p = 0; p < n_pipelines; p++) {
        int32_t n_edges = check->pipelines[p].problem->n_edges;
        n_posts += 2 * (size_t)n_edges;
        for (int side = 0; side < 2; side++) {
            n->batch_of[side][p] = weft_i_new(arena, int32_t, n_edges);
            if (!n->batch_of[side][p]) return weft_i_verify_no_memory(check);
        }
    }
    n->batches = weft_i_new(arena, batch, n_posts);
    n->links = weft_i_new(arena, link, n_posts);
    n->ready = weft_i_new(arena, int32_t, n_posts);
    n->last = weft_i_new(arena, int32_t, check->n_ranks);
    n->last_node = weft_i_new(arena, int32_t, check->n_ranks);
    if (!n->batches || !n->links || !n->ready || !n->last || !n->last_node) {
        return weft_i_verify_no_memory(check);
    }
    for (int32_t r = 0; r < check->n_ranks; r++)
        n->last_node[r] = -1;
    return weft_i_run_begin(check, &n->run);
}

bool weft_i_verify_nccl(weft_i_verify *check)
{
    nccl n;
    if (!begin(check, &n)) return false;
    make_batches(&n);
    if (!weft_i_run_all(&n.run, step, &n)) return false;
    int32_t stuck = weft_i_run_stuck(&n.run);
    return stuck < 0 || weft_i_run_tell_stuck(&n.run, "deadlock-nccl", stuck);
}
