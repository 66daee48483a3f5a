/* search/rollouts.c - see rollouts.h. */
#include "search/rollouts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "search/mcts.h"

/* "About 10 random rollouts" for each leaf. Each draws from so many of the next groups in data
 * order, the last from all: sequences near data order are the better ones. */
enum { ROLLOUTS = 10 };
static const int32_t WINDOWS[ROLLOUTS] = {1, 2, 2, 3, 3, 4, 4, 8, 16, INT32_MAX};

/* A sequence to score, and what came of it. */
typedef struct rollout {
    int32_t leaf, n_prefix, window;
    uint64_t seed;
    int32_t *sequence;
    weft_status status;
    bool played; /* in time */
    int64_t ns;
    weft_order *order; /* only where it is better than all before the round; owned */
    int32_t *choices;
} rollout;

/* A thread's own. */
typedef struct seat {
    weft_i_player player;
    bool *used; /* scratch, by group */
} seat;

typedef struct table {
    const weft_i_rollouts_options *options;
    weft_i_budget *budget;
    weft_i_incumbent *incumbent;
    weft_i_mcts tree;
    weft_i_team *team;
    seat *seats;
    int32_t n_seats;
    rollout *rollouts;          /* of this round */
    int32_t n_rollouts, enough; /* no other leaf is opened once there are `enough` */
    int32_t n_groups, n_stages;
    int64_t reference_ns; /* of score 1 */
    int64_t best_ns;      /* before the round */
    atomic_bool over;
    weft_i_arena arena;
} table;

static weft_status open_seats(table *t, const weft_i_graph *graph, weft_error *error)
{
    size_t n_ranks = (size_t)graph->problem->n_ranks;
    t->seats = weft_i_new(&t->arena, seat, t->options->threads);
    if (!t->seats) return weft_i_no_memory(error);
    for (int32_t i = 0; i < t->options->threads; i++) {
        seat *s = &t->seats[i];
        t->n_seats++;
        weft_status status =
            weft_i_player_open(graph, t->options->choices, NULL, t->options->chooses,
                               t->incumbent->objective, error, &s->player);
        if (status != WEFT_STATUS_OK) return status;
        memcpy(s->player.margin, t->options->margin, n_ranks * sizeof *s->player.margin);
        s->used = weft_i_new(&t->arena, bool, s->player.groups.n);
        if (!s->used) return weft_i_no_memory(error);
    }
    t->n_groups = t->seats[0].player.groups.n;
    t->n_stages = graph->problem->n_stages;
    return WEFT_STATUS_OK;
}

