/* search/memory.c - the fastest uniform strategy of each rank, then the better of two mixes. */
#include "search/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/least.h"
#include "base/threads.h"
#include "plan/compile.h"
#include "plan/order_time.h"
#include "plan/sequence.h"
#include "plan/shortage.h"
#include "search/levels.h"
#include "search/memory_mix.h"
#include "search/variant.h"

typedef struct chooser {
    const weft_problem *problem;
    const weft_order *order;
    weft_i_variant variant;
    int32_t n_strategies; /* levels (search/levels.h) */
    int32_t *position;    /* of each task in its rank's order; -1 = not there */
    int64_t *peaks;       /* by strategy * n_ranks + rank */
    int64_t *total_ns;    /* the same: all passes */
    int32_t *chosen;      /* strategy of each rank */
    int32_t *uniform;     /* candidate of each stage under `chosen` */
    int32_t *choices;     /* those in force */
    bool ahead;           /* the order is still to be improved */
    int32_t *best;        /* the best of all so far, and its value */
    int64_t best_ns;
    int64_t until_ns; /* 0 = no end */
    weft_i_arena arena;
} chooser;

static void note_positions(chooser *c)
{
    size_t n_tasks = 4 * (size_t)c->problem->n_stages;
    for (size_t t = 0; t < n_tasks; t++)
        c->position[t] = -1;
    for (int32_t r = 0; r < c->order->n_ranks; r++)
        for (int32_t i = 0; i < c->order->n_tasks[r]; i++)
            c->position[c->order->tasks[r][i]] = i;
}

static void set_choice(chooser *c, int32_t stage, int32_t choice)
{
    c->choices[stage] = choice;
    weft_i_variant_set(&c->variant, stage, choice);
}

/* Put a strategy in force on one rank or, with rank -1, on all. */
static void set_strategy(chooser *c, int32_t rank, int32_t strategy)
{
    for (int32_t s = 0; s < c->problem->n_stages; s++) {
        if (rank < 0 || c->variant.graph.rank[s] == rank)
            set_choice(c, s,
                       weft_i_levels_candidate(&c->problem->stages[s], strategy, c->n_strategies));
    }
}

static weft_status measure_strategies(chooser *c, weft_error *error)
{
    int32_t n_ranks = c->problem->n_ranks;
    for (int32_t k = 0; k < c->n_strategies; k++) {
        set_strategy(c, -1, k);
        weft_status status = weft_i_compile_peaks(&c->variant.graph, c->order, error,
                                                  c->peaks + (size_t)k * n_ranks);
        if (status != WEFT_STATUS_OK) return status;
        for (int32_t r = 0; r < n_ranks; r++)
            for (int32_t i = 0; i < c->order->n_tasks[r]; i++) {
                weft_task task = c->order->tasks[r][i];
                const weft_stage *stage = &c->variant.problem.stages[weft_task_stage(task)];
                c->total_ns[k * n_ranks + r] +=
                    weft_cost_pass_ns(&stage->now.cost, weft_task_pass(task));
            }
    }
    return WEFT_STATUS_OK;
}

/* The fastest strategy of a rank that fits, else the leanest. */
static int32_t pick_strategy(const chooser *c, int32_t rank)
{
    int32_t best = 0, n_ranks = c->problem->n_ranks;
    int64_t limit = c->problem->limit_bytes[rank];
    for (int32_t k = 1; k < c->n_strategies; k++) {
        int64_t peak = c->peaks[k * n_ranks + rank], best_peak = c->peaks[best * n_ranks + rank];
        int64_t total = c->total_ns[k * n_ranks + rank];
        bool faster = total < c->total_ns[best * n_ranks + rank];
        if (best_peak > limit ? peak < best_peak : peak <= limit && faster) best = k;
    }
    return best;
}

static weft_status fail_worst(const chooser *c, const int64_t *peaks, weft_error *error,
                              int64_t *out_missing_bytes)
{
    int32_t worst = 0;
    const int64_t *limits = c->problem->limit_bytes;
    for (int32_t r = 1; r < c->problem->n_ranks; r++)
        if (peaks[r] - limits[r] > peaks[worst] - limits[worst]) worst = r;
    if (out_missing_bytes) *out_missing_bytes = peaks[worst] - limits[worst];
    return weft_i_shortage(-1, worst, peaks[worst], limits[worst], error);
}

