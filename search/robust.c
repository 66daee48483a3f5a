/* search/robust.c - see robust.h. Climbing over moves of single passes, as annealing makes them,
 * from the critical path of one sampled step or another. All orders are judged by the same samples
 * (common random numbers), so that what differs is the order and not the luck. */
#include "search/robust.h"

#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "plan/compile.h"
#include "plan/order_time.h"
#include "search/timing.h"
#include "search/variant.h"

/* How far past a neighbour a pass may jump, the part of moves that look at no critical path, moves
 * from one path, moves between two looks at the memory of messages, samples of the first look. */
enum { MAX_JUMP = 24, RANDOM_PERCENT = 20, MOVES_PER_PATH = 16, MOVES_PER_CHECK = 256, FIRST = 8 };

/* Samples draw other numbers than whoever says afterwards how the step spreads. */
static const uint64_t STREAM = UINT64_C(0x9e3779b97f4a7c15);

typedef struct climber {
    weft_i_variant variant; /* the solution's costs */
    weft_i_net net;
    weft_i_timing timing;
    weft_i_rng rng;
    int32_t n_samples;
    int64_t *ns;       /* of passes, by sample * n_nodes + node */
    int64_t *end_ns;   /* of passes in the sample that was timed last, by node */
    int64_t *finish;   /* by sample: of the order as it is */
    int64_t *moved;    /* by sample: of an order that is tried */
    int64_t most_ns;   /* that the order may take without jitter */
    int32_t n_path;    /* nodes in timing.path */
    int64_t *room;     /* by rank, for passes alone */
    int64_t *peaks;    /* by rank */
    int64_t first_sum; /* of finish, at first and of `best` */
    int64_t best_sum;
    weft_order *best; /* within all limits */
    weft_i_arena arena;
} climber;

/* Time one sample; returns its makespan. */
static int64_t run_sample(climber *c, int32_t sample)
{
    const weft_i_timing *t = &c->timing;
    const int64_t *ns = c->ns + (size_t)sample * (size_t)t->n_nodes;
    int64_t *end_ns = c->end_ns, finish = 0;
    for (int32_t i = 0; i < t->n_nodes; i++) {
        int32_t x = t->topology[i];
        const weft_i_pass_node *node = &t->nodes[x];
        int64_t start = node->latency_ns + (node->input >= 0 ? end_ns[node->input] : 0);
        for (int32_t k = node->more; k < node->end_more; k++) {
            const weft_i_link *input = &t->more_inputs[k];
            int64_t at = input->latency_ns + (input->node >= 0 ? end_ns[input->node] : 0);
            start = at > start ? at : start;
        }
        if (node->position > 0) {
            int64_t free_ns = end_ns[t->order[node->rank][node->position - 1]];
            start = free_ns > start ? free_ns : start;
        }
        end_ns[x] = start + ns[x];
        finish = end_ns[x] > finish ? end_ns[x] : finish;
    }
    return finish;
}

static int64_t run_all(climber *c)
{
    int64_t sum = 0;
    for (int32_t s = 0; s < c->n_samples; s++)
        sum += c->finish[s] = run_sample(c, s);
    return sum;
}

/* Whether the order that is there takes no longer on average; given up after the first samples, and
 * after each doubling, where it looks longer. */
static bool is_no_worse(climber *c)
{
    int64_t sum = 0, look = FIRST;
    for (int32_t s = 0; s < c->n_samples; s++) {
        c->moved[s] = run_sample(c, s);
        sum += c->moved[s] - c->finish[s];
        if (s + 1 != look) continue;
        if (sum > 0) return false;
        look *= 2;
    }
    return sum <= 0;
}

/* The input that a node starts with in the sample timed last, where that is later than its rank. */
static int32_t late_input(const climber *c, int32_t x, int64_t start)
{
    const weft_i_timing *t = &c->timing;
    const weft_i_pass_node *node = &t->nodes[x];
    if (node->input >= 0 && c->end_ns[node->input] + node->latency_ns == start) return node->input;
    for (int32_t k = node->more; k < node->end_more; k++) {
        const weft_i_link *input = &t->more_inputs[k];
        if (input->node >= 0 && c->end_ns[input->node] + input->latency_ns == start)
            return input->node;
    }
    return -1;
}

