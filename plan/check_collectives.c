/* plan/check_collectives.c - reductions are complete and come after the gradients; parameters are
 * unsharded around every use; all replicas call the collectives of a rank in one sequence. */
#include "plan/check.h"

/* Whether gradients are reduced over replicas: of one pipeline, its actions tell. A chunk that
 * shares a tensor is reduced in any case. */
static bool has_reductions(const weft_i_verify *check)
{
    const weft_plan *plan = check->plan;
    if (plan->n_pipelines > 1) return true;
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        bool is_reduced = check->pipelines[0].at[WEFT_ACTION_REDUCE][c] >= 0;
        if (is_reduced && plan->chunks[c].share_ns == 0) return true;
    }
    return false;
}

/* reduce and wait_reduce of a chunk: both where there is something to reduce, else neither. */
static bool check_reduction(weft_i_verify *check, int32_t p, int32_t c, bool expected)
{
    static const weft_action_kind kinds[] = {WEFT_ACTION_REDUCE, WEFT_ACTION_WAIT_REDUCE};
    const weft_i_verify_pipeline *in = &check->pipelines[p];
    int32_t rank = check->plan->chunks[c].rank;
    for (int i = 0; i < 2; i++) {
        int32_t at = in->at[kinds[i]][c];
        if (expected && at < 0) {
            return weft_i_violate(check, "collectives", p, rank, -1,
                                  "no %s of chunk %d, expected one", weft_action_name(kinds[i]), c);
        }
        if (!expected && at >= 0) {
            return weft_i_violate(check, "collectives", p, rank, at, "expected none: %s",
                                  check->plan->chunks[c].reduce_bytes > 0
                                      ? "no chunk is reduced"
                                      : "the chunk has nothing to reduce");
        }
    }
    int32_t reduce = in->at[WEFT_ACTION_REDUCE][c], wait = in->at[WEFT_ACTION_WAIT_REDUCE][c];
    if (expected && wait < reduce) {
        return weft_i_violate(check, "collectives", p, rank, wait,
                              "expected after the chunk's reduce, which is action %d", reduce);
    }
    return true;
}

/* A weight gradient after the chunk's reduce would not be reduced. */
static bool check_gradients(weft_i_verify *check, int32_t p, int32_t s)
{
    const weft_i_verify_pipeline *in = &check->pipelines[p];
    const weft_stage *stage = &in->problem->stages[s];
    int32_t reduce = in->at[WEFT_ACTION_REDUCE][stage->chunk];
    if (stage->backward != WEFT_BACKWARD_FULL || reduce < 0) return true;
    int32_t split = in->at[WEFT_ACTION_BWW][s];
    int32_t gradient = split >= 0 ? split : in->at[WEFT_ACTION_BW][s];
    if (gradient < reduce) return true;
    return weft_i_violate(check, "collectives", p, in->rank[s], reduce,
                          "expected after the chunk's last weight gradient, but action %d is one",
                          gradient);
}

/* Whether parameters of a chunk are gathered while its rank's actions run. */
typedef enum shard { WHOLE, SHARDED, GATHERED } shard;

static bool step_shard(weft_i_verify *check, int32_t p, int32_t r, int32_t a, shard *shards)
{
    const weft_i_verify_pipeline *in = &check->pipelines[p];
    const weft_action *action = &in->pipeline->ranks[r].actions[a];
    if (action->kind <= WEFT_ACTION_BWW) {
        int32_t chunk = in->problem->stages[action->operand].chunk;
        if (shards[chunk] != SHARDED) return true;
        return weft_i_violate(check, "collectives", p, r, a,
                              "the parameters of chunk %d are sharded, expected an unshard before",
                              chunk);
    }
    bool unshard = action->kind == WEFT_ACTION_UNSHARD;
    if (!unshard && action->kind != WEFT_ACTION_RESHARD) return true;
    shard *now = &shards[action->operand];
    if (*now != (unshard ? SHARDED : GATHERED)) {
        return weft_i_violate(check, "collectives", p, r, a,
                              "the chunk is %s already, expected unshard and reshard in turn",
                              unshard ? "unsharded" : "sharded");
    }
    *now = unshard ? GATHERED : SHARDED;
    return true;
}

