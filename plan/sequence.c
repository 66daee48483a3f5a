/* plan/sequence.c - see sequence.h. An event simulation: of all ranks whose next pass has its
 * inputs, the one that starts first goes on. Starts come out in rising order, so nothing is
 * sorted. */
#include "plan/sequence.h"

#include "base/error.h"
#include "plan/order_time.h"

/* A rank whose next pass can start, in a binary heap by start, then rank. */
typedef struct ready_rank {
    int64_t start_ns;
    int32_t rank;
} ready_rank;

typedef struct walk {
    weft_i_sequence *sequence;
    int32_t *missing;  /* inputs that a task still lacks */
    int64_t *ready_ns; /* arrival of the latest input so far */
    int32_t *next;     /* per rank: position of its next task */
    int64_t *clock_ns; /* per rank: end of its last task */
    ready_rank *heap;
    int32_t n_heap;
} walk;

int64_t weft_i_task_ns(const weft_i_graph *graph, weft_task task)
{
    const weft_stage *stage = &graph->problem->stages[weft_task_stage(task)];
    return weft_cost_pass_ns(&stage->now.cost, weft_task_pass(task));
}

static weft_i_edge_run edges_of(const weft_i_adjacency *edges, int32_t stage)
{
    return (weft_i_edge_run){edges->edges + edges->first[stage],
                             edges->edges + edges->first[stage + 1]};
}

weft_i_edge_run weft_i_task_in(const weft_i_graph *graph, weft_task task)
{
    weft_pass pass = weft_task_pass(task);
    if (pass == WEFT_PASS_BWW) return (weft_i_edge_run){NULL, NULL};
    return edges_of(pass == WEFT_PASS_FW ? &graph->fw_in : &graph->bw_in, weft_task_stage(task));
}

weft_i_edge_run weft_i_task_out(const weft_i_graph *graph, weft_task task)
{
    weft_pass pass = weft_task_pass(task);
    if (pass == WEFT_PASS_BWW) return (weft_i_edge_run){NULL, NULL};
    return edges_of(pass == WEFT_PASS_FW ? &graph->fw_out : &graph->bw_out, weft_task_stage(task));
}

int64_t weft_i_edges_bytes(const weft_i_graph *graph, weft_i_edge_run run)
{
    int64_t bytes = 0;
    for (const int32_t *e = run.first; e < run.end; e++)
        bytes += graph->problem->edges[*e].bytes;
    return bytes;
}

weft_task weft_i_sequence_consumer(const weft_i_sequence *sequence, const weft_edge *edge)
{
    return edge->pass == WEFT_PASS_FW ? weft_task_make(edge->to, WEFT_PASS_FW)
                                      : weft_i_sequence_backward(sequence, edge->to);
}

/* The order is one: every task is known and stands once, on its rank. */
static void place_tasks(weft_i_sequence *sequence)
{
    const weft_order *order = sequence->order;
    for (int32_t r = 0; r < order->n_ranks; r++) {
        for (int32_t i = 0; i < order->n_tasks[r]; i++)
            sequence->position[order->tasks[r][i]] = i;
        sequence->n_tasks += order->n_tasks[r];
    }
}

static bool starts_before(ready_rank a, ready_rank b)
{
    return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.rank < b.rank;
}

