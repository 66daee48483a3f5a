/* plan/order_time.c - whether an order is one, and its times as soon as possible. Not: memory, nor
 * the posting of messages (compile.c). */
#include "plan/order_time.h"

#include <stdbool.h>

#include "base/error.h"
#include "weft/plan.h"

enum { N_PASSES = 4 };

static const char *pass_name(weft_task task)
{
    return weft_action_name((weft_action_kind)weft_task_pass(task));
}

static bool has_pass(const weft_stage *stage, weft_pass pass)
{
    if (pass == WEFT_PASS_FW) return true;
    if (pass == WEFT_PASS_BW) return stage->backward != WEFT_BACKWARD_NONE;
    return weft_cost_can_split(&stage->now.cost);
}

static weft_status check_task(const weft_i_graph *graph, int32_t rank, weft_task task,
                              const bool *seen, weft_error *error)
{
    int32_t s = weft_task_stage(task);
    if (task < 0 || s >= graph->problem->n_stages) {
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "order of rank %d has task %d, expected 0 to %d", rank, task,
                           graph->problem->n_stages * N_PASSES - 1);
    }
    const char *pass = pass_name(task);
    if (graph->rank[s] != rank) {
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "order of rank %d has %s of stage %d, which is on rank %d", rank, pass,
                           s, graph->rank[s]);
    }
    if (!has_pass(&graph->problem->stages[s], weft_task_pass(task))) {
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "order of rank %d has %s of stage %d, a pass that the stage lacks", rank,
                           pass, s);
    }
    if (seen[task]) {
        return weft_i_fail(error, WEFT_STATUS_FAILED, "order of rank %d has %s of stage %d twice",
                           rank, pass, s);
    }
    return WEFT_STATUS_OK;
}

/* A stage has FW, and BW or both halves of it where it has a backward. */
static weft_status check_passes(const weft_i_graph *graph, int32_t s, const bool *seen,
                                weft_error *error)
{
    const bool *has = &seen[s * N_PASSES];
    bool is_split = has[WEFT_PASS_BWI] || has[WEFT_PASS_BWW];
    const bool needs[N_PASSES] = {
        [WEFT_PASS_FW] = true,
        [WEFT_PASS_BW] = !is_split && graph->problem->stages[s].backward != WEFT_BACKWARD_NONE,
        [WEFT_PASS_BWI] = is_split,
        [WEFT_PASS_BWW] = is_split,
    };
    for (int pass = 0; pass < N_PASSES; pass++) {
        if (has[pass] == needs[pass]) continue;
        weft_task task = weft_task_make(s, (weft_pass)pass);
        return weft_i_fail(error, WEFT_STATUS_FAILED, "order of rank %d %s %s of stage %d%s",
                           graph->rank[s], needs[pass] ? "lacks" : "has", pass_name(task), s,
                           is_split ? ", whose backward is split" : "");
    }
    return WEFT_STATUS_OK;
}

/* Check, and mark the tasks of the order in `seen`, by task and all false before. */
static weft_status check_order(const weft_i_graph *graph, const weft_order *order, bool *seen,
                               weft_error *error)
{
    if (order->n_ranks != graph->problem->n_ranks) {
        return weft_i_fail(error, WEFT_STATUS_FAILED, "order has %d ranks, expected %d",
                           order->n_ranks, graph->problem->n_ranks);
    }
    weft_status status = WEFT_STATUS_OK;
    for (int32_t r = 0; r < order->n_ranks; r++) {
        for (int32_t i = 0; i < order->n_tasks[r]; i++) {
            weft_task task = order->tasks[r][i];
            status = check_task(graph, r, task, seen, error);
            if (status != WEFT_STATUS_OK) return status;
            seen[task] = true;
        }
    }
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < graph->problem->n_stages; s++)
        status = check_passes(graph, s, seen, error);
    return status;
}

weft_status weft_i_order_check(const weft_i_graph *graph, const weft_order *order,
                               weft_error *error)
{
    weft_i_arena arena = {0};
    bool *seen = weft_i_new(&arena, bool, (size_t)graph->problem->n_stages *N_PASSES);
    weft_status status = seen ? check_order(graph, order, seen, error) : weft_i_no_memory(error);
    weft_i_arena_free(&arena);
    return status;
}

/* A simulation: each rank runs its tasks until one waits for another rank, whose finish wakes it.
 */
