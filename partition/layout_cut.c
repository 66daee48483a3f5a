/* partition/layout_cut.c - the baselines' cuts of all layers in one line. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "partition/cut.h"
#include "partition/layout_make.h"

/* All layers of the model in one line. */
typedef struct line {
    int32_t n;
    int32_t *module, *layer; /* of each place */
    const weft_i_layer_cost **cost;
} line;

/* In data order. */
static bool line_make(const weft_i_layout_maker *maker, const weft_i_module_cost *costs,
                      weft_i_arena *arena, line *out)
{
    const weft_model *model = maker->input->model;
    int32_t n = weft_i_count_layers(model), i = 0;
    *out = (line){n, weft_i_new(arena, int32_t, n), weft_i_new(arena, int32_t, n),
                  weft_i_new(arena, const weft_i_layer_cost *, n)};
    if (!out->module || !out->layer || !out->cost) return false;
    for (int32_t m = 0; m < model->n_modules; m++)
        for (int32_t l = 0; l < model->modules[m].n_layers; l++, i++) {
            out->module[i] = m;
            out->layer[i] = l;
            out->cost[i] = &costs[m].layers[l];
        }
    return true;
}

typedef struct graph_arrays {
    double *time, *state, *bytes;
    int32_t *from, *to, n_edges;
} graph_arrays;

static void add_edge(graph_arrays *g, const line *all, int32_t from, int32_t to)
{
    g->from[g->n_edges] = from;
    g->to[g->n_edges] = to;
    g->bytes[g->n_edges++] = all->cost[from]->output_bytes;
}

/* Layer after layer inside the modules, and the model's edges to every layer that they name. */
static weft_status graph_make(const weft_model *model, const line *all, weft_i_arena *arena,
                              weft_error *error, weft_i_layer_graph *out)
{
    size_t n = (size_t)all->n, n_edges = n;
    for (int32_t e = 0; e < model->n_edges; e++)
        n_edges += (size_t)(model->edges[e].to_last_layer - model->edges[e].to_first_layer + 1);
    graph_arrays g = {weft_i_new(arena, double, n),        weft_i_new(arena, double, n),
                      weft_i_new(arena, double, n_edges),  weft_i_new(arena, int32_t, n_edges),
                      weft_i_new(arena, int32_t, n_edges), 0};
    int32_t *start = weft_i_new(arena, int32_t, model->n_modules);
    if (!g.time || !g.state || !g.bytes || !g.from || !g.to || !start)
        return weft_i_no_memory(error);
    for (int32_t i = 0; i < all->n; i++) {
        g.time[i] = all->cost[i]->best_ns;
        g.state[i] = all->cost[i]->state_bytes;
        if (all->layer[i] == 0)
            start[all->module[i]] = i;
        else
            add_edge(&g, all, i - 1, i);
    }
    for (int32_t e = 0; e < model->n_edges; e++) {
        const weft_model_edge *edge = &model->edges[e];
        for (int32_t l = edge->to_first_layer; l <= edge->to_last_layer; l++)
            add_edge(&g, all, start[edge->from_module] + edge->from_layer,
                     start[edge->to_module] + l);
    }
    *out = (weft_i_layer_graph){all->n, g.time, g.state, g.n_edges, g.from, g.to, g.bytes};
    return WEFT_STATUS_OK;
}

/* Bring the line into an order in which it can be cut: a chain of modules stays as it is. */
static weft_status line_order(const weft_i_layout_maker *maker, int32_t n_pieces,
                              weft_i_arena *arena, line *all)
{
    weft_i_layer_graph graph;
    line sorted = *all;
    sorted.module = weft_i_new(arena, int32_t, all->n);
    sorted.layer = weft_i_new(arena, int32_t, all->n);
    sorted.cost = weft_i_new(arena, const weft_i_layer_cost *, all->n);
    int32_t *order = weft_i_new(arena, int32_t, all->n);
    if (!sorted.module || !sorted.layer || !sorted.cost || !order)
        return weft_i_no_memory(maker->error);
    weft_status status = graph_make(maker->input->model, all, arena, maker->error, &graph);
    if (status == WEFT_STATUS_OK)
        status = weft_i_cut_linearize(&graph, n_pieces, maker->error, order);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t i = 0; i < all->n; i++) {
        sorted.module[i] = all->module[order[i]];
        sorted.layer[i] = all->layer[order[i]];
        sorted.cost[i] = all->cost[order[i]];
    }
    *all = sorted;
    return WEFT_STATUS_OK;
}