static void heap_push(walk *w, ready_rank item)
{
    int32_t i = w->n_heap++;
    while (i > 0 && starts_before(item, w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = item;
}

static ready_rank heap_pop(walk *w)
{
    ready_rank top = w->heap[0], last = w->heap[--w->n_heap];
    int32_t i = 0;
    for (int32_t child; (child = 2 * i + 1) < w->n_heap; i = child) {
        if (child + 1 < w->n_heap && starts_before(w->heap[child + 1], w->heap[child])) child++;
        if (!starts_before(w->heap[child], last)) break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return top;
}

/* Queue a rank when its next task lacks nothing. */
static void queue_rank(walk *w, int32_t rank)
{
    const weft_order *order = w->sequence->order;
    if (w->next[rank] == order->n_tasks[rank]) return;
    weft_task task = order->tasks[rank][w->next[rank]];
    if (w->missing[task] > 0) return;
    int64_t ready = w->ready_ns[task], clock = w->clock_ns[rank];
    heap_push(w, (ready_rank){ready > clock ? ready : clock, rank});
}

/* An input of `task` is there from `at_ns`. A rank that stood at this task alone can go on. */
static void release(walk *w, weft_task task, int64_t at_ns, int32_t running_rank)
{
    if (at_ns > w->ready_ns[task]) w->ready_ns[task] = at_ns;
    if (--w->missing[task] > 0) return;
    int32_t rank = w->sequence->graph->rank[weft_task_stage(task)];
    bool is_next = w->next[rank] == w->sequence->position[task];
    if (is_next && rank != running_rank) queue_rank(w, rank);
}

static void release_successors(walk *w, weft_task task, int32_t rank, int64_t end_ns)
{
    weft_i_sequence *sequence = w->sequence;
    const weft_problem *problem = sequence->graph->problem;
    int32_t stage = weft_task_stage(task);
    weft_i_edge_run out = weft_i_task_out(sequence->graph, task);
    for (const int32_t *e = out.first; e < out.end; e++) {
        const weft_edge *edge = &problem->edges[*e];
        bool is_message = sequence->graph->rank[edge->to] != rank;
        release(w, weft_i_sequence_consumer(sequence, edge),
                end_ns + (is_message ? edge->transfer_ns : 0), rank);
    }
    if (weft_task_pass(task) == WEFT_PASS_FW) {
        weft_task backward = weft_i_sequence_backward(sequence, stage);
        if (sequence->position[backward] >= 0) release(w, backward, end_ns, rank);
    } else if (weft_task_pass(task) == WEFT_PASS_BWI) {
        release(w, weft_task_make(stage, WEFT_PASS_BWW), end_ns, rank);
    }
}

static void count_inputs(walk *w)
{
    const weft_i_graph *graph = w->sequence->graph;
    for (int32_t s = 0; s < graph->problem->n_stages; s++) {
        weft_task fw = weft_task_make(s, WEFT_PASS_FW);
        weft_task backward = weft_i_sequence_backward(w->sequence, s);
        w->missing[fw] = graph->fw_in.first[s + 1] - graph->fw_in.first[s];
        w->ready_ns[fw] = graph->problem->stages[s].ready_ns;
        w->missing[backward] = 1 + graph->bw_in.first[s + 1] - graph->bw_in.first[s];
        w->missing[weft_task_make(s, WEFT_PASS_BWW)] = 1;
    }
}

/* False where the order deadlocks. */
static bool run(walk *w)
{
    weft_i_sequence *sequence = w->sequence;
    int32_t n_done = 0;
    for (int32_t r = 0; r < sequence->order->n_ranks; r++)
        queue_rank(w, r);
    while (w->n_heap > 0) {
        ready_rank item = heap_pop(w);
        weft_task task = sequence->order->tasks[item.rank][w->next[item.rank]++];
        int64_t end_ns = item.start_ns + weft_i_task_ns(sequence->graph, task);
        sequence->tasks[n_done] = task;
        sequence->place[task] = n_done++;
        sequence->end_ns[task] = end_ns;
        w->clock_ns[item.rank] = end_ns;
        release_successors(w, task, item.rank, end_ns);
        queue_rank(w, item.rank);
    }
    return n_done == sequence->n_tasks;
}

static bool allocate(weft_i_sequence *sequence, walk *w, weft_i_arena *arena)
{
    size_t n_passes = (size_t)sequence->graph->problem->n_stages * 4;
    size_t n_ranks = (size_t)sequence->order->n_ranks;
    sequence->place = weft_i_new(arena, int32_t, n_passes);
    sequence->position = weft_i_new(arena, int32_t, n_passes);
    sequence->end_ns = weft_i_new(arena, int64_t, n_passes);
    w->missing = weft_i_new(arena, int32_t, n_passes);
    w->ready_ns = weft_i_new(arena, int64_t, n_passes);
    w->next = weft_i_new(arena, int32_t, n_ranks);
    w->clock_ns = weft_i_new(arena, int64_t, n_ranks);
    w->heap = weft_i_new(arena, ready_rank, n_ranks);
    if (!sequence->place || !sequence->position || !sequence->end_ns || !w->missing ||
        !w->ready_ns || !w->next || !w->clock_ns || !w->heap) {
        return false;
    }
    for (size_t i = 0; i < n_passes; i++)
        sequence->place[i] = sequence->position[i] = -1;
    return true;
}

weft_status weft_i_sequence_build(const weft_i_graph *graph, const weft_order *order,
                                  weft_i_arena *arena, weft_error *error,
                                  weft_i_sequence *out_sequence)
{
    weft_i_sequence sequence = {.graph = graph, .order = order};
    walk w = {.sequence = &sequence};
    weft_status status = weft_i_order_check(graph, order, error);
    if (status != WEFT_STATUS_OK) return status;
    if (!allocate(&sequence, &w, arena)) return weft_i_no_memory(error);
    place_tasks(&sequence);
    sequence.tasks = weft_i_new(arena, weft_task, sequence.n_tasks);
    if (!sequence.tasks) return weft_i_no_memory(error);
    count_inputs(&w);
    if (!run(&w)) {
        weft_schedule_time time; /* never: the slower timeline finds and names the same deadlock */
        return weft_i_order_time(graph, order, error, NULL, NULL, &time);
    }
    *out_sequence = sequence;
    return WEFT_STATUS_OK;
}
