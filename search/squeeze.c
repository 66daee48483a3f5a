/* search/squeeze.c - see squeeze.h. A state is a line of all passes of all ranks: what is done when
 * one pass is done at a time. A step moves a pass in the line, gives a stage another candidate, or
 * splits or joins a backward; then the line is put right by the edges, and peaks are exact. */
#include "search/squeeze.h"

#include <string.h>

#include "base/error.h"
#include "plan/compile.h"
#include "plan/sequence.h"

enum { MOST_STEPS = 3000, MOST_PASSES = 1000000 /* of all steps together */ };

typedef struct state {
    int32_t *choices; /* by stage */
    bool *split;      /* by stage */
    weft_task *line;
    int32_t n_line;
} state;

typedef struct squeezer {
    const weft_problem *problem;
    weft_i_variant variant;
    weft_i_rng *rng;
    state now, next;
    weft_order *order; /* scratch: `next` by ranks */
    int32_t *missing;  /* scratch, by task: inputs to come */
    int32_t *place;    /* scratch, by task: in the line */
    int32_t *heap;     /* scratch: places of tasks that lack nothing */
    int32_t n_heap;
    int64_t *peaks;
    weft_i_arena arena;
} squeezer;

static weft_task backward_of(const state *s, int32_t stage)
{
    return weft_task_make(stage, s->split[stage] ? WEFT_PASS_BWI : WEFT_PASS_BW);
}

static bool state_create(state *s, int32_t n_stages, weft_i_arena *arena)
{
    s->choices = weft_i_new(arena, int32_t, n_stages);
    s->split = weft_i_new(arena, bool, n_stages);
    s->line = weft_i_new(arena, weft_task, 3 * (size_t)n_stages);
    return s->choices && s->split && s->line;
}

static void state_copy(const state *from, int32_t n_stages, state *to)
{
    memcpy(to->choices, from->choices, (size_t)n_stages * sizeof *to->choices);
    memcpy(to->split, from->split, (size_t)n_stages * sizeof *to->split);
    memcpy(to->line, from->line, (size_t)from->n_line * sizeof *to->line);
    to->n_line = from->n_line;
}

static int32_t find(const state *s, weft_task task)
{
    int32_t i = 0;
    while (s->line[i] != task)
        i++;
    return i;
}

/* Take the pass at `from` out and put it in at `to`. */
static void move(state *s, int32_t from, int32_t to)
{
    weft_task task = s->line[from];
    int32_t low = from < to ? from : to, n = from < to ? to - from : from - to;
    weft_task *source = s->line + low + (from < to), *target = s->line + low + (from > to);
    memmove(target, source, (size_t)n * sizeof *source);
    s->line[to] = task;
}

static void split(state *s, int32_t stage)
{
    int32_t at = find(s, weft_task_make(stage, WEFT_PASS_BW));
    s->line[at] = weft_task_make(stage, WEFT_PASS_BWI);
    s->line[s->n_line++] = weft_task_make(stage, WEFT_PASS_BWW);
    move(s, s->n_line - 1, at + 1);
    s->split[stage] = true;
}

static void join(state *s, int32_t stage)
{
    s->line[find(s, weft_task_make(stage, WEFT_PASS_BWI))] = weft_task_make(stage, WEFT_PASS_BW);
    move(s, find(s, weft_task_make(stage, WEFT_PASS_BWW)), s->n_line - 1);
    s->n_line--;
    s->split[stage] = false;
}

static int32_t draw(squeezer *q, int32_t n)
{
    return (int32_t)weft_i_rng_below(q->rng, (uint64_t)n);
}

static bool can_split(const squeezer *q, int32_t stage)
{
    const weft_stage *s = &q->problem->stages[stage];
    return s->backward == WEFT_BACKWARD_FULL &&
           weft_cost_can_split(weft_i_choice_cost(s, q->next.choices[stage]));
}

static void step(squeezer *q)
{
    state *s = &q->next;
    int32_t stage = draw(q, q->problem->n_stages);
    int32_t n_candidates = q->problem->stages[stage].n_candidates;
    int kind = draw(q, 5);
    if (kind < 2 && n_candidates > 1) {
        s->choices[stage] = draw(q, n_candidates);
        if (s->split[stage] && !can_split(q, stage)) join(s, stage);
    } else if (kind == 2 && s->split[stage]) {
        join(s, stage);
    } else if (kind == 2 && can_split(q, stage)) {
        split(s, stage);
    } else {
        move(s, draw(q, s->n_line), draw(q, s->n_line));
    }
}

