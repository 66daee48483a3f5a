/* search/net.c - see net.h. */
#include "search/net.h"

#include "base/error.h"

static void list_passes(weft_i_net *net, const bool *split)
{
    const weft_problem *problem = net->graph->problem;
    for (int32_t s = 0; s < net->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        bool backward = stage->backward != WEFT_BACKWARD_NONE;
        bool two = split && split[s] && stage->backward == WEFT_BACKWARD_FULL &&
                   weft_cost_can_split(&stage->now.cost);
        const bool runs[4] = {true, backward && !two, two, two};
        net->split[s] = two;
        for (int pass = 0; pass < 4; pass++) {
            weft_task task = weft_task_make(s, (weft_pass)pass);
            net->ns[task] = -1;
            if (!runs[pass]) continue;
            net->ns[task] = weft_cost_pass_ns(&stage->now.cost, (weft_pass)pass);
            net->n_rank_passes[net->rank[s]]++;
            net->n_passes++;
        }
    }
}

static weft_task task_of(const weft_i_net *net, const weft_edge *edge, int32_t stage)
{
    return edge->pass == WEFT_PASS_FW ? weft_task_make(stage, WEFT_PASS_FW)
                                      : weft_i_net_backward(net, stage);
}

/* Arcs by the task at one end; those of a task keep the order of the problem's edges. */
static bool group_arcs(const weft_i_net *net, bool by_target, weft_i_arena *arena,
                       weft_i_arcs *out_arcs)
{
    const weft_problem *problem = net->graph->problem;
    int32_t n_tasks = 4 * net->n_stages;
    int32_t *first = weft_i_new(arena, int32_t, (size_t)n_tasks + 1);
    weft_i_arc *arcs = weft_i_new(arena, weft_i_arc, problem->n_edges);
    if (!first || !arcs) return false;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        first[task_of(net, edge, by_target ? edge->to : edge->from)]++;
    }
    for (int32_t t = 0, sum = 0; t <= n_tasks; t++)
        first[t] = sum += t < n_tasks ? first[t] : 0;
    for (int32_t e = problem->n_edges - 1; e >= 0; e--) {
        const weft_edge *edge = &problem->edges[e];
        weft_task from = task_of(net, edge, edge->from), to = task_of(net, edge, edge->to);
        bool message = net->rank[edge->from] != net->rank[edge->to];
        arcs[--first[by_target ? to : from]] =
            (weft_i_arc){by_target ? from : to, e, message ? edge->transfer_ns : 0};
    }
    *out_arcs = (weft_i_arcs){first, arcs};
    return true;
}

weft_status weft_i_net_build(const weft_i_graph *graph, const bool *split, weft_i_arena *arena,
                             weft_error *error, weft_i_net *out_net)
{
    const weft_problem *problem = graph->problem;
    weft_i_net net = {.graph = graph,
                      .n_ranks = problem->n_ranks,
                      .n_stages = problem->n_stages,
                      .rank = graph->rank,
                      .split = weft_i_new(arena, bool, problem->n_stages),
                      .ns = weft_i_new(arena, int64_t, 4 * (size_t)problem->n_stages),
                      .n_rank_passes = weft_i_new(arena, int32_t, problem->n_ranks)};
    if (!net.split || !net.ns || !net.n_rank_passes) return weft_i_no_memory(error);
    list_passes(&net, split);
    if (!group_arcs(&net, true, arena, &net.in) || !group_arcs(&net, false, arena, &net.out))
        return weft_i_no_memory(error);
    *out_net = net;
    return WEFT_STATUS_OK;
}

void weft_i_net_split_of(const weft_order *order, bool *split)
{
    for (int32_t r = 0; r < order->n_ranks; r++)
        for (int32_t i = 0; i < order->n_tasks[r]; i++) {
            weft_task task = order->tasks[r][i];
            split[weft_task_stage(task)] =
                weft_task_pass(task) == WEFT_PASS_BWI || weft_task_pass(task) == WEFT_PASS_BWW;
        }
}

weft_i_task_bytes weft_i_net_bytes(const weft_i_net *net, weft_task task)
{
    const weft_problem *problem = net->graph->problem;
    int32_t rank = net->rank[weft_task_stage(task)];
    const weft_cost *cost = &problem->stages[weft_task_stage(task)].now.cost;
    weft_pass pass = weft_task_pass(task);
    const int64_t freed[4] = {0, cost->saved_bytes, cost->saved_bytes - cost->held_bytes,
                              cost->held_bytes};
    weft_i_task_bytes bytes = {pass == WEFT_PASS_FW ? cost->saved_bytes : 0, freed[pass],
                               cost->work_bytes[pass]};
    for (int32_t i = net->out.first[task]; i < net->out.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->out.arcs[i];
        bool message = net->rank[weft_task_stage(arc->task)] != rank;
        *(message ? &bytes.work : &bytes.taken) += problem->edges[arc->edge].bytes;
    }
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->in.arcs[i];
        bool message = net->rank[weft_task_stage(arc->task)] != rank;
        *(message ? &bytes.work : &bytes.freed) += problem->edges[arc->edge].bytes;
    }
    return bytes;
}
