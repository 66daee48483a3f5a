/* search/timing_load.c - from an order to a timing and back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "search/timing.h"

/* A node with what the topology is sorted by: time, then what depends on what. */
typedef struct weft_i_timed_node timed_node;
struct weft_i_timed_node {
    int64_t start_ns;
    int32_t place, node;
};

static bool allocate(const weft_i_net *net, const weft_order *order, weft_i_arena *arena,
                     weft_i_timing *t)
{
    size_t n = (size_t)net->n_passes, n_ranks = (size_t)net->n_ranks;
    size_t n_tasks = 4 * (size_t)net->n_stages;
    size_t n_arcs = (size_t)net->in.first[n_tasks];
    t->task = weft_i_new(arena, weft_task, n);
    t->node = weft_i_new(arena, int32_t, n_tasks);
    t->nodes = weft_i_new(arena, weft_i_pass_node, n);
    t->more_inputs = weft_i_new(arena, weft_i_link, n_arcs + n);
    t->outputs = weft_i_new(arena, weft_i_link, n_arcs);
    t->neighbours = weft_i_new(arena, weft_i_neighbours, n);
    t->mates = weft_i_new(arena, int32_t, 2 * (n_arcs + n));
    t->bytes = weft_i_new(arena, weft_i_task_bytes, n);
    t->order = weft_i_new(arena, int32_t *, n_ranks);
    t->n_order = weft_i_new(arena, int32_t, n_ranks);
    t->held = weft_i_new(arena, int64_t *, n_ranks);
    t->left = weft_i_new(arena, int64_t *, n_ranks);
    t->room = weft_i_new(arena, int64_t, n_ranks);
    t->sink_ns = weft_i_new(arena, int64_t, n_ranks);
    t->topology = weft_i_new(arena, int32_t, n);
    t->window = weft_i_new(arena, int32_t, n);
    t->changed = weft_i_new(arena, int32_t, n);
    t->old_start_ns = weft_i_new(arena, int64_t, n);
    t->dirty = weft_i_new(arena, uint64_t, n / 64 + 1);
    t->stamp = weft_i_new(arena, int32_t, n);
    t->moved = weft_i_new(arena, int32_t, n);
    t->path = weft_i_new(arena, int32_t, n);
    t->sorted = weft_i_new(arena, struct weft_i_timed_node, n);
    t->focus.first = weft_i_new(arena, int32_t, n_ranks);
    t->focus.past = weft_i_new(arena, int32_t, n_ranks);
    t->focus.crossings = weft_i_new(arena, weft_i_crossing, n_arcs);
    if (!t->task || !t->node || !t->nodes || !t->more_inputs || !t->outputs || !t->neighbours ||
        !t->mates || !t->bytes || !t->order || !t->n_order || !t->held || !t->left || !t->room ||
        !t->sink_ns || !t->topology || !t->window || !t->changed || !t->old_start_ns || !t->dirty ||
        !t->stamp || !t->moved || !t->path || !t->sorted || !t->focus.first || !t->focus.past ||
        !t->focus.crossings)
        return false;
    for (size_t r = 0; r < n_ranks; r++) {
        t->n_order[r] = order->n_tasks[r];
        t->order[r] = weft_i_new(arena, int32_t, t->n_order[r]);
        t->held[r] = weft_i_new(arena, int64_t, t->n_order[r]);
        t->left[r] = weft_i_new(arena, int64_t, t->n_order[r]);
        if (!t->order[r] || !t->held[r] || !t->left[r]) return false;
    }
    return true;
}

/* Nodes are numbered along the ranks, so that neighbours in the order are neighbours in memory. */
static void number_nodes(const weft_order *order, weft_i_timing *t)
{
    int32_t n = 0;
    for (weft_task task = 0; task < 4 * t->net->n_stages; task++)
        t->node[task] = -1;
    for (int32_t r = 0; r < order->n_ranks; r++)
        for (int32_t i = 0; i < order->n_tasks[r]; i++) {
            weft_task task = order->tasks[r][i];
            t->nodes[n].rank = r;
            t->nodes[n].position = i;
            t->nodes[n].ns = t->net->ns[task];
            t->order[r][i] = n;
            t->node[task] = n;
            t->task[n++] = task;
        }
    t->n_nodes = n;
}