static void push(squeezer *q, int32_t place)
{
    int32_t i = q->n_heap++;
    for (; i > 0 && place < q->heap[(i - 1) / 2]; i = (i - 1) / 2)
        q->heap[i] = q->heap[(i - 1) / 2];
    q->heap[i] = place;
}

static int32_t pop(squeezer *q)
{
    int32_t top = q->heap[0], last = q->heap[--q->n_heap], i = 0;
    for (int32_t child; (child = 2 * i + 1) < q->n_heap; i = child) {
        child += child + 1 < q->n_heap && q->heap[child + 1] < q->heap[child];
        if (last <= q->heap[child]) break;
        q->heap[i] = q->heap[child];
    }
    q->heap[i] = last;
    return top;
}

static void release(squeezer *q, weft_task task)
{
    if (--q->missing[task] == 0) push(q, q->place[task]);
}

static void release_successors(squeezer *q, weft_task task)
{
    int32_t stage = weft_task_stage(task);
    weft_i_edge_run out = weft_i_task_out(&q->variant.graph, task);
    for (const int32_t *e = out.first; e < out.end; e++) {
        const weft_edge *edge = &q->problem->edges[*e];
        release(q, edge->pass == WEFT_PASS_FW ? weft_task_make(edge->to, WEFT_PASS_FW)
                                              : backward_of(&q->next, edge->to));
    }
    if (weft_task_pass(task) == WEFT_PASS_FW) {
        if (q->problem->stages[stage].backward != WEFT_BACKWARD_NONE)
            release(q, backward_of(&q->next, stage));
    } else if (weft_task_pass(task) == WEFT_PASS_BWI) {
        release(q, weft_task_make(stage, WEFT_PASS_BWW));
    }
}

static void find_ready(squeezer *q)
{
    const state *s = &q->next;
    q->n_heap = 0;
    for (int32_t i = 0; i < s->n_line; i++) {
        weft_task task = s->line[i];
        weft_i_edge_run in = weft_i_task_in(&q->variant.graph, task);
        q->place[task] = i;
        q->missing[task] =
            (int32_t)(in.end - in.first) + (weft_task_pass(task) != WEFT_PASS_FW); /* its forward */
        if (q->missing[task] == 0) push(q, i);
    }
}

/* The line in an order that the edges allow, the first that is ready first; and by ranks. */
static void put_right(squeezer *q)
{
    state *s = &q->next;
    int32_t *n_tasks = q->order->n_tasks, n_done = 0;
    memset(n_tasks, 0, (size_t)q->order->n_ranks * sizeof *n_tasks);
    find_ready(q);
    /* Done passes are noted by rank and by number; the line is read until the last is popped. */
    while (q->n_heap > 0) {
        weft_task task = s->line[pop(q)];
        int32_t rank = q->variant.graph.rank[weft_task_stage(task)];
        q->order->tasks[rank][n_tasks[rank]++] = task;
        q->place[task] = n_done++;
        release_successors(q, task);
    }
    for (int32_t r = 0; r < q->order->n_ranks; r++)
        for (int32_t i = 0; i < n_tasks[r]; i++)
            s->line[q->place[q->order->tasks[r][i]]] = q->order->tasks[r][i];
}

/* Bytes over the limits with `next`, of all ranks together. */
static weft_status measure(squeezer *q, weft_error *error, int64_t *out_excess)
{
    put_right(q);
    weft_i_variant_set_all(&q->variant, q->next.choices);
    weft_status status = weft_i_compile_peaks(&q->variant.graph, q->order, error, q->peaks);
    *out_excess = 0;
    for (int32_t r = 0; r < q->problem->n_ranks; r++) {
        int64_t excess = q->peaks[r] - q->problem->limit_bytes[r];
        if (excess <= 0) continue;
        *out_excess += excess < WEFT_INT_MAX - *out_excess ? excess : WEFT_INT_MAX - *out_excess;
    }
    return status;
}

