/* search/exact.c - see exact.h.
 *
 * A state is a set of passes that are done and the times that still matter: when each rank is free,
 * when each output that is still needed was ready, for the span when each rank began. What is held
 * follows from the set. Of two states with one set, that which is nowhere later is enough. */
#include "search/exact.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Bits of a stage: forward, backward (fused or its first half), weight gradients. A fused backward
 * sets the last two at once, and a stage without weight gradients of its own never has one left. */
enum { FW, BW, WEIGHTS, N_BITS };

static const int32_t NONE = -1;

typedef struct pass_set {
    uint64_t words[2];
} pass_set;

typedef struct state {
    pass_set done;
    int32_t parent;
    int32_t next;       /* with the same hash */
    int32_t next_layer; /* with as many bits */
    weft_task task;     /* that led here */
    bool dominated;
} state;

typedef struct exact {
    const weft_i_graph *graph;
    const weft_problem *problem;
    weft_objective objective;
    weft_i_budget *budget; /* may be NULL */
    int32_t n_ranks, n_stages;
    size_t n_times; /* of a state: free by rank, first start by rank (span only), ends of forwards
                       and of backwards by stage; 0 where they no longer matter */
    state *states;
    int64_t *times;
    int64_t *scratch; /* n_times */
    size_t n_states, max_states, state_cap, time_cap;
    int32_t buckets[1 << 16];                         /* first state of each hash */
    int32_t layers[N_BITS * WEFT_I_EXACT_STAGES + 1]; /* first state of each number of bits */
    int32_t best;
    int64_t best_ns;
} exact;

static bool has(const pass_set *set, int32_t stage, int bit)
{
    int32_t i = N_BITS * stage + bit;
    return set->words[i / 64] >> (i % 64) & 1;
}

static void add(pass_set *set, int32_t stage, int bit)
{
    int32_t i = N_BITS * stage + bit;
    set->words[i / 64] |= UINT64_C(1) << (i % 64);
}

static int count_bits(const pass_set *set)
{
    return __builtin_popcountll(set->words[0]) + __builtin_popcountll(set->words[1]);
}

static size_t hash(const pass_set *set)
{
    uint64_t h = (set->words[0] ^ set->words[1] * UINT64_C(0x9e3779b97f4a7c15)) *
                 UINT64_C(0xbf58476d1ce4e5b9);
    return (size_t)(h >> 48);
}

static int64_t *rank_start(const exact *x, int64_t *times, int32_t rank)
{
    return &times[x->n_ranks + rank];
}

static int64_t *end_of(const exact *x, int64_t *times, int32_t stage, int bit)
{
    return &times[2 * x->n_ranks + 2 * stage + bit];
}

static bool splits(const exact *x, int32_t stage)
{
    const weft_stage *of = &x->problem->stages[stage];
    return of->backward == WEFT_BACKWARD_FULL && weft_cost_can_split(&of->now.cost);
}

/* Bytes that a rank holds when these passes are done. */
static int64_t bytes_held(const exact *x, const pass_set *done, int32_t rank)
{
    int64_t sum = x->problem->static_bytes[rank];
    for (int32_t s = 0; s < x->n_stages; s++) {
        const weft_cost *cost = &x->problem->stages[s].now.cost;
        if (x->graph->rank[s] != rank || !has(done, s, FW)) continue;
        if (!has(done, s, BW))
            sum += cost->saved_bytes;
        else if (!has(done, s, WEIGHTS))
            sum += cost->held_bytes;
    }
    return sum;
}

static bool fits(const exact *x, const pass_set *done, int32_t stage, weft_pass pass)
{
    int32_t rank = x->graph->rank[stage];
    const weft_cost *cost = &x->problem->stages[stage].now.cost;
    int64_t bytes = bytes_held(x, done, rank) + cost->work_bytes[pass];
    bytes += pass == WEFT_PASS_FW ? cost->saved_bytes : 0;
    return bytes <= x->problem->limit_bytes[rank];
}

