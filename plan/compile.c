/* plan/compile.c - see compile.h. The global sequence of passes is walked once; every action is
 * written to its rank when its turn comes, with its times. Where posts and waits go is decided in
 * posts.c, what is reduced when in reduce.c. */
#include "plan/compile.h"

#include "base/error.h"
#include "plan/peaks.h"
#include "plan/posts.h"
#include "plan/reduce.h"

/* Lists of edges by position in the ranks' orders (one place more a rank, for its end). */
typedef struct edge_lists {
    int32_t *first; /* -1 = none */
    int32_t *next;  /* per edge */
} edge_lists;

typedef struct rank_state {
    weft_action *actions;
    int32_t n_actions;
    int64_t clock_ns;
    int64_t first_ns, last_ns; /* of its passes; first_ns = -1 before the first */
    const int32_t *reduces;    /* its chunks to reduce, in sequence */
    int32_t n_reduces, n_posted;
} rank_state;

typedef struct compiler {
    const weft_problem *problem;
    weft_i_sequence sequence;
    weft_i_posts posts;
    int32_t *offset; /* per rank: of its positions in the lists */
    edge_lists irecvs, waits;
    int64_t *arrival_ns;     /* per edge */
    int32_t *gradients_left; /* per chunk: weight gradients to come */
    bool reduces_at_end;
    rank_state *ranks;
} compiler;

/* Write an action that runs from the rank's clock to end_ns. */
static void emit(rank_state *rank, weft_action_kind kind, int32_t operand, int64_t end_ns)
{
    rank->actions[rank->n_actions++] = (weft_action){.kind = kind,
                                                     .operand = operand,
                                                     .group = -1,
                                                     .start_ns = rank->clock_ns,
                                                     .end_ns = end_ns};
    rank->clock_ns = end_ns;
}

static void emit_post(const compiler *c, rank_state *rank, weft_action_kind kind, int32_t operand)
{
    emit(rank, kind, operand, rank->clock_ns + c->problem->post_ns);
}

/* Post the reductions whose turn has come and whose gradients are complete. */
static void emit_reduces(const compiler *c, rank_state *rank)
{
    while (rank->n_posted < rank->n_reduces) {
        int32_t chunk = rank->reduces[rank->n_posted];
        if (c->gradients_left[chunk] > 0) break;
        emit_post(c, rank, WEFT_ACTION_REDUCE, chunk);
        rank->n_posted++;
    }
}

static void emit_waits(const compiler *c, rank_state *rank, int32_t place)
{
    for (int32_t e = c->waits.first[place]; e >= 0; e = c->waits.next[e])
        emit(rank, WEFT_ACTION_WAIT_ISEND, e, rank->clock_ns);
}

static void emit_before_pass(const compiler *c, rank_state *rank, weft_task task, int32_t place)
{
    emit_waits(c, rank, place);
    for (int32_t e = c->irecvs.first[place]; e >= 0; e = c->irecvs.next[e])
        emit_post(c, rank, WEFT_ACTION_IRECV, e);
    weft_i_edge_run in = weft_i_task_in(c->sequence.graph, task);
    for (const int32_t *e = in.first; e < in.end; e++) {
        if (!weft_i_edge_is_message(c->sequence.graph, *e)) continue;
        int64_t arrival_ns = c->arrival_ns[*e], clock_ns = rank->clock_ns;
        emit(rank, WEFT_ACTION_WAIT_IRECV, *e, arrival_ns > clock_ns ? arrival_ns : clock_ns);
    }
}

static void emit_pass(const compiler *c, rank_state *rank, weft_task task)
{
    const weft_stage *stage = &c->problem->stages[weft_task_stage(task)];
    weft_pass pass = weft_task_pass(task);
    if (pass == WEFT_PASS_FW && stage->ready_ns > rank->clock_ns) rank->clock_ns = stage->ready_ns;
    if (rank->first_ns < 0) rank->first_ns = rank->clock_ns;
    emit(rank, (weft_action_kind)pass, weft_task_stage(task),
         rank->clock_ns + weft_i_task_ns(c->sequence.graph, task));
    rank->last_ns = rank->clock_ns;
}

