/* search/paper.c - see paper.h. */
#include "search/paper.h"

#include <string.h>

#include "base/error.h"
#include "search/dual_queue.h"
#include "search/fixed.h"
#include "search/incumbent.h"
#include "search/levels.h"
#include "search/memory.h"
#include "search/one_strategy.h"
#include "search/rollouts.h"
#include "search/unsplit.h"

typedef struct paper {
    const weft_search_options *options;
    weft_problem problem; /* without split backwards */
    weft_i_graph graph;
    weft_i_budget budget;
    weft_i_incumbent best;
    int32_t *level2;   /* by stage: strategies at whose costs orders are made ... */
    int64_t level2_ns; /* ... and what data order comes to with them */
    int64_t *margin;   /* by rank: what the first order had to leave free */
    int32_t *choices;  /* scratch, by stage */
    weft_i_arena arena;
} paper;

static bool has(const paper *p, weft_ablate part)
{
    return (p->options->ablate & (uint32_t)part) == 0;
}

/* Strategies for an order that is there: level 3, or one for all. */
static weft_status choose(paper *p, const weft_order *order, weft_error *error)
{
    return has(p, WEFT_ABLATE_MEMORY)
               ? weft_i_memory_choose(&p->graph, order, error, NULL, p->choices)
               : weft_i_one_strategy_choose(&p->graph, order, error, p->choices);
}

static weft_status offer(paper *p, const weft_order *order, const int32_t *choices,
                         const char *method, weft_error *error)
{
    weft_i_offer fate;
    weft_status status = weft_i_incumbent_offer(&p->best, order, choices, method, error, &fate);
    return status;
}

static weft_status try_starts(paper *p, const weft_i_start *starts, int32_t n_starts,
                              weft_error *error)
{
    for (int32_t i = 0; i < n_starts; i++) {
        const int32_t *choices = starts[i].choices;
        weft_status status = WEFT_STATUS_OK;
        if (!choices) {
            status = choose(p, starts[i].order, NULL);
            choices = p->choices;
        }
        if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
        if (status == WEFT_STATUS_OK)
            status = offer(p, starts[i].order, choices, starts[i].method, error);
        if (status != WEFT_STATUS_OK && status != WEFT_STATUS_INFEASIBLE) return status;
    }
    return WEFT_STATUS_OK;
}

/* Instead of level 2: Megatron's interleaving on the slots that the problem has. */
static weft_status try_vpp(paper *p, weft_error *error)
{
    weft_i_slots slots;
    weft_order *order = NULL;
    weft_status status = weft_i_slots_derive(&p->graph, &p->arena, error, &slots);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_fixed_kind kind = slots.n == 1 ? WEFT_I_FIXED_1F1B : WEFT_I_FIXED_VPP;
    status = weft_i_order_fixed(&p->graph, kind, &slots, 0, error, &order);
    if (status == WEFT_STATUS_OK) status = choose(p, order, error);
    if (status == WEFT_STATUS_OK)
        status = offer(p, order, p->choices, weft_i_fixed_name(kind), error);
    weft_order_free(order);
    return status;
}

/* Score data order at the costs that are in p->choices; where that is the best data order so far,
 * they become those of level 2. */
static weft_status try_data_order(paper *p, weft_error *error)
{
    const weft_problem *problem = &p->problem;
    weft_i_player player;
    int64_t ns = WEFT_INT_MAX;
    const weft_order *order = NULL;
    weft_status status = weft_i_player_open(&p->graph, p->choices, NULL, has(p, WEFT_ABLATE_MEMORY),
                                            p->best.objective, error, &player);
    int32_t *sequence = weft_i_new(&p->arena, int32_t, problem->n_stages);
    if (!sequence) status = weft_i_no_memory(error);
    for (int32_t g = 0; status == WEFT_STATUS_OK && g < player.groups.n; g++)
        sequence[g] = g;
    if (status == WEFT_STATUS_OK && weft_i_workbench_fits(&player.bench))
        status = weft_i_player_play(&player, sequence, error, &ns, &order);
    if (status == WEFT_STATUS_OK && order) status = offer(p, order, player.choices, "paper", error);
    if (status == WEFT_STATUS_OK && ns < p->level2_ns) {
        p->level2_ns = ns;
        memcpy(p->level2, player.bench.choices, (size_t)problem->n_stages * sizeof *p->level2);
        memcpy(p->margin, player.bench.margin, (size_t)problem->n_ranks * sizeof *p->margin);
    }
    weft_i_player_close(&player);
    p->budget.iterations++;
    return status;
}

static void set_leanest(const paper *p, int32_t *choices)
{
    int32_t n = weft_i_levels_count(&p->problem);
    for (int32_t s = 0; s < p->problem.n_stages; s++)
        choices[s] = weft_i_levels_candidate(&p->problem.stages[s], n - 1, n);
}

