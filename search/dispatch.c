/* search/dispatch.c - see dispatch.h. Ranks decide in the order of time: when a rank decides, all
 * inputs that arrive until then are known. */
#include "search/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "search/room.h"

static const int64_t NEVER = INT64_MAX;

/* A pass whose inputs are there, or on their way. */
typedef struct waiting {
    int64_t key, ready_ns;
    weft_task task;
} waiting;

/* Passes of one kind on one rank, by key: items[begin] to items[end - 1]. As many can come as the
 * array is long, so that `end` never has to move back. */
typedef struct pass_queue {
    waiting *items;
    int32_t begin, end;
} pass_queue;

enum { FORWARDS, BACKWARDS, WEIGHTS, N_KINDS };

/* Forwards without inputs, by chunk and turn; of each chunk only the next one is in a queue, and
 * one more for each in it that was not ready when it came: nobody waits behind it. */
typedef struct source_lists {
    weft_task *tasks;
    int32_t *first; /* by chunk, n_chunks + 1 */
    int32_t *next;  /* by chunk */
} source_lists;

struct weft_i_dispatcher {
    const weft_i_net *net;
    const weft_i_flow *flow;
    weft_i_room room;
    weft_order *order;
    pass_queue *queues; /* by rank * N_KINDS + kind */
    source_lists sources;
    int32_t *n_inputs; /* by task, its stage's forward or bwi included */
    int32_t *missing;
    int64_t *ready_ns, *start_ns; /* by task */
    int64_t *wake_ns;             /* by rank: when it decides next */
    int64_t *free_ns;             /* by rank: end of its last pass */
    bool *went_back;              /* by rank: its last pass was no forward */
    /* Of the run. */
    const weft_i_rule *rule;
    const int64_t *key;
};

static int kind_of(weft_task task)
{
    static const int kinds[] = {[WEFT_PASS_FW] = FORWARDS,
                                [WEFT_PASS_BW] = BACKWARDS,
                                [WEFT_PASS_BWI] = BACKWARDS,
                                [WEFT_PASS_BWW] = WEIGHTS};
    return kinds[weft_task_pass(task)];
}

static bool is_source(const weft_i_net *net, weft_task task)
{
    return weft_task_pass(task) == WEFT_PASS_FW && net->in.first[task] == net->in.first[task + 1];
}

static void count_inputs(weft_i_dispatcher *d)
{
    const weft_i_net *net = d->net;
    for (weft_task t = 0; t < 4 * net->n_stages; t++)
        d->n_inputs[t] =
            net->in.first[t + 1] - net->in.first[t] + (weft_task_pass(t) != WEFT_PASS_FW ? 1 : 0);
}

/* Group the sources by chunk; their order within one comes with the turns. */
static void list_sources(weft_i_dispatcher *d)
{
    const weft_i_net *net = d->net;
    const weft_problem *problem = net->graph->problem;
    int32_t *first = d->sources.first;
    for (int32_t s = 0; s < net->n_stages; s++)
        if (is_source(net, weft_task_make(s, WEFT_PASS_FW))) first[problem->stages[s].chunk + 1]++;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        first[c + 1] += first[c];
        d->sources.next[c] = first[c];
    }
    for (int32_t s = 0; s < net->n_stages; s++)
        if (is_source(net, weft_task_make(s, WEFT_PASS_FW)))
            d->sources.tasks[d->sources.next[problem->stages[s].chunk]++] =
                weft_task_make(s, WEFT_PASS_FW);
}

