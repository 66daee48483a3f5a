/* search/search.c - the default search: starts, list scheduling, improvement, one answer. */
#include "search/starts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "search/climb.h"
#include "search/dual_queue.h"
#include "search/fixed.h"
#include "search/improve.h"
#include "search/levels.h"
#include "search/memory.h"
#include "search/modulo.h"
#include "search/order_floor.h"
#include "search/squeeze.h"
#include "search/wave.h"
#include "search/zb_v.h"

/* The part of the budget after which no more waves are tried. */
static const double WAVES_UNTIL = 0.1;

/* The part of the budget after which no more list scheduling begins. */
static const double LISTS_UNTIL = 0.15;

/* Of what is then left, the parts for sequences of unlike microbatches and for patterns. */
static const double SEQUENCES_SHARE = 0.3, PATTERNS_SHARE = 0.35;

/* Budgets of time after which a search has to be over. */
enum { LATE = 4 };

typedef struct searcher {
    const weft_problem *problem;
    weft_i_graph graph;
    weft_i_spare spare;
    weft_i_budget budget;
    weft_i_incumbent best;
    weft_i_rng rng;
    int32_t n_strategies; /* levels of the problem (search/levels.h), at least 1 */
    int64_t mixed_ns;     /* of the incumbent when strategies were last mixed for it */
    int64_t list_ns;      /* the best of list scheduling */
    int32_t strategy;     /* that it did best with ... */
    bool splits;          /* ... and whether backwards were split */
    bool uniform;         /* no microbatch is worth exchanging for another */
    int32_t *choices;     /* scratch, by stage */
    bool *split;          /* scratch, by stage */
    weft_i_arena arena;
} searcher;

/* Whether there is an answer, and so little time that even what is always done is left out: without
 * one try of each kind a search says little about its problem. */
static bool is_late(searcher *s)
{
    const weft_i_budget *b = &s->budget;
    if (!s->best.order || (weft_i_budget_used(&s->budget) < 1)) return false;
    return b->stopped || (b->limit_ns > 0 && weft_i_now_ns() - b->begin_ns > LATE * b->limit_ns);
}

/* Put level k in force for every stage. */
static void set_strategy(searcher *s, int32_t k)
{
    for (int32_t i = 0; i < s->problem->n_stages; i++)
        s->choices[i] = weft_i_levels_candidate(&s->problem->stages[i], k, s->n_strategies);
}

/* Offer an order with the fastest strategies that fit into a graph's limits; passed over where none
 * does, or where none could make it the best. */
static weft_status offer_with_memory(searcher *s, const weft_i_graph *graph,
                                     const weft_order *order, const char *method, weft_error *error)
{
    weft_i_offer offer;
    int64_t floor_ns = 0, until_ns = weft_i_budget_end_ns(&s->budget);
    weft_status status = weft_i_order_floor(&s->graph, order, error, &floor_ns);
    if (status != WEFT_STATUS_OK) return status;
    if (s->best.objective != WEFT_OBJECTIVE_SPAN && floor_ns >= weft_i_incumbent_ns(&s->best))
        return WEFT_STATUS_OK;
    weft_error why = {0};
    if (s->n_strategies > 1)
        status = weft_i_memory_choose_until(graph, order, until_ns, &why, NULL, s->choices);
    else
        set_strategy(s, 0);
    if (status == WEFT_STATUS_INFEASIBLE) return WEFT_STATUS_OK;
    if (status != WEFT_STATUS_OK) return weft_i_fail(error, status, "%s", why.text);
    return weft_i_incumbent_offer(&s->best, order, s->choices, method, error, &offer);
}

static weft_status try_starts(searcher *s, const weft_i_start *starts, int32_t n_starts,
                              weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; i < n_starts && status == WEFT_STATUS_OK; i++) {
        weft_i_offer offer;
        if (starts[i].choices)
            status = weft_i_incumbent_offer(&s->best, starts[i].order, starts[i].choices,
                                            starts[i].method, error, &offer);
        else
            status = offer_with_memory(s, &s->graph, starts[i].order, starts[i].method, error);
    }
    return status;
}

/* A published order, and how short it can get. */
typedef struct fixed_order {
    weft_order *order;
    const char *method;
    int64_t floor_ns;
} fixed_order;