static void emit_after_pass(compiler *c, rank_state *rank, weft_task task)
{
    weft_i_edge_run out = weft_i_task_out(c->sequence.graph, task);
    for (const int32_t *e = out.first; e < out.end; e++) {
        if (!weft_i_edge_is_message(c->sequence.graph, *e)) continue;
        emit_post(c, rank, WEFT_ACTION_ISEND, *e);
        c->arrival_ns[*e] = rank->clock_ns + c->problem->edges[*e].transfer_ns;
    }
    if (weft_i_task_has_weight_gradient(c->problem, task)) {
        c->gradients_left[c->problem->stages[weft_task_stage(task)].chunk]--;
        if (!c->reduces_at_end) emit_reduces(c, rank);
    }
}

/* The end of a rank: what it still sends, its reductions, its step. */
static void emit_tail(const compiler *c, rank_state *rank, int32_t place)
{
    emit_reduces(c, rank);
    emit_waits(c, rank, place);
    for (int32_t i = 0; i < rank->n_reduces; i++)
        emit(rank, WEFT_ACTION_WAIT_REDUCE, rank->reduces[i], rank->clock_ns);
    emit(rank, WEFT_ACTION_OPTIMIZER, 0, rank->clock_ns);
}

static void emit_all(compiler *c)
{
    const weft_i_sequence *sequence = &c->sequence;
    int32_t n_ranks = c->problem->n_ranks;
    for (int32_t r = 0; r < n_ranks && !c->reduces_at_end; r++)
        emit_reduces(c, &c->ranks[r]);
    for (int32_t i = 0; i < sequence->n_tasks; i++) {
        weft_task task = sequence->tasks[i];
        int32_t r = sequence->graph->rank[weft_task_stage(task)];
        emit_before_pass(c, &c->ranks[r], task, c->offset[r] + sequence->position[task]);
        emit_pass(c, &c->ranks[r], task);
        emit_after_pass(c, &c->ranks[r], task);
    }
    for (int32_t r = 0; r < n_ranks; r++)
        emit_tail(c, &c->ranks[r], c->offset[r] + sequence->order->n_tasks[r]);
}

static bool make_lists(const compiler *c, weft_i_arena *arena, edge_lists *out)
{
    size_t n = (size_t)c->sequence.n_tasks + (size_t)c->problem->n_ranks;
    out->first = weft_i_new(arena, int32_t, n);
    out->next = weft_i_new(arena, int32_t, c->problem->n_edges);
    if (!out->first || !out->next) return false;
    for (size_t i = 0; i < n; i++)
        out->first[i] = -1;
    return true;
}

static void add_to_list(edge_lists *lists, int32_t place, int32_t edge)
{
    lists->next[edge] = lists->first[place];
    lists->first[place] = edge;
}

/* Chain the messages at their positions; in each list by their producers, as the pairs' order asks
 * for. */
static bool list_messages(compiler *c, weft_i_arena *arena)
{
    if (!make_lists(c, arena, &c->irecvs) || !make_lists(c, arena, &c->waits)) return false;
    for (int32_t i = c->posts.n_messages - 1; i >= 0; i--) {
        const weft_i_message *message = &c->posts.messages[i];
        add_to_list(&c->irecvs, c->offset[message->receiver] + message->irecv, message->edge);
        add_to_list(&c->waits, c->offset[message->sender] + message->wait_isend, message->edge);
    }
    return true;
}

/* Room for the actions of each rank: passes, two for each end of a message, two for each reduction,
 * the optimizer. */
static bool make_ranks(compiler *c, weft_i_arena *scratch, weft_i_arena *arena)
{
    int32_t *room = weft_i_new(scratch, int32_t, c->problem->n_ranks);
    if (!room) return false;
    for (int32_t r = 0; r < c->problem->n_ranks; r++)
        room[r] = c->sequence.order->n_tasks[r] + 2 * c->ranks[r].n_reduces + 1;
    for (int32_t i = 0; i < c->posts.n_messages; i++) {
        room[c->posts.messages[i].sender] += 2;
        room[c->posts.messages[i].receiver] += 2;
    }
    for (int32_t r = 0; r < c->problem->n_ranks; r++) {
        c->ranks[r].actions = weft_i_new(arena, weft_action, room[r]);
        c->ranks[r].first_ns = -1;
        if (!c->ranks[r].actions) return false;
    }
    return true;
}