static bool allocate_queues(weft_i_dispatcher *d, weft_i_arena *arena)
{
    const weft_i_net *net = d->net;
    int32_t *sizes = weft_i_new(arena, int32_t, N_KINDS * (size_t)net->n_ranks);
    d->queues = weft_i_new(arena, pass_queue, N_KINDS * (size_t)net->n_ranks);
    if (!sizes || !d->queues) return false;
    for (weft_task t = 0; t < 4 * net->n_stages; t++)
        if (net->ns[t] >= 0) sizes[N_KINDS * net->rank[weft_task_stage(t)] + kind_of(t)]++;
    for (int32_t q = 0; q < N_KINDS * net->n_ranks; q++)
        if (!(d->queues[q].items = weft_i_new(arena, waiting, sizes[q]))) return false;
    return true;
}

static bool allocate(weft_i_dispatcher *d, weft_i_arena *arena)
{
    size_t n_tasks = 4 * (size_t)d->net->n_stages, n_ranks = (size_t)d->net->n_ranks;
    size_t n_chunks = (size_t)d->net->graph->problem->n_chunks;
    d->sources.tasks = weft_i_new(arena, weft_task, d->net->n_stages);
    d->sources.first = weft_i_new(arena, int32_t, n_chunks + 1);
    d->sources.next = weft_i_new(arena, int32_t, n_chunks);
    d->n_inputs = weft_i_new(arena, int32_t, n_tasks);
    d->missing = weft_i_new(arena, int32_t, n_tasks);
    d->ready_ns = weft_i_new(arena, int64_t, n_tasks);
    d->start_ns = weft_i_new(arena, int64_t, n_tasks);
    d->wake_ns = weft_i_new(arena, int64_t, n_ranks);
    d->free_ns = weft_i_new(arena, int64_t, n_ranks);
    d->went_back = weft_i_new(arena, bool, n_ranks);
    return d->sources.tasks && d->sources.first && d->sources.next && d->n_inputs && d->missing &&
           d->ready_ns && d->start_ns && d->wake_ns && d->free_ns && d->went_back &&
           allocate_queues(d, arena);
}

weft_status weft_i_dispatcher_create(const weft_i_net *net, const weft_i_flow *flow,
                                     weft_i_arena *arena, weft_error *error,
                                     weft_i_dispatcher **out_dispatcher)
{
    weft_i_dispatcher *d = weft_i_new(arena, weft_i_dispatcher, 1);
    if (!d) return weft_i_no_memory(error);
    d->net = net;
    d->flow = flow;
    weft_status status = weft_i_room_create(net, flow, arena, error, &d->room);
    if (status != WEFT_STATUS_OK) return status;
    if (!allocate(d, arena) || !(d->order = weft_order_create(net->n_ranks, net->n_rank_passes)))
        return weft_i_no_memory(error);
    count_inputs(d);
    list_sources(d);
    *out_dispatcher = d;
    return WEFT_STATUS_OK;
}

void weft_i_dispatcher_free(weft_i_dispatcher *dispatcher)
{
    if (dispatcher) weft_order_free(dispatcher->order);
}

void weft_i_dispatcher_set_turns(weft_i_dispatcher *dispatcher, const int32_t *turn)
{
    weft_i_room_set_turns(&dispatcher->room, dispatcher->flow, turn);
}

const int32_t *weft_i_dispatcher_fw_turns(const weft_i_dispatcher *dispatcher)
{
    return dispatcher->room.fw_turn;
}

const int32_t *weft_i_dispatcher_bw_turns(const weft_i_dispatcher *dispatcher)
{
    return dispatcher->room.bw_turn;
}

int64_t weft_i_dispatcher_need(const weft_i_dispatcher *dispatcher, int32_t rank)
{
    return dispatcher->room.largest_need[rank];
}

static void wake(weft_i_dispatcher *d, int32_t rank, int64_t at_ns)
{
    if (at_ns < d->free_ns[rank]) at_ns = d->free_ns[rank];
    if (at_ns < d->wake_ns[rank]) d->wake_ns[rank] = at_ns;
}