/* Least that a stage takes while its forward or its backward runs, alone on its rank. */
static int64_t least_need(const weft_stage *stage)
{
    int64_t least = WEFT_INT_MAX;
    for (int32_t k = stage->n_candidates > 0 ? 0 : -1; k < stage->n_candidates; k++) {
        const weft_cost *cost = weft_i_choice_cost(stage, k);
        int64_t work = cost->work_bytes[WEFT_PASS_FW], bw = cost->work_bytes[WEFT_PASS_BW];
        if (weft_cost_can_split(cost) && cost->work_bytes[WEFT_PASS_BWI] < bw)
            bw = cost->work_bytes[WEFT_PASS_BWI];
        work = stage->backward != WEFT_BACKWARD_NONE && bw > work ? bw : work;
        least = cost->saved_bytes + work < least ? cost->saved_bytes + work : least;
    }
    return least;
}

static bool is_hopeless(const squeezer *q)
{
    const weft_problem *problem = q->problem;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t rank = q->variant.graph.rank[s];
        if (problem->static_bytes[rank] + least_need(&problem->stages[s]) >
            problem->limit_bytes[rank])
            return true;
    }
    return false;
}

static weft_status start(squeezer *q, const weft_order *order, const int32_t *choices,
                         weft_error *error)
{
    weft_i_sequence sequence;
    weft_status status =
        weft_i_sequence_build(&q->variant.graph, order, &q->arena, error, &sequence);
    if (status) return status;
    memcpy(q->now.line, sequence.tasks, (size_t)sequence.n_tasks * sizeof *q->now.line);
    q->now.n_line = sequence.n_tasks;
    memcpy(q->now.choices, choices, (size_t)q->problem->n_stages * sizeof *choices);
    return WEFT_STATUS_OK;
}

static weft_status walk(squeezer *q, weft_i_budget *budget, weft_i_incumbent *incumbent,
                        weft_error *error)
{
    int64_t excess = WEFT_INT_MAX, passes = 0;
    for (int32_t i = 0; i < MOST_STEPS && passes < MOST_PASSES; i++) {
        int64_t next_excess;
        state_copy(&q->now, q->problem->n_stages, &q->next);
        if (i > 0) step(q);
        weft_status status = measure(q, error, &next_excess);
        if (status) return status;
        if (next_excess == 0) {
            weft_i_offer offer;
            return weft_i_incumbent_offer(incumbent, q->order, q->next.choices, "squeezed", error,
                                          &offer);
        }
        if (next_excess <= excess) {
            state swapped = q->now;
            q->now = q->next;
            q->next = swapped;
            excess = next_excess;
        }
        passes += q->now.n_line;
        if (weft_i_budget_used(budget) >= 1 && (budget->stopped || budget->limit_ns > 0)) break;
    }
    return WEFT_STATUS_OK;
}

static weft_status open_squeezer(squeezer *q, weft_error *error)
{
    int32_t n_stages = q->problem->n_stages, n_ranks = q->problem->n_ranks;
    const weft_i_graph *graph = &q->variant.graph;
    int32_t *capacity = weft_i_new(&q->arena, int32_t, n_ranks);
    q->missing = weft_i_new(&q->arena, int32_t, 4 * (size_t)n_stages);
    q->place = weft_i_new(&q->arena, int32_t, 4 * (size_t)n_stages);
    q->heap = weft_i_new(&q->arena, int32_t, 3 * (size_t)n_stages);
    q->peaks = weft_i_new(&q->arena, int64_t, n_ranks);
    if (!capacity || !q->missing || !q->place || !q->heap || !q->peaks ||
        !state_create(&q->now, n_stages, &q->arena) || !state_create(&q->next, n_stages, &q->arena))
        return weft_i_no_memory(error);
    for (int32_t r = 0; r < n_ranks; r++)
        capacity[r] = 3 * graph->n_rank_stages[r];
    q->order = weft_order_create(n_ranks, capacity);
    return q->order ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_i_squeeze(const weft_i_graph *graph, const weft_order *order,
                           const int32_t *choices, weft_i_budget *budget, weft_i_rng *rng,
                           weft_i_incumbent *incumbent, weft_error *error)
{
    squeezer q = {.problem = graph->problem, .rng = rng};
    weft_status status = weft_i_variant_init(graph, &q.arena, error, &q.variant);
    bool hopeless = status == WEFT_STATUS_OK && is_hopeless(&q);
    if (status == WEFT_STATUS_OK && !hopeless) {
        status = open_squeezer(&q, error);
        if (status == WEFT_STATUS_OK) status = start(&q, order, choices, error);
        if (status == WEFT_STATUS_OK) status = walk(&q, budget, incumbent, error);
    }
    weft_order_free(q.order);
    weft_i_arena_free(&q.arena);
    return status;
}
