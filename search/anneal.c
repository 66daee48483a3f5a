/* search/anneal.c - see anneal.h. */
#include "search/anneal.h"

#include <math.h>

#include "base/error.h"
#include "base/least.h"
#include "plan/compile.h"

/* How far past a neighbour a pass may jump, the part of moves that look at no critical path, how
 * many moves pass between two looks at the budget, how many moves make a traced path stale. */
enum { MAX_JUMP = 24, RANDOM_PERCENT = 20, MOVES_PER_LOOK = 256, STALE_AFTER = 8 };

/* Nodes that are looked at together, and how often each may move before others are. */
enum { FOCUS = 512, MOVES_PER_NODE = 4 };

/* The part of the annealing's time between two offers. */
static const double OFFER_EVERY = 0.02;

typedef struct annealer {
    const weft_i_graph *graph;
    weft_objective objective;
    weft_i_variant variant; /* the incumbent's costs */
    weft_i_net net;
    weft_i_timing timing;
    weft_i_rng *rng;
    int32_t n_path;  /* nodes in timing.path: those of a critical path that wait for their rank */
    int32_t stale;   /* moves made since it was traced */
    int64_t n_moves; /* tried since the focus was moved */
    const int32_t *choices;     /* by stage: those in force */
    const int64_t *spare_bytes; /* by rank; NULL = none */
    int64_t current_ns, best_ns;
    weft_order *best;
    weft_order *sound;  /* the last that was within all limits */
    bool improved;      /* since the last offer */
    int64_t *room;      /* by rank, for passes alone */
    bool *split;        /* by stage */
    weft_i_arena arena; /* all of the above */
} annealer;

static int64_t objective_of(const annealer *a)
{
    return a->objective == WEFT_OBJECTIVE_SPAN ? weft_i_timing_span(&a->timing)
                                               : a->timing.finish_ns;
}

static int64_t end_of(const weft_i_timing *t, int32_t node)
{
    return t->nodes[node].start_ns + t->nodes[node].ns;
}

/* The input that a node starts with; -1 where there is none that late. */
static int32_t late_input(const weft_i_timing *t, const weft_i_pass_node *node)
{
    if (node->input >= 0 && end_of(t, node->input) + node->latency_ns == node->start_ns)
        return node->input;
    for (int32_t i = node->more; i < node->end_more; i++) {
        const weft_i_link *input = &t->more_inputs[i];
        if (input->node >= 0 && end_of(t, input->node) + input->latency_ns == node->start_ns)
            return input->node;
    }
    return -1;
}

static int32_t last_node(const annealer *a)
{
    const weft_i_timing *t = &a->timing;
    if (a->objective != WEFT_OBJECTIVE_SPAN) return t->focus.last;
    int32_t last = -1;
    int64_t most = -1;
    for (int32_t r = 0; r < t->n_ranks; r++) {
        if (t->n_order[r] == 0) continue;
        int32_t node = t->order[r][t->n_order[r] - 1];
        int64_t ns = end_of(t, node) - t->nodes[t->order[r][0]].start_ns;
        if (ns > most) {
            most = ns;
            last = node;
        }
    }
    return last;
}

static void trace(annealer *a)
{
    const weft_i_timing *t = &a->timing;
    a->n_path = 0;
    a->stale = 0;
    for (int32_t x = last_node(a); x >= 0 && t->nodes[x].place >= t->focus.begin;) {
        const weft_i_pass_node *node = &t->nodes[x];
        int32_t before = node->position > 0 ? t->order[node->rank][node->position - 1] : -1;
        bool by_rank = before >= 0 && end_of(t, before) == node->start_ns;
        int32_t input = late_input(t, node);
        if (by_rank && input >= 0 && weft_i_rng_below(a->rng, 2) == 0) by_rank = false;
        if (by_rank) a->timing.path[a->n_path++] = x;
        x = by_rank ? before : input;
    }
}

/* A jump of 0 to MAX_JUMP, the short ones more often. */
static int32_t jump(annealer *a)
{
    uint64_t most = weft_i_rng_below(a->rng, MAX_JUMP + 1);
    return (int32_t)weft_i_rng_below(a->rng, most + 1);
}