/* When the inputs of a pass are there, or -1 while some are not done. */
static int64_t inputs_ready(const exact *x, const pass_set *done, int64_t *times, int32_t stage,
                            int bit)
{
    const weft_i_adjacency *in = bit == FW ? &x->graph->fw_in : &x->graph->bw_in;
    int64_t ready = bit == FW ? x->problem->stages[stage].ready_ns : 0;
    for (int32_t i = in->first[stage]; i < in->first[stage + 1]; i++) {
        const weft_edge *edge = &x->problem->edges[in->edges[i]];
        bool message = x->graph->rank[edge->from] != x->graph->rank[stage];
        if (!has(done, edge->from, bit)) return -1;
        int64_t at = *end_of(x, times, edge->from, bit) + (message ? edge->transfer_ns : 0);
        ready = at > ready ? at : ready;
    }
    return ready;
}

/* Forget ends that nobody waits for any more, so that equal states look equal. */
static void forget(const exact *x, const pass_set *done, int64_t *times)
{
    for (int32_t s = 0; s < x->n_stages; s++)
        for (int bit = FW; bit <= BW; bit++) {
            const weft_i_adjacency *out = bit == FW ? &x->graph->fw_out : &x->graph->bw_out;
            bool needed = false;
            for (int32_t i = out->first[s]; i < out->first[s + 1]; i++)
                needed = needed || !has(done, x->problem->edges[out->edges[i]].to, bit);
            if (!needed) *end_of(x, times, s, bit) = 0;
        }
}

/* A time that is to be small, and the first starts, which for the span are to be large. */
static bool nowhere_later(const exact *x, const int64_t *a, const int64_t *b)
{
    for (size_t i = 0; i < x->n_times; i++) {
        bool start = i >= (size_t)x->n_ranks && i < 2 * (size_t)x->n_ranks;
        if (start ? a[i] < b[i] : a[i] > b[i]) return false;
    }
    return true;
}

/* The objective if nothing were left to do but each rank's own work. */
static int64_t least_objective(const exact *x, const pass_set *done, int64_t *times)
{
    int64_t most = 0;
    for (int32_t r = 0; r < x->n_ranks; r++) {
        int64_t end = times[r];
        for (int32_t s = 0; s < x->n_stages; s++) {
            const weft_cost *cost = &x->problem->stages[s].now.cost;
            if (x->graph->rank[s] != r) continue;
            if (!has(done, s, FW)) end += cost->fw_ns;
            int64_t both = splits(x, s) && cost->bwi_ns + cost->bww_ns < cost->bw_ns
                               ? cost->bwi_ns + cost->bww_ns
                               : cost->bw_ns;
            if (!has(done, s, BW))
                end += x->problem->stages[s].backward == WEFT_BACKWARD_NONE ? 0 : both;
            else if (!has(done, s, WEIGHTS))
                end += cost->bww_ns;
        }
        if (x->objective == WEFT_OBJECTIVE_SPAN) end -= *rank_start(x, times, r);
        most = end > most ? end : most;
    }
    return most;
}

/* Whether a known state makes this one needless; those that it makes needless are marked. */
static bool is_dominated(exact *x, const pass_set *done, const int64_t *times)
{
    for (int32_t i = x->buckets[hash(done)]; i != NONE; i = x->states[i].next) {
        state *other = &x->states[i];
        const int64_t *theirs = x->times + (size_t)i * x->n_times;
        if (other->dominated || memcmp(&other->done, done, sizeof *done) != 0) continue;
        if (nowhere_later(x, theirs, times)) return true;
        if (nowhere_later(x, times, theirs)) other->dominated = true;
    }
    return false;
}