/* For the slowest stage: prefix sums along the line, and the largest working memory of any run of
 * layers (level j of `work` has runs of 2^j). */
typedef struct stages {
    int32_t n, n_ranks, n_microbatches;
    double limit_bytes;
    double *ns[WEFT_I_N_STRATEGIES], *saved[WEFT_I_N_STRATEGIES], *state;
    double *work[WEFT_I_N_STRATEGIES][13];
} stages;

static double work_of(const stages *s, int strategy, int32_t first, int32_t end)
{
    int level = 0;
    if (first == end) return 0;
    while ((2 << level) <= end - first)
        level++;
    const double *at = s->work[strategy][level];
    return fmax(at[first], at[end - (1 << level)]);
}

/* Time of layers first..end-1 as stage `piece` of 1F1B, under the fastest strategy that fits. */
static double stage_ns(const void *context, int32_t piece, int32_t first, int32_t end)
{
    const stages *s = context;
    double best = INFINITY;
    int32_t in_flight = s->n_ranks - piece;
    if (in_flight > s->n_microbatches) in_flight = s->n_microbatches;
    for (int k = 0; k < WEFT_I_N_STRATEGIES; k++) {
        if (!s->ns[k]) continue;
        double bytes = s->state[end] - s->state[first] + work_of(s, k, first, end) +
                       in_flight * (s->saved[k][end] - s->saved[k][first]);
        double ns = s->ns[k][end] - s->ns[k][first];
        if (bytes <= s->limit_bytes && ns < best) best = ns;
    }
    return best;
}

static bool fill_strategy(const line *all, weft_i_arena *arena, int k, stages *s)
{
    if (isinf(all->cost[0]->ns[k])) return true; /* not allowed */
    s->ns[k] = weft_i_new(arena, double, all->n + 1);
    s->saved[k] = weft_i_new(arena, double, all->n + 1);
    s->work[k][0] = weft_i_new(arena, double, all->n);
    if (!s->ns[k] || !s->saved[k] || !s->work[k][0]) return false;
    for (int32_t i = 0; i < all->n; i++) {
        s->ns[k][i + 1] = s->ns[k][i] + all->cost[i]->ns[k];
        s->saved[k][i + 1] = s->saved[k][i] + all->cost[i]->saved_bytes[k];
        s->work[k][0][i] = all->cost[i]->work_bytes[k];
    }
    for (int level = 1; (1 << level) <= all->n; level++) {
        int32_t half = 1 << (level - 1);
        double *to = s->work[k][level] = weft_i_new(arena, double, all->n);
        if (!to) return false;
        for (int32_t i = 0; i + 2 * half <= all->n; i++)
            to[i] = fmax(s->work[k][level - 1][i], s->work[k][level - 1][i + half]);
    }
    return true;
}