/* Level 2 works at the costs of the leanest strategies, says the paper. Those of a strategy that
 * all stages can have are tried too, in its favour: a rank that is kept full at the leanest costs
 * leaves level 3 no room. Without level 3 they are all there is. */
static weft_status try_data_orders(paper *p, weft_error *error)
{
    weft_i_strategies list = weft_i_one_strategy_list(&p->problem);
    weft_status status = WEFT_STATUS_OK;
    set_leanest(p, p->choices);
    memcpy(p->level2, p->choices, (size_t)p->problem.n_stages * sizeof *p->level2);
    if (has(p, WEFT_ABLATE_MEMORY)) status = try_data_order(p, error);
    for (int32_t i = 0; i < list.n && status == WEFT_STATUS_OK; i++) {
        weft_i_one_strategy_set(&p->problem, list.names[i], p->choices);
        status = try_data_order(p, error);
    }
    return status;
}

/* The order that takes the least memory: its answer or what it lacks. */
static weft_status try_serial(paper *p, weft_error *error)
{
    weft_i_workbench workbench;
    const weft_order *order = NULL;
    set_leanest(p, p->level2);
    weft_status status = weft_i_workbench_open(&p->graph, p->level2, NULL, error, &workbench);
    if (status == WEFT_STATUS_OK) status = weft_i_dual_queue_serial(&workbench, error, &order);
    if (status == WEFT_STATUS_OK) status = choose(p, order, error);
    if (status == WEFT_STATUS_OK) status = offer(p, order, p->choices, "serial", error);
    weft_i_workbench_close(&workbench);
    return status;
}

/* What the method is held to: no order without split backwards, at the costs of the best answer. */
static weft_status find_bound(paper *p, weft_error *error)
{
    weft_bounds bounds;
    const int32_t *choices = p->best.order ? p->best.choices : NULL;
    weft_status status = weft_bounds_compute(&p->problem, choices, error, &bounds);
    if (status == WEFT_STATUS_OK)
        p->budget.bound_ns =
            p->best.objective == WEFT_OBJECTIVE_SPAN ? bounds.span_ns : bounds.makespan_ns;
    return status;
}

static weft_status search_sequences(paper *p, weft_error *error)
{
    int32_t threads = p->options->threads;
    weft_i_rollouts_options options = {.choices = p->level2,
                                       .chooses = has(p, WEFT_ABLATE_MEMORY),
                                       .margin = p->margin,
                                       .threads = threads > 0 ? threads : 1,
                                       .seed = p->options->seed > 0 ? p->options->seed : 1};
    return weft_i_rollouts(&p->graph, &options, &p->budget, &p->best, error);
}

static weft_status run(paper *p, const weft_i_start *starts, int32_t n_starts, weft_error *error)
{
    weft_status status = try_starts(p, starts, n_starts, error);
    if (status != WEFT_STATUS_OK) return status;
    if (!has(p, WEFT_ABLATE_INTERLEAVING))
        return p->best.order ? WEFT_STATUS_OK : try_vpp(p, error);
    status = try_data_orders(p, error);
    if (status == WEFT_STATUS_OK && !p->best.order) status = try_serial(p, error);
    if (status == WEFT_STATUS_OK) status = find_bound(p, error);
    if (status == WEFT_STATUS_OK && has(p, WEFT_ABLATE_REORDERING))
        status = search_sequences(p, error);
    return status;
}

static weft_status prepare(paper *p, const weft_problem *problem, weft_error *error)
{
    weft_status status = weft_i_unsplit(problem, &p->arena, error, &p->problem);
    if (status == WEFT_STATUS_OK)
        status = weft_i_graph_build(&p->problem, &p->arena, error, &p->graph);
    if (status != WEFT_STATUS_OK) return status;
    p->level2 = weft_i_new(&p->arena, int32_t, problem->n_stages);
    p->choices = weft_i_new(&p->arena, int32_t, problem->n_stages);
    p->margin = weft_i_new(&p->arena, int64_t, problem->n_ranks);
    if (!p->level2 || !p->choices || !p->margin) return weft_i_no_memory(error);
    status = weft_i_incumbent_init(&p->graph, p->options->objective, &p->arena, error, &p->best);
    p->best.budget = &p->budget;
    return status;
}

weft_status weft_i_paper(const weft_problem *problem, const weft_search_options *options,
                         const weft_i_start *starts, int32_t n_starts, weft_error *error,
                         weft_solution *out_solution)
{
    paper p = {
        .options = options, .budget = weft_i_budget_begin(options), .level2_ns = WEFT_INT_MAX};
    weft_status status = prepare(&p, problem, error);
    if (status == WEFT_STATUS_OK) status = run(&p, starts, n_starts, error);
    if (status == WEFT_STATUS_OK) status = find_bound(&p, error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_incumbent_hand_over(&p.best, &p.budget, error, out_solution);
    weft_i_incumbent_free(&p.best);
    weft_i_arena_free(&p.arena);
    return status;
}
