/* search/strict.c - see strict.h. A rank goes on until the input of its next pass is not known yet;
 * whoever makes that input wakes it. So there is no clock and no queue. */
#include "search/strict.h"

#include <string.h>

#include "base/error.h"
#include "base/least.h"

static const int64_t UNKNOWN = -1;

/* The passes of one leg and kind, by turn. */
typedef struct pass_list {
    weft_task *tasks;
    int32_t n;
    int32_t leg;
    weft_pass pass;
} pass_list;

/* A list while the lists of a rank are merged. */
typedef struct merge_head {
    const pass_list *list;
    int32_t next;
    int64_t key; /* of the next one */
} merge_head;

struct weft_i_strict {
    const weft_i_net *net;
    weft_i_course *course;
    weft_i_turns turns;
    weft_i_task_bytes *bytes; /* by task */
    pass_list *lists;         /* by rank */
    int32_t *first_list;      /* by rank, n_ranks + 1 entries */
    merge_head *heads;        /* scratch */
    weft_task **sequence;     /* by rank */
    int32_t *n_sequence, *next;
    weft_task **pending; /* by rank: weight gradients that can run, first in, first out */
    int32_t *first_pending, *end_pending;
    int64_t *end_ns;                    /* by task */
    int64_t *free_ns, *used, *start_ns; /* by rank */
    int32_t *stack;                     /* ranks that may go on */
    bool *stacked;
    int32_t n_stack;
    weft_order *order;
    /* Of the run. */
    const weft_i_pattern *pattern;
    const weft_i_strict_rule *rule;
    const int64_t *limit;
};

/* The pass of a stage that a list of that kind holds; -1 = none. BW stands for BWI too. */
static weft_task list_task(const weft_i_net *net, int32_t stage, weft_pass pass)
{
    weft_task task =
        pass == WEFT_PASS_BW ? weft_i_net_backward(net, stage) : weft_task_make(stage, pass);
    return net->ns[task] >= 0 ? task : -1;
}

static const weft_pass list_passes[] = {WEFT_PASS_BW, WEFT_PASS_FW, WEFT_PASS_BWW};
enum { N_LISTS = 3 }; /* of a leg */

static bool open_lists(weft_i_strict *x, weft_i_arena *arena)
{
    const weft_i_course *course = x->course;
    int32_t n_ranks = x->net->n_ranks, n = 0,
            *n_stages = weft_i_new(arena, int32_t, course->n_legs);
    x->lists = weft_i_new(arena, pass_list, N_LISTS * (size_t)course->n_legs);
    x->heads = weft_i_new(arena, merge_head, N_LISTS * (size_t)course->n_legs);
    x->first_list = weft_i_new(arena, int32_t, (size_t)n_ranks + 1);
    if (!n_stages || !x->lists || !x->heads || !x->first_list) return false;
    for (int32_t s = 0; s < x->net->n_stages; s++)
        n_stages[course->leg_of_chunk[x->net->graph->problem->stages[s].chunk]]++;
    for (int32_t r = 0; r < n_ranks; r++) {
        x->first_list[r] = n;
        for (int32_t leg = 0; leg < course->n_legs; leg++)
            for (int k = 0; k < N_LISTS && course->legs[leg].rank == r; k++) {
                x->lists[n] = (pass_list){weft_i_new(arena, weft_task, n_stages[leg]), 0, leg,
                                          list_passes[k]};
                if (!x->lists[n++].tasks) return false;
            }
    }
    x->first_list[n_ranks] = n;
    return true;
}

static bool open_ranks(weft_i_strict *x, weft_i_arena *arena)
{
    size_t n_ranks = (size_t)x->net->n_ranks;
    x->sequence = weft_i_new(arena, weft_task *, n_ranks);
    x->pending = weft_i_new(arena, weft_task *, n_ranks);
    x->n_sequence = weft_i_new(arena, int32_t, n_ranks);
    x->next = weft_i_new(arena, int32_t, n_ranks);
    x->first_pending = weft_i_new(arena, int32_t, n_ranks);
    x->end_pending = weft_i_new(arena, int32_t, n_ranks);
    x->free_ns = weft_i_new(arena, int64_t, n_ranks);
    x->used = weft_i_new(arena, int64_t, n_ranks);
    x->start_ns = weft_i_new(arena, int64_t, n_ranks);
    x->stack = weft_i_new(arena, int32_t, n_ranks);
    x->stacked = weft_i_new(arena, bool, n_ranks);
    if (!x->sequence || !x->pending || !x->n_sequence || !x->next || !x->first_pending ||
        !x->end_pending || !x->free_ns || !x->used || !x->start_ns || !x->stack || !x->stacked)
        return false;
    for (size_t r = 0; r < n_ranks; r++) {
        x->sequence[r] = weft_i_new(arena, weft_task, x->net->n_rank_passes[r]);
        x->pending[r] = weft_i_new(arena, weft_task, x->net->n_rank_passes[r]);
        if (!x->sequence[r] || !x->pending[r]) return false;
    }
    return true;
}

