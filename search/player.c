/* search/player.c - see player.h. */
#include "search/player.h"

#include <string.h>

#include "base/error.h"
#include "plan/compile.h"
#include "plan/order_time.h"
#include "search/memory.h"

/* Dispatches of one sequence, each with larger margins than the last. */
enum { MARGIN_ROUNDS = 4 };

weft_status weft_i_player_open(const weft_i_graph *graph, const int32_t *choices, const bool *split,
                               bool chooses, weft_objective objective, weft_error *error,
                               weft_i_player *player)
{
    weft_i_player *p = player;
    const weft_problem *problem = graph->problem;
    *p = (weft_i_player){.graph = graph, .objective = objective, .chooses = chooses};
    weft_status status = weft_i_workbench_open(graph, choices, split, error, &p->bench);
    weft_i_arena *arena = &p->bench.arena;
    if (status == WEFT_STATUS_OK)
        status = weft_i_groups_build(graph, &p->bench.flow, arena, error, &p->groups);
    if (status == WEFT_STATUS_OK) status = weft_i_variant_init(graph, arena, error, &p->retimed);
    if (status != WEFT_STATUS_OK) return status;
    p->margin = weft_i_new(arena, int64_t, problem->n_ranks);
    p->place = weft_i_new(arena, int32_t, p->groups.n);
    p->last = weft_i_new(arena, int32_t, p->bench.flow.n_microbatches);
    p->count = weft_i_new(arena, int32_t, (size_t)p->groups.n + 1);
    p->peaks = weft_i_new(arena, int64_t, problem->n_ranks);
    p->choices = weft_i_new(arena, int32_t, problem->n_stages);
    if (!p->margin || !p->place || !p->last || !p->count || !p->peaks || !p->choices)
        return weft_i_no_memory(error);
    return WEFT_STATUS_OK;
}

void weft_i_player_close(weft_i_player *player)
{
    weft_i_workbench_close(&player->bench);
}

void weft_i_player_arrange(weft_i_player *player, const int32_t *sequence)
{
    weft_i_player *p = player;
    weft_i_workbench *w = &p->bench;
    for (int32_t i = 0; i < p->groups.n; i++)
        p->place[sequence[i]] = i;
    weft_i_groups_keys(&p->groups, &w->flow, w->net.n_stages, p->place, w->key);
    weft_i_groups_turns(&p->groups, p->graph, &w->flow, p->place, p->last, p->count, w->turn);
    weft_i_dispatcher_set_turns(w->dispatcher, w->turn);
    memcpy(w->margin, p->margin, (size_t)w->net.n_ranks * sizeof *w->margin);
}

/* Level 3; without it, whether the strategies of level 2 fit. INFEASIBLE where nothing does. */
static weft_status choose_memory(weft_i_player *p, const weft_order *order)
{
    const weft_problem *problem = p->graph->problem;
    size_t n = (size_t)problem->n_stages;
    if (p->chooses) return weft_i_memory_choose(p->graph, order, NULL, NULL, p->choices);
    memcpy(p->choices, p->bench.choices, n * sizeof *p->choices);
    weft_status status = weft_i_compile_peaks(&p->bench.variant.graph, order, NULL, p->peaks);
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < problem->n_ranks; r++)
        if (p->peaks[r] > problem->limit_bytes[r]) status = WEFT_STATUS_INFEASIBLE;
    return status;
}

/* By what the order goes over the limits at the costs of level 2; false where it does not. */
static bool raise_margins(weft_i_player *p, const weft_order *order)
{
    const weft_problem *problem = p->graph->problem;
    bool raised = false;
    if (weft_i_compile_peaks(&p->bench.variant.graph, order, NULL, p->peaks)) return false;
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int64_t excess = p->peaks[r] - problem->limit_bytes[r];
        p->bench.margin[r] += excess > 0 ? excess : 0;
        raised = raised || excess > 0;
    }
    return raised;
}

weft_status weft_i_player_play(weft_i_player *player, const int32_t *sequence, weft_error *error,
                               int64_t *out_ns, const weft_order **out_order)
{
    static const weft_i_rule dual_queue = {.prefer = WEFT_I_PREFER_ALTERNATE};
    weft_i_player *p = player;
    weft_i_dispatched result;
    *out_ns = WEFT_INT_MAX;
    weft_i_player_arrange(p, sequence);
    for (int round = 0; round < MARGIN_ROUNDS; round++) {
        weft_schedule_time time;
        weft_i_workbench_set_limits(&p->bench);
        if (!weft_i_dispatch(p->bench.dispatcher, &dual_queue, p->bench.key, p->bench.limit, NULL,
                             &result))
            return WEFT_STATUS_OK;
        weft_status status = choose_memory(p, result.order);
        if (status == WEFT_STATUS_INFEASIBLE) {
            if (!raise_margins(p, result.order)) return WEFT_STATUS_OK;
            continue;
        }
        if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
        if (status != WEFT_STATUS_OK) return weft_i_fail(error, status, "no order of the problem");
        weft_i_variant_set_all(&p->retimed, p->choices);
        status = weft_i_order_time(&p->retimed.graph, result.order, error, NULL, NULL, &time);
        if (status != WEFT_STATUS_OK) return status;
        *out_ns = weft_i_objective_ns(p->objective, &time);
        *out_order = result.order;
        return WEFT_STATUS_OK;
    }
    return WEFT_STATUS_OK;
}