/* A chunk that is unsharded or resharded anywhere begins and ends sharded. */
static bool check_shards(weft_i_verify *check, int32_t p, int32_t r, shard *shards)
{
    const weft_rank_actions *rank = &check->pipelines[p].pipeline->ranks[r];
    for (int32_t a = 0; a < rank->n_actions; a++) {
        weft_action_kind kind = rank->actions[a].kind;
        if (kind == WEFT_ACTION_UNSHARD || kind == WEFT_ACTION_RESHARD)
            shards[rank->actions[a].operand] = SHARDED;
    }
    for (int32_t a = 0; a < rank->n_actions; a++) {
        if (!step_shard(check, p, r, a, shards)) return false;
    }
    for (int32_t a = rank->n_actions - 1; a >= 0; a--) {
        if (rank->actions[a].kind != WEFT_ACTION_UNSHARD) continue;
        if (shards[rank->actions[a].operand] == GATHERED) {
            return weft_i_violate(check, "collectives", p, r, a,
                                  "no reshard of chunk %d after it, expected one",
                                  rank->actions[a].operand);
        }
    }
    return true;
}

/* What all members of a group must do in one sequence: collectives, and where expert parallelism
 * couples the replicas also the passes, by chunk. -1 = nothing. */
static int64_t shared_step(const weft_i_verify_pipeline *in, const weft_action *action,
                           bool coupled)
{
    int64_t kind = (int64_t)action->kind << 32;
    if (action->kind == WEFT_ACTION_REDUCE || action->kind == WEFT_ACTION_UNSHARD) {
        return kind | action->operand;
    }
    if (coupled && action->kind <= WEFT_ACTION_BWW) {
        return kind | in->problem->stages[action->operand].chunk;
    }
    return -1;
}

static int32_t next_shared(const weft_i_verify_pipeline *in, int32_t r, int32_t a, bool coupled)
{
    const weft_rank_actions *rank = &in->pipeline->ranks[r];
    while (a < rank->n_actions && shared_step(in, &rank->actions[a], coupled) < 0)
        a++;
    return a;
}

static bool same_sequence(weft_i_verify *check, int32_t p, int32_t r, bool coupled)
{
    const weft_i_verify_pipeline *in = &check->pipelines[p], *first = &check->pipelines[0];
    const weft_rank_actions *own = &in->pipeline->ranks[r], *other = &first->pipeline->ranks[r];
    int32_t a = next_shared(in, r, 0, coupled), b = next_shared(first, r, 0, coupled);
    while (a < own->n_actions && b < other->n_actions) {
        if (shared_step(in, &own->actions[a], coupled) !=
            shared_step(first, &other->actions[b], coupled)) {
            break;
        }
        a = next_shared(in, r, a + 1, coupled);
        b = next_shared(first, r, b + 1, coupled);
    }
    if (a == own->n_actions && b == other->n_actions) return true;
    if (b == other->n_actions) {
        return weft_i_violate(check, "collectives", p, r, a, "expected none more, as on replica %d",
                              first->pipeline->replica);
    }
    const weft_action *expected = &other->actions[b];
    return weft_i_violate(check, "collectives", p, r, a < own->n_actions ? a : -1,
                          "expected %s %d here, as action %d of replica %d",
                          weft_action_name(expected->kind), expected->operand, b,
                          first->pipeline->replica);
}

static bool check_pipeline(weft_i_verify *check, int32_t p, bool reduces)
{
    const weft_plan *plan = check->plan;
    shard *shards = weft_i_new(&check->arena, shard, plan->n_chunks);
    if (!shards) return weft_i_verify_no_memory(check);
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        const weft_chunk *chunk = &plan->chunks[c];
        bool expected = chunk->share_ns > 0 || (reduces && chunk->reduce_bytes > 0);
        if (!check_reduction(check, p, c, expected)) return false;
    }
    for (int32_t s = 0; s < check->pipelines[p].problem->n_stages; s++) {
        if (!check_gradients(check, p, s)) return false;
    }
    /* Experts spread over more devices than a replica's rank has span several replicas. */
    bool coupled = plan->parallel.ep > (int64_t)plan->parallel.tp * plan->parallel.cp;
    for (int32_t r = 0; r < check->n_ranks; r++) {
        if (!check_shards(check, p, r, shards)) return false;
        if (!same_sequence(check, p, r, coupled)) return false;
    }
    return true;
}

bool weft_i_verify_collectives(weft_i_verify *check)
{
    bool reduces = has_reductions(check);
    for (int32_t p = 0; p < check->plan->n_pipelines; p++) {
        if (!check_pipeline(check, p, reduces)) return false;
    }
    return true;
}