/* The pass of the same stage that must come before; -1 = none. */
static weft_task own_before(const weft_i_net *net, weft_task task)
{
    int32_t stage = weft_task_stage(task);
    switch (weft_task_pass(task)) {
    case WEFT_PASS_FW:
        return -1;
    case WEFT_PASS_BW:
    case WEFT_PASS_BWI:
        return weft_task_make(stage, WEFT_PASS_FW);
    case WEFT_PASS_BWW:
        return weft_i_net_backward(net, stage);
    }
    return -1;
}

/* Inputs from other ranks: the first in the node, the rest and an earliest start in a list. */
static int32_t link_inputs(weft_i_timing *t, int32_t node, int32_t n_more)
{
    const weft_i_net *net = t->net;
    weft_i_pass_node *to = &t->nodes[node];
    weft_task task = t->task[node];
    int64_t ready_ns = weft_task_pass(task) == WEFT_PASS_FW
                           ? net->graph->problem->stages[weft_task_stage(task)].ready_ns
                           : 0;
    to->input = -1;
    to->latency_ns = ready_ns;
    to->more = n_more;
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->in.arcs[i];
        int32_t from = t->node[arc->task];
        if (t->nodes[from].rank == to->rank) continue;
        if (to->input < 0) {
            to->input = from;
            to->latency_ns = arc->latency_ns;
        } else {
            t->more_inputs[n_more++] = (weft_i_link){from, arc->latency_ns};
        }
    }
    if (ready_ns > 0 && to->input >= 0) t->more_inputs[n_more++] = (weft_i_link){-1, ready_ns};
    to->end_more = n_more;
    return n_more;
}

static int32_t link_outputs(weft_i_timing *t, int32_t node, int32_t n)
{
    const weft_i_arcs *out = &t->net->out;
    weft_task task = t->task[node];
    t->nodes[node].output = n;
    for (int32_t i = out->first[task]; i < out->first[task + 1]; i++) {
        int32_t to = t->node[out->arcs[i].task];
        if (t->nodes[to].rank != t->nodes[node].rank)
            t->outputs[n++] = (weft_i_link){to, out->arcs[i].latency_ns};
    }
    t->nodes[node].end_output = n;
    return n;
}

/* What a node shares its rank with: data arcs within the rank, and its own stage's passes. */
static int32_t link_mates(weft_i_timing *t, int32_t node, int32_t n)
{
    const weft_i_net *net = t->net;
    weft_task task = t->task[node], own = own_before(net, task);
    weft_i_neighbours *list = &t->neighbours[node];
    list->before = n;
    if (own >= 0) t->mates[n++] = t->node[own];
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        int32_t from = t->node[net->in.arcs[i].task];
        if (t->nodes[from].rank == t->nodes[node].rank) t->mates[n++] = from;
    }
    list->end_before = list->after = n;
    for (int pass = WEFT_PASS_BW; pass <= WEFT_PASS_BWW; pass++) {
        weft_task later = weft_task_make(weft_task_stage(task), (weft_pass)pass);
        if (t->node[later] >= 0 && own_before(net, later) == task) t->mates[n++] = t->node[later];
    }
    for (int32_t i = net->out.first[task]; i < net->out.first[task + 1]; i++) {
        int32_t to = t->node[net->out.arcs[i].task];
        if (t->nodes[to].rank == t->nodes[node].rank) t->mates[n++] = to;
    }
    list->end_after = n;
    return n;
}

/* A topological order first in, first out, in t->moved, and the starts; false when there is none.
 */
static bool time_all(weft_i_timing *t)
{
    int32_t *missing = t->stamp, *queue = t->moved, n = 0;
    for (int32_t x = 0; x < t->n_nodes; x++) {
        const weft_i_pass_node *node = &t->nodes[x];
        missing[x] = (node->input >= 0) + (node->position > 0);
        for (int32_t i = node->more; i < node->end_more; i++)
            missing[x] += t->more_inputs[i].node >= 0;
        if (missing[x] == 0) queue[n++] = x;
    }
    for (int32_t i = 0; i < n; i++) {
        weft_i_pass_node *node = &t->nodes[queue[i]];
        node->start_ns = weft_i_timing_start(t, node);
        node->place = i;
        if (node->position + 1 < t->n_order[node->rank]) {
            int32_t next = t->order[node->rank][node->position + 1];
            if (--missing[next] == 0) queue[n++] = next;
        }
        for (int32_t k = node->output; k < node->end_output; k++)
            if (--missing[t->outputs[k].node] == 0) queue[n++] = t->outputs[k].node;
    }
    return n == t->n_nodes;
}

