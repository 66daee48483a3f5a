/* search/pick.c - the program of a rank: options, live rows, and rows that imply others. */
#include "search/pick.h"

#include <math.h>

#include "base/least.h"
#include "search/levels.h"

/* The largest and the smallest that any option of a group has of something. */
typedef struct range {
    int64_t least, most;
} range;

/* A group and the passes that it has. */
typedef struct passes {
    int32_t at[3];  /* positions of FW, BW or BWI, BWW; -1 = none */
    range enter[3]; /* by how much the pass's row is over the row before, for its own group */
    range leave[3]; /* by how much it is over the row after */
    range change;   /* FW's work over BW's, for the two in a row */
    int64_t saved, held, work[3]; /* at most */
} passes;

typedef struct builder {
    const weft_i_graph *graph;
    weft_i_pick *pick;
    passes *passes;    /* of each group */
    int32_t *group_at; /* group and kind of each position: 3 * group + kind */
    int32_t *kept;     /* rows kept before each position */
    int64_t *most;     /* bytes of each position at most */
    int32_t n_positions;
} builder;

static bool is_dominated(const weft_i_option *a, const weft_i_option *by)
{
    bool at_most = by->ns <= a->ns && by->saved <= a->saved && by->held <= a->held;
    for (int i = 0; i < 3; i++)
        at_most = at_most && by->work[i] <= a->work[i];
    return at_most;
}

static weft_i_option make_option(const weft_stage *stage, int32_t candidate, bool split)
{
    const weft_cost *cost = candidate < 0 ? &stage->now.cost : &stage->candidates[candidate].cost;
    weft_i_option o = {.candidate = candidate, .ns = cost->fw_ns};
    o.work[0] = cost->work_bytes[WEFT_PASS_FW];
    if (stage->backward == WEFT_BACKWARD_NONE) return o;
    o.ns += split ? cost->bwi_ns + cost->bww_ns : cost->bw_ns;
    o.saved = cost->saved_bytes;
    o.held = split ? cost->held_bytes : 0;
    o.work[1] = cost->work_bytes[split ? WEFT_PASS_BWI : WEFT_PASS_BW];
    o.work[2] = split ? cost->work_bytes[WEFT_PASS_BWW] : 0;
    return o;
}

/* Options of a stage without those that are no better in anything than another. */
static void add_options(weft_i_pick *pick, weft_i_group *group, const weft_stage *stage, bool split)
{
    weft_i_option *options = &pick->options[pick->n_options];
    int32_t n = 0, n_candidates = stage->n_candidates;
    for (int32_t k = n_candidates > 0 ? 0 : -1; k < n_candidates; k++) {
        weft_i_option o = make_option(stage, k, split);
        bool keep = true;
        for (int32_t i = 0; keep && i < n; i++)
            keep = !is_dominated(&o, &options[i]);
        if (!keep) continue;
        int32_t n_left = 0;
        for (int32_t i = 0; i < n; i++)
            if (!is_dominated(&options[i], &o)) options[n_left++] = options[i];
        options[n_left++] = o;
        n = n_left;
    }
    int64_t fastest = options[0].ns;
    for (int32_t i = 1; i < n; i++)
        fastest = options[i].ns < fastest ? options[i].ns : fastest;
    for (int32_t i = 0; i < n; i++)
        options[i].ns -= fastest;
    pick->fastest_ns += fastest;
    group->first = pick->n_options;
    group->n = n;
    pick->n_options += n;
}

static void widen(range *r, int64_t value, bool first)
{
    if (first || value < r->least) r->least = value;
    if (first || value > r->most) r->most = value;
}

static void measure_group(const weft_i_pick *pick, const weft_i_group *group, passes *p)
{
    for (int32_t i = 0; i < group->n; i++) {
        const weft_i_option *o = &pick->options[group->first + i];
        bool first = i == 0;
        widen(&p->enter[0], o->saved + o->work[0], first);
        widen(&p->leave[0], o->work[0], first);
        widen(&p->enter[1], o->work[1], first);
        widen(&p->leave[1], o->saved + o->work[1] - o->held, first);
        widen(&p->enter[2], o->work[2], first);
        widen(&p->leave[2], o->held + o->work[2], first);
        widen(&p->change, o->work[0] - o->work[1], first);
        p->saved = weft_i_max(p->saved, o->saved);
        p->held = weft_i_max(p->held, o->held);
        for (int k = 0; k < 3; k++)
            p->work[k] = weft_i_max(p->work[k], o->work[k]);
    }
}

static void add_group(builder *b, int32_t stage, const int32_t *position)
{
    weft_i_pick *pick = b->pick;
    weft_i_group *group = &pick->groups[pick->n_groups];
    passes *p = &b->passes[pick->n_groups];
    const int32_t *at = position + 4 * (size_t)stage;
    bool split = at[WEFT_PASS_BWI] >= 0;
    *group = (weft_i_group){.stage = stage, .row = {-1, -1, -1}};
    p->at[0] = at[WEFT_PASS_FW];
    p->at[1] = split ? at[WEFT_PASS_BWI] : at[WEFT_PASS_BW];
    p->at[2] = split ? at[WEFT_PASS_BWW] : -1;
    add_options(pick, group, &b->graph->problem->stages[stage], split);
    measure_group(pick, group, p);
    for (int k = 0; k < 3; k++)
        if (p->at[k] >= 0) b->group_at[p->at[k]] = 3 * pick->n_groups + k;
    pick->n_groups++;
}