/* The fastest strategy that fits when all ranks have it; -1 when none does. */
static int32_t pick_common(const chooser *c)
{
    int32_t best = -1, n_ranks = c->problem->n_ranks;
    int64_t best_ns = 0;
    for (int32_t k = 0; k < c->n_strategies; k++) {
        bool fits = true;
        int64_t slowest_ns = 0;
        for (int32_t r = 0; r < n_ranks; r++) {
            int64_t total = c->total_ns[k * n_ranks + r];
            fits = fits && c->peaks[k * n_ranks + r] <= c->problem->limit_bytes[r];
            slowest_ns = total > slowest_ns ? total : slowest_ns;
        }
        if (fits && (best < 0 || slowest_ns < best_ns)) {
            best = k;
            best_ns = slowest_ns;
        }
    }
    return best;
}

/* Set the strategy picked for each rank and measure. Other ranks' strategies move the posting of
 * messages, so peaks may have risen; those now known are kept. */
static weft_status try_picked(chooser *c, int64_t *peaks, weft_error *error, bool *out_fits,
                              bool *out_changed)
{
    int32_t n_ranks = c->problem->n_ranks;
    for (int32_t r = 0; r < n_ranks; r++) {
        c->chosen[r] = pick_strategy(c, r);
        set_strategy(c, r, c->chosen[r]);
    }
    weft_status status = weft_i_compile_peaks(&c->variant.graph, c->order, error, peaks);
    *out_fits = true;
    *out_changed = false;
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < n_ranks; r++) {
        int64_t *known = &c->peaks[c->chosen[r] * n_ranks + r];
        *out_fits = *out_fits && peaks[r] <= c->problem->limit_bytes[r];
        *out_changed = *out_changed || peaks[r] > *known;
        *known = peaks[r] > *known ? peaks[r] : *known;
    }
    return status;
}

/* A strategy for each rank by itself, else one for all. */
static weft_status choose_uniform(chooser *c, weft_error *error, int64_t *out_missing_bytes)
{
    int32_t common = pick_common(c);
    int64_t *peaks = weft_i_new(&c->arena, int64_t, c->problem->n_ranks);
    if (!peaks) return weft_i_no_memory(error);
    for (bool fits = false, changed = true; changed;) {
        weft_status status = try_picked(c, peaks, error, &fits, &changed);
        if (status != WEFT_STATUS_OK || fits) return status;
    }
    if (common < 0) return fail_worst(c, peaks, error, out_missing_bytes);
    for (int32_t r = 0; r < c->problem->n_ranks; r++)
        c->chosen[r] = common;
    set_strategy(c, -1, common);
    return WEFT_STATUS_OK;
}

static bool open_chooser(chooser *c)
{
    const weft_problem *problem = c->problem;
    size_t n_stages = (size_t)problem->n_stages, n_ranks = (size_t)problem->n_ranks;
    c->n_strategies = weft_i_levels_count(problem);
    c->position = weft_i_new(&c->arena, int32_t, 4 * n_stages);
    c->peaks = weft_i_new(&c->arena, int64_t, n_ranks * (size_t)c->n_strategies);
    c->total_ns = weft_i_new(&c->arena, int64_t, n_ranks * (size_t)c->n_strategies);
    c->chosen = weft_i_new(&c->arena, int32_t, n_ranks);
    c->uniform = weft_i_new(&c->arena, int32_t, n_stages);
    c->choices = weft_i_new(&c->arena, int32_t, n_stages);
    c->best = weft_i_new(&c->arena, int32_t, n_stages);
    c->best_ns = INT64_MAX;
    return c->best && c->position && c->peaks && c->total_ns && c->chosen && c->uniform &&
           c->choices;
}

/* Work of the busiest rank. */
static int64_t busiest_ns(const chooser *c)
{
    int64_t most = 0;
    for (int32_t r = 0; r < c->order->n_ranks; r++) {
        int64_t sum = 0;
        for (int32_t i = 0; i < c->order->n_tasks[r]; i++)
            sum += weft_i_task_ns(&c->variant.graph, c->order->tasks[r][i]);
        most = weft_i_max(most, sum);
    }
    return most;
}

/* Keep the choices in force if they are the best so far: the fastest; where the order is still to
 * be improved, by the middle of what they take and the least that they could take. */