static weft_status insert(exact *x, const pass_set *done, const int64_t *times, int32_t parent,
                          weft_task task, weft_error *error)
{
    if (x->n_states >= x->max_states)
        return weft_i_fail(error, WEFT_STATUS_LIMIT, "exact search takes at most %zu states",
                           x->max_states);
    if (weft_i_grow(&x->states, &x->state_cap, x->n_states + 1, sizeof *x->states) != 0 ||
        weft_i_grow(&x->times, &x->time_cap, (x->n_states + 1) * x->n_times, sizeof *x->times) != 0)
        return weft_i_no_memory(error);
    int32_t number = (int32_t)x->n_states++;
    int32_t *bucket = &x->buckets[hash(done)], *layer = &x->layers[count_bits(done)];
    x->states[number] = (state){*done, parent, *bucket, *layer, task, false};
    memcpy(x->times + (size_t)number * x->n_times, times, x->n_times * sizeof *times);
    *bucket = *layer = number;
    return WEFT_STATUS_OK;
}

/* Run a pass in a state, if it can run: `bit` is set, `fused` the weight gradients' too. */
static weft_status step(exact *x, int32_t from, int32_t stage, weft_pass pass, weft_error *error)
{
    static const int bits[] = {
        [WEFT_PASS_FW] = FW, [WEFT_PASS_BW] = BW, [WEFT_PASS_BWI] = BW, [WEFT_PASS_BWW] = WEIGHTS};
    pass_set done = x->states[from].done;
    int64_t *times = x->scratch;
    int bit = bits[pass];
    int32_t rank = x->graph->rank[stage];
    memcpy(times, x->times + (size_t)from * x->n_times, x->n_times * sizeof *times);
    int64_t start = bit == WEIGHTS ? 0 : inputs_ready(x, &done, times, stage, bit);
    if (start < 0 || !fits(x, &done, stage, pass)) return WEFT_STATUS_OK;
    bool first = true;
    for (int32_t s = 0; s < x->n_stages; s++)
        first = first && !(x->graph->rank[s] == rank && has(&done, s, FW));
    int64_t *free_ns = &times[rank];
    start = start > *free_ns ? start : *free_ns;
    *free_ns = start + weft_cost_pass_ns(&x->problem->stages[stage].now.cost, pass);
    if (first && x->objective == WEFT_OBJECTIVE_SPAN) *rank_start(x, times, rank) = start;
    add(&done, stage, bit);
    if (pass == WEFT_PASS_BW) add(&done, stage, WEIGHTS);
    if (bit != WEIGHTS) *end_of(x, times, stage, bit) = *free_ns;
    forget(x, &done, times);
    if (least_objective(x, &done, times) >= x->best_ns || is_dominated(x, &done, times))
        return WEFT_STATUS_OK;
    return insert(x, &done, times, from, weft_task_make(stage, pass), error);
}

static weft_status check_budget(exact *x, weft_error *error)
{
    if (!x->budget) return WEFT_STATUS_OK;
    if (x->budget->iterations++ % 64 != 0 || weft_i_budget_used(x->budget) < 1)
        return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_LIMIT, "exact search stopped after %zu states",
                       x->n_states);
}

static weft_status expand(exact *x, int32_t from, weft_error *error)
{
    weft_status status = check_budget(x, error);
    for (int32_t s = 0; s < x->n_stages && status == WEFT_STATUS_OK; s++) {
        pass_set done = x->states[from].done;
        if (!has(&done, s, FW)) {
            status = step(x, from, s, WEFT_PASS_FW, error);
        } else if (!has(&done, s, BW)) {
            status = step(x, from, s, WEFT_PASS_BW, error);
            if (status == WEFT_STATUS_OK && splits(x, s))
                status = step(x, from, s, WEFT_PASS_BWI, error);
        } else if (!has(&done, s, WEIGHTS)) {
            status = step(x, from, s, WEFT_PASS_BWW, error);
        }
    }
    return status;
}

/* The bits of stages without backward are set from the start. */
static weft_status insert_root(exact *x, weft_error *error)
{
    pass_set done = {{0, 0}};
    for (int32_t s = 0; s < x->n_stages; s++)
        if (x->problem->stages[s].backward == WEFT_BACKWARD_NONE) {
            add(&done, s, BW);
            add(&done, s, WEIGHTS);
        }
    memset(x->scratch, 0, x->n_times * sizeof *x->scratch);
    return insert(x, &done, x->scratch, NONE, NONE, error);
}