weft_status weft_i_strict_create(const weft_i_net *net, weft_i_course *course, weft_i_arena *arena,
                                 weft_error *error, weft_i_strict **out_strict)
{
    size_t n_tasks = 4 * (size_t)net->n_stages;
    weft_i_strict *x = weft_i_new(arena, weft_i_strict, 1);
    if (!x) return weft_i_no_memory(error);
    x->net = net;
    x->course = course;
    x->bytes = weft_i_new(arena, weft_i_task_bytes, n_tasks);
    x->end_ns = weft_i_new(arena, int64_t, n_tasks);
    if (!x->bytes || !x->end_ns || !open_lists(x, arena) || !open_ranks(x, arena))
        return weft_i_no_memory(error);
    for (weft_task t = 0; t < 4 * net->n_stages; t++)
        if (net->ns[t] >= 0) x->bytes[t] = weft_i_net_bytes(net, t);
    x->order = weft_order_create(net->n_ranks, net->n_rank_passes);
    if (!x->order) return weft_i_no_memory(error);
    *out_strict = x;
    return WEFT_STATUS_OK;
}

void weft_i_strict_free(weft_i_strict *strict)
{
    if (strict) weft_order_free(strict->order);
}

static int32_t turn_of(const weft_i_strict *x, weft_task task)
{
    int32_t stage = weft_task_stage(task);
    return weft_task_pass(task) == WEFT_PASS_FW ? x->turns.fw[stage] : x->turns.bw[stage];
}

/* Insert by turn, then by sub-microbatch: stages come nearly in order. */
static void insert(const weft_i_strict *x, pass_list *list, weft_task task)
{
    const weft_problem *problem = x->net->graph->problem;
    int32_t turn = turn_of(x, task), i = list->n++;
    int32_t index =
        problem->submicrobatches[problem->stages[weft_task_stage(task)].submicrobatch].index;
    for (; i > 0; i--) {
        weft_task other = list->tasks[i - 1];
        int32_t stage = weft_task_stage(other), other_turn = turn_of(x, other);
        int32_t other_index = problem->submicrobatches[problem->stages[stage].submicrobatch].index;
        if (other_turn < turn || (other_turn == turn && other_index <= index)) break;
        list->tasks[i] = other;
    }
    list->tasks[i] = task;
}

void weft_i_strict_set_turns(weft_i_strict *strict, const weft_i_turns *turns)
{
    weft_i_strict *x = strict;
    const weft_problem *problem = x->net->graph->problem;
    x->turns = *turns;
    weft_i_course_set_turns(x->course, turns->turn);
    for (int32_t i = 0; i < x->first_list[x->net->n_ranks]; i++) {
        x->lists[i].n = 0;
        x->heads[x->lists[i].leg].list = NULL;
    }
    /* heads[leg].next serves as "where the leg's lists begin" for this walk. */
    for (int32_t i = 0; i < x->first_list[x->net->n_ranks]; i += N_LISTS)
        x->heads[x->lists[i].leg].next = i;
    for (int32_t s = 0; s < x->net->n_stages; s++) {
        int32_t first = x->heads[x->course->leg_of_chunk[problem->stages[s].chunk]].next;
        for (int32_t i = first; i < first + N_LISTS; i++) {
            weft_task task = list_task(x->net, s, x->lists[i].pass);
            if (task >= 0) insert(x, &x->lists[i], task);
        }
    }
}

/* When the end of the step wants a pass at the latest. */
static int64_t latest_key(const weft_i_strict *x, const pass_list *list, int32_t turn)
{
    const weft_i_pattern *p = x->pattern;
    int64_t n_later = x->course->n_turns - 1 - turn;
    if (!p->last_fw_ns || list->pass == WEFT_PASS_BWW) return INT64_MAX;
    if (list->pass == WEFT_PASS_FW) return p->last_fw_ns[list->leg] - n_later * p->fw_step_ns;
    return p->last_bw_ns[list->leg] - n_later * p->bw_step_ns;
}

