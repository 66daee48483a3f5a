/* search/bounds.c - weft_bounds_compute: the best of several lower bounds. docs/bounds.md proves
 * each. */
#include "base/error.h"
#include "base/least.h"
#include "search/last_way.h"
#include "search/one_machine.h"
#include "search/turn_around.h"
#include "search/variant.h"

typedef struct bounder {
    weft_i_variant variant;
    weft_i_relax relax;
    weft_i_rank_ways ways;
    weft_i_job *jobs;
    int32_t *heap;
    int64_t *room; /* by rank, for what stages hold; WEFT_INT_MAX = no limit */
    weft_i_last_way last_way;
    weft_bounds bounds;
    weft_i_arena arena;
} bounder;

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* What a rank has for what its stages hold: a multiple of the unit in which they hold it. */
static int64_t room_of(const bounder *b, int32_t rank)
{
    const weft_problem *problem = &b->variant.problem;
    int64_t unit = 0, room = problem->limit_bytes[rank] - problem->static_bytes[rank];
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_cost *cost = &problem->stages[s].now.cost;
        if (b->relax.graph->rank[s] != rank || !weft_i_relax_has_backward(&b->relax, s)) continue;
        unit = gcd(cost->saved_bytes, unit);
        if (weft_cost_can_split(cost)) unit = gcd(cost->held_bytes, unit);
    }
    if (problem->limit_bytes[rank] == WEFT_INT_MAX || unit == 0 || room < unit) return WEFT_INT_MAX;
    return room - room % unit;
}

/* The passes of a rank as jobs; returns how many. */
static int32_t list_jobs(const bounder *b, int32_t rank, const weft_i_rank_ways *ways,
                         weft_i_job *jobs)
{
    const weft_problem *problem = &b->variant.problem;
    int32_t n = 0;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (b->relax.graph->rank[s] != rank) continue;
        int64_t first = b->relax.first_ns[s], rest = b->relax.rest_ns[s];
        jobs[n++] =
            (weft_i_job){ways->fw_head[s], problem->stages[s].now.cost.fw_ns, ways->fw_tail[s]};
        if (!weft_i_relax_has_backward(&b->relax, s)) continue;
        jobs[n++] = (weft_i_job){ways->bw_head[s], first, ways->bw_tail[s]};
        jobs[n++] = (weft_i_job){ways->bw_head[s] + first, rest, 0};
    }
    return n;
}

/* Each rank as one machine, on the clock and from its own first pass on. */
static void bound_ranks(bounder *b)
{
    const weft_i_relax *relax = &b->relax;
    weft_i_rank_ways clock = {relax->fw_head, relax->bw_head, relax->fw_tail, relax->bw_tail};
    for (int32_t r = 0; r < b->variant.problem.n_ranks; r++) {
        int32_t n = list_jobs(b, r, &clock, b->jobs);
        b->bounds.makespan_ns =
            weft_i_max(b->bounds.makespan_ns, weft_i_one_machine(b->jobs, n, b->heap));
        weft_i_relax_ways(relax, r, &b->ways);
        n = list_jobs(b, r, &b->ways, b->jobs);
        b->bounds.span_ns = weft_i_max(b->bounds.span_ns, weft_i_one_machine(b->jobs, n, b->heap));
        b->bounds.span_ns =
            weft_i_max(b->bounds.span_ns, weft_i_last_way_bound(&b->last_way, &b->ways));
    }
    b->bounds.makespan_ns =
        weft_i_max(b->bounds.makespan_ns, weft_i_last_way_bound(&b->last_way, &clock));
}

/* Byte-nanoseconds that a stage takes at least: bytes saved over the shortest life. A split stage
 * holds `held_bytes` on to the end of its weight gradient. */
static double stage_life(const bounder *b, int32_t stage, int64_t life_ns)
{
    const weft_stage *of = &b->variant.problem.stages[stage];
    const weft_cost *cost = &of->now.cost;
    double fused = (double)cost->saved_bytes * (double)(life_ns + cost->bw_ns);
    if (of->backward != WEFT_BACKWARD_FULL || !weft_cost_can_split(cost)) return fused;
    double split = (double)cost->saved_bytes * (double)(life_ns + cost->bwi_ns) +
                   (double)cost->held_bytes * (double)cost->bww_ns;
    return split < fused ? split : fused;
}

/* Least time from the end of each stage's forward to the start of its backward: there and back over
 * every stage whose forward it feeds and whose backward feeds it. */
static void find_round_trips(const weft_i_relax *relax, int64_t *trip_ns)
{
    const weft_i_graph *graph = relax->graph;
    const weft_problem *problem = graph->problem;
    for (int32_t i = 0; i < problem->n_stages; i++) {
        int32_t s = relax->flow.bw_stages[i];
        trip_ns[s] = 0;
        for (int32_t k = graph->bw_in.first[s]; k < graph->bw_in.first[s + 1]; k++) {
            int32_t back = graph->bw_in.edges[k], t = problem->edges[back].from;
            for (int32_t j = graph->fw_in.first[t]; j < graph->fw_in.first[t + 1]; j++) {
                int32_t ahead = graph->fw_in.edges[j];
                if (problem->edges[ahead].from != s) continue;
                int64_t trip = weft_i_relax_latency(relax, ahead) +
                               problem->stages[t].now.cost.fw_ns + trip_ns[t] + relax->first_ns[t] +
                               weft_i_relax_latency(relax, back);
                trip_ns[s] = weft_i_max(trip_ns[s], trip);
            }
        }
    }
}