static weft_status cut_slowest(const weft_i_layout_maker *maker, const line *all,
                               weft_i_arena *arena, int32_t *out_cut)
{
    const weft_i_packed *packed = maker->input->packed;
    int32_t n_ranks = maker->layout->parallel.pp;
    stages s = {.n = all->n,
                .n_ranks = n_ranks,
                .limit_bytes = INFINITY,
                .state = weft_i_new(arena, double, all->n + 1)};
    bool ok = s.state != NULL;
    for (int32_t i = 0; ok && i < all->n; i++)
        s.state[i + 1] = s.state[i] + all->cost[i]->state_bytes;
    for (int k = 0; ok && k < WEFT_I_N_STRATEGIES; k++)
        ok = fill_strategy(all, arena, k, &s);
    if (!ok) return weft_i_no_memory(maker->error);
    for (int32_t r = 0; r < packed->n_replicas; r++)
        if (packed->replicas[r].n_microbatches > s.n_microbatches)
            s.n_microbatches = packed->replicas[r].n_microbatches;
    for (int32_t r = 0; r < n_ranks; r++)
        s.limit_bytes = fmin(s.limit_bytes, (double)weft_i_emu_limit_bytes(maker->input->emu, r));
    weft_status status = weft_i_cut_line_by(stage_ns, &s, all->n, n_ranks, false, NULL, out_cut);
    if (status == WEFT_STATUS_NO_MEMORY) return weft_i_no_memory(maker->error);
    if (status == WEFT_STATUS_INFEASIBLE)
        weft_i_fail(maker->error, status,
                    "no cut of %d layers into %d stages fits into %.1f GiB a device", all->n,
                    n_ranks, s.limit_bytes / (1 << 30));
    return status;
}

static weft_status cut_by(const weft_i_layout_maker *maker, const line *all, weft_i_cut_rule rule,
                          int32_t n_pieces, weft_i_arena *arena, int32_t *out_cut)
{
    const weft_model *model = maker->input->model;
    if (rule == WEFT_I_CUT_SLOWEST) return cut_slowest(maker, all, arena, out_cut);
    double *weight = weft_i_new(arena, double, all->n);
    if (!weight) return weft_i_no_memory(maker->error);
    for (int32_t i = 0; i < all->n; i++)
        weight[i] =
            rule == WEFT_I_CUT_PARAMETERS
                ? (double)weft_model_parameters(model, all->module[i], all->layer[i], 1, false)
                : all->cost[i]->best_ns;
    return weft_i_cut_line(weight, all->n, n_pieces, NULL, false, maker->error, out_cut);
}

static weft_status place_line(weft_i_layout_maker *maker, weft_i_cut_rule rule, int32_t n_pieces)
{
    weft_i_arena *arena = &maker->scratch;
    weft_i_module_cost *costs;
    line all;
    int32_t *cut = weft_i_new(arena, int32_t, n_pieces + 1);
    int32_t *counts =
        weft_i_new(arena, int32_t, (size_t)n_pieces * (size_t)maker->input->model->n_modules);
    weft_status status = cut && counts
                             ? weft_i_layer_costs(maker->input, arena, maker->error, &costs)
                             : weft_i_no_memory(maker->error);
    if (status == WEFT_STATUS_OK && !line_make(maker, costs, arena, &all))
        status = weft_i_no_memory(maker->error);
    if (status == WEFT_STATUS_OK) status = line_order(maker, n_pieces, arena, &all);
    if (status == WEFT_STATUS_OK) status = cut_by(maker, &all, rule, n_pieces, arena, cut);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t k = 0; k < n_pieces; k++)
        for (int32_t i = cut[k]; i < cut[k + 1]; i++)
            counts[all.module[i] * n_pieces + k]++;
    weft_i_layout_place_counts(maker, counts, n_pieces, rule == WEFT_I_CUT_FOLDED);
    return WEFT_STATUS_OK;
}

weft_status weft_i_layout_cut(const weft_i_layout_input *input, weft_i_cut_rule rule, int32_t v,
                              weft_error *error, weft_layout **out_layout)
{
    static const char *const names[] = {"parameters", "time", "slowest", "folded"};
    char name[32];
    weft_i_layout_maker maker;
    if (v < 1 || (rule == WEFT_I_CUT_SLOWEST && v != 1) || v > INT16_MAX)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "a cut by %s into %d pieces a rank",
                           names[rule], v);
    snprintf(name, sizeof(name), "%s-v%d", names[rule], v);
    weft_status status = weft_i_layout_begin(input, name, v, error, &maker);
    if (status != WEFT_STATUS_OK) return status;
    status = place_line(&maker, rule, v * input->parallel.pp);
    return weft_i_layout_end(&maker, status, out_layout);
}