/* A node and where to move it; false when there is nothing to move. */
static bool propose(annealer *a, int32_t *out_node, int32_t *out_position)
{
    weft_i_timing *t = &a->timing;
    int32_t node, position, first, last;
    if (a->n_path > 0 && weft_i_rng_below(a->rng, 100) >= RANDOM_PERCENT) {
        int32_t x = a->timing.path[weft_i_rng_below(a->rng, (uint64_t)a->n_path)];
        int32_t at = t->nodes[x].position;
        bool later = weft_i_rng_below(a->rng, 2) == 0;
        if (at <= t->focus.first[t->nodes[x].rank]) return false;
        node = later ? t->order[t->nodes[x].rank][at - 1] : x;
        position = later ? at + jump(a) : at - 1 - jump(a);
    } else {
        int32_t n = t->focus.end - t->focus.begin;
        node = t->topology[t->focus.begin + (int32_t)weft_i_rng_below(a->rng, (uint64_t)n)];
        int32_t by = 1 + jump(a);
        position = t->nodes[node].position + (weft_i_rng_below(a->rng, 2) == 0 ? by : -by);
    }
    weft_i_timing_range(t, node, &first, &last);
    position = position < first ? first : position > last ? last : position;
    *out_node = node;
    *out_position = position;
    return position != t->nodes[node].position;
}

/* One move, kept or not. */
static void step(annealer *a, double heat)
{
    weft_i_timing *t = &a->timing;
    int32_t node, position;
    double allowed = -heat * log(1 - weft_i_rng_double(a->rng));
    int64_t most = a->current_ns + (int64_t)allowed;
    if (!propose(a, &node, &position)) return;
    if (!weft_i_timing_move(t, node, position, most)) return;
    int64_t ns = objective_of(a);
    if (ns > most) {
        weft_i_timing_undo(t);
        return;
    }
    weft_i_timing_keep(t);
    if (ns != a->current_ns || ++a->stale >= STALE_AFTER) trace(a);
    a->current_ns = ns;
    if (ns < a->best_ns) {
        a->best_ns = ns;
        a->improved = true;
        weft_i_timing_store(t, a->best);
    }
}

/* What passes may hold: the limit less what is static, what messages take in the first order, and
 * what of the spare bytes is free there. */
static weft_status find_room(annealer *a, weft_i_incumbent *incumbent, weft_error *error)
{
    const weft_problem *problem = &a->variant.problem;
    weft_status status =
        weft_i_compile_peaks(&a->variant.graph, incumbent->order, error, incumbent->peaks);
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < problem->n_ranks; r++) {
        int64_t own = weft_i_timing_peak(&a->timing, r) + problem->static_bytes[r];
        int64_t messages = incumbent->peaks[r] > own ? incumbent->peaks[r] - own : 0;
        int64_t room = problem->limit_bytes[r] - problem->static_bytes[r] - messages;
        int64_t left = weft_i_max(problem->limit_bytes[r] - incumbent->peaks[r], 0);
        a->room[r] = room - (a->spare_bytes ? weft_i_min(a->spare_bytes[r], left) : 0);
    }
    return status;
}

/* Go on to the next stretch of the step; behind the last one, to the first, which is cut elsewhere
 * each time. */
static void move_focus(annealer *a)
{
    weft_i_timing *t = &a->timing;
    int32_t begin = t->focus.end, end = begin + FOCUS;
    if (a->objective == WEFT_OBJECTIVE_SPAN || t->n_nodes < 2 * FOCUS) return;
    if (begin == t->n_nodes) {
        weft_i_timing_refresh(t);
        begin = 0;
        end = FOCUS / 2 + (int32_t)weft_i_rng_below(a->rng, FOCUS);
    }
    if (end > t->n_nodes - FOCUS / 2) end = t->n_nodes;
    weft_i_timing_focus(t, begin, end);
    a->n_moves = 0;
    trace(a);
}

static void begin(annealer *a)
{
    weft_i_timing_set_room(&a->timing, a->room);
    a->current_ns = a->best_ns = objective_of(a);
    trace(a);
    move_focus(a);
}

