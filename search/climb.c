/* search/climb.c - see climb.h. */
#include "search/climb.h"

#include <string.h>

#include "base/error.h"
#include "search/dual_queue.h"
#include "search/mcts.h"

/* Of the changes, so many in a hundred are of the rule; MEMORY: see accept. */
enum { RULE_CHANGES = 10, MEMORY = 20 };

/* The part of the time after which it is over where nothing has been gained. */
static const double PATIENCE = 1.0 / 3;

/* The first sequences are drawn anew, each from so many of the next groups in data order: rollouts
 * of the paper's search. They get away from data order faster than single changes. */
static const int32_t WINDOWS[] = {1, 2, 2, 3, 3, 4, 4, 8, 16};
enum { N_WINDOWS = sizeof WINDOWS / sizeof WINDOWS[0], DRAWN = 4 * N_WINDOWS };

/* What is scheduled: a sequence by a rule of list scheduling. */
typedef struct scheme {
    int32_t *sequence;
    int32_t rule;
    int64_t ns;
} scheme;

typedef struct climber {
    weft_i_player *player;
    weft_i_incumbent *incumbent;
    weft_i_rng *rng;
    int32_t n;
    scheme now, next;
    bool *used; /* scratch, by group */
} climber;

static void shift(int32_t *sequence, int32_t from, int32_t to)
{
    int32_t item = sequence[from];
    if (from < to)
        memmove(&sequence[from], &sequence[from + 1], (size_t)(to - from) * sizeof *sequence);
    else
        memmove(&sequence[to + 1], &sequence[to], (size_t)(from - to) * sizeof *sequence);
    sequence[to] = item;
}

static int32_t draw(climber *c, int32_t n)
{
    return (int32_t)weft_i_rng_below(c->rng, (uint64_t)n);
}

/* A sequence near data order, by the paper's rule. */
static void draw_anew(climber *c, int64_t number)
{
    weft_i_mcts_complete(c->n, 0, WINDOWS[number % N_WINDOWS], c->rng, c->used, c->next.sequence);
    c->next.rule = 0;
}

/* Another rule; or a group goes elsewhere, near more often than far; or two change places. */
static void change(climber *c)
{
    int32_t *sequence = c->next.sequence;
    memcpy(sequence, c->now.sequence, (size_t)c->n * sizeof *sequence);
    c->next.rule = c->now.rule;
    if (draw(c, 100) < RULE_CHANGES) {
        c->next.rule = draw(c, WEFT_I_DUAL_QUEUE_RULES);
        return;
    }
    int32_t reach = 2 << draw(c, 6), from = draw(c, c->n);
    int32_t to = from + draw(c, 2 * reach + 1) - reach;
    to = to < 0 ? 0 : to >= c->n ? c->n - 1 : to;
    if (draw(c, 2) == 0) {
        shift(sequence, from, to);
    } else {
        sequence[from] = c->now.sequence[to];
        sequence[to] = c->now.sequence[from];
    }
}

/* Schedule c->next; offered only where it is better than the incumbent. */
static weft_status play(climber *c, weft_error *error)
{
    weft_i_workbench *w = &c->player->bench;
    weft_i_dispatched result;
    const int64_t *soft;
    weft_i_rule rule = weft_i_dual_queue_rule(w, c->next.rule, &soft);
    c->next.ns = WEFT_INT_MAX;
    weft_i_player_arrange(c->player, c->next.sequence);
    weft_i_workbench_set_limits(w);
    if (!weft_i_dispatch(w->dispatcher, &rule, w->key, w->limit, soft, &result))
        return WEFT_STATUS_OK;
    weft_schedule_time time = {result.pipeline_ns, result.span_ns};
    c->next.ns = weft_i_objective_ns(c->incumbent->objective, &time);
    if (c->next.ns >= weft_i_incumbent_ns(c->incumbent)) return WEFT_STATUS_OK;
    weft_status status =
        weft_i_workbench_try(w, &rule, soft, "sequence", c->incumbent, error, &c->next.ns);
    memcpy(c->player->margin, w->margin, (size_t)w->net.n_ranks * sizeof *w->margin);
    return status;
}

/* Take the next scheme where it is no worse than this one, or better than that of MEMORY changes
 * ago (late acceptance: Burke, Bykov 2017). */
static void accept(climber *c, int64_t *remembered)
{
    if (c->next.ns <= c->now.ns || c->next.ns < *remembered) {
        scheme kept = c->now;
        c->now = c->next;
        c->next = kept;
    }
    *remembered = c->now.ns;
}

weft_status weft_i_climb(weft_i_player *player, weft_i_budget *budget, double until,
                         weft_i_rng *rng, weft_i_incumbent *incumbent, weft_error *error)
{
    weft_i_arena *arena = &player->bench.arena;
    climber c = {.player = player, .incumbent = incumbent, .rng = rng, .n = player->groups.n};
    int64_t remembered[MEMORY];
    c.now = (scheme){weft_i_new(arena, int32_t, c.n), 0, WEFT_INT_MAX};
    c.next = (scheme){weft_i_new(arena, int32_t, c.n), 0, WEFT_INT_MAX};
    c.used = weft_i_new(arena, bool, c.n);
    if (!c.now.sequence || !c.next.sequence || !c.used) return weft_i_no_memory(error);
    for (int i = 0; i < MEMORY; i++)
        remembered[i] = WEFT_INT_MAX;
    double used = weft_i_budget_used(budget), end = used + (until - used) * PATIENCE;
    for (int64_t i = 0; c.n > 0 && used < end; i++, used = weft_i_budget_used(budget)) {
        int64_t before_ns = weft_i_incumbent_ns(incumbent);
        if (i < DRAWN)
            draw_anew(&c, i);
        else
            change(&c);
        weft_status status = play(&c, error);
        if (status != WEFT_STATUS_OK) return status;
        budget->iterations++;
        if (weft_i_incumbent_ns(incumbent) <= budget->bound_ns) break;
        if (weft_i_incumbent_ns(incumbent) < before_ns) end = until;
        if (i >= DRAWN || c.next.ns < c.now.ns) accept(&c, &remembered[i % MEMORY]);
    }
    return WEFT_STATUS_OK;
}
