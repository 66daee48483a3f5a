/* search/memory.c - the fastest uniform strategy of each rank, then a mix. */
#include "search/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plan/compile.h"
#include "plan/order_time.h"
#include "search/levels.h"
#include "search/profile.h"
#include "search/variant.h"

/* A mix that went over a limit is tried again with that much less, this often. */
enum { MIX_ROUNDS = 4 };

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
    weft_i_arena arena;
} chooser;

weft_status weft_i_memory_fail(int32_t rank, int64_t needed_bytes, int64_t limit_bytes,
                               weft_error *error)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB"};
    int unit = 0;
    double scale = 1;
    for (; unit < 3 && (double)needed_bytes >= 1024 * scale; unit++)
        scale *= 1024;
    return weft_i_fail(error, WEFT_STATUS_INFEASIBLE, "rank %d needs %.*f %s of %.*f %s", rank,
                       unit > 0, (double)needed_bytes / scale, names[unit], unit > 0,
                       (double)limit_bytes / scale, names[unit]);
}

static bool is_split(const chooser *c, int32_t stage)
{
    return c->position[weft_task_make(stage, WEFT_PASS_BWI)] >= 0;
}

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
    return weft_i_memory_fail(worst, peaks[worst], limits[worst], error);
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

/* A faster candidate for a stage: what it costs and brings. */
typedef struct upgrade {
    int32_t stage, candidate;
    int64_t gain_ns, bytes;
} upgrade;

/* Most time for a byte first. */
static int compare_upgrades(const void *a, const void *b)
{
    const upgrade *x = a, *y = b;
    double left = (double)x->gain_ns * (double)y->bytes;
    double right = (double)y->gain_ns * (double)x->bytes;
    if (left != right) return left > right ? -1 : 1;
    if (x->gain_ns != y->gain_ns) return x->gain_ns > y->gain_ns ? -1 : 1;
    if (x->stage != y->stage) return x->stage < y->stage ? -1 : 1;
    return (x->candidate > y->candidate) - (x->candidate < y->candidate);
}

/* Nanoseconds that a stage saves under `to`; 0 when some pass would take longer. */
static int64_t gain_of(const chooser *c, int32_t stage, const weft_cost *from, const weft_cost *to)
{
    bool split = is_split(c, stage);
    int64_t backward = split ? from->bwi_ns - to->bwi_ns : from->bw_ns - to->bw_ns;
    int64_t weights = split ? from->bww_ns - to->bww_ns : 0;
    int64_t forward = from->fw_ns - to->fw_ns;
    if (forward < 0 || backward < 0 || weights < 0) return 0;
    return forward + backward + weights;
}

static int32_t list_upgrades(const chooser *c, int32_t rank, upgrade *upgrades)
{
    int32_t n = 0;
    for (int32_t s = 0; s < c->problem->n_stages; s++) {
        const weft_stage *base = &c->problem->stages[s];
        if (c->variant.graph.rank[s] != rank) continue;
        const weft_cost *from = weft_i_choice_cost(base, c->uniform[s]);
        for (int32_t k = 0; k < base->n_candidates; k++) {
            const weft_cost *to = &base->candidates[k].cost;
            int64_t gain = gain_of(c, s, from, to);
            int64_t bytes = to->saved_bytes - from->saved_bytes;
            if (gain > 0) upgrades[n++] = (upgrade){s, k, gain, bytes > 0 ? bytes : 1};
        }
    }
    qsort(upgrades, (size_t)n, sizeof *upgrades, compare_upgrades);
    return n;
}

/* Take one stage from its candidate in force to another if the rank's profile stays in `room`. */
static void try_upgrade(chooser *c, weft_i_profile *profile, const upgrade *to_try, int64_t room)
{
    const weft_stage *base = &c->problem->stages[to_try->stage];
    const weft_cost *from = &c->variant.problem.stages[to_try->stage].now.cost;
    const weft_cost *to = &base->candidates[to_try->candidate].cost;
    if (gain_of(c, to_try->stage, from, to) <= 0) return;
    weft_i_profile_add_stage(profile, c->position, to_try->stage, base, from, -1);
    weft_i_profile_add_stage(profile, c->position, to_try->stage, base, to, 1);
    if (weft_i_profile_max(profile) <= room) {
        set_choice(c, to_try->stage, to_try->candidate);
        return;
    }
    weft_i_profile_add_stage(profile, c->position, to_try->stage, base, to, -1);
    weft_i_profile_add_stage(profile, c->position, to_try->stage, base, from, 1);
}

/* What is known of a rank's mix. */
typedef struct rank_mix {
    int64_t peak;   /* exact, of the uniform choice */
    int64_t margin; /* to stay below the limit by */
    bool done;
    bool given_up; /* stays uniform */
} rank_mix;

