/* plan/problem_check_edge.c - the rules of a problem's edges: what they join, and no cycle. */
#include "base/error.h"
#include "plan/graph.h"
#include "plan/problem_check.h"

static int32_t rank_of(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

static weft_status check_edge(const weft_i_checker *check, int32_t e)
{
    const weft_i_place at = {.array = "edges", .index = e};
    const weft_problem *problem = check->problem;
    const weft_edge *edge = &problem->edges[e];
    const weft_i_number numbers[] = {
        {".pass", edge->pass, WEFT_PASS_BW},
        {".kind", edge->kind, WEFT_EDGE_SKIP},
        {".from", edge->from, (int64_t)problem->n_stages - 1},
        {".to", edge->to, (int64_t)problem->n_stages - 1},
        {".bytes", edge->bytes, WEFT_INT_MAX},
        {".transfer_ns", edge->transfer_ns, WEFT_INT_MAX},
    };
    weft_status status = WEFT_I_CHECK_NUMBERS(check, at, numbers);
    if (status != WEFT_STATUS_OK) return status;
    if (edge->from == edge->to) {
        return weft_i_check_fail(check, at, "", "stage %d depends on itself", edge->to);
    }
    const int32_t ends[] = {edge->from, edge->to};
    for (int i = 0; edge->pass == WEFT_PASS_BW && i < 2; i++) {
        if (problem->stages[ends[i]].backward == WEFT_BACKWARD_NONE) {
            return weft_i_check_fail(check, at, i == 0 ? ".from" : ".to",
                                     "stage %d has no backward", ends[i]);
        }
    }
    if (edge->transfer_ns > 0 && rank_of(problem, edge->from) == rank_of(problem, edge->to)) {
        return weft_i_check_fail(check, at, ".transfer_ns",
                                 "expected 0 as both stages are on rank %d, found %lld",
                                 rank_of(problem, edge->to), (long long)edge->transfer_ns);
    }
    return WEFT_STATUS_OK;
}

/* Name an edge of a cycle among the stages that have a dependency left (waits > 0). Walking from
 * such a stage to one that it waits for, again and again, ends on a cycle. */
static weft_status fail_cycle(const weft_i_checker *check, const weft_i_adjacency *in,
                              int32_t *waits)
{
    const weft_edge *edges = check->problem->edges;
    int32_t s = 0;
    while (waits[s] == 0)
        s++;
    for (;;) {
        waits[s] = -1; /* visited */
        int32_t i = in->first[s];
        while (waits[edges[in->edges[i]].from] == 0)
            i++;
        const weft_edge *edge = &edges[in->edges[i]];
        if (waits[edge->from] < 0) {
            const weft_i_place at = {.array = "edges", .index = in->edges[i]};
            return weft_i_check_fail(
                check, at, "", "the %s of stages %d and %d wait for each other in a cycle",
                edge->pass == WEFT_PASS_FW ? "forwards" : "backwards", edge->from, edge->to);
        }
        s = edge->from;
    }
}

/* Kahn's algorithm over the edges of one pass. */
static weft_status check_acyclic(weft_i_checker *check, const weft_i_adjacency *in,
                                 const weft_i_adjacency *out)
{
    int32_t n = check->problem->n_stages, n_ready = 0;
    int32_t *waits = weft_i_new(&check->arena, int32_t, n);
    int32_t *ready = weft_i_new(&check->arena, int32_t, n);
    if (!waits || !ready) return weft_i_no_memory(check->error);
    for (int32_t s = 0; s < n; s++) {
        waits[s] = in->first[s + 1] - in->first[s];
        if (waits[s] == 0) ready[n_ready++] = s;
    }
    for (int32_t done = 0; done < n_ready; done++) {
        int32_t s = ready[done];
        for (int32_t i = out->first[s]; i < out->first[s + 1]; i++) {
            int32_t to = check->problem->edges[out->edges[i]].to;
            if (--waits[to] == 0) ready[n_ready++] = to;
        }
    }
    return n_ready == n ? WEFT_STATUS_OK : fail_cycle(check, in, waits);
}

/* Passes form a cycle only within the forwards or within the backwards: from a backward nothing
 * leads back to a forward. */
static weft_status check_cycles(weft_i_checker *check)
{
    weft_i_graph graph;
    weft_status status = weft_i_graph_build(check->problem, &check->arena, check->error, &graph);
    if (status == WEFT_STATUS_OK) status = check_acyclic(check, &graph.fw_in, &graph.fw_out);
    if (status == WEFT_STATUS_OK) status = check_acyclic(check, &graph.bw_in, &graph.bw_out);
    return status;
}

weft_status weft_i_check_edges(weft_i_checker *check)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t e = 0; status == WEFT_STATUS_OK && e < check->problem->n_edges; e++)
        status = check_edge(check, e);
    return status == WEFT_STATUS_OK ? check_cycles(check) : status;
}