static weft_status keep_best(chooser *c, weft_error *error)
{
    weft_schedule_time time;
    weft_status status = weft_i_order_time(&c->variant.graph, c->order, error, NULL, NULL, &time);
    if (status != WEFT_STATUS_OK) return status;
    int64_t ns = time.pipeline_ns;
    if (c->ahead) ns = busiest_ns(c) + (ns - busiest_ns(c)) / 2;
    if (ns >= c->best_ns) return WEFT_STATUS_OK;
    c->best_ns = ns;
    memcpy(c->best, c->choices, (size_t)c->problem->n_stages * sizeof *c->best);
    return status;
}

/* Whether some stage could be faster. */
static bool is_short_of_memory(const chooser *c)
{
    for (int32_t r = 0; r < c->problem->n_ranks; r++)
        if (c->chosen[r] != 0) return true;
    return false;
}

/* Mixes of each kind, from the uniform choice in force. */
static weft_status choose_mixes(chooser *c, weft_error *error)
{
    int64_t *peaks = weft_i_new(&c->arena, int64_t, c->problem->n_ranks);
    if (!peaks) return weft_i_no_memory(error);
    for (int32_t r = 0; r < c->problem->n_ranks; r++)
        peaks[r] = c->peaks[c->chosen[r] * c->problem->n_ranks + r];
    memcpy(c->uniform, c->choices, (size_t)c->problem->n_stages * sizeof *c->uniform);
    weft_i_mixing mixing = {.order = c->order,
                            .position = c->position,
                            .base = c->uniform,
                            .peaks = peaks,
                            .until_ns = c->until_ns,
                            .variant = &c->variant,
                            .choices = c->choices};
    weft_status status = WEFT_STATUS_OK;
    for (int kind = 0; kind < WEFT_I_N_MIX_KINDS && status == WEFT_STATUS_OK; kind++) {
        status = weft_i_memory_mix(&mixing, (weft_i_mix_kind)kind, error);
        if (status == WEFT_STATUS_OK) status = keep_best(c, error);
    }
    return status;
}

static weft_status choose(chooser *c, const weft_i_graph *graph, weft_error *error,
                          int64_t *out_missing_bytes)
{
    weft_status status = weft_i_variant_init(graph, &c->arena, error, &c->variant);
    if (status != WEFT_STATUS_OK) return status;
    if (!open_chooser(c)) return weft_i_no_memory(error);
    status = weft_i_order_check(graph, c->order, error);
    if (status != WEFT_STATUS_OK) return status;
    note_positions(c);
    status = measure_strategies(c, error);
    if (status == WEFT_STATUS_OK) status = choose_uniform(c, error, out_missing_bytes);
    if (status == WEFT_STATUS_OK) status = keep_best(c, error);
    bool is_over = c->until_ns > 0 && weft_i_now_ns() >= c->until_ns;
    if (status != WEFT_STATUS_OK || is_over || !is_short_of_memory(c)) return status;
    return choose_mixes(c, error);
}

static weft_status run(chooser *c, const weft_i_graph *graph, weft_error *error,
                       int64_t *out_missing_bytes, int32_t *out_choices)
{
    weft_status status = choose(c, graph, error, out_missing_bytes);
    if (status == WEFT_STATUS_OK)
        memcpy(out_choices, c->best, (size_t)c->problem->n_stages * sizeof *out_choices);
    weft_i_arena_free(&c->arena);
    return status;
}

weft_status weft_i_memory_choose_until(const weft_i_graph *graph, const weft_order *order,
                                       int64_t until_ns, weft_error *error,
                                       int64_t *out_missing_bytes, int32_t *out_choices)
{
    chooser c = {.problem = graph->problem, .order = order, .until_ns = until_ns};
    return run(&c, graph, error, out_missing_bytes, out_choices);
}

weft_status weft_i_memory_choose_ahead(const weft_i_graph *graph, const weft_order *order,
                                       int64_t until_ns, weft_error *error, int32_t *out_choices)
{
    chooser c = {.problem = graph->problem, .order = order, .until_ns = until_ns, .ahead = true};
    return run(&c, graph, error, NULL, out_choices);
}

weft_status weft_i_memory_choose(const weft_i_graph *graph, const weft_order *order,
                                 weft_error *error, int64_t *out_missing_bytes,
                                 int32_t *out_choices)
{
    return weft_i_memory_choose_until(graph, order, 0, error, out_missing_bytes, out_choices);
}
