/* plan/measure.c - see measure.h. */
#include "plan/measure.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/least.h"
#include "plan/reduce.h"

typedef struct context {
    const weft_plan *plan;
    const weft_timeline *timeline;
    int64_t **left_ns;   /* per pipeline and edge: measured end of its isend */
    int64_t *reduced_ns; /* per chunk: end of its reduction by the rule, from measured posts */
    weft_i_measure *out;
} context;

/* A planned time at the run's scale, which a file may set to anything: at most WEFT_INT_MAX. */
static int64_t scaled(const context *c, int64_t ns)
{
    double out = (double)ns * c->timeline->scale;
    return out < (double)WEFT_INT_MAX ? (int64_t)(out + 0.5) : WEFT_INT_MAX;
}

/* A sum that stays at the last int64 on its way over it. */
static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

static double over(int64_t measured, int64_t planned)
{
    return planned > 0 ? (double)measured / (double)planned - 1 : 0;
}

double weft_i_overhead_mean_ns(const weft_i_overhead *overhead)
{
    return overhead->n_actions > 0 ? (double)overhead->sum_ns / (double)overhead->n_actions : 0;
}

static const weft_rank_actions *measured_actions(const context *c, int32_t p, int32_t r)
{
    return &c->timeline->pipelines[p].ranks[r].actions;
}

static void note_sends(const context *c, int32_t p, int32_t r)
{
    const weft_rank_actions *rank = measured_actions(c, p, r);
    for (int32_t a = 0; a < rank->n_actions; a++) {
        if (rank->actions[a].kind == WEFT_ACTION_ISEND)
            c->left_ns[p][rank->actions[a].operand] = rank->actions[a].end_ns;
    }
}

/* A reduction begins when all replicas have posted it and the rank's one before it has ended. */
static void note_reductions(const context *c, int32_t r)
{
    int64_t end_ns = INT64_MIN;
    for (int32_t p = 0; p < c->plan->n_pipelines; p++) {
        const weft_rank_actions *rank = measured_actions(c, p, r);
        for (int32_t a = 0; a < rank->n_actions; a++) {
            const weft_action *action = &rank->actions[a];
            if (action->kind != WEFT_ACTION_REDUCE) continue;
            int64_t *posted_ns = &c->reduced_ns[action->operand];
            *posted_ns = p == 0 ? action->end_ns : weft_i_max(*posted_ns, action->end_ns);
        }
    }
    const weft_rank_actions *first = measured_actions(c, 0, r);
    for (int32_t a = 0; a < first->n_actions; a++) {
        if (first->actions[a].kind != WEFT_ACTION_REDUCE) continue;
        int32_t chunk = first->actions[a].operand;
        end_ns = weft_i_max(end_ns, c->reduced_ns[chunk]);
        end_ns = plus(end_ns, scaled(c, weft_i_chunk_reduction_ns(&c->plan->chunks[chunk])));
        c->reduced_ns[chunk] = end_ns;
    }
}

/* End of an action by the time rule; the rank came to it at `came_ns`. */
static int64_t rule_end_ns(const context *c, int32_t p, const weft_action *action, int64_t came_ns,
                           weft_i_overhead_kind *out_kind)
{
    const weft_problem *problem = &c->plan->pipelines[p].problem;
    *out_kind = WEFT_I_OVERHEAD_WAIT;
    switch (action->kind) {
    case WEFT_ACTION_FW:
        came_ns = weft_i_max(came_ns, scaled(c, problem->stages[action->operand].ready_ns));
        /* fall through */
    case WEFT_ACTION_BW:
    case WEFT_ACTION_BWI:
    case WEFT_ACTION_BWW: {
        const weft_cost *cost = &problem->stages[action->operand].now.cost;
        *out_kind = WEFT_I_OVERHEAD_PASS;
        return came_ns + scaled(c, weft_cost_pass_ns(cost, (weft_pass)action->kind));
    }
    case WEFT_ACTION_ISEND:
    case WEFT_ACTION_IRECV:
    case WEFT_ACTION_OFFLOAD:
    case WEFT_ACTION_PREFETCH:
    case WEFT_ACTION_REDUCE:
    case WEFT_ACTION_UNSHARD:
        *out_kind = WEFT_I_OVERHEAD_POST;
        return came_ns + scaled(c, c->plan->post_ns);
    case WEFT_ACTION_WAIT_IRECV:
        return weft_i_max(came_ns, c->left_ns[p][action->operand] +
                                       scaled(c, problem->edges[action->operand].transfer_ns));
    case WEFT_ACTION_WAIT_REDUCE:
        return weft_i_max(came_ns, c->reduced_ns[action->operand]);
    case WEFT_ACTION_OPTIMIZER:
        return came_ns + scaled(c, c->plan->predicted.optimizer_ns);
    case WEFT_ACTION_WAIT_ISEND:
    case WEFT_ACTION_WAIT_OFFLOAD:
    case WEFT_ACTION_WAIT_PREFETCH:
    case WEFT_ACTION_RESHARD:
    case WEFT_N_ACTIONS:
        break;
    }
    return came_ns;
}

static void add(weft_i_overhead *to, int64_t ns)
{
    to->n_actions++;
    to->sum_ns = plus(to->sum_ns, ns);
}