/* Nodes of the critical path of a random sample that wait for their rank. */
static void trace(climber *c)
{
    weft_i_timing *t = &c->timing;
    int32_t sample = (int32_t)weft_i_rng_below(&c->rng, (uint64_t)c->n_samples), x = -1;
    const int64_t *ns = c->ns + (size_t)sample * (size_t)t->n_nodes;
    int64_t finish = run_sample(c, sample);
    for (int32_t r = 0; r < t->n_ranks; r++) {
        int32_t last = t->n_order[r] > 0 ? t->order[r][t->n_order[r] - 1] : -1;
        if (last >= 0 && c->end_ns[last] == finish) x = last;
    }
    c->n_path = 0;
    while (x >= 0) {
        const weft_i_pass_node *node = &t->nodes[x];
        int32_t before = node->position > 0 ? t->order[node->rank][node->position - 1] : -1;
        int64_t start = c->end_ns[x] - ns[x];
        bool by_rank = before >= 0 && c->end_ns[before] == start;
        if (by_rank) t->path[c->n_path++] = x;
        x = by_rank ? before : late_input(c, x, start);
    }
}

static int32_t draw_jump(climber *c)
{
    uint64_t most = weft_i_rng_below(&c->rng, MAX_JUMP + 1);
    return (int32_t)weft_i_rng_below(&c->rng, most + 1);
}

/* A node and where to move it; false when there is nothing to move. */
static bool propose(climber *c, int32_t *out_node, int32_t *out_position)
{
    weft_i_timing *t = &c->timing;
    int32_t node, position, first, last;
    bool later = weft_i_rng_below(&c->rng, 2) == 0;
    if (c->n_path > 0 && weft_i_rng_below(&c->rng, 100) >= RANDOM_PERCENT) {
        int32_t x = t->path[weft_i_rng_below(&c->rng, (uint64_t)c->n_path)];
        int32_t at = t->nodes[x].position;
        if (at == 0) return false; /* the path is of an older order */
        node = later ? t->order[t->nodes[x].rank][at - 1] : x;
        position = later ? at + draw_jump(c) : at - 1 - draw_jump(c);
    } else {
        node = (int32_t)weft_i_rng_below(&c->rng, (uint64_t)t->n_nodes);
        position = t->nodes[node].position + (later ? 1 + draw_jump(c) : -1 - draw_jump(c));
    }
    weft_i_timing_range(t, node, &first, &last);
    position = position < first ? first : position > last ? last : position;
    *out_node = node;
    *out_position = position;
    return position != t->nodes[node].position;
}

static void step(climber *c)
{
    int32_t node, position;
    if (!propose(c, &node, &position)) return;
    if (!weft_i_timing_move(&c->timing, node, position, c->most_ns)) return;
    if (!is_no_worse(c)) {
        weft_i_timing_undo(&c->timing);
        return;
    }
    weft_i_timing_keep(&c->timing);
    int64_t *old = c->finish;
    c->finish = c->moved;
    c->moved = old;
}

/* Keep the order that is there if its messages fit too; else go back, with less room. */
static weft_status check(climber *c, weft_order *scratch, weft_error *error)
{
    const weft_problem *problem = &c->variant.problem;
    int64_t sum = 0;
    bool fits = true;
    for (int32_t s = 0; s < c->n_samples; s++)
        sum += c->finish[s];
    if (sum >= c->best_sum) return WEFT_STATUS_OK;
    weft_i_timing_store(&c->timing, scratch);
    weft_status status = weft_i_compile_peaks(&c->variant.graph, scratch, error, c->peaks);
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < problem->n_ranks; r++) {
        int64_t excess = c->peaks[r] - problem->limit_bytes[r];
        fits = fits && excess <= 0;
        c->room[r] -= excess > 0 ? excess : 0;
    }
    if (status != WEFT_STATUS_OK) return status;
    if (fits) {
        c->best_sum = sum;
        weft_i_timing_store(&c->timing, c->best);
        return WEFT_STATUS_OK;
    }
    weft_i_timing_read(&c->timing, c->best);
    weft_i_timing_set_room(&c->timing, c->room);
    run_all(c);
    return WEFT_STATUS_OK;
}

static weft_status climb(climber *c, weft_i_budget *budget, weft_error *error)
{
    weft_order *scratch = weft_order_copy(c->best);
    weft_status status = scratch ? WEFT_STATUS_OK : weft_i_no_memory(error);
    while (status == WEFT_STATUS_OK && weft_i_budget_used(budget) < 1) {
        for (int i = 0; i < MOVES_PER_CHECK; i += MOVES_PER_PATH) {
            trace(c);
            for (int k = 0; k < MOVES_PER_PATH; k++)
                step(c);
            budget->iterations += MOVES_PER_PATH;
            if (weft_i_budget_used(budget) >= 1) break;
        }
        status = check(c, scratch, error);
    }
    weft_order_free(scratch);
    return status;
}

