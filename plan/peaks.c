/* plan/peaks.c - see peaks.h; and weft_i_compile_peaks (compile.h), which finds the same without
 * actions, by the positions of passes in an order. */
#include "plan/peaks.h"

#include "base/error.h"
#include "base/least.h"
#include "plan/compile.h"
#include "plan/posts.h"

/* What an action adds to each part, or takes where it is below 0. */
typedef struct delta {
    int64_t saved, held, buffer;
    int32_t n_saved;
} delta;

typedef struct effect {
    delta start; /* from its start on */
    int64_t work;
    delta end; /* from its end on */
} effect;

static inline effect effect_of_pass(const weft_i_graph *graph, weft_task task)
{
    const weft_stage *stage = &graph->problem->stages[weft_task_stage(task)];
    const weft_cost *cost = &stage->now.cost;
    int32_t one = stage->backward == WEFT_BACKWARD_NONE ? 0 : 1;
    weft_pass pass = weft_task_pass(task);
    effect e = {.work = cost->work_bytes[pass]};
    e.start.buffer = weft_i_edges_bytes(graph, weft_i_task_out(graph, task));
    e.end.buffer = -weft_i_edges_bytes(graph, weft_i_task_in(graph, task));
    switch (pass) {
    case WEFT_PASS_FW:
        e.start.saved = cost->saved_bytes;
        e.start.n_saved = one;
        break;
    case WEFT_PASS_BW:
        e.end.saved = -cost->saved_bytes;
        e.end.n_saved = -one;
        break;
    case WEFT_PASS_BWI:
        e.end.saved = -cost->saved_bytes;
        e.end.held = cost->held_bytes;
        break;
    case WEFT_PASS_BWW:
        e.end.held = -cost->held_bytes;
        e.end.n_saved = -one;
        break;
    }
    return e;
}

static int64_t saved_bytes(const weft_problem *problem, const weft_action *action)
{
    return problem->stages[action->operand].now.cost.saved_bytes;
}

static effect effect_of(const weft_i_graph *graph, const weft_action *action)
{
    const weft_problem *problem = graph->problem;
    effect e = {0};
    if (action->kind <= WEFT_ACTION_BWW)
        return effect_of_pass(graph, weft_task_make(action->operand, (weft_pass)action->kind));
    if (action->kind == WEFT_ACTION_IRECV)
        e.start.buffer = problem->edges[action->operand].bytes;
    else if (action->kind == WEFT_ACTION_WAIT_ISEND)
        e.end.buffer = -problem->edges[action->operand].bytes;
    else if (action->kind == WEFT_ACTION_PREFETCH)
        e.start = (delta){.saved = saved_bytes(problem, action), .n_saved = 1};
    else if (action->kind == WEFT_ACTION_WAIT_OFFLOAD)
        e.end = (delta){.saved = -saved_bytes(problem, action), .n_saved = -1};
    return e;
}

static void add(weft_i_live *live, const delta *d)
{
    live->saved_bytes += d->saved;
    live->held_bytes += d->held;
    live->buffer_bytes += d->buffer;
    live->n_saved += d->n_saved;
}

weft_i_live weft_i_live_begin(const weft_i_graph *graph, int32_t rank)
{
    return (weft_i_live){.static_bytes = graph->problem->static_bytes[rank]};
}

weft_i_live weft_i_live_step(const weft_i_graph *graph, const weft_action *action,
                             weft_i_live *live)
{
    effect e = effect_of(graph, action);
    add(live, &e.start);
    weft_i_live during = *live;
    during.work_bytes = e.work;
    add(live, &e.end);
    return during;
}

/* What is there after the end is there at the next start too, so no peak is missed. */
int64_t weft_i_actions_peak(const weft_i_graph *graph, int32_t rank,
                            const weft_rank_actions *actions)
{
    weft_i_live live = weft_i_live_begin(graph, rank);
    int64_t peak = weft_i_live_sum(&live);
    for (int32_t a = 0; a < actions->n_actions; a++) {
        weft_i_live during = weft_i_live_step(graph, &actions->actions[a], &live);
        int64_t sum = weft_i_live_sum(&during);
        if (sum > peak) peak = sum;
    }
    return peak;
}

/* A pass in sums alone, with what happens before it. */
typedef struct change {
    int64_t before; /* sends that are over and receives posted before it */
    int64_t start, work, end;
} change;

static void add_pass(const weft_i_graph *graph, weft_task task, change *out)
{
    effect e = effect_of_pass(graph, task);
    out->start = e.start.saved + e.start.buffer;
    out->work = e.work;
    out->end = e.end.saved + e.end.held + e.end.buffer;
}

/* Where more is held than was saved a pass leaves more than it had, until the sends before the next
 * one are over. */
static void apply(const change *c, int64_t *bytes, int64_t *peak)
{
    *bytes += c->before + c->start;
    *peak = weft_i_max(*peak, *bytes + c->work);
    *bytes += c->end;
    *peak = weft_i_max(*peak, *bytes);
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