static int compare_timed(const void *a, const void *b)
{
    const timed_node *x = a, *y = b;
    if (x->start_ns != y->start_ns) return x->start_ns < y->start_ns ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Short windows between what is near in time make moves cheap. */
static void sort_topology(weft_i_timing *t)
{
    timed_node *sorted = t->sorted;
    for (int32_t x = 0; x < t->n_nodes; x++)
        sorted[x] = (timed_node){t->nodes[x].start_ns, t->nodes[x].place, x};
    qsort(sorted, (size_t)t->n_nodes, sizeof *sorted, compare_timed);
    for (int32_t i = 0; i < t->n_nodes; i++) {
        t->topology[i] = sorted[i].node;
        t->nodes[sorted[i].node].place = i;
    }
}

/* Moves may go everywhere; nothing is behind the focus. */
static void look_everywhere(weft_i_timing *t)
{
    t->focus.begin = 0;
    t->focus.end = t->n_nodes;
    t->focus.n_crossings = 0;
    t->focus.least_ns = 0;
    for (int32_t r = 0; r < t->n_ranks; r++) {
        t->focus.first[r] = 0;
        t->focus.past[r] = t->n_order[r];
    }
}

/* Times, topology and sums of the order that is there; false when it deadlocks. */
static bool start_over(weft_i_timing *t)
{
    if (!time_all(t)) return false;
    sort_topology(t);
    look_everywhere(t);
    memset(t->stamp, 0, (size_t)t->n_nodes * sizeof *t->stamp);
    t->now = 0;
    weft_i_timing_set_objective(t, t->by_span);
    weft_i_timing_sum(t);
    return true;
}

weft_status weft_i_timing_load(const weft_i_net *net, const weft_order *order, weft_i_arena *arena,
                               weft_error *error, weft_i_timing *out_timing)
{
    weft_i_timing t = {.net = net, .n_ranks = net->n_ranks};
    int32_t n_more = 0, n_outputs = 0, n_mates = 0;
    if (!allocate(net, order, arena, &t)) return weft_i_no_memory(error);
    number_nodes(order, &t);
    for (int32_t x = 0; x < t.n_nodes; x++) {
        n_more = link_inputs(&t, x, n_more);
        n_outputs = link_outputs(&t, x, n_outputs);
        n_mates = link_mates(&t, x, n_mates);
        t.bytes[x] = weft_i_net_bytes(net, t.task[x]);
    }
    for (int32_t r = 0; r < t.n_ranks; r++)
        t.room[r] = INT64_MAX;
    if (!start_over(&t)) return weft_i_fail(error, WEFT_STATUS_FAILED, "the order deadlocks");
    *out_timing = t;
    return WEFT_STATUS_OK;
}

void weft_i_timing_refresh(weft_i_timing *timing)
{
    bool timed = start_over(timing);
    assert(timed);
    (void)timed;
}

void weft_i_timing_read(weft_i_timing *timing, const weft_order *order)
{
    for (int32_t r = 0; r < timing->n_ranks; r++)
        for (int32_t i = 0; i < timing->n_order[r]; i++) {
            int32_t node = timing->node[order->tasks[r][i]];
            timing->order[r][i] = node;
            timing->nodes[node].position = i;
        }
    weft_i_timing_refresh(timing);
}

void weft_i_timing_store(const weft_i_timing *timing, weft_order *order)
{
    for (int32_t r = 0; r < timing->n_ranks; r++) {
        order->n_tasks[r] = timing->n_order[r];
        for (int32_t i = 0; i < timing->n_order[r]; i++)
            order->tasks[r][i] = timing->task[timing->order[r][i]];
    }
}