/* What a rank's stages hold, over time. */
typedef struct holding {
    double byte_ns;
    int64_t head, tail; /* before the first and after the last moment that anything is held */
} holding;

static holding sum_holding(const bounder *b, int32_t rank, const int64_t *trip_ns)
{
    const weft_i_relax *relax = &b->relax;
    const weft_problem *problem = &b->variant.problem;
    holding sum = {0, INT64_MAX, INT64_MAX};
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_cost *cost = &problem->stages[s].now.cost;
        if (relax->graph->rank[s] != rank || !weft_i_relax_has_backward(relax, s)) continue;
        int64_t tail = weft_cost_can_split(cost) ? 0 : relax->bw_tail[s];
        sum.byte_ns += stage_life(b, s, cost->fw_ns + trip_ns[s]);
        sum.head = relax->fw_head[s] < sum.head ? relax->fw_head[s] : sum.head;
        sum.tail = tail < sum.tail ? tail : sum.tail;
    }
    return sum;
}

/* A rank cannot hold more than its limit at a time. */
static weft_status bound_memory(bounder *b, weft_error *error)
{
    const weft_problem *problem = &b->variant.problem;
    int64_t *trip_ns = weft_i_new(&b->arena, int64_t, problem->n_stages);
    if (!trip_ns) return weft_i_no_memory(error);
    find_round_trips(&b->relax, trip_ns);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        holding sum = sum_holding(b, r, trip_ns);
        int64_t room = b->room[r];
        if (room == WEFT_INT_MAX) continue;
        /* Less the rounding of the sum. */
        int64_t least = (int64_t)(sum.byte_ns * (1 - 1e-12) / (double)room);
        b->bounds.span_ns = weft_i_max(b->bounds.span_ns, least);
        b->bounds.makespan_ns = weft_i_max(b->bounds.makespan_ns, sum.head + least + sum.tail);
    }
    return WEFT_STATUS_OK;
}

static weft_status bound_turn_around(bounder *b, weft_error *error)
{
    weft_bounds turn;
    weft_status status = weft_i_turn_around(&b->relax, &b->arena, error, &turn);
    if (status != WEFT_STATUS_OK) return status;
    b->bounds.makespan_ns = weft_i_max(b->bounds.makespan_ns, turn.makespan_ns);
    b->bounds.span_ns = weft_i_max(b->bounds.span_ns, turn.span_ns);
    return WEFT_STATUS_OK;
}

static weft_status compute(bounder *b, const weft_problem *problem, const int32_t *choices,
                           weft_error *error)
{
    weft_i_graph graph;
    size_t n_stages = (size_t)problem->n_stages;
    weft_status status = weft_i_graph_build(problem, &b->arena, error, &graph);
    if (status == WEFT_STATUS_OK)
        status = weft_i_variant_init(&graph, &b->arena, error, &b->variant);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_variant_set_all(&b->variant, choices);
    status = weft_i_relax_build(&b->variant.graph, &b->arena, error, &b->relax);
    if (status != WEFT_STATUS_OK) return status;
    b->ways = (weft_i_rank_ways){
        weft_i_new(&b->arena, int64_t, n_stages), weft_i_new(&b->arena, int64_t, n_stages),
        weft_i_new(&b->arena, int64_t, n_stages), weft_i_new(&b->arena, int64_t, n_stages)};
    b->jobs = weft_i_new(&b->arena, weft_i_job, 3 * n_stages);
    b->heap = weft_i_new(&b->arena, int32_t, 3 * n_stages);
    b->room = weft_i_new(&b->arena, int64_t, problem->n_ranks);
    if (!b->ways.fw_head || !b->ways.bw_head || !b->ways.fw_tail || !b->ways.bw_tail || !b->jobs ||
        !b->heap || !b->room)
        return weft_i_no_memory(error);
    for (int32_t r = 0; r < problem->n_ranks; r++)
        b->room[r] = room_of(b, r);
    status = weft_i_last_way_open(&b->relax, b->room, &b->arena, error, &b->last_way);
    if (status != WEFT_STATUS_OK) return status;
    bound_ranks(b);
    status = bound_turn_around(b, error);
    return status == WEFT_STATUS_OK ? bound_memory(b, error) : status;
}

weft_status weft_bounds_compute(const weft_problem *problem, const int32_t *choices,
                                weft_error *error, weft_bounds *out_bounds)
{
    bounder b = {.bounds = {0, 0}};
    weft_status status = compute(&b, problem, choices, error);
    if (status == WEFT_STATUS_OK) *out_bounds = b.bounds;
    weft_i_arena_free(&b.arena);
    return status;
}
