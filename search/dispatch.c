/* search/dispatch.c - see dispatch.h. Ranks decide in the order of time: when a rank decides, all
 * inputs that arrive until then are known. */
#include "search/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/least.h"
#include "search/room.h"
#include "search/sources.h"

static const int64_t NEVER = INT64_MAX;

/* Times are at most WEFT_INT_MAX, 53 bits; ranks are looked at so many at a time. */
enum { MAX_RANK_BITS = 10, WAKE_STEP = 4 };

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

/* What scheduling needs of a pass besides its memory. */
typedef struct job {
    int64_t ns;
    int32_t queue;                  /* rank * N_KINDS + kind */
    int32_t follower, end_follower; /* in followers */
    weft_task first_follower;       /* its task; its own where there is none */
    int32_t source_of;              /* chunk, where it waits for nothing; -1 = it does */
} job;

/* A pass that waits for another, in turn with its own stage's next. */
typedef struct follower {
    int64_t latency_ns;
    weft_task task;
} follower;

/* When a pass is ready, as far as known. */
typedef struct arrival {
    int64_t ready_ns;
    int32_t n_missing;
} arrival;

struct weft_i_dispatcher {
    const weft_i_net *net;
    const weft_i_flow *flow;
    weft_i_room room;
    weft_i_sources sources;
    weft_order *order;
    pass_queue *queues; /* by job.queue */
    job *jobs;          /* by task */
    follower *followers;
    arrival *at_first, *arrivals; /* by task: before the first pass, and now */
    int64_t *start_ns;            /* by task */
    int64_t *wake;                /* by rank: when it decides next, and the rank in the low bits */
    int32_t n_wake;               /* ranks, and some that never wake */
    int rank_bits;                /* 0 = none, where there are too many ranks */
    int64_t *free_ns;             /* by rank: end of its last pass */
    int32_t *n_waiting;           /* by rank: passes in its queues */
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

static void add_follower(weft_i_dispatcher *d, weft_task from, weft_task to, int64_t latency_ns)
{
    d->followers[d->jobs[from].end_follower++] = (follower){latency_ns, to};
    d->at_first[to].n_missing++;
}

/* A stage's own next pass comes after what waits elsewhere. */
static void list_followers(weft_i_dispatcher *d, weft_task task)
{
    const weft_i_net *net = d->net;
    int32_t stage = weft_task_stage(task);
    weft_task backward = weft_i_net_backward(net, stage);
    for (int32_t i = net->out.first[task]; i < net->out.first[task + 1]; i++)
        add_follower(d, task, net->out.arcs[i].task, net->out.arcs[i].latency_ns);
    if (weft_task_pass(task) == WEFT_PASS_FW && net->ns[backward] >= 0)
        add_follower(d, task, backward, 0);
    if (weft_task_pass(task) == WEFT_PASS_BWI)
        add_follower(d, task, weft_task_make(stage, WEFT_PASS_BWW), 0);
}

static void describe_jobs(weft_i_dispatcher *d)
{
    const weft_i_net *net = d->net;
    const weft_stage *stages = net->graph->problem->stages;
    int32_t n_followers = 0;
    for (weft_task t = 0; t < 4 * net->n_stages; t++) {
        int32_t s = weft_task_stage(t);
        if (net->ns[t] < 0) continue;
        d->jobs[t] = (job){.ns = net->ns[t],
                           .queue = N_KINDS * net->rank[s] + kind_of(t),
                           .follower = n_followers,
                           .end_follower = n_followers,
                           .first_follower = t,
                           .source_of = weft_i_is_source(net, t) ? stages[s].chunk : -1};
        if (weft_task_pass(t) == WEFT_PASS_FW) d->at_first[t].ready_ns = stages[s].ready_ns;
        list_followers(d, t);
        if (d->jobs[t].end_follower > n_followers)
            d->jobs[t].first_follower = d->followers[n_followers].task;
        n_followers = d->jobs[t].end_follower;
    }
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
    d->n_wake = (d->net->n_ranks + WAKE_STEP - 1) / WAKE_STEP * WAKE_STEP;
    size_t n_followers = (size_t)d->net->graph->problem->n_edges + (size_t)d->net->n_passes;
    d->jobs = weft_i_new(arena, job, n_tasks);
    d->followers = weft_i_new(arena, follower, n_followers);
    d->at_first = weft_i_new(arena, arrival, n_tasks);
    d->arrivals = weft_i_new(arena, arrival, n_tasks);
    d->start_ns = weft_i_new(arena, int64_t, n_tasks);
    d->wake = weft_i_new(arena, int64_t, d->n_wake);
    d->free_ns = weft_i_new(arena, int64_t, n_ranks);
    d->n_waiting = weft_i_new(arena, int32_t, n_ranks);
    d->went_back = weft_i_new(arena, bool, n_ranks);
    return d->jobs && d->followers && d->at_first && d->arrivals && d->start_ns && d->wake &&
           d->free_ns && d->n_waiting && d->went_back && allocate_queues(d, arena);
}

/* Bits that number all ranks, where they fit beside any time of a checked problem. */
static int bits_of(int32_t n_ranks)
{
    int bits = 1;
    while (bits <= MAX_RANK_BITS && (int64_t)1 << bits < n_ranks)
        bits++;
    return bits <= MAX_RANK_BITS ? bits : 0;
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
    if (status == WEFT_STATUS_OK) status = weft_i_sources_create(net, arena, error, &d->sources);
    if (status != WEFT_STATUS_OK) return status;
    if (!allocate(d, arena) || !(d->order = weft_order_create(net->n_ranks, net->n_rank_passes)))
        return weft_i_no_memory(error);
    describe_jobs(d);
    d->rank_bits = bits_of(net->n_ranks);
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

/* A rank decides at a time; NEVER = not before it is woken. */
static void set_wake(weft_i_dispatcher *d, int32_t rank, int64_t at_ns)
{
    int64_t low = d->rank_bits > 0 ? rank : 0;
    d->wake[rank] = at_ns == NEVER ? NEVER : (at_ns << d->rank_bits) | low;
}

static void wake(weft_i_dispatcher *d, int32_t rank, int64_t at_ns)
{
    if (at_ns < d->free_ns[rank]) at_ns = d->free_ns[rank];
    if (at_ns < d->wake[rank] >> d->rank_bits) set_wake(d, rank, at_ns);
}

/* Of large problems have in the cache what a pass will need when it starts. */
static void fetch_ahead(const weft_i_dispatcher *d, weft_task task)
{
    const job *this = &d->jobs[task];
    __builtin_prefetch(&d->room.passes[task]);
    __builtin_prefetch(&d->followers[this->follower]);
    __builtin_prefetch(&d->arrivals[this->first_follower]);
    __builtin_prefetch(&d->jobs[this->first_follower]);
    __builtin_prefetch(&d->key[this->first_follower]);
}

static void push(weft_i_dispatcher *d, weft_task task)
{
    int32_t queue = d->jobs[task].queue, rank = queue / N_KINDS;
    pass_queue *q = &d->queues[queue];
    waiting item = {d->key[task], d->arrivals[task].ready_ns, task};
    if (q->begin == q->end) q->begin = q->end = 0; /* where the cache is warm */
    fetch_ahead(d, task);
    int32_t i = q->end++;
    for (; i > q->begin && q->items[i - 1].key > item.key; i--)
        q->items[i] = q->items[i - 1];
    q->items[i] = item;
    d->n_waiting[rank]++;
    wake(d, rank, item.ready_ns);
}

/* Take a pass out of its queue; it is near the front. */
static void drop(weft_i_dispatcher *d, weft_task task)
{
    int32_t queue = d->jobs[task].queue;
    pass_queue *q = &d->queues[queue];
    int32_t i = q->begin;
    while (q->items[i].task != task)
        i++;
    for (; i > q->begin; i--)
        q->items[i] = q->items[i - 1];
    q->begin++;
    d->n_waiting[queue / N_KINDS]--;
}

/* The chunk's next source, and where that one is not ready, those behind it up to one that is: of
 * each chunk no more are in a queue, but nobody waits behind one that is late. */
static void push_sources(weft_i_dispatcher *d, int32_t chunk, int64_t now_ns)
{
    weft_task task;
    do {
        task = weft_i_sources_pop(&d->sources, chunk);
        if (task >= 0) push(d, task);
    } while (task >= 0 && d->arrivals[task].ready_ns > now_ns);
}

static void reset(weft_i_dispatcher *d)
{
    const weft_i_net *net = d->net;
    memcpy(d->arrivals, d->at_first, 4 * (size_t)net->n_stages * sizeof *d->arrivals);
    for (int32_t i = 0; i < d->n_wake; i++)
        d->wake[i] = NEVER;
    for (int32_t r = 0; r < net->n_ranks; r++) {
        d->order->n_tasks[r] = 0;
        d->free_ns[r] = 0;
        d->n_waiting[r] = 0;
        d->went_back[r] = true;
        for (int kind = 0; kind < N_KINDS; kind++)
            d->queues[N_KINDS * r + kind].begin = d->queues[N_KINDS * r + kind].end = 0;
    }
    weft_i_sources_reset(&d->sources, d->room.fw_turn, d->key);
    for (int32_t c = 0; c < net->graph->problem->n_chunks; c++)
        push_sources(d, c, 0);
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

/* When a pass with a key below that one arrives after now and until then; NEVER if none does. */
static int64_t worth_waiting(const weft_i_dispatcher *d, const pass_queue *q, int64_t key,
                             int64_t now_ns, int64_t until_ns)
{
    int64_t best = NEVER;
    for (int32_t i = q->begin; i < q->end && q->items[i].key < key; i++) {
        const waiting *item = &q->items[i];
        if (item->ready_ns > now_ns && item->ready_ns <= until_ns && item->ready_ns < best &&
            weft_i_room_admits(&d->room, item->task))
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

/* Until when the rule would rather wait than start a pass; NEVER where it would not. */
static int64_t when_to_wait(const weft_i_dispatcher *d, const pass_queue *queues,
                            const waiting *chosen, bool is_forward, int64_t now_ns)
{
    int64_t until_ns = now_ns + d->rule->wait_ns, key = chosen->key;
    int64_t ahead = worth_waiting(d, &queues[FORWARDS], key, now_ns, until_ns);
    if (is_forward && d->rule->prefer == WEFT_I_PREFER_BACKWARD) {
        int64_t last_ns = now_ns + d->net->ns[chosen->task] - 1; /* later ones are not held up */
        until_ns = last_ns < until_ns ? last_ns : until_ns;
        key = NEVER;
    }
    int64_t back = worth_waiting(d, &queues[BACKWARDS], key, now_ns, until_ns);
    return back < ahead ? back : ahead;
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
        *next_ns = when_to_wait(d, queues, chosen, chosen == forward, now_ns);
        if (*next_ns != NEVER) return -1;
    }
    return chosen->task;
}

static void release_followers(weft_i_dispatcher *d, weft_task task, int64_t end_ns)
{
    for (int32_t i = d->jobs[task].follower; i < d->jobs[task].end_follower; i++) {
        const follower *to = &d->followers[i];
        arrival *at = &d->arrivals[to->task];
        int64_t ns = end_ns + to->latency_ns;
        at->ready_ns = ns > at->ready_ns ? ns : at->ready_ns;
        if (--at->n_missing == 0) push(d, to->task);
    }
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

static void start(weft_i_dispatcher *d, int32_t rank, weft_task task, int64_t now_ns)
{
    const job *this = &d->jobs[task];
    int kind = kind_of(task);
    int64_t end_ns = now_ns + this->ns;
    d->order->tasks[rank][d->order->n_tasks[rank]++] = task;
    d->start_ns[task] = now_ns;
    d->free_ns[rank] = end_ns;
    d->wake[rank] = NEVER;
    d->went_back[rank] = kind == WEIGHTS ? d->went_back[rank] : kind == BACKWARDS;
    drop(d, task);
    if (this->source_of >= 0) push_sources(d, this->source_of, now_ns);
    weft_i_room_take(&d->room, task);
    release_followers(d, task, end_ns);
    if (weft_i_room_kind_of(&d->room, task)->frees_edges) wake_senders(d, task, now_ns);
    if (d->n_waiting[rank] > 0) wake(d, rank, end_ns);
}

/* The first of the ranks that wake first. */
static int32_t first_awake(const weft_i_dispatcher *d)
{
    int32_t rank = 0;
    for (int32_t r = 1; r < d->net->n_ranks; r++)
        if (d->wake[r] < d->wake[rank]) rank = r;
    return rank;
}

/* The rank that decides next, and when; -1 where none ever does. With the rank in the low bits one
 * minimum is all that it takes. */
static int32_t next_rank(const weft_i_dispatcher *d, int64_t *out_now_ns)
{
    int64_t even = NEVER, odd = NEVER;
    for (const int64_t *w = d->wake; w < d->wake + d->n_wake; w += WAKE_STEP) {
        even = weft_i_min(weft_i_min(w[0], w[2]), even);
        odd = weft_i_min(weft_i_min(w[1], w[3]), odd);
    }
    int64_t least = weft_i_min(even, odd);
    *out_now_ns = least >> d->rank_bits;
    if (least == NEVER) return -1;
    if (d->rank_bits == 0) return first_awake(d);
    return (int32_t)(least & (((int64_t)1 << d->rank_bits) - 1));
}

static void sum_up(const weft_i_dispatcher *d, weft_i_dispatched *out_dispatched)
{
    *out_dispatched = (weft_i_dispatched){d->order, d->start_ns, 0, 0};
    for (int32_t r = 0; r < d->net->n_ranks; r++) {
        if (d->order->n_tasks[r] == 0) continue;
        int64_t end_ns = d->free_ns[r], span_ns = end_ns - d->start_ns[d->order->tasks[r][0]];
        if (end_ns > out_dispatched->pipeline_ns) out_dispatched->pipeline_ns = end_ns;
        if (span_ns > out_dispatched->span_ns) out_dispatched->span_ns = span_ns;
    }
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
        int64_t now_ns, next_ns;
        int32_t rank = next_rank(d, &now_ns);
        if (rank < 0) return false;
        weft_task chosen = decide(d, rank, now_ns, &next_ns);
        if (chosen < 0) {
            set_wake(d, rank, next_ns);
            continue;
        }
        start(d, rank, chosen, now_ns);
        n_left--;
    }
    sum_up(d, out_dispatched);
    return true;
}
