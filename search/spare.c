/* search/spare.c - see spare.h. */
#include "search/spare.h"

#include "base/error.h"
#include "base/least.h"

/* Messages of the largest size that are left room for. */
enum { MESSAGES = 3 };

static void find_largest(const weft_i_graph *graph, int64_t *largest)
{
    const weft_problem *problem = graph->problem;
    for (int32_t i = 0; i < problem->n_edges; i++) {
        const weft_edge *edge = &problem->edges[i];
        int32_t from = graph->rank[edge->from], to = graph->rank[edge->to];
        if (from == to) continue;
        largest[from] = weft_i_max(largest[from], edge->bytes);
        largest[to] = weft_i_max(largest[to], edge->bytes);
    }
}

weft_status weft_i_spare_init(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                              weft_i_spare *spare)
{
    const weft_problem *problem = graph->problem;
    spare->bytes = weft_i_new(arena, int64_t, problem->n_ranks);
    int64_t *limit = weft_i_new(arena, int64_t, problem->n_ranks);
    if (!spare->bytes || !limit) return weft_i_no_memory(error);
    find_largest(graph, spare->bytes);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int64_t room = weft_i_max(problem->limit_bytes[r] - problem->static_bytes[r], 0);
        spare->bytes[r] = weft_i_min(spare->bytes[r], room / MESSAGES) * MESSAGES;
        limit[r] = problem->limit_bytes[r] - spare->bytes[r];
    }
    spare->problem = *problem;
    spare->problem.limit_bytes = limit;
    spare->graph = *graph;
    spare->graph.problem = &spare->problem;
    return WEFT_STATUS_OK;
}
