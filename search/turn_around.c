/* search/turn_around.c - see turn_around.h. "Place" is a rank's position along the turn-around
 * segment: the rank itself, or counted from the other end where the segment runs backwards. */
#include "search/turn_around.h"

#include <string.h>

#include "base/error.h"
#include "base/least.h"

typedef struct turning {
    const weft_i_relax *relax;
    int32_t n_ranks;
    bool reversed;
    bool *turns;        /* by stage: of a turn-around segment */
    bool *feeds;        /* by stage: its forward is needed by that of such a stage, or is one */
    int32_t begin, end; /* places that all turn-around segments cross, first and last */
    int32_t *first_at, *stages_at; /* the other stages by place */
    bool *taken;                   /* scratch, by stage */
} turning;

static int32_t place_of(const turning *t, int32_t stage)
{
    int32_t rank = t->relax->graph->rank[stage];
    return t->reversed ? t->n_ranks - 1 - rank : rank;
}

static bool is_turn(const turning *t, int32_t stage)
{
    const weft_i_adjacency *in = &t->relax->graph->bw_in;
    return weft_i_relax_has_backward(t->relax, stage) && in->first[stage] == in->first[stage + 1];
}

/* The stage one place before whose forward feeds `stage` and whose backward it feeds; -1. */
static int32_t mirrored_before(const turning *t, int32_t stage)
{
    const weft_i_graph *graph = t->relax->graph;
    const weft_edge *edges = graph->problem->edges;
    for (int32_t i = graph->fw_in.first[stage]; i < graph->fw_in.first[stage + 1]; i++) {
        int32_t from = edges[graph->fw_in.edges[i]].from;
        if (place_of(t, from) != place_of(t, stage) - 1) continue;
        for (int32_t k = graph->bw_out.first[stage]; k < graph->bw_out.first[stage + 1]; k++)
            if (edges[graph->bw_out.edges[k]].to == from) return from;
    }
    return -1;
}

/* Mark the turn-around segments. All must turn on one place; false where they do not. */
static bool find_turns(turning *t)
{
    int32_t n = t->relax->graph->problem->n_stages;
    t->begin = 0;
    t->end = -1;
    for (int32_t s = 0; s < n; s++) {
        if (!is_turn(t, s)) continue;
        if (t->end >= 0 && place_of(t, s) != t->end) return false;
        t->end = place_of(t, s);
        int32_t first = s;
        for (int32_t at = s; at >= 0 && !t->turns[at]; at = mirrored_before(t, at)) {
            t->turns[at] = true;
            first = at;
        }
        t->begin = place_of(t, first) > t->begin ? place_of(t, first) : t->begin;
    }
    return t->end >= 0;
}

/* Stages whose forward every order has done before the last turn-around backward of their rank. */
static void find_fed(turning *t)
{
    const weft_i_graph *graph = t->relax->graph;
    for (int32_t i = graph->problem->n_stages - 1; i >= 0; i--) {
        int32_t s = t->relax->flow.fw_stages[i];
        t->feeds[s] = t->turns[s];
        for (int32_t k = graph->fw_out.first[s]; k < graph->fw_out.first[s + 1]; k++)
            if (t->feeds[graph->problem->edges[graph->fw_out.edges[k]].to]) t->feeds[s] = true;
    }
}

/* One way of the chain: forwards up to the pivot, or backwards down from it. */
typedef struct chain {
    bool forward;
    int32_t *counterpart; /* by stage: one place before, of the same way; -1 = none; never shared */
    int64_t *link;        /* by place: least latency of the links from there to the next place */
    int64_t *turn;        /* by place: the least pass of a turn-around segment */
    int32_t *walker;      /* by stage of the pivot: its counterpart where the chain is now */
    int64_t *least;       /* the same: the least of its counterparts so far */
    int64_t gained, lost; /* by the steps so far; by passes of the pivot that may cost more */
} chain;

static int64_t pass_ns(const turning *t, int32_t stage, bool forward)
{
    return forward ? t->relax->graph->problem->stages[stage].now.cost.fw_ns
                   : t->relax->first_ns[stage];
}