/* Give faster candidates back on one rank, from the uniform choice. */
static void mix_rank(chooser *c, int32_t rank, const rank_mix *mix, weft_i_profile *profile,
                     upgrade *upgrades)
{
    weft_i_profile_clear(profile);
    for (int32_t s = 0; s < c->problem->n_stages; s++) {
        if (c->variant.graph.rank[s] != rank) continue;
        set_choice(c, s, c->uniform[s]);
        weft_i_profile_add_stage(profile, c->position, s, &c->problem->stages[s],
                                 &c->variant.problem.stages[s].now.cost, 1);
    }
    if (mix->given_up) return;
    int32_t n = list_upgrades(c, rank, upgrades);
    int64_t others = mix->peak - weft_i_profile_max(profile); /* messages and what is static */
    int64_t room = c->problem->limit_bytes[rank] - mix->margin - others;
    for (int32_t i = 0; i < n; i++)
        try_upgrade(c, profile, &upgrades[i], room);
}

/* Mix the ranks that are not done and look at the exact peaks. */
static weft_status mix_round(chooser *c, rank_mix *mixes, weft_i_profile *profile,
                             upgrade *upgrades, int64_t *peaks, weft_error *error, bool *out_fits)
{
    for (int32_t r = 0; r < c->problem->n_ranks; r++)
        if (!mixes[r].done) mix_rank(c, r, &mixes[r], profile, upgrades);
    weft_status status = weft_i_compile_peaks(&c->variant.graph, c->order, error, peaks);
    *out_fits = true;
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < c->problem->n_ranks; r++) {
        int64_t excess = peaks[r] - c->problem->limit_bytes[r];
        mixes[r].done = excess <= 0;
        mixes[r].margin += excess > 0 ? excess : 0;
        *out_fits = *out_fits && excess <= 0;
    }
    return status;
}

/* Ranks whose mix goes over are mixed again with less room, then left uniform; if that does not
 * help either, all are. */
static weft_status mix_strategies(chooser *c, weft_error *error)
{
    const weft_problem *problem = c->problem;
    int32_t n_ranks = problem->n_ranks, capacity = 1, n_upgrades = 0;
    for (int32_t r = 0; r < n_ranks; r++)
        capacity = c->order->n_tasks[r] > capacity ? c->order->n_tasks[r] : capacity;
    for (int32_t s = 0; s < problem->n_stages; s++)
        n_upgrades += problem->stages[s].n_candidates;
    weft_i_profile profile;
    rank_mix *mixes = weft_i_new(&c->arena, rank_mix, n_ranks);
    upgrade *upgrades = weft_i_new(&c->arena, upgrade, n_upgrades);
    int64_t *peaks = weft_i_new(&c->arena, int64_t, n_ranks);
    if (!mixes || !upgrades || !peaks || !weft_i_profile_init(capacity, &c->arena, &profile))
        return weft_i_no_memory(error);
    for (int32_t r = 0; r < n_ranks; r++)
        mixes[r].peak = c->peaks[c->chosen[r] * n_ranks + r];
    for (int round = 0; round <= MIX_ROUNDS; round++) {
        bool fits = false;
        weft_status status = mix_round(c, mixes, &profile, upgrades, peaks, error, &fits);
        if (status != WEFT_STATUS_OK || fits) return status;
        for (int32_t r = 0; r < n_ranks; r++)
            mixes[r].given_up = round == MIX_ROUNDS - 1 && !mixes[r].done;
    }
    for (int32_t s = 0; s < problem->n_stages; s++)
        set_choice(c, s, c->uniform[s]);
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
    return c->position && c->peaks && c->total_ns && c->chosen && c->uniform && c->choices;
}

static weft_status choose(chooser *c, const weft_i_graph *graph, weft_error *error,
                          int64_t *out_missing_bytes)
{
    size_t n_bytes = (size_t)c->problem->n_stages * sizeof *c->choices;
    weft_status status = weft_i_variant_init(graph, &c->arena, error, &c->variant);
    if (status != WEFT_STATUS_OK) return status;
    if (!open_chooser(c)) return weft_i_no_memory(error);
    status = weft_i_order_check(graph, c->order, error);
    if (status != WEFT_STATUS_OK) return status;
    note_positions(c);
    status = measure_strategies(c, error);
    if (status == WEFT_STATUS_OK) status = choose_uniform(c, error, out_missing_bytes);
    if (status != WEFT_STATUS_OK) return status;
    memcpy(c->uniform, c->choices, n_bytes);
    return mix_strategies(c, error);
}

weft_status weft_i_memory_choose(const weft_i_graph *graph, const weft_order *order,
                                 weft_error *error, int64_t *out_missing_bytes,
                                 int32_t *out_choices)
{
    chooser c = {.problem = graph->problem, .order = order};
    weft_status status = choose(&c, graph, error, out_missing_bytes);
    if (status == WEFT_STATUS_OK)
        memcpy(out_choices, c.choices, (size_t)c.problem->n_stages * sizeof *out_choices);
    weft_i_arena_free(&c.arena);
    return status;
}