static void push(weft_i_dispatcher *d, weft_task task)
{
    int32_t rank = d->net->rank[weft_task_stage(task)];
    pass_queue *q = &d->queues[N_KINDS * rank + kind_of(task)];
    waiting item = {d->key[task], d->ready_ns[task], task};
    int32_t i = q->end++;
    for (; i > q->begin && q->items[i - 1].key > item.key; i--)
        q->items[i] = q->items[i - 1];
    q->items[i] = item;
    wake(d, rank, item.ready_ns);
}

static void drop(pass_queue *q, const waiting *item)
{
    waiting *first = &q->items[q->begin++];
    memmove(first + 1, first, (size_t)(item - first) * sizeof *first);
}

/* The chunk's next source, and where that one is not ready, those behind it up to one that is. */
static void push_sources(weft_i_dispatcher *d, int32_t chunk, int64_t now_ns)
{
    while (d->sources.next[chunk] < d->sources.first[chunk + 1]) {
        weft_task task = d->sources.tasks[d->sources.next[chunk]++];
        push(d, task);
        if (d->ready_ns[task] <= now_ns) return;
    }
}

/* One source, with what it is sorted by. */
typedef struct source {
    int32_t turn;
    int64_t key;
    weft_task task;
} source;

static int compare_sources(const void *a, const void *b)
{
    const source *x = a, *y = b;
    if (x->turn != y->turn) return x->turn < y->turn ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->task > y->task) - (x->task < y->task);
}

/* Insertion sort: between runs the order changes little. */
static void sort_sources(weft_i_dispatcher *d, int32_t chunk)
{
    weft_task *tasks = d->sources.tasks;
    for (int32_t i = d->sources.first[chunk] + 1; i < d->sources.first[chunk + 1]; i++) {
        weft_task t = tasks[i];
        source item = {d->room.fw_turn[weft_task_stage(t)], d->key[t], t};
        int32_t j = i;
        for (; j > d->sources.first[chunk]; j--) {
            weft_task u = tasks[j - 1];
            source other = {d->room.fw_turn[weft_task_stage(u)], d->key[u], u};
            if (compare_sources(&other, &item) < 0) break;
            tasks[j] = u;
        }
        tasks[j] = t;
    }
}

static void reset(weft_i_dispatcher *d)
{
    const weft_i_net *net = d->net;
    const weft_problem *problem = net->graph->problem;
    memcpy(d->missing, d->n_inputs, 4 * (size_t)net->n_stages * sizeof *d->missing);
    memset(d->ready_ns, 0, 4 * (size_t)net->n_stages * sizeof *d->ready_ns);
    for (int32_t s = 0; s < net->n_stages; s++)
        d->ready_ns[weft_task_make(s, WEFT_PASS_FW)] = problem->stages[s].ready_ns;
    for (int32_t r = 0; r < net->n_ranks; r++) {
        d->order->n_tasks[r] = 0;
        d->wake_ns[r] = NEVER;
        d->free_ns[r] = 0;
        d->went_back[r] = true;
        for (int kind = 0; kind < N_KINDS; kind++)
            d->queues[N_KINDS * r + kind].begin = d->queues[N_KINDS * r + kind].end = 0;
    }
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        d->sources.next[c] = d->sources.first[c];
        sort_sources(d, c);
        push_sources(d, c, 0);
    }
}

/* The first pass of a queue that can start now; NULL if there is none: then *next_ns falls to the
 * time when the next one that is not ready will be. */
static const waiting *first_ready(const weft_i_dispatcher *d, const pass_queue *q, int64_t now_ns,
                                  int64_t *next_ns)
{
    for (int32_t i = q->begin; i < q->end; i++) {
        const waiting *item = &q->items[i];
        if (item->ready_ns > now_ns)
            *next_ns = item->ready_ns < *next_ns ? item->ready_ns : *next_ns;
        else if (weft_i_room_admits(&d->room, item->task))
            return item;
    }
    return NULL;
}

