/* search/relax.c - see relax.h. */
#include "search/relax.h"

#include "base/error.h"
#include "base/least.h"

int64_t weft_i_relax_latency(const weft_i_relax *relax, int32_t edge)
{
    const weft_edge *e = &relax->graph->problem->edges[edge];
    return relax->graph->rank[e->from] != relax->graph->rank[e->to] ? e->transfer_ns : 0;
}

int64_t weft_i_relax_work(const weft_i_relax *relax, int32_t stage)
{
    return relax->graph->problem->stages[stage].now.cost.fw_ns + relax->first_ns[stage] +
           relax->rest_ns[stage];
}

static void halve(weft_i_relax *relax, int32_t stage)
{
    const weft_stage *of = &relax->graph->problem->stages[stage];
    const weft_cost *cost = &of->now.cost;
    if (of->backward == WEFT_BACKWARD_NONE) return;
    relax->first_ns[stage] = cost->bw_ns;
    if (of->backward != WEFT_BACKWARD_FULL || !weft_cost_can_split(cost)) return;
    relax->first_ns[stage] = weft_i_min(cost->bw_ns, cost->bwi_ns);
    relax->rest_ns[stage] =
        weft_i_min(cost->bw_ns, cost->bwi_ns + cost->bww_ns) - relax->first_ns[stage];
}

/* Ways to the passes. With rank >= 0 they begin at passes of that rank only; a pass without one has
 * a head of -1 and those of the rank one of at least 0. */
static void walk_heads(const weft_i_relax *relax, int32_t rank, int64_t *fw_head, int64_t *bw_head)
{
    const weft_i_graph *graph = relax->graph;
    const weft_problem *problem = graph->problem;
    for (int32_t i = 0; i < problem->n_stages; i++) {
        int32_t s = relax->flow.fw_stages[i];
        int64_t head = rank < 0 ? problem->stages[s].ready_ns : graph->rank[s] == rank ? 0 : -1;
        for (int32_t k = graph->fw_in.first[s]; k < graph->fw_in.first[s + 1]; k++) {
            int32_t edge = graph->fw_in.edges[k], from = problem->edges[edge].from;
            if (fw_head[from] >= 0)
                head = weft_i_max(head, fw_head[from] + problem->stages[from].now.cost.fw_ns +
                                            weft_i_relax_latency(relax, edge));
        }
        fw_head[s] = head;
    }
    for (int32_t i = 0; i < problem->n_stages; i++) {
        int32_t s = relax->flow.bw_stages[i];
        int64_t head = rank >= 0 && graph->rank[s] == rank ? 0 : -1;
        if (fw_head[s] >= 0)
            head = weft_i_max(head, fw_head[s] + problem->stages[s].now.cost.fw_ns);
        for (int32_t k = graph->bw_in.first[s]; k < graph->bw_in.first[s + 1]; k++) {
            int32_t edge = graph->bw_in.edges[k], from = problem->edges[edge].from;
            if (bw_head[from] >= 0)
                head = weft_i_max(head, bw_head[from] + relax->first_ns[from] +
                                            weft_i_relax_latency(relax, edge));
        }
        bw_head[s] = head;
    }
}

/* Ways from the passes' ends. With rank >= 0 they end with passes of that rank only; -1 where there
 * is none. */
static void walk_tails(const weft_i_relax *relax, int32_t rank, int64_t *fw_tail, int64_t *bw_tail)
{
    const weft_i_graph *graph = relax->graph;
    const weft_problem *problem = graph->problem;
    for (int32_t i = problem->n_stages - 1; i >= 0; i--) {
        int32_t s = relax->flow.bw_stages[i];
        int64_t tail = rank < 0 || graph->rank[s] == rank ? relax->rest_ns[s] : -1;
        for (int32_t k = graph->bw_out.first[s]; k < graph->bw_out.first[s + 1]; k++) {
            int32_t edge = graph->bw_out.edges[k], to = problem->edges[edge].to;
            if (bw_tail[to] >= 0)
                tail = weft_i_max(tail, weft_i_relax_latency(relax, edge) + relax->first_ns[to] +
                                            bw_tail[to]);
        }
        bw_tail[s] = tail;
    }
    for (int32_t i = problem->n_stages - 1; i >= 0; i--) {
        int32_t s = relax->flow.fw_stages[i];
        int64_t tail = rank < 0 || graph->rank[s] == rank ? 0 : -1;
        if (weft_i_relax_has_backward(relax, s) && bw_tail[s] >= 0)
            tail = weft_i_max(tail, relax->first_ns[s] + bw_tail[s]);
        for (int32_t k = graph->fw_out.first[s]; k < graph->fw_out.first[s + 1]; k++) {
            int32_t edge = graph->fw_out.edges[k], to = problem->edges[edge].to;
            if (fw_tail[to] >= 0)
                tail = weft_i_max(tail, weft_i_relax_latency(relax, edge) +
                                            problem->stages[to].now.cost.fw_ns + fw_tail[to]);
        }
        fw_tail[s] = tail;
    }
}

weft_status weft_i_relax_build(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                               weft_i_relax *out_relax)
{
    int32_t n = graph->problem->n_stages;
    weft_i_relax relax = {.graph = graph};
    int64_t **const arrays[] = {&relax.first_ns, &relax.rest_ns, &relax.fw_head,
                                &relax.bw_head,  &relax.fw_tail, &relax.bw_tail};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!(*arrays[i] = weft_i_new(arena, int64_t, n))) return weft_i_no_memory(error);
    weft_status status = weft_i_flow_build(graph, arena, error, &relax.flow);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t s = 0; s < n; s++)
        halve(&relax, s);
    walk_heads(&relax, -1, relax.fw_head, relax.bw_head);
    walk_tails(&relax, -1, relax.fw_tail, relax.bw_tail);
    *out_relax = relax;
    return WEFT_STATUS_OK;
}

void weft_i_relax_ways(const weft_i_relax *relax, int32_t rank, weft_i_rank_ways *ways)
{
    walk_heads(relax, rank, ways->fw_head, ways->bw_head);
    walk_tails(relax, rank, ways->fw_tail, ways->bw_tail);
}
