/* plan/check_run.c - see check_run.h. */
#include "plan/check_run.h"

#include <stdio.h>

bool weft_i_run_begin(weft_i_verify *check, weft_i_run *run)
{
    weft_i_arena *arena = &check->arena;
    size_t n_chunks = (size_t)check->plan->n_chunks, n_pipelines = (size_t)check->plan->n_pipelines;
    int32_t n_nodes = check->plan->n_pipelines * check->n_ranks;
    *run = (weft_i_run){.check = check,
                        .n_nodes = n_nodes,
                        .next = weft_i_new(arena, int32_t, n_nodes),
                        .queue = weft_i_new(arena, int32_t, n_nodes),
                        .is_queued = weft_i_new(arena, bool, n_nodes),
                        .n_reduces = weft_i_new(arena, int32_t, n_chunks),
                        .n_unshards = weft_i_new(arena, int64_t, n_chunks),
                        .own_unshards = weft_i_new(arena, int32_t, n_chunks * n_pipelines),
                        .is_at_unshard = weft_i_new(arena, bool, n_nodes)};
    if (!run->next || !run->queue || !run->is_queued || !run->n_reduces || !run->n_unshards ||
        !run->own_unshards || !run->is_at_unshard) {
        return weft_i_verify_no_memory(check);
    }
    return true;
}

void weft_i_run_wake(weft_i_run *run, int32_t node)
{
    if (run->is_queued[node]) return;
    run->is_queued[node] = true;
    int64_t place = (int64_t)run->head + run->n_queued++;
    run->queue[place % run->n_nodes] = node;
}

static int32_t take(weft_i_run *run)
{
    int32_t node = run->queue[run->head];
    run->head = (run->head + 1) % run->n_nodes;
    run->n_queued--;
    run->is_queued[node] = false;
    return node;
}

bool weft_i_run_all(weft_i_run *run, weft_i_step_fn step, void *context)
{
    for (int32_t node = 0; node < run->n_nodes; node++)
        weft_i_run_wake(run, node);
    while (run->n_queued > 0) {
        int32_t node = take(run);
        const weft_rank_actions *actions = weft_i_verify_actions(run->check, node);
        while (run->next[node] < actions->n_actions) {
            weft_i_step made = step(context, node, &actions->actions[run->next[node]]);
            if (made == WEFT_I_STEP_BROKEN) return false;
            if (made == WEFT_I_STEP_BLOCKED) break;
            run->next[node]++;
        }
    }
    return true;
}

int32_t weft_i_run_stuck(const weft_i_run *run)
{
    for (int32_t node = 0; node < run->n_nodes; node++) {
        if (run->next[node] < weft_i_verify_actions(run->check, node)->n_actions) return node;
    }
    return -1;
}

/* Wake the same rank of every replica. */
static void wake_group(weft_i_run *run, int32_t node)
{
    for (int32_t n = node % run->check->n_ranks; n < run->n_nodes; n += run->check->n_ranks)
        weft_i_run_wake(run, n);
}

/* The k-th unshard of a chunk ends when every replica has come to its k-th. None can be further, so
 * that is when all have come k times together. */
static weft_i_step step_unshard(weft_i_run *run, int32_t node, int32_t chunk)
{
    const weft_plan *plan = run->check->plan;
    int64_t *all = &run->n_unshards[chunk];
    int64_t pipeline = node / run->check->n_ranks;
    int32_t *own = &run->own_unshards[pipeline * plan->n_chunks + chunk];
    if (!run->is_at_unshard[node]) {
        run->is_at_unshard[node] = true;
        ++*own;
        if (++*all % plan->n_pipelines == 0) wake_group(run, node);
    }
    if (*all < (int64_t)*own * plan->n_pipelines) return WEFT_I_STEP_BLOCKED;
    run->is_at_unshard[node] = false;
    return WEFT_I_STEP_DONE;
}

weft_i_step weft_i_run_collective(weft_i_run *run, int32_t node, const weft_action *action)
{
    int32_t n_replicas = run->check->plan->n_pipelines;
    if (action->kind == WEFT_ACTION_REDUCE) {
        if (++run->n_reduces[action->operand] == n_replicas) wake_group(run, node);
    } else if (action->kind == WEFT_ACTION_WAIT_REDUCE) {
        if (run->n_reduces[action->operand] < n_replicas) return WEFT_I_STEP_BLOCKED;
    } else if (action->kind == WEFT_ACTION_UNSHARD) {
        return step_unshard(run, node, action->operand);
    }
    return WEFT_I_STEP_DONE;
}

/* "rank 3, which stands at action 12 (wait_isend 4)" */
static void describe_peer(const weft_i_run *run, int32_t node, char *out, size_t size)
{
    const weft_rank_actions *actions = weft_i_verify_actions(run->check, node);
    int32_t next = run->next[node], rank = node % run->check->n_ranks;
    if (next == actions->n_actions) {
        snprintf(out, size, "rank %d, which is done", rank);
        return;
    }
    const weft_action *action = &actions->actions[next];
    snprintf(out, size, "rank %d, which stands at action %d (%s %d)", rank, next,
             weft_action_name(action->kind), action->operand);
}

bool weft_i_run_tell_stuck(weft_i_run *run, const char *rule, int32_t node)
{
    int32_t pipeline = node / run->check->n_ranks, rank = node % run->check->n_ranks;
    const weft_action *action = &weft_i_verify_actions(run->check, node)->actions[run->next[node]];
    if (weft_action_operand(action->kind) != WEFT_OPERAND_EDGE) {
        return weft_i_violate(run->check, rule, pipeline, rank, run->next[node],
                              "waits for ever for this rank of another replica");
    }
    const weft_i_verify_pipeline *in = &run->check->pipelines[pipeline];
    const weft_edge *edge = &in->problem->edges[action->operand];
    int32_t from = in->rank[edge->from], to = in->rank[edge->to];
    char peer[96];
    describe_peer(run, pipeline * run->check->n_ranks + (from == rank ? to : from), peer,
                  sizeof(peer));
    return weft_i_violate(run->check, rule, pipeline, rank, run->next[node],
                          "waits for ever for %s", peer);
}