/* Deal the common sequence out to the ranks of its chunks, and count their gradients. */
static bool deal_reduces(compiler *c, const weft_i_reductions *reductions, weft_i_arena *scratch)
{
    const int32_t *sequence = reductions->sequence, n = reductions->n;
    c->reduces_at_end = reductions->at_end;
    c->gradients_left = weft_i_new(scratch, int32_t, c->problem->n_chunks);
    int32_t *dealt = weft_i_new(scratch, int32_t, n);
    if (!c->gradients_left || !dealt) return false;
    for (int32_t i = 0; i < c->sequence.n_tasks; i++) {
        weft_task task = c->sequence.tasks[i];
        int32_t chunk = c->problem->stages[weft_task_stage(task)].chunk;
        if (weft_i_task_has_weight_gradient(c->problem, task)) c->gradients_left[chunk]++;
    }
    for (int32_t i = 0; i < n; i++)
        c->ranks[c->problem->chunks[sequence[i]].rank].n_reduces++;
    int32_t *end = dealt;
    for (int32_t r = 0; r < c->problem->n_ranks; r++) {
        c->ranks[r].reduces = end;
        end += c->ranks[r].n_reduces;
        c->ranks[r].n_reduces = 0;
    }
    for (int32_t i = 0; i < n; i++) {
        rank_state *rank = &c->ranks[c->problem->chunks[sequence[i]].rank];
        dealt[rank->reduces - dealt + rank->n_reduces++] = sequence[i];
    }
    return true;
}

static bool prepare(compiler *c, const weft_i_reductions *reductions, weft_i_arena *scratch,
                    weft_i_arena *arena)
{
    int32_t n_ranks = c->problem->n_ranks;
    c->offset = weft_i_new(scratch, int32_t, n_ranks);
    c->arrival_ns = weft_i_new(scratch, int64_t, c->problem->n_edges);
    c->ranks = weft_i_new(scratch, rank_state, n_ranks);
    if (!c->offset || !c->arrival_ns || !c->ranks) return false;
    for (int32_t r = 1; r < n_ranks; r++)
        c->offset[r] = c->offset[r - 1] + c->sequence.order->n_tasks[r - 1] + 1;
    return deal_reduces(c, reductions, scratch) && make_ranks(c, scratch, arena) &&
           list_messages(c, scratch);
}

static weft_status hand_over(const compiler *c, weft_i_arena *arena, weft_error *error,
                             weft_pipeline *pipeline)
{
    int32_t n_ranks = c->problem->n_ranks;
    pipeline->ranks = weft_i_new(arena, weft_rank_actions, n_ranks);
    pipeline->peak_bytes = weft_i_new(arena, int64_t, n_ranks);
    if (!pipeline->ranks || !pipeline->peak_bytes) {
        return weft_i_no_memory(error);
    }
    pipeline->pipeline_ns = pipeline->span_ns = 0;
    for (int32_t r = 0; r < n_ranks; r++) {
        const rank_state *rank = &c->ranks[r];
        pipeline->ranks[r] = (weft_rank_actions){rank->actions, rank->n_actions};
        pipeline->peak_bytes[r] = weft_i_actions_peak(c->sequence.graph, r, &pipeline->ranks[r]);
        if (rank->first_ns < 0) continue;
        int64_t span_ns = rank->last_ns - rank->first_ns;
        if (rank->last_ns > pipeline->pipeline_ns) pipeline->pipeline_ns = rank->last_ns;
        if (span_ns > pipeline->span_ns) pipeline->span_ns = span_ns;
    }
    return WEFT_STATUS_OK;
}

static weft_status compile(compiler *c, const weft_i_graph *graph, const weft_order *order,
                           const weft_i_reductions *reductions, weft_i_arena *scratch,
                           weft_i_arena *arena, weft_error *error)
{
    weft_status status = weft_i_sequence_build(graph, order, scratch, error, &c->sequence);
    if (status == WEFT_STATUS_OK) {
        status = weft_i_posts_place(&c->sequence, scratch, error, &c->posts);
    }
    if (status != WEFT_STATUS_OK) return status;
    if (!prepare(c, reductions, scratch, arena)) {
        return weft_i_no_memory(error);
    }
    emit_all(c);
    return WEFT_STATUS_OK;
}

weft_status weft_i_compile(const weft_i_graph *graph, const weft_order *order,
                           const weft_i_reductions *reductions, weft_i_arena *arena,
                           weft_error *error, weft_pipeline *pipeline)
{
    weft_i_arena scratch = {0};
    compiler c = {.problem = graph->problem};
    weft_status status = compile(&c, graph, order, reductions, &scratch, arena, error);
    if (status == WEFT_STATUS_OK) status = hand_over(&c, arena, error, pipeline);
    weft_i_arena_free(&scratch);
    return status;
}