typedef struct timer {
    const weft_i_graph *graph;
    const weft_order *order;
    bool *in_order;       /* by task */
    int32_t *waits;       /* by task: for so many others that are not done */
    int64_t *earliest_ns; /* by task: when all that are done had their output here */
    int64_t *start_ns, *end_ns;
    int32_t *next;    /* by rank: place in its sequence */
    int64_t *free_ns; /* by rank */
    int32_t *awake;   /* ranks whose next task can run, a stack; a rank is there at most once */
    int32_t n_awake;
} timer;

static bool timer_begin(timer *t, const weft_i_graph *graph, const weft_order *order,
                        weft_i_arena *arena)
{
    size_t n_tasks = (size_t)graph->problem->n_stages * N_PASSES;
    size_t n_ranks = (size_t)graph->problem->n_ranks;
    *t = (timer){
        .graph = graph,
        .order = order,
        .in_order = weft_i_new(arena, bool, n_tasks),
        .waits = weft_i_new(arena, int32_t, n_tasks),
        .earliest_ns = weft_i_new(arena, int64_t, n_tasks),
        .start_ns = weft_i_new(arena, int64_t, n_tasks),
        .end_ns = weft_i_new(arena, int64_t, n_tasks),
        .next = weft_i_new(arena, int32_t, n_ranks),
        .free_ns = weft_i_new(arena, int64_t, n_ranks),
        .awake = weft_i_new(arena, int32_t, n_ranks),
    };
    return t->in_order && t->waits && t->earliest_ns && t->start_ns && t->end_ns && t->next &&
           t->free_ns && t->awake;
}

/* The pass of a stage that follows its forward and carries the gradients. */
static weft_task backward_task(const timer *t, int32_t s)
{
    weft_task split = weft_task_make(s, WEFT_PASS_BWI);
    return t->in_order[split] ? split : weft_task_make(s, WEFT_PASS_BW);
}

static void count_waits(timer *t)
{
    const weft_i_graph *graph = t->graph;
    const int32_t *fw_first = graph->fw_in.first, *bw_first = graph->bw_in.first;
    for (int32_t s = 0; s < graph->problem->n_stages; s++) {
        t->waits[weft_task_make(s, WEFT_PASS_FW)] = fw_first[s + 1] - fw_first[s];
        t->waits[backward_task(t, s)] = 1 + bw_first[s + 1] - bw_first[s];
        t->waits[weft_task_make(s, WEFT_PASS_BWW)] = 1;
        t->earliest_ns[weft_task_make(s, WEFT_PASS_FW)] = graph->problem->stages[s].ready_ns;
        for (int pass = 0; pass < N_PASSES; pass++) {
            weft_task task = weft_task_make(s, (weft_pass)pass);
            t->start_ns[task] = t->end_ns[task] = -1;
        }
    }
}

/* The task that a rank has come to; -1 at the end. */
static weft_task next_task(const timer *t, int32_t rank)
{
    int32_t i = t->next[rank];
    return i < t->order->n_tasks[rank] ? t->order->tasks[rank][i] : -1;
}

/* What `task` waited for is here at `at_ns`. */
static void release(timer *t, weft_task task, int64_t at_ns, int32_t running)
{
    if (at_ns > t->earliest_ns[task]) t->earliest_ns[task] = at_ns;
    if (--t->waits[task] > 0) return;
    int32_t rank = t->graph->rank[weft_task_stage(task)];
    if (rank != running && next_task(t, rank) == task) t->awake[t->n_awake++] = rank;
}

/* Release all that waited for `task`, which `running` has ended. */
static void release_all(timer *t, weft_task task, int64_t end_ns, int32_t running)
{
    int32_t s = weft_task_stage(task);
    weft_pass pass = weft_task_pass(task);
    if (pass == WEFT_PASS_BWW) return;
    if (pass == WEFT_PASS_FW) release(t, backward_task(t, s), end_ns, running);
    if (pass == WEFT_PASS_BWI) {
        release(t, weft_task_make(s, WEFT_PASS_BWW), end_ns, running);
    }
    const weft_i_adjacency *out = pass == WEFT_PASS_FW ? &t->graph->fw_out : &t->graph->bw_out;
    for (int32_t i = out->first[s]; i < out->first[s + 1]; i++) {
        const weft_edge *edge = &t->graph->problem->edges[out->edges[i]];
        weft_task to =
            pass == WEFT_PASS_FW ? weft_task_make(edge->to, pass) : backward_task(t, edge->to);
        release(t, to, end_ns + edge->transfer_ns, running);
    }
}