/* When the pattern wants the next pass of a list; INT64_MAX at its end. */
static int64_t next_key(const weft_i_strict *x, const merge_head *head)
{
    const pass_list *list = head->list;
    if (head->next == list->n) return INT64_MAX;
    weft_task task = list->tasks[head->next];
    int32_t turn = turn_of(x, task);
    if (x->rule->n_turns > 0 && turn >= x->rule->n_turns) return INT64_MAX;
    const weft_problem *problem = x->net->graph->problem;
    const weft_i_leg *leg = &x->course->legs[list->leg];
    int32_t sub = problem->stages[weft_task_stage(task)].submicrobatch;
    int64_t index = problem->submicrobatches[sub].index;
    int32_t lap =
        list->pass == WEFT_PASS_FW ? leg->slot / 2 : x->pattern->n_laps - 1 - leg->slot / 2;
    int64_t base = weft_i_pattern_base(x->pattern, x->course, turn, lap);
    if (list->pass == WEFT_PASS_FW && turn < x->pattern->burst[list->leg]) {
        if (x->pattern->fill_ns) return x->pattern->fill_ns[list->leg][turn];
        base = 0;
    }
    int64_t latest = latest_key(x, list, turn);
    if (list->pass == WEFT_PASS_FW)
        return weft_i_min(latest, base + x->pattern->fw_ns[list->leg] + index * leg->fw_pass);
    const int64_t *wanted = list->pass == WEFT_PASS_BW ? x->pattern->bw_ns : x->pattern->bww_ns;
    return weft_i_min(latest, base + wanted[list->leg] + index * leg->bw_pass);
}

/* The sequence of a rank: its lists merged by when the pattern wants their passes. */
static void merge(weft_i_strict *x, int32_t rank)
{
    int32_t n_heads = 0, n = 0;
    for (int32_t i = x->first_list[rank]; i < x->first_list[rank + 1]; i++) {
        if (x->lists[i].pass == WEFT_PASS_BWW && !x->rule->weights_in_turn) continue;
        merge_head *head = &x->heads[n_heads++];
        *head = (merge_head){&x->lists[i], 0, 0};
        head->key = next_key(x, head);
    }
    for (;;) {
        merge_head *first = NULL;
        for (int32_t i = 0; i < n_heads; i++)
            if (!first || x->heads[i].key < first->key) first = &x->heads[i];
        if (!first || first->key == INT64_MAX) break;
        x->sequence[rank][n++] = first->list->tasks[first->next++];
        first->key = next_key(x, first);
    }
    x->n_sequence[rank] = n;
}

static void reset(weft_i_strict *x)
{
    int32_t n_ranks = x->net->n_ranks;
    memset(x->end_ns, 0xff, 4 * (size_t)x->net->n_stages * sizeof *x->end_ns); /* UNKNOWN */
    x->n_stack = 0;
    for (int32_t r = n_ranks - 1; r >= 0; r--) {
        merge(x, r);
        x->next[r] = x->first_pending[r] = x->end_pending[r] = 0;
        x->free_ns[r] = x->used[r] = 0;
        x->start_ns[r] = UNKNOWN;
        x->order->n_tasks[r] = 0;
        x->stack[x->n_stack++] = r;
        x->stacked[r] = true;
    }
}

/* When the inputs of a pass are there; UNKNOWN while some are. */
static int64_t inputs_ready(const weft_i_strict *x, weft_task task)
{
    const weft_i_net *net = x->net;
    int32_t stage = weft_task_stage(task);
    int64_t ready = 0;
    if (weft_task_pass(task) == WEFT_PASS_FW) {
        ready = net->graph->problem->stages[stage].ready_ns;
    } else {
        weft_task own = weft_task_pass(task) == WEFT_PASS_BWW ? weft_task_make(stage, WEFT_PASS_BWI)
                                                              : weft_task_make(stage, WEFT_PASS_FW);
        if (x->end_ns[own] == UNKNOWN) return UNKNOWN;
    }
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->in.arcs[i];
        if (x->end_ns[arc->task] == UNKNOWN) return UNKNOWN;
        int64_t at = x->end_ns[arc->task] + arc->latency_ns;
        ready = at > ready ? at : ready;
    }
    return ready;
}