/* The first weight gradient of a rank that can start: all in the queue are ready. */
static const waiting *first_weights(const weft_i_dispatcher *d, int32_t rank)
{
    const pass_queue *q = &d->queues[N_KINDS * rank + WEIGHTS];
    for (int32_t i = q->begin; i < q->end; i++)
        if (weft_i_room_fits(&d->room, q->items[i].task)) return &q->items[i];
    return NULL;
}

/* When a pass that comes before `chosen` arrives within the rule's wait; NEVER if none does. */
static int64_t worth_waiting(const weft_i_dispatcher *d, const pass_queue *q, const waiting *chosen,
                             int64_t now_ns)
{
    int64_t best = NEVER;
    for (int32_t i = q->begin; i < q->end && q->items[i].key < chosen->key; i++) {
        const waiting *item = &q->items[i];
        if (item->ready_ns > now_ns && item->ready_ns <= now_ns + d->rule->wait_ns &&
            item->ready_ns < best && weft_i_room_admits(&d->room, item->task))
            best = item->ready_ns;
    }
    return best;
}

static const waiting *prefer(const weft_i_dispatcher *d, int32_t rank, const waiting *forward,
                             const waiting *backward)
{
    if (!forward || !backward) return forward ? forward : backward;
    switch (d->rule->prefer) {
    case WEFT_I_PREFER_BACKWARD:
        return backward;
    case WEFT_I_PREFER_FORWARD:
        return forward;
    case WEFT_I_PREFER_ALTERNATE:
        return d->went_back[rank] ? forward : backward;
    case WEFT_I_PREFER_KEY:
        break;
    }
    return backward->key <= forward->key ? backward : forward;
}

/* Whether a weight gradient is worth starting when nothing else can before next_ns. */
static bool worth_filling(const weft_i_dispatcher *d, const waiting *weights, int64_t now_ns,
                          int64_t next_ns)
{
    int64_t patience = d->net->ns[weights->task] * d->rule->patience / 100;
    return next_ns == NEVER || next_ns >= now_ns + patience;
}

/* What a free rank starts now; -1 for nothing until *next_ns. */
static weft_task decide(const weft_i_dispatcher *d, int32_t rank, int64_t now_ns, int64_t *next_ns)
{
    const pass_queue *queues = &d->queues[N_KINDS * rank];
    *next_ns = NEVER;
    const waiting *weights = first_weights(d, rank);
    if (weights && d->rule->weights == WEFT_I_WEIGHTS_EAGER) return weights->task;
    const waiting *backward = first_ready(d, &queues[BACKWARDS], now_ns, next_ns);
    const waiting *forward = first_ready(d, &queues[FORWARDS], now_ns, next_ns);
    const waiting *chosen = prefer(d, rank, forward, backward);
    if (!chosen) return weights && worth_filling(d, weights, now_ns, *next_ns) ? weights->task : -1;
    if (weights && d->rule->weights == WEFT_I_WEIGHTS_KEY && weights->key < chosen->key)
        chosen = weights;
    if (d->rule->wait_ns > 0) {
        int64_t back = worth_waiting(d, &queues[BACKWARDS], chosen, now_ns);
        int64_t ahead = worth_waiting(d, &queues[FORWARDS], chosen, now_ns);
        int64_t until = back < ahead ? back : ahead;
        if (until != NEVER) {
            *next_ns = until;
            return -1;
        }
    }
    return chosen->task;
}

static void release(weft_i_dispatcher *d, weft_task task, int64_t at_ns)
{
    if (d->ready_ns[task] < at_ns) d->ready_ns[task] = at_ns;
    if (--d->missing[task] == 0) push(d, task);
}

static void release_successors(weft_i_dispatcher *d, weft_task task, int64_t end_ns)
{
    const weft_i_net *net = d->net;
    int32_t stage = weft_task_stage(task);
    for (int32_t i = net->out.first[task]; i < net->out.first[task + 1]; i++)
        release(d, net->out.arcs[i].task, end_ns + net->out.arcs[i].latency_ns);
    weft_task backward = weft_i_net_backward(net, stage);
    if (weft_task_pass(task) == WEFT_PASS_FW && net->ns[backward] >= 0)
        release(d, backward, end_ns);
    if (weft_task_pass(task) == WEFT_PASS_BWI)
        release(d, weft_task_make(stage, WEFT_PASS_BWW), end_ns);
}