static weft_status open_annealer(annealer *a, weft_i_incumbent *incumbent, weft_error *error)
{
    const weft_problem *problem = a->graph->problem;
    weft_status status = weft_i_variant_init(a->graph, &a->arena, error, &a->variant);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_variant_set_all(&a->variant, a->choices);
    a->room = weft_i_new(&a->arena, int64_t, problem->n_ranks);
    a->split = weft_i_new(&a->arena, bool, problem->n_stages);
    a->best = weft_order_copy(incumbent->order);
    a->sound = weft_order_copy(incumbent->order);
    if (!a->room || !a->split || !a->best || !a->sound) return weft_i_no_memory(error);
    weft_i_net_split_of(incumbent->order, a->split);
    status = weft_i_net_build(&a->variant.graph, a->split, &a->arena, error, &a->net);
    if (status == WEFT_STATUS_OK)
        status = weft_i_timing_load(&a->net, incumbent->order, &a->arena, error, &a->timing);
    if (status == WEFT_STATUS_OK) status = find_room(a, incumbent, error);
    if (status == WEFT_STATUS_OK) {
        weft_i_timing_set_objective(&a->timing, a->objective == WEFT_OBJECTIVE_SPAN);
        begin(a);
    }
    return status;
}

/* Offer the best order; where it is over a limit, take that room away and go back. */
static weft_status offer(annealer *a, weft_i_incumbent *incumbent, weft_error *error)
{
    weft_i_offer fate;
    a->improved = false;
    weft_status status =
        weft_i_incumbent_offer(incumbent, a->best, a->choices, incumbent->method, error, &fate);
    if (status != WEFT_STATUS_OK || fate == WEFT_I_OFFER_NO_BETTER) return status;
    if (fate == WEFT_I_OFFER_TAKEN) {
        weft_order *taken = a->best;
        a->best = a->sound;
        a->sound = taken;
        return WEFT_STATUS_OK;
    }
    for (int32_t r = 0; r < a->net.n_ranks; r++) {
        int64_t excess = incumbent->peaks[r] - a->variant.problem.limit_bytes[r];
        a->room[r] -= excess > 0 ? excess : 0;
    }
    weft_i_timing_read(&a->timing, a->sound);
    begin(a);
    return WEFT_STATUS_OK;
}

static double mean_pass(const weft_i_net *net)
{
    double sum = 0;
    for (weft_task t = 0; t < 4 * net->n_stages; t++)
        sum += net->ns[t] > 0 ? (double)net->ns[t] : 0;
    return net->n_passes > 0 ? sum / net->n_passes : 0;
}

static weft_status run(annealer *a, const weft_i_anneal_options *options, weft_i_budget *budget,
                       weft_i_incumbent *incumbent, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    double from = weft_i_budget_used(budget), part = 0, offered = 0, pass = mean_pass(&a->net);
    if (from >= options->until) return WEFT_STATUS_OK; /* a slow start took the time */
    while (status == WEFT_STATUS_OK && part < 1 && a->best_ns > options->bound_ns) {
        double heat = pass * options->hot * pow(options->cold / options->hot, part);
        for (int i = 0; i < MOVES_PER_LOOK; i++)
            step(a, heat);
        a->n_moves += MOVES_PER_LOOK;
        if (a->n_moves >= MOVES_PER_NODE * (a->timing.focus.end - a->timing.focus.begin))
            move_focus(a);
        budget->iterations += MOVES_PER_LOOK;
        if (a->best_ns < budget->best_ns) budget->best_ns = a->best_ns;
        part = (weft_i_budget_used(budget) - from) / (options->until - from);
        if (a->improved && part > offered + OFFER_EVERY) {
            status = offer(a, incumbent, error);
            offered = part;
        }
    }
    if (status == WEFT_STATUS_OK && a->improved) status = offer(a, incumbent, error);
    return status;
}

weft_status weft_i_anneal(const weft_i_graph *graph, const weft_i_anneal_options *options,
                          weft_i_budget *budget, weft_i_rng *rng, weft_i_incumbent *incumbent,
                          weft_error *error)
{
    annealer a = {.graph = graph,
                  .objective = incumbent->objective,
                  .rng = rng,
                  .choices = options->choices ? options->choices : incumbent->choices,
                  .spare_bytes = options->spare_bytes};
    weft_status status = open_annealer(&a, incumbent, error);
    if (status == WEFT_STATUS_OK && a.timing.n_nodes > 1)
        status = run(&a, options, budget, incumbent, error);
    weft_order_free(a.best);
    weft_order_free(a.sound);
    weft_i_arena_free(&a.arena);
    return status;
}