static bool fits(const weft_i_strict *x, int32_t rank, weft_task task)
{
    const weft_i_task_bytes *bytes = &x->bytes[task];
    return x->used[rank] + bytes->taken + bytes->work <= x->limit[rank];
}

/* Run a pass as soon as its rank is free and it is ready. */
static void run_pass(weft_i_strict *x, int32_t rank, weft_task task, int64_t ready_ns)
{
    const weft_i_net *net = x->net;
    int64_t start = ready_ns > x->free_ns[rank] ? ready_ns : x->free_ns[rank];
    if (x->start_ns[rank] == UNKNOWN) x->start_ns[rank] = start;
    x->free_ns[rank] = x->end_ns[task] = start + net->ns[task];
    x->used[rank] += x->bytes[task].taken - x->bytes[task].freed;
    x->order->tasks[rank][x->order->n_tasks[rank]++] = task;
    if (weft_task_pass(task) == WEFT_PASS_BWI && !x->rule->weights_in_turn)
        x->pending[rank][x->end_pending[rank]++] =
            weft_task_make(weft_task_stage(task), WEFT_PASS_BWW);
    for (int32_t i = net->out.first[task]; i < net->out.first[task + 1]; i++) {
        weft_task to = net->out.arcs[i].task;
        int32_t other = net->rank[weft_task_stage(to)];
        if (x->stacked[other] || x->next[other] == x->n_sequence[other] ||
            x->sequence[other][x->next[other]] != to)
            continue;
        x->stacked[other] = true;
        x->stack[x->n_stack++] = other;
    }
}

/* Run the oldest weight gradient that waits; false when there is none or it does not fit. */
static bool run_weights(weft_i_strict *x, int32_t rank)
{
    if (x->first_pending[rank] == x->end_pending[rank]) return false;
    weft_task task = x->pending[rank][x->first_pending[rank]];
    if (!fits(x, rank, task)) return false;
    x->first_pending[rank]++;
    run_pass(x, rank, task, 0);
    return true;
}

/* Fill the time until `ready_ns` with weight gradients that are worth it. */
static void fill_gap(weft_i_strict *x, int32_t rank, int64_t ready_ns)
{
    while (x->first_pending[rank] < x->end_pending[rank] && x->free_ns[rank] < ready_ns) {
        int64_t ns = x->net->ns[x->pending[rank][x->first_pending[rank]]];
        if ((ready_ns - x->free_ns[rank]) * 100 < ns * x->rule->patience) break;
        if (!run_weights(x, rank)) break;
    }
}

/* Let a rank go on as far as its inputs are known; false when its memory is full for good. */
static bool go_on(weft_i_strict *x, int32_t rank)
{
    while (x->next[rank] < x->n_sequence[rank]) {
        weft_task task = x->sequence[rank][x->next[rank]];
        int64_t ready = inputs_ready(x, task);
        if (ready == UNKNOWN) return true;
        fill_gap(x, rank, ready);
        while (!fits(x, rank, task))
            if (!run_weights(x, rank)) return false;
        x->next[rank]++;
        run_pass(x, rank, task, ready);
    }
    while (x->first_pending[rank] < x->end_pending[rank])
        if (!run_weights(x, rank)) return false;
    return true;
}

bool weft_i_strict_run(weft_i_strict *strict, const weft_i_pattern *pattern,
                       const weft_i_strict_rule *rule, const int64_t *limit_bytes,
                       weft_i_strict_result *out_result)
{
    weft_i_strict *x = strict;
    weft_i_strict_result result = {x->order, 0, 0};
    x->pattern = pattern;
    x->rule = rule;
    x->limit = limit_bytes;
    reset(x);
    while (x->n_stack > 0) {
        int32_t rank = x->stack[--x->n_stack];
        x->stacked[rank] = false;
        if (!go_on(x, rank)) return false;
    }
    for (int32_t r = 0; r < x->net->n_ranks; r++) {
        if (x->next[r] < x->n_sequence[r]) return false;
        if (x->start_ns[r] == UNKNOWN) continue;
        int64_t span_ns = x->free_ns[r] - x->start_ns[r];
        result.pipeline_ns =
            x->free_ns[r] > result.pipeline_ns ? x->free_ns[r] : result.pipeline_ns;
        result.span_ns = span_ns > result.span_ns ? span_ns : result.span_ns;
    }
    *out_result = result;
    return true;
}