/* The published orders that suit the problem's own slots, what can get shortest first. */
static weft_status list_fixed(searcher *s, weft_error *error, fixed_order *list, int *out_n)
{
    weft_i_slots slots;
    weft_status status = weft_i_slots_derive(&s->graph, &s->arena, NULL, &slots);
    if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
    if (status != WEFT_STATUS_OK) return WEFT_STATUS_OK;
    for (int kind = WEFT_I_FIXED_GPIPE; kind <= WEFT_I_FIXED_OPTIMUS; kind++) {
        fixed_order one = {.method = weft_i_fixed_name((weft_i_fixed_kind)kind)};
        status =
            weft_i_order_fixed(&s->graph, (weft_i_fixed_kind)kind, &slots, 0, NULL, &one.order);
        if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
        if (status != WEFT_STATUS_OK) continue;
        status = weft_i_order_floor(&s->graph, one.order, error, &one.floor_ns);
        int at = (*out_n)++;
        for (; at > 0 && one.floor_ns < list[at - 1].floor_ns; at--)
            list[at] = list[at - 1];
        list[at] = one;
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status try_fixed(searcher *s, weft_error *error)
{
    fixed_order list[WEFT_I_FIXED_OPTIMUS + 1];
    int n = 0;
    weft_status status = list_fixed(s, error, list, &n);
    for (int i = 0; i < n; i++) {
        if (status == WEFT_STATUS_OK && !is_late(s))
            status = offer_with_memory(s, &s->graph, list[i].order, list[i].method, error);
        weft_order_free(list[i].order);
        s->budget.iterations++;
    }
    return status;
}

/* The V-shaped zero bubble schedule, where the problem has that shape. */
static weft_status try_zb_v(searcher *s, weft_error *error)
{
    for (int i = 0; i < 4 && !is_late(s); i++) {
        weft_i_zb_v_options options = {i % 2 == 1, i >= 2};
        weft_order *order = NULL;
        weft_status status = weft_i_order_zb_v(&s->graph, &options, NULL, &order);
        if (status == WEFT_STATUS_FAILED) return WEFT_STATUS_OK;
        if (status != WEFT_STATUS_OK) return weft_i_no_memory(error);
        status = offer_with_memory(s, &s->graph, order, "zb-v", error);
        weft_order_free(order);
        if (status != WEFT_STATUS_OK) return status;
        s->budget.iterations++;
    }
    return WEFT_STATUS_OK;
}

/* Whether some stage gains by its backward not being split. */
static bool fused_is_faster(const searcher *s)
{
    for (int32_t i = 0; i < s->problem->n_stages; i++) {
        const weft_cost *cost = &s->problem->stages[i].now.cost;
        if (weft_cost_can_split(cost) && cost->bw_ns < cost->bwi_ns + cost->bww_ns) return true;
    }
    return false;
}

static bool can_split(const searcher *s)
{
    for (int32_t i = 0; i < s->problem->n_stages; i++)
        if (s->problem->stages[i].backward == WEFT_BACKWARD_FULL &&
            weft_cost_can_split(&s->problem->stages[i].now.cost))
            return true;
    return false;
}

/* Let the best order have faster strategies in the memory that it leaves. */
static weft_status use_memory(searcher *s, weft_error *error)
{
    if (s->mixed_ns == weft_i_incumbent_ns(&s->best)) return WEFT_STATUS_OK;
    weft_order *order = weft_order_copy(s->best.order);
    if (!order) return weft_i_no_memory(error);
    weft_status status = offer_with_memory(s, &s->spare.graph, order, s->best.method, error);
    weft_order_free(order);
    s->mixed_ns = weft_i_incumbent_ns(&s->best);
    return status;
}

static weft_status open_workbench(searcher *s, int32_t k, bool split, weft_error *error,
                                  weft_i_workbench *workbench)
{
    set_strategy(s, k);
    for (int32_t i = 0; i < s->problem->n_stages; i++)
        s->split[i] = split;
    return weft_i_workbench_open(&s->graph, s->choices, s->split, error, workbench);
}

/* The wave, where the problem has its shape. */
static weft_status try_wave(searcher *s, weft_error *error)
{
    weft_i_slots slots;
    weft_i_workbench workbench;
    weft_status status = weft_i_slots_derive(&s->graph, &s->arena, NULL, &slots);
    if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
    if (status != WEFT_STATUS_OK || is_late(s) || !weft_i_wave_suits(s->problem, &slots))
        return WEFT_STATUS_OK;
    status = open_workbench(s, s->strategy, can_split(s), error, &workbench);
    if (status == WEFT_STATUS_OK && weft_i_workbench_fits(&workbench))
        status = weft_i_wave(&workbench, &s->budget, WAVES_UNTIL, &s->best, error);
    weft_i_workbench_close(&workbench);
    return status == WEFT_STATUS_OK && s->strategy > 0 ? use_memory(s, error) : status;
}

/* List scheduling under strategy k, split or not. */
static weft_status try_strategy(searcher *s, int32_t k, bool split, double until, weft_error *error)
{
    weft_i_workbench workbench;
    int64_t ns = WEFT_INT_MAX;
    weft_status status = open_workbench(s, k, split, error, &workbench);
    if (status == WEFT_STATUS_OK && weft_i_workbench_fits(&workbench))
        status = weft_i_dual_queue(&workbench, &s->budget, until, &s->best, error, &ns);
    weft_i_workbench_close(&workbench);
    if (status != WEFT_STATUS_OK || ns >= s->list_ns) return status;
    s->list_ns = ns;
    s->strategy = k;
    s->splits = split;
    return WEFT_STATUS_OK;
}

static weft_status try_strategies(searcher *s, double until, weft_error *error)
{
    bool splits = can_split(s), fuses = !splits || fused_is_faster(s);
    weft_status status = WEFT_STATUS_OK;
    s->splits = splits;
    for (int32_t k = 0; k < s->n_strategies && status == WEFT_STATUS_OK && !is_late(s); k++) {
        double end = until * (k + 1) / s->n_strategies;
        if (splits) status = try_strategy(s, k, true, end, error);
        if (fuses && status == WEFT_STATUS_OK) status = try_strategy(s, k, false, end, error);
    }
    if (status == WEFT_STATUS_OK && s->strategy > 0) status = use_memory(s, error);
    return status;
}

/* Where the budget stands when this part of what is left of it is used. */
static double share_of_rest(searcher *s, double share)
{
    double used = weft_i_budget_used(&s->budget);
    return used + share * (1 - used);
}

/* Repeating patterns under the strategy that list scheduling did best with. */
static weft_status try_patterns(searcher *s, double until, weft_error *error)
{
    weft_i_workbench workbench;
    weft_status status = open_workbench(s, s->strategy, s->splits, error, &workbench);
    if (status == WEFT_STATUS_OK && weft_i_workbench_fits(&workbench))
        status = weft_i_modulo(&workbench, &s->budget, until, &s->rng, &s->best, error);
    weft_i_workbench_close(&workbench);
    return status == WEFT_STATUS_OK && s->strategy > 0 ? use_memory(s, error) : status;
}

/* Whether all stages of a chunk take the same time, so that no microbatch is worth exchanging. */
static bool is_uniform(const weft_problem *problem, int32_t *first_of_chunk)
{
    for (int32_t c = 0; c < problem->n_chunks; c++)
        first_of_chunk[c] = -1;
    for (int32_t i = 0; i < problem->n_stages; i++) {
        int32_t *first = &first_of_chunk[problem->stages[i].chunk];
        if (*first < 0) *first = i;
        const weft_cost *a = &problem->stages[*first].now.cost, *b = &problem->stages[i].now.cost;
        if (a->fw_ns != b->fw_ns || a->bw_ns != b->bw_ns) return false;
    }
    return true;
}

/* The sequence of unlike microbatches and modules, under the strategy that list scheduling did best
 * with.
 */
static weft_status try_sequences(searcher *s, weft_error *error)
{
    weft_i_player player;
    double until = share_of_rest(s, SEQUENCES_SHARE);
    set_strategy(s, s->strategy);
    for (int32_t i = 0; i < s->problem->n_stages; i++)
        s->split[i] = s->splits;
    weft_status status = weft_i_player_open(&s->graph, s->choices, s->split, false,
                                            s->best.objective, error, &player);
    if (status == WEFT_STATUS_OK && weft_i_workbench_fits(&player.bench))
        status = weft_i_climb(&player, &s->budget, until, &s->rng, &s->best, error);
    weft_i_player_close(&player);
    return status == WEFT_STATUS_OK && s->strategy > 0 ? use_memory(s, error) : status;
}

static bool is_done(searcher *s)
{
    return weft_i_budget_used(&s->budget) >= 1 ||
           weft_i_incumbent_ns(&s->best) <= s->budget.bound_ns;
}

/* Sequences where microbatches differ; patterns, but not where they would have to fit unlike
 * microbatches and mixed strategies at once: there they never were the best. */
static weft_status try_periods(searcher *s, weft_error *error)
{
    weft_status status = s->uniform ? WEFT_STATUS_OK : try_sequences(s, error);
    if (status != WEFT_STATUS_OK || is_done(s) || (!s->uniform && s->n_strategies > 1))
        return status;
    return try_patterns(s, share_of_rest(s, PATTERNS_SHARE), error);
}

/* The order of one microbatch at a time, else one squeezed out of it, else what it lacks. */
static weft_status offer_serial(searcher *s, const weft_order *order, weft_error *error)
{
    weft_i_offer offer;
    weft_error why = {0};
    weft_status status = weft_i_memory_choose_until(
        &s->graph, order, weft_i_budget_end_ns(&s->budget), &why, NULL, s->choices);
    if (status == WEFT_STATUS_OK)
        return weft_i_incumbent_offer(&s->best, order, s->choices, "serial", error, &offer);
    if (status == WEFT_STATUS_INFEASIBLE) {
        status = weft_i_squeeze(&s->graph, order, s->choices, &s->budget, &s->rng, &s->best, error);
        if (status != WEFT_STATUS_OK || s->best.order) return status;
    }
    return weft_i_fail(error, why.status, "%s", why.text);
}

static weft_status try_serial(searcher *s, weft_error *error)
{
    weft_i_workbench workbench;
    const weft_order *order = NULL;
    set_strategy(s, s->n_strategies - 1);
    weft_status status = weft_i_workbench_open(&s->graph, s->choices, NULL, error, &workbench);
    if (status == WEFT_STATUS_OK) status = weft_i_dual_queue_serial(&workbench, error, &order);
    if (status == WEFT_STATUS_OK) status = offer_serial(s, order, error);
    weft_i_workbench_close(&workbench);
    return status;
}

static weft_status prepare(searcher *s, const weft_search_options *options, weft_error *error)
{
    weft_status status = weft_i_graph_build(s->problem, &s->arena, error, &s->graph);
    if (status != WEFT_STATUS_OK) return status;
    s->n_strategies = weft_i_levels_count(s->problem);
    s->choices = weft_i_new(&s->arena, int32_t, s->problem->n_stages);
    s->split = weft_i_new(&s->arena, bool, s->problem->n_stages);
    int32_t *first_of_chunk = weft_i_new(&s->arena, int32_t, s->problem->n_chunks);
    if (!s->choices || !s->split || !first_of_chunk) return weft_i_no_memory(error);
    s->uniform = is_uniform(s->problem, first_of_chunk);
    weft_i_rng_seed(&s->rng, options->seed != 0 ? options->seed : 1);
    status = weft_i_spare_init(&s->graph, &s->arena, error, &s->spare);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_incumbent_init(&s->graph, options->objective, &s->arena, error, &s->best);
    s->best.budget = &s->budget;
    return status;
}

static weft_status improve(searcher *s, weft_error *error)
{
    const weft_i_improver improver = {&s->graph, &s->spare, &s->budget,
                                      &s->rng,   &s->best,  s->choices};
    return weft_i_improve(&improver, error);
}

static weft_status run(searcher *s, const weft_i_start *starts, int32_t n_starts, weft_error *error)
{
    weft_status status = try_starts(s, starts, n_starts, error);
    /* An order alone needs a choice of strategies, which takes long: lists come with theirs, and
     * show which orders are not worth it. */
    bool lists_first = s->n_strategies > 1;
    if (status == WEFT_STATUS_OK && lists_first) status = try_strategies(s, LISTS_UNTIL, error);
    /* A wave is made of equal microbatches; ZB-V looks at each. Of thousands only what comes first
     * is tried in time. */
    if (status == WEFT_STATUS_OK && !s->uniform) status = try_zb_v(s, error);
    if (status == WEFT_STATUS_OK) status = try_wave(s, error);
    if (status == WEFT_STATUS_OK) status = try_fixed(s, error);
    if (status == WEFT_STATUS_OK && s->uniform) status = try_zb_v(s, error);
    if (status == WEFT_STATUS_OK && !lists_first && weft_i_budget_used(&s->budget) < 1)
        status = weft_i_incumbent_bound(&s->best, error, &s->budget.bound_ns);
    if (status == WEFT_STATUS_OK && !lists_first) status = try_strategies(s, LISTS_UNTIL, error);
    if (status == WEFT_STATUS_OK && !s->best.order) status = try_serial(s, error);
    if (status == WEFT_STATUS_OK && !is_done(s)) status = try_periods(s, error);
    if (status == WEFT_STATUS_OK && !is_done(s)) status = improve(s, error);
    return status;
}

/* Go on with the answer of an earlier search: lists and sequences seldom get there again. */
static weft_status run_on(searcher *s, const weft_i_start *start, weft_error *error)
{
    weft_status status = try_starts(s, start, 1, error);
    if (status != WEFT_STATUS_OK) return status;
    return improve(s, error);
}

weft_status weft_i_search_default(const weft_problem *problem, const weft_search_options *options,
                                  const weft_i_start *starts, int32_t n_starts, weft_error *error,
                                  weft_solution *out_solution)
{
    searcher s = {
        .problem = problem, .budget = weft_i_budget_begin(options), .list_ns = WEFT_INT_MAX};
    weft_status status = prepare(&s, options, error);
    bool goes_on = n_starts == 1 && starts->searched;
    if (status == WEFT_STATUS_OK && goes_on) status = run_on(&s, starts, error);
    if (status == WEFT_STATUS_OK && !s.best.order) status = run(&s, starts, n_starts, error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_incumbent_hand_over(&s.best, &s.budget, error, out_solution);
    weft_i_incumbent_free(&s.best);
    weft_i_arena_free(&s.arena);
    return status;
}