/* Links between stages of one kind, turn-around or not, one place apart. A stage that does not turn
 * around gets a counterpart that no other has. */
static void find_links(turning *t, chain *c)
{
    const weft_i_graph *graph = t->relax->graph;
    const weft_i_adjacency *edges = c->forward ? &graph->fw_in : &graph->bw_out;
    memset(t->taken, 0, (size_t)graph->problem->n_stages * sizeof *t->taken);
    for (int32_t p = 0; p < t->n_ranks; p++)
        c->link[p] = c->turn[p] = INT64_MAX;
    for (int32_t s = 0; s < graph->problem->n_stages; s++) {
        int32_t place = place_of(t, s);
        c->counterpart[s] = -1;
        if (t->turns[s]) c->turn[place] = weft_i_min(c->turn[place], pass_ns(t, s, c->forward));
        for (int32_t k = edges->first[s]; k < edges->first[s + 1]; k++) {
            const weft_edge *edge = &graph->problem->edges[edges->edges[k]];
            int32_t other = c->forward ? edge->from : edge->to;
            bool fits = place_of(t, other) == place - 1 && t->turns[s] == t->turns[other];
            if (!fits || (!t->turns[s] && (c->counterpart[s] >= 0 || t->taken[other]))) continue;
            t->taken[other] = true;
            c->counterpart[s] = other;
            c->link[place - 1] =
                weft_i_min(c->link[place - 1], weft_i_relax_latency(t->relax, edges->edges[k]));
        }
    }
}

/* Sums over the stages of one place. */
typedef struct place_sums {
    int64_t work;
    int64_t head; /* earliest start of its first pass */
    int64_t tail; /* shortest way out after its last pass */
    int64_t late; /* work that may be left after the last turn-around backward, whatever is after */
} place_sums;

static void sum_places(const turning *t, place_sums *sums)
{
    const weft_i_relax *relax = t->relax;
    const weft_problem *problem = relax->graph->problem;
    for (int32_t p = 0; p < t->n_ranks; p++)
        sums[p] = (place_sums){0, INT64_MAX, INT64_MAX, 0};
    for (int32_t s = 0; s < problem->n_stages; s++) {
        place_sums *sum = &sums[place_of(t, s)];
        int64_t tail = weft_i_relax_has_backward(relax, s) ? relax->bw_tail[s] : relax->fw_tail[s];
        if (relax->rest_ns[s] > 0) tail = 0;
        sum->work += weft_i_relax_work(relax, s);
        sum->head = weft_i_min(sum->head, relax->fw_head[s]);
        sum->tail = weft_i_min(sum->tail, tail);
        sum->late += relax->rest_ns[s];
        sum->late += t->feeds[s] ? 0 : problem->stages[s].now.cost.fw_ns;
    }
}

/* Begin at the pivot: every pass is its own counterpart. */
static void begin_chain(const turning *t, int32_t pivot, chain *c)
{
    c->gained = c->lost = 0;
    for (int32_t i = t->first_at[pivot]; i < t->first_at[pivot + 1]; i++) {
        int32_t s = t->stages_at[i];
        c->walker[s] = s;
        c->least[s] = pass_ns(t, s, c->forward);
    }
}

/* One place further: a pass of the pivot counts with the least of its counterparts, with nothing
 * where it has none. */
static void extend_chain(const turning *t, int32_t pivot, int32_t place, chain *c)
{
    for (int32_t i = t->first_at[pivot]; i < t->first_at[pivot + 1]; i++) {
        int32_t s = t->stages_at[i];
        if (c->walker[s] < 0) continue;
        int64_t before = c->least[s];
        int32_t next = c->walker[s] = c->counterpart[c->walker[s]];
        c->least[s] = next < 0 ? 0 : weft_i_min(before, pass_ns(t, next, c->forward));
        c->lost += before - c->least[s];
    }
    c->gained += c->turn[place] + c->link[place];
}