static weft_status run(exact *x, weft_error *error)
{
    weft_status status = insert_root(x, error);
    for (int n_bits = 0; n_bits < N_BITS * x->n_stages; n_bits++)
        for (int32_t i = x->layers[n_bits]; i != NONE; i = x->states[i].next_layer) {
            if (!x->states[i].dominated && status == WEFT_STATUS_OK) status = expand(x, i, error);
            if (status != WEFT_STATUS_OK) return status;
        }
    for (int32_t i = x->layers[N_BITS * x->n_stages]; i != NONE; i = x->states[i].next_layer) {
        const state *complete = &x->states[i];
        int64_t *times = x->times + (size_t)i * x->n_times;
        int64_t ns = least_objective(x, &complete->done, times);
        if (ns < x->best_ns) {
            x->best_ns = ns;
            x->best = i;
        }
    }
    if (x->best == NONE)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                           "no order below the upper bound keeps the limits");
    return status;
}

/* The order that led to a state. */
static weft_order *trace(const exact *x, int32_t at, weft_i_arena *arena)
{
    int32_t *capacity = weft_i_new(arena, int32_t, x->n_ranks);
    if (!capacity) return NULL;
    for (int32_t r = 0; r < x->n_ranks; r++)
        capacity[r] = 3 * x->graph->n_rank_stages[r];
    weft_order *order = weft_order_create(x->n_ranks, capacity);
    if (!order) return NULL;
    for (int32_t i = at; x->states[i].parent != NONE; i = x->states[i].parent)
        order->n_tasks[x->graph->rank[weft_task_stage(x->states[i].task)]]++;
    for (int32_t r = 0; r < x->n_ranks; r++)
        capacity[r] = order->n_tasks[r];
    for (int32_t i = at; x->states[i].parent != NONE; i = x->states[i].parent) {
        int32_t rank = x->graph->rank[weft_task_stage(x->states[i].task)];
        order->tasks[rank][--capacity[rank]] = x->states[i].task;
    }
    return order;
}

static weft_status solve(exact *x, weft_i_arena *arena, weft_error *error, int64_t *out_ns,
                         weft_order **out_order)
{
    weft_status status = run(x, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_order *order = out_order ? trace(x, x->best, arena) : NULL;
    if (out_order && !order) return weft_i_no_memory(error);
    *out_ns = x->best_ns;
    if (out_order) *out_order = order;
    return WEFT_STATUS_OK;
}

weft_status weft_i_exact(const weft_i_graph *graph, const weft_i_exact_options *options,
                         weft_error *error, int64_t *out_ns, weft_order **out_order)
{
    const weft_problem *problem = graph->problem;
    weft_i_arena arena = {0};
    if (problem->n_stages > WEFT_I_EXACT_STAGES)
        return weft_i_fail(error, WEFT_STATUS_LIMIT, "%d stages are more than %d",
                           problem->n_stages, WEFT_I_EXACT_STAGES);
    size_t n_times = 2 * ((size_t)problem->n_ranks + (size_t)problem->n_stages);
    exact *x = weft_i_new(&arena, exact, 1);
    int64_t *scratch = weft_i_new(&arena, int64_t, n_times);
    weft_status status = WEFT_STATUS_NO_MEMORY;
    if (x && scratch) {
        x->graph = graph;
        x->problem = problem;
        x->objective = options->objective;
        x->budget = options->budget;
        x->n_ranks = problem->n_ranks;
        x->n_stages = problem->n_stages;
        x->n_times = n_times;
        x->scratch = scratch;
        x->max_states = options->max_states > 0 ? (size_t)options->max_states : 1000000;
        x->best = NONE;
        x->best_ns = options->upper_ns > 0 ? options->upper_ns : INT64_MAX;
        memset(x->buckets, 0xff, sizeof x->buckets);
        memset(x->layers, 0xff, sizeof x->layers);
        status = solve(x, &arena, error, out_ns, out_order);
        free(x->states);
        free(x->times);
    } else {
        weft_i_no_memory(error);
    }
    weft_i_arena_free(&arena);
    return status;
}