/* Returns the time in passes less recomputation. */
static int64_t measure_rank(const context *c, int32_t p, int32_t r)
{
    weft_i_measure *out = c->out;
    weft_i_rank_measure *own = &out->ranks[p * c->timeline->n_ranks + r];
    const weft_rank_actions *rank = measured_actions(c, p, r);
    const weft_rank_actions *planned = &c->plan->pipelines[p].ranks[r];
    int64_t came_ns = 0, busy_ns = 0;
    for (int32_t a = 0; a < rank->n_actions; a++) {
        const weft_action *action = &rank->actions[a];
        weft_i_overhead_kind kind;
        int64_t late_ns = plus(action->end_ns, -rule_end_ns(c, p, action, came_ns, &kind));
        add(&out->overheads[kind], late_ns);
        add(&out->overhead, late_ns);
        add(&own->overhead, late_ns);
        came_ns = action->end_ns;
        out->measured_step_ns = weft_i_max(out->measured_step_ns, action->end_ns);
        if (kind != WEFT_I_OVERHEAD_PASS) continue;
        const weft_stage *stage = &c->plan->pipelines[p].problem.stages[action->operand];
        own->measured_ns = action->end_ns;
        own->planned_ns = scaled(c, planned->actions[a].end_ns);
        busy_ns += action->end_ns - action->start_ns;
        if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
            busy_ns = plus(busy_ns, -scaled(c, stage->now.cost.recompute_ns));
    }
    own->error = over(own->measured_ns, own->planned_ns);
    return busy_ns;
}

static void measure_all(const context *c)
{
    weft_i_measure *out = c->out;
    double busy_ns = 0;
    for (int32_t p = 0; p < c->timeline->n_pipelines; p++) {
        out->planned_ns = weft_i_max(out->planned_ns, scaled(c, c->plan->pipelines[p].pipeline_ns));
        for (int32_t r = 0; r < c->timeline->n_ranks; r++) {
            int32_t i = p * c->timeline->n_ranks + r;
            busy_ns += (double)measure_rank(c, p, r);
            out->measured_ns = weft_i_max(out->measured_ns, out->ranks[i].measured_ns);
            if (fabs(out->ranks[i].error) > fabs(out->ranks[out->worst].error)) out->worst = i;
        }
    }
    out->error = over(out->measured_ns, out->planned_ns);
    out->planned_step_ns = scaled(c, c->plan->predicted.step_ns);
    out->step_error = over(out->measured_step_ns, out->planned_step_ns);
    out->planned_bubble = c->plan->predicted.bubble;
    double slots_ns = (double)out->n * (double)out->measured_ns;
    out->measured_bubble = slots_ns > 0 ? 1 - busy_ns / slots_ns : 0;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The lower one of two. */
static weft_status find_median_pass(const context *c, weft_i_arena *arena, weft_error *error)
{
    int64_t n_passes = c->out->overheads[WEFT_I_OVERHEAD_PASS].n_actions, n = 0;
    int64_t *passes_ns = weft_i_new(arena, int64_t, n_passes);
    if (!passes_ns) return weft_i_no_memory(error);
    for (int32_t p = 0; p < c->plan->n_pipelines; p++) {
        for (int32_t r = 0; r < c->timeline->n_ranks; r++) {
            const weft_rank_actions *rank = &c->plan->pipelines[p].ranks[r];
            for (int32_t a = 0; a < rank->n_actions; a++) {
                const weft_action *action = &rank->actions[a];
                if (action->kind <= WEFT_ACTION_BWW)
                    passes_ns[n++] = scaled(c, action->end_ns - action->start_ns);
            }
        }
    }
    qsort(passes_ns, (size_t)n, sizeof(*passes_ns), compare);
    c->out->median_pass_ns = n > 0 ? passes_ns[(n - 1) / 2] : 0;
    return WEFT_STATUS_OK;
}

weft_status weft_i_measure_make(const weft_plan *plan, const weft_timeline *timeline,
                                weft_i_arena *arena, weft_error *error, weft_i_measure *out)
{
    weft_i_measure made = {.n = timeline->n_pipelines * timeline->n_ranks};
    context c = {.plan = plan, .timeline = timeline, .out = &made};
    made.ranks = weft_i_new(arena, weft_i_rank_measure, made.n);
    c.left_ns = weft_i_new(arena, int64_t *, timeline->n_pipelines);
    c.reduced_ns = weft_i_new(arena, int64_t, plan->n_chunks);
    if (!made.ranks || !c.left_ns || !c.reduced_ns) return weft_i_no_memory(error);
    for (int32_t p = 0; p < timeline->n_pipelines; p++) {
        c.left_ns[p] = weft_i_new(arena, int64_t, plan->pipelines[p].problem.n_edges);
        if (!c.left_ns[p]) return weft_i_no_memory(error);
        for (int32_t r = 0; r < timeline->n_ranks; r++)
            note_sends(&c, p, r);
    }
    for (int32_t r = 0; r < timeline->n_ranks; r++)
        note_reductions(&c, r);
    measure_all(&c);
    weft_status status = find_median_pass(&c, arena, error);
    if (status == WEFT_STATUS_OK) *out = made;
    return status;
}
