/* plan/peaks.c - see peaks.h; and weft_i_compile_peaks (compile.h), which finds the same without
 * actions, by the positions of passes in an order. */
#include "plan/peaks.h"

#include "base/error.h"
#include "plan/compile.h"
#include "plan/posts.h"

/* What a pass changes in its rank's memory. */
typedef struct change {
    int64_t before; /* sends that are over and receives posted before it */
    int64_t start;  /* from its start on */
    int64_t work;   /* while it runs */
    int64_t end;    /* from its end on */
} change;

static void add_pass(const weft_i_graph *graph, weft_task task, change *out)
{
    const weft_cost *cost = &graph->problem->stages[weft_task_stage(task)].now.cost;
    weft_pass pass = weft_task_pass(task);
    out->start = weft_i_edges_bytes(graph, weft_i_task_out(graph, task));
    out->end = -weft_i_edges_bytes(graph, weft_i_task_in(graph, task));
    out->work = cost->work_bytes[pass];
    switch (pass) {
    case WEFT_PASS_FW:
        out->start += cost->saved_bytes;
        break;
    case WEFT_PASS_BW:
        out->end -= cost->saved_bytes;
        break;
    case WEFT_PASS_BWI:
        out->end -= cost->saved_bytes - cost->held_bytes;
        break;
    case WEFT_PASS_BWW:
        out->end -= cost->held_bytes;
        break;
    }
}

/* What is there after the end is there at the next start too, so no peak is missed. */
static void apply(const change *c, int64_t *bytes, int64_t *peak)
{
    *bytes += c->before + c->start;
    if (*bytes + c->work > *peak) *peak = *bytes + c->work;
    *bytes += c->end;
}

int64_t weft_i_actions_peak(const weft_i_graph *graph, int32_t rank,
                            const weft_rank_actions *actions)
{
    int64_t bytes = graph->problem->static_bytes[rank], peak = bytes;
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        change c = {0};
        if (action->kind == WEFT_ACTION_IRECV) {
            c.start = graph->problem->edges[action->operand].bytes;
        } else if (action->kind == WEFT_ACTION_WAIT_ISEND) {
            c.end = -graph->problem->edges[action->operand].bytes;
        } else if (action->kind <= WEFT_ACTION_BWW) {
            add_pass(graph, weft_task_make(action->operand, (weft_pass)action->kind), &c);
        }
        apply(&c, &bytes, &peak);
    }
    return peak;
}

static void add_messages(const weft_i_sequence *sequence, const weft_i_posts *posts,
                         const int32_t *offset, change *changes)
{
    const weft_i_graph *graph = sequence->graph;
    for (int32_t i = 0; i < posts->n_messages; i++) {
        const weft_i_message *message = &posts->messages[i];
        int64_t bytes = graph->problem->edges[message->edge].bytes;
        changes[offset[message->receiver] + message->irecv].before += bytes;
        if (message->wait_isend < sequence->order->n_tasks[message->sender]) {
            changes[offset[message->sender] + message->wait_isend].before -= bytes;
        }
    }
}

static weft_status compute(const weft_i_graph *graph, const weft_order *order,
                           weft_i_arena *scratch, weft_error *error, int64_t *peak_bytes)
{
    weft_i_sequence sequence;
    weft_i_posts posts;
    weft_status status = weft_i_sequence_build(graph, order, scratch, error, &sequence);
    if (status == WEFT_STATUS_OK) status = weft_i_posts_place(&sequence, scratch, error, &posts);
    if (status != WEFT_STATUS_OK) return status;
    int32_t *offset = weft_i_new(scratch, int32_t, (size_t)order->n_ranks + 1);
    change *changes = weft_i_new(scratch, change, sequence.n_tasks);
    if (!offset || !changes) return weft_i_no_memory(error);
    for (int32_t r = 0; r < order->n_ranks; r++) {
        offset[r + 1] = offset[r] + order->n_tasks[r];
        for (int32_t i = 0; i < order->n_tasks[r]; i++)
            add_pass(graph, order->tasks[r][i], &changes[offset[r] + i]);
    }
    add_messages(&sequence, &posts, offset, changes);
    for (int32_t r = 0; r < order->n_ranks; r++) {
        int64_t bytes = graph->problem->static_bytes[r];
        peak_bytes[r] = bytes;
        for (int32_t i = offset[r]; i < offset[r + 1]; i++)
            apply(&changes[i], &bytes, &peak_bytes[r]);
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_compile_peaks(const weft_i_graph *graph, const weft_order *order,
                                 weft_error *error, int64_t *peak_bytes)
{
    weft_i_arena scratch = {0};
    weft_status status = compute(graph, order, &scratch, error, peak_bytes);
    weft_i_arena_free(&scratch);
    return status;
}