/* What the fattest options take together at each position. */
static void sum_most(builder *b)
{
    for (int32_t g = 0; g < b->pick->n_groups; g++) {
        const passes *p = &b->passes[g];
        if (p->at[1] < 0) continue;
        b->most[p->at[0]] += p->saved;
        b->most[p->at[1] + 1] -= p->saved;
        if (p->at[2] < 0) continue;
        b->most[p->at[1] + 1] += p->held;
        b->most[p->at[2] + 1] -= p->held;
    }
    for (int32_t t = 1; t < b->n_positions; t++)
        b->most[t] += b->most[t - 1];
    for (int32_t g = 0; g < b->pick->n_groups; g++)
        for (int k = 0; k < 3; k++)
            if (b->passes[g].at[k] >= 0) b->most[b->passes[g].at[k]] += b->passes[g].work[k];
}

/* Whether the row of t + 1 holds at least what that of t does, or the other way round, under every
 * choice. Only the two passes' own groups differ. */
static bool implies(const builder *b, int32_t t, bool backward)
{
    int32_t here = b->group_at[t], next = b->group_at[t + 1];
    const passes *a = &b->passes[here / 3], *c = &b->passes[next / 3];
    int from = here % 3, to = next % 3;
    if (a != c)
        return backward ? a->leave[from].least >= c->enter[to].most
                        : a->leave[from].most <= c->enter[to].least;
    if (from == 0 && to == 1) return backward ? a->change.least >= 0 : a->change.most <= 0;
    return false;
}

/* A row goes where one beside it implies it; never two that imply each other. */
static void keep_rows(builder *b)
{
    int32_t n = 0;
    bool to_next = false; /* the row before goes for this one */
    for (int32_t t = 0; t < b->n_positions; t++) {
        bool has_next = t + 1 < b->n_positions;
        bool to_before = t > 0 && !to_next && implies(b, t - 1, true);
        to_next = has_next && implies(b, t, false);
        b->kept[t] = n;
        n += !to_before && !to_next && b->most[t] > b->pick->room;
    }
    b->kept[b->n_positions] = n;
    b->pick->n_rows = n;
}

static void place_groups(builder *b)
{
    for (int32_t g = 0; g < b->pick->n_groups; g++) {
        weft_i_group *group = &b->pick->groups[g];
        const int32_t *at = b->passes[g].at;
        for (int k = 0; k < 3; k++)
            if (at[k] >= 0 && b->kept[at[k] + 1] > b->kept[at[k]]) group->row[k] = b->kept[at[k]];
        if (at[1] < 0) continue;
        group->saved_from = b->kept[at[0]];
        group->saved_to = group->held_from = group->held_to = b->kept[at[1] + 1];
        if (at[2] >= 0) group->held_to = b->kept[at[2] + 1];
    }
}

bool weft_i_pick_build(const weft_i_graph *graph, const weft_order *order, int32_t rank,
                       const int32_t *position, int64_t room, weft_i_arena *arena,
                       weft_i_pick *out_pick)
{
    int32_t n = order->n_tasks[rank];
    size_t n_options = 0, n_groups = (size_t)graph->n_rank_stages[rank];
    const weft_task *tasks = order->tasks[rank];
    for (int32_t i = 0; i < n; i++)
        if (weft_task_pass(tasks[i]) == WEFT_PASS_FW)
            n_options += (size_t)graph->problem->stages[weft_task_stage(tasks[i])].n_candidates + 1;
    weft_i_pick pick = {.groups = weft_i_new(arena, weft_i_group, n_groups),
                        .options = weft_i_new(arena, weft_i_option, n_options),
                        .room = room};
    builder b = {.graph = graph,
                 .pick = &pick,
                 .passes = weft_i_new(arena, passes, n_groups),
                 .group_at = weft_i_new(arena, int32_t, n),
                 .kept = weft_i_new(arena, int32_t, (size_t)n + 1),
                 .most = weft_i_new(arena, int64_t, (size_t)n + 1),
                 .n_positions = n};
    if (!pick.groups || !pick.options || !b.passes || !b.group_at || !b.kept || !b.most)
        return false;
    for (int32_t i = 0; i < n; i++)
        if (weft_task_pass(tasks[i]) == WEFT_PASS_FW)
            add_group(&b, weft_task_stage(tasks[i]), position);
    sum_most(&b);
    keep_rows(&b);
    place_groups(&b);
    *out_pick = pick;
    return true;
}

void weft_i_pick_add(const weft_i_pick *pick, int32_t group, int32_t option, int64_t sign,
                     int64_t *rows)
{
    const weft_i_group *g = &pick->groups[group];
    const weft_i_option *o = &pick->options[g->first + option];
    int64_t saved = sign * o->saved, held = sign * o->held;
    for (int32_t r = g->saved_from; r < g->saved_to; r++)
        rows[r] += saved;
    for (int32_t r = g->held_from; r < g->held_to; r++)
        rows[r] += held;
    for (int k = 0; k < 3; k++)
        if (g->row[k] >= 0) rows[g->row[k]] += sign * o->work[k];
}

int64_t weft_i_pick_proof(const weft_i_pick *pick, int64_t ns, double gap)
{
    double total = (double)pick->fastest_ns + (double)ns;
    double proof = ceil((double)ns - gap * total - 1e-6);
    return proof > 0 ? (int64_t)proof : 0;
}

bool weft_i_pick_is_near(const weft_i_pick *pick, const weft_i_pick_answer *answer, double gap)
{
    return answer->fits && answer->bound_ns >= weft_i_pick_proof(pick, answer->ns, gap);
}