/* What passes may hold: the limit less what is static and what messages take in this order. */
static weft_status find_room(climber *c, weft_error *error)
{
    const weft_problem *problem = &c->variant.problem;
    weft_status status = weft_i_compile_peaks(&c->variant.graph, c->best, error, c->peaks);
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < problem->n_ranks; r++) {
        int64_t own = weft_i_timing_peak(&c->timing, r) + problem->static_bytes[r];
        int64_t messages = c->peaks[r] > own ? c->peaks[r] - own : 0;
        c->room[r] = problem->limit_bytes[r] - problem->static_bytes[r] - messages;
    }
    return status;
}

/* By task and not by node, which the first order numbers. */
static void draw_samples(climber *c, double jitter)
{
    const weft_i_timing *t = &c->timing;
    for (int32_t s = 0; s < c->n_samples; s++)
        for (weft_task task = 0; task < 4 * c->net.n_stages; task++) {
            if (t->node[task] < 0) continue;
            double factor = 1 + jitter * (2 * weft_i_rng_double(&c->rng) - 1);
            c->ns[(size_t)s * (size_t)t->n_nodes + (size_t)t->node[task]] =
                (int64_t)((double)c->net.ns[task] * factor + 0.5);
        }
}

static weft_status load(climber *c, const weft_solution *solution, weft_error *error)
{
    const weft_problem *problem = c->variant.base;
    bool *split = weft_i_new(&c->arena, bool, problem->n_stages);
    c->room = weft_i_new(&c->arena, int64_t, problem->n_ranks);
    c->peaks = weft_i_new(&c->arena, int64_t, problem->n_ranks);
    c->best = weft_order_copy(solution->order);
    if (!split || !c->room || !c->peaks || !c->best) return weft_i_no_memory(error);
    weft_i_variant_set_all(&c->variant, solution->choices);
    weft_i_net_split_of(c->best, split);
    weft_status status = weft_i_net_build(&c->variant.graph, split, &c->arena, error, &c->net);
    if (status == WEFT_STATUS_OK)
        status = weft_i_timing_load(&c->net, c->best, &c->arena, error, &c->timing);
    return status == WEFT_STATUS_OK ? find_room(c, error) : status;
}

static weft_status prepare(climber *c, const weft_i_robust_options *options,
                           const weft_solution *solution, weft_error *error)
{
    weft_status status = load(c, solution, error);
    if (status != WEFT_STATUS_OK) return status;
    size_t n_nodes = (size_t)c->timing.n_nodes, n_samples = (size_t)options->n_samples;
    c->n_samples = options->n_samples;
    c->ns = weft_i_new(&c->arena, int64_t, n_nodes * n_samples);
    c->end_ns = weft_i_new(&c->arena, int64_t, n_nodes);
    c->finish = weft_i_new(&c->arena, int64_t, n_samples);
    c->moved = weft_i_new(&c->arena, int64_t, n_samples);
    if (!c->ns || !c->end_ns || !c->finish || !c->moved) return weft_i_no_memory(error);
    weft_i_timing_set_room(&c->timing, c->room);
    weft_i_rng_seed(&c->rng, options->seed ^ STREAM);
    draw_samples(c, options->jitter);
    c->most_ns = (int64_t)((double)c->timing.finish_ns * (1 + options->jitter));
    c->first_sum = c->best_sum = run_all(c);
    return WEFT_STATUS_OK;
}

static weft_status take(climber *c, weft_error *error, weft_solution *solution)
{
    weft_status status =
        weft_i_order_time(&c->variant.graph, c->best, error, NULL, NULL, &solution->time);
    if (status != WEFT_STATUS_OK) return status;
    weft_order_free(solution->order);
    solution->order = c->best;
    c->best = NULL;
    return WEFT_STATUS_OK;
}

weft_status weft_i_robust(const weft_problem *problem, const weft_i_robust_options *options,
                          weft_i_budget *budget, weft_error *error, weft_solution *solution)
{
    climber c = {.best = NULL};
    weft_i_graph graph;
    weft_status status = weft_i_graph_build(problem, &c.arena, error, &graph);
    if (status == WEFT_STATUS_OK) status = weft_i_variant_init(&graph, &c.arena, error, &c.variant);
    if (status == WEFT_STATUS_OK) status = prepare(&c, options, solution, error);
    if (status == WEFT_STATUS_OK && c.timing.n_nodes > 1) status = climb(&c, budget, error);
    if (status == WEFT_STATUS_OK && c.best_sum < c.first_sum) status = take(&c, error, solution);
    weft_order_free(c.best);
    weft_i_arena_free(&c.arena);
    return status;
}