/* What a pass read is no longer held where it came from: forwards there may be admitted now. */
static void wake_senders(weft_i_dispatcher *d, weft_task task, int64_t now_ns)
{
    const weft_i_net *net = d->net;
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        int32_t rank = net->rank[weft_task_stage(net->in.arcs[i].task)];
        const pass_queue *q = &d->queues[N_KINDS * rank + FORWARDS];
        if (q->begin < q->end) wake(d, rank, now_ns);
    }
}

/* Take a pass out of what its rank waits for. */
static void take(weft_i_dispatcher *d, int32_t rank, weft_task task, int64_t now_ns)
{
    pass_queue *q = &d->queues[N_KINDS * rank + kind_of(task)];
    int32_t i = q->begin;
    while (q->items[i].task != task)
        i++;
    drop(q, &q->items[i]);
    if (is_source(d->net, task))
        push_sources(d, d->net->graph->problem->stages[weft_task_stage(task)].chunk, now_ns);
}

static void start(weft_i_dispatcher *d, int32_t rank, weft_task task, int64_t now_ns)
{
    int kind = kind_of(task);
    int64_t end_ns = now_ns + d->net->ns[task];
    d->order->tasks[rank][d->order->n_tasks[rank]++] = task;
    d->start_ns[task] = now_ns;
    d->free_ns[rank] = end_ns;
    d->wake_ns[rank] = NEVER;
    d->went_back[rank] = kind == WEIGHTS ? d->went_back[rank] : kind == BACKWARDS;
    take(d, rank, task, now_ns);
    weft_i_room_take(&d->room, task);
    release_successors(d, task, end_ns);
    wake_senders(d, task, now_ns);
    for (int k = 0; k < N_KINDS; k++)
        if (d->queues[N_KINDS * rank + k].begin < d->queues[N_KINDS * rank + k].end)
            wake(d, rank, end_ns);
}

bool weft_i_dispatch(weft_i_dispatcher *dispatcher, const weft_i_rule *rule, const int64_t *key,
                     const int64_t *limit_bytes, const int64_t *soft_bytes,
                     weft_i_dispatched *out_dispatched)
{
    weft_i_dispatcher *d = dispatcher;
    d->rule = rule;
    d->key = key;
    weft_i_room_reset(&d->room, limit_bytes, soft_bytes, rule->reserve);
    reset(d);
    for (int32_t n_left = d->net->n_passes; n_left > 0;) {
        int32_t rank = 0;
        for (int32_t r = 1; r < d->net->n_ranks; r++)
            rank = d->wake_ns[r] < d->wake_ns[rank] ? r : rank;
        int64_t now_ns = d->wake_ns[rank], next_ns;
        if (now_ns == NEVER) return false;
        weft_task chosen = decide(d, rank, now_ns, &next_ns);
        if (chosen < 0) {
            d->wake_ns[rank] = next_ns;
            continue;
        }
        start(d, rank, chosen, now_ns);
        n_left--;
    }
    *out_dispatched = (weft_i_dispatched){d->order, d->start_ns, 0, 0};
    for (int32_t r = 0; r < d->net->n_ranks; r++)
        if (d->order->n_tasks[r] > 0) {
            int64_t end_ns = d->free_ns[r], span_ns = end_ns - d->start_ns[d->order->tasks[r][0]];
            if (end_ns > out_dispatched->pipeline_ns) out_dispatched->pipeline_ns = end_ns;
            if (span_ns > out_dispatched->span_ns) out_dispatched->span_ns = span_ns;
        }
    return true;
}