static weft_status open_table(table *t, const weft_i_graph *graph, weft_error *error)
{
    int32_t n_leaves = (t->options->threads + ROLLOUTS - 1) / ROLLOUTS;
    weft_status status = open_seats(t, graph, error);
    if (status == WEFT_STATUS_OK) status = weft_i_mcts_init(t->n_groups, error, &t->tree);
    if (status != WEFT_STATUS_OK) return status;
    t->enough = n_leaves * ROLLOUTS;
    int32_t most = t->enough - 1 + ROLLOUTS; /* where a leaf that is nearly complete had but one */
    t->rollouts = weft_i_new(&t->arena, rollout, most);
    if (!t->rollouts) return weft_i_no_memory(error);
    for (int32_t i = 0; i < most; i++) {
        t->rollouts[i].sequence = weft_i_new(&t->arena, int32_t, t->n_groups);
        t->rollouts[i].choices = weft_i_new(&t->arena, int32_t, t->n_stages);
        if (!t->rollouts[i].sequence || !t->rollouts[i].choices) return weft_i_no_memory(error);
    }
    t->team = weft_i_team_create(t->options->threads);
    return t->team ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

static void forget_orders(table *t)
{
    for (int32_t i = 0; i < t->n_rollouts; i++) {
        weft_order_free(t->rollouts[i].order);
        t->rollouts[i].order = NULL;
    }
}

static void close_table(table *t)
{
    forget_orders(t);
    weft_i_team_free(t->team);
    for (int32_t i = 0; i < t->n_seats; i++)
        weft_i_player_close(&t->seats[i].player);
    weft_i_mcts_free(&t->tree);
    weft_i_arena_free(&t->arena);
}

/* Open the leaves of a round and list their rollouts; none when all sequences have been seen. */
static weft_status plan_round(table *t, weft_error *error)
{
    int64_t number = t->budget->iterations;
    int64_t left = t->budget->limit > 0 ? t->budget->limit - number : INT64_MAX;
    t->n_rollouts = 0;
    while (t->n_rollouts < t->enough && t->n_rollouts < left) {
        int32_t leaf;
        weft_status status = weft_i_mcts_open(&t->tree, error, &leaf);
        if (status != WEFT_STATUS_OK || leaf < 0) return status;
        int32_t n_prefix = t->tree.nodes[leaf].depth;
        int32_t n = t->n_groups - n_prefix > 1 ? ROLLOUTS : 1;
        for (int32_t k = 0; k < n && t->n_rollouts < left; k++) {
            rollout *r = &t->rollouts[t->n_rollouts];
            r->leaf = leaf;
            r->n_prefix = weft_i_mcts_items(&t->tree, leaf, r->sequence);
            r->window = WINDOWS[k];
            r->seed = t->options->seed + (uint64_t)(number + t->n_rollouts++);
        }
    }
    return WEFT_STATUS_OK;
}

/* Whether there is time for one more. The caller's callback is asked by the caller's thread. */
static bool is_over(table *t, int worker)
{
    const weft_i_budget *budget = t->budget;
    if (worker == 0 && weft_i_budget_used(t->budget) >= 1) atomic_store(&t->over, true);
    if (worker > 0 && budget->limit_ns > 0 &&
        weft_i_now_ns() - budget->begin_ns >= budget->limit_ns)
        return true;
    return atomic_load(&t->over);
}

static void play(void *context, int i, int worker)
{
    table *t = context;
    rollout *r = &t->rollouts[i];
    seat *s = &t->seats[worker];
    weft_i_rng rng;
    const weft_order *order = NULL;
    r->played = !is_over(t, worker);
    if (!r->played) return;
    weft_i_rng_seed(&rng, r->seed);
    weft_i_mcts_complete(t->n_groups, r->n_prefix, r->window, &rng, s->used, r->sequence);
    r->status = weft_i_player_play(&s->player, r->sequence, NULL, &r->ns, &order);
    if (r->status != WEFT_STATUS_OK || r->ns >= t->best_ns) return;
    r->order = weft_order_copy(order);
    if (!r->order) r->status = WEFT_STATUS_NO_MEMORY;
    memcpy(r->choices, s->player.choices, (size_t)t->n_stages * sizeof *r->choices);
}

static weft_status merge_round(table *t, weft_error *error)
{
    for (int32_t i = 0; i < t->n_rollouts; i++) {
        const rollout *r = &t->rollouts[i];
        weft_i_offer offer;
        if (!r->played) continue;
        if (r->status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(error);
        if (r->status != WEFT_STATUS_OK)
            return weft_i_fail(error, r->status, "a sequence could not be scored");
        weft_i_mcts_score(&t->tree, r->leaf, (double)t->reference_ns / (double)(r->ns + 1));
        t->budget->iterations++;
        if (!r->order) continue;
        weft_status status =
            weft_i_incumbent_offer(t->incumbent, r->order, r->choices, "paper", error, &offer);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status run(table *t, weft_error *error)
{
    while (weft_i_budget_used(t->budget) < 1) {
        t->best_ns = weft_i_incumbent_ns(t->incumbent);
        weft_status status = plan_round(t, error);
        if (status != WEFT_STATUS_OK || t->n_rollouts == 0) return status;
        weft_i_team_run(t->team, play, t, t->n_rollouts);
        status = merge_round(t, error);
        forget_orders(t);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_rollouts(const weft_i_graph *graph, const weft_i_rollouts_options *options,
                            weft_i_budget *budget, weft_i_incumbent *incumbent, weft_error *error)
{
    table t = {.options = options,
               .budget = budget,
               .incumbent = incumbent,
               .reference_ns = weft_i_incumbent_ns(incumbent)};
    weft_status status = open_table(&t, graph, error);
    if (status == WEFT_STATUS_OK) status = run(&t, error);
    close_table(&t);
    return status;
}