/* The bounds through one pivot. */
static void bound_pivot(const turning *t, const place_sums *sums, int32_t pivot, chain *up,
                        chain *down, weft_bounds *bounds)
{
    int64_t work = sums[pivot].work, before = sums[pivot].head, after = sums[pivot].tail;
    int64_t span = 0;
    begin_chain(t, pivot, up);
    begin_chain(t, pivot, down);
    for (int32_t p = pivot - 1; p >= t->begin; p--) {
        extend_chain(t, pivot, p, up);
        extend_chain(t, pivot, p, down);
        int64_t ahead = up->gained - up->lost;
        int64_t behind = down->gained - down->lost - sums[pivot].late;
        before = weft_i_max(before, sums[p].head + ahead);
        after = weft_i_max(after, sums[p].tail + behind);
        span = weft_i_max(span, ahead + behind); /* both ways end on the one rank at p */
    }
    bounds->makespan_ns = weft_i_max(bounds->makespan_ns, before + work + after);
    bounds->span_ns = weft_i_max(bounds->span_ns, work + span);
}

/* The stages that do not turn around, by place. */
static void list_places(turning *t)
{
    int32_t n = t->relax->graph->problem->n_stages;
    memset(t->first_at, 0, ((size_t)t->n_ranks + 1) * sizeof *t->first_at);
    for (int32_t s = 0; s < n; s++)
        if (!t->turns[s]) t->first_at[place_of(t, s)]++;
    for (int32_t p = 0, sum = 0; p <= t->n_ranks; p++)
        t->first_at[p] = sum += p < t->n_ranks ? t->first_at[p] : 0;
    for (int32_t s = n - 1; s >= 0; s--)
        if (!t->turns[s]) t->stages_at[--t->first_at[place_of(t, s)]] = s;
}

static void bound_direction(turning *t, place_sums *sums, chain *up, chain *down,
                            weft_bounds *bounds)
{
    size_t n_stages = (size_t)t->relax->graph->problem->n_stages;
    memset(t->turns, 0, n_stages * sizeof *t->turns);
    if (!find_turns(t)) return;
    find_fed(t);
    find_links(t, up);
    find_links(t, down);
    list_places(t);
    sum_places(t, sums);
    for (int32_t pivot = t->begin + 1; pivot <= t->end; pivot++)
        bound_pivot(t, sums, pivot, up, down, bounds);
}

static bool open_chain(bool forward, size_t n_stages, size_t n_ranks, weft_i_arena *arena, chain *c)
{
    *c = (chain){.forward = forward,
                 .counterpart = weft_i_new(arena, int32_t, n_stages),
                 .link = weft_i_new(arena, int64_t, n_ranks),
                 .turn = weft_i_new(arena, int64_t, n_ranks),
                 .walker = weft_i_new(arena, int32_t, n_stages),
                 .least = weft_i_new(arena, int64_t, n_stages)};
    return c->counterpart && c->link && c->turn && c->walker && c->least;
}

weft_status weft_i_turn_around(const weft_i_relax *relax, weft_i_arena *arena, weft_error *error,
                               weft_bounds *out_bounds)
{
    const weft_problem *problem = relax->graph->problem;
    size_t n_stages = (size_t)problem->n_stages, n_ranks = (size_t)problem->n_ranks;
    turning t = {.relax = relax,
                 .n_ranks = problem->n_ranks,
                 .turns = weft_i_new(arena, bool, n_stages),
                 .feeds = weft_i_new(arena, bool, n_stages),
                 .taken = weft_i_new(arena, bool, n_stages),
                 .first_at = weft_i_new(arena, int32_t, n_ranks + 1),
                 .stages_at = weft_i_new(arena, int32_t, n_stages)};
    place_sums *sums = weft_i_new(arena, place_sums, n_ranks);
    chain up, down;
    weft_bounds bounds = {0, 0};
    if (!t.turns || !t.feeds || !t.taken || !t.first_at || !t.stages_at || !sums ||
        !open_chain(true, n_stages, n_ranks, arena, &up) ||
        !open_chain(false, n_stages, n_ranks, arena, &down))
        return weft_i_no_memory(error);
    bound_direction(&t, sums, &up, &down, &bounds);
    t.reversed = true;
    bound_direction(&t, sums, &up, &down, &bounds);
    *out_bounds = bounds;
    return WEFT_STATUS_OK;
}