static void run_rank(timer *t, int32_t rank)
{
    weft_task task;
    while ((task = next_task(t, rank)) >= 0 && t->waits[task] == 0) {
        const weft_cost *cost = &t->graph->problem->stages[weft_task_stage(task)].now.cost;
        int64_t start_ns = t->free_ns[rank];
        if (start_ns < t->earliest_ns[task]) start_ns = t->earliest_ns[task];
        t->start_ns[task] = start_ns;
        t->end_ns[task] = start_ns + weft_cost_pass_ns(cost, weft_task_pass(task));
        t->free_ns[rank] = t->end_ns[task];
        t->next[rank]++;
        release_all(t, task, t->end_ns[task], rank);
    }
}

static void run(timer *t)
{
    count_waits(t);
    for (int32_t r = 0; r < t->order->n_ranks; r++) {
        weft_task first = next_task(t, r);
        if (first >= 0 && t->waits[first] == 0) t->awake[t->n_awake++] = r;
    }
    while (t->n_awake > 0)
        run_rank(t, t->awake[--t->n_awake]);
}

/* One that `task` waits for and that has not ended. */
static weft_task awaited(const timer *t, weft_task task)
{
    int32_t s = weft_task_stage(task);
    weft_pass pass = weft_task_pass(task);
    weft_task own = weft_task_make(s, pass == WEFT_PASS_BWW ? WEFT_PASS_BWI : WEFT_PASS_FW);
    if (pass != WEFT_PASS_FW && t->end_ns[own] < 0) return own;
    const weft_i_adjacency *in = pass == WEFT_PASS_FW ? &t->graph->fw_in : &t->graph->bw_in;
    for (int32_t i = in->first[s];; i++) {
        int32_t from = t->graph->problem->edges[in->edges[i]].from;
        weft_task before =
            pass == WEFT_PASS_FW ? weft_task_make(from, pass) : backward_task(t, from);
        if (t->end_ns[before] < 0) return before;
    }
}

static weft_status fail_deadlock(const timer *t, int32_t rank, weft_error *error)
{
    weft_task task = next_task(t, rank), other = awaited(t, task);
    int32_t s = weft_task_stage(task), other_s = weft_task_stage(other);
    return weft_i_fail(error, WEFT_STATUS_FAILED,
                       "order deadlocks: rank %d waits with %s of stage %d for %s of stage %d of "
                       "rank %d",
                       rank, pass_name(task), s, pass_name(other), other_s,
                       t->graph->rank[other_s]);
}

static weft_status check_finished(const timer *t, weft_error *error)
{
    for (int32_t r = 0; r < t->order->n_ranks; r++) {
        if (next_task(t, r) >= 0) return fail_deadlock(t, r, error);
    }
    return WEFT_STATUS_OK;
}

static weft_schedule_time sum_up(const timer *t)
{
    weft_schedule_time time = {0};
    for (int32_t r = 0; r < t->order->n_ranks; r++) {
        if (t->order->n_tasks[r] == 0) continue;
        int64_t span_ns = t->free_ns[r] - t->start_ns[t->order->tasks[r][0]];
        if (span_ns > time.span_ns) time.span_ns = span_ns;
        if (t->free_ns[r] > time.pipeline_ns) time.pipeline_ns = t->free_ns[r];
    }
    return time;
}

static void copy_times(const int64_t *from, int32_t n_stages, int64_t *to)
{
    for (size_t i = 0; to && i < (size_t)n_stages * N_PASSES; i++)
        to[i] = from[i];
}

weft_status weft_i_order_time(const weft_i_graph *graph, const weft_order *order, weft_error *error,
                              int64_t *start_ns, int64_t *end_ns, weft_schedule_time *out_time)
{
    weft_i_arena arena = {0};
    timer t;
    weft_status status = timer_begin(&t, graph, order, &arena)
                             ? check_order(graph, order, t.in_order, error)
                             : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) {
        run(&t);
        status = check_finished(&t, error);
    }
    if (status == WEFT_STATUS_OK) {
        copy_times(t.start_ns, graph->problem->n_stages, start_ns);
        copy_times(t.end_ns, graph->problem->n_stages, end_ns);
        *out_time = sum_up(&t);
    }
    weft_i_arena_free(&arena);
    return status;
}

weft_status weft_order_time(const weft_problem *problem, const weft_order *order, weft_error *error,
                            int64_t *start_ns, int64_t *end_ns, weft_schedule_time *out_time)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_status status = weft_i_graph_build(problem, &arena, error, &graph);
    if (status == WEFT_STATUS_OK) {
        status = weft_i_order_time(&graph, order, error, start_ns, end_ns, out_time);
    }
    weft_i_arena_free(&arena);
    return status;
}
