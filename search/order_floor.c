/* search/order_floor.c - see order_floor.h. */
#include "search/order_floor.h"

#include "base/error.h"
#include "plan/order_time.h"
#include "search/variant.h"

static void lower(int64_t *ns, int64_t other_ns)
{
    *ns = other_ns < *ns ? other_ns : *ns;
}

/* A backward is split or not by the order, so each pass has its own minimum. */
static void set_shortest(const weft_stage *base, weft_cost *cost)
{
    for (int32_t k = 0; k < base->n_candidates; k++) {
        const weft_cost *other = &base->candidates[k].cost;
        if (k == 0) *cost = *other;
        lower(&cost->fw_ns, other->fw_ns);
        lower(&cost->bw_ns, other->bw_ns);
        if (!weft_cost_can_split(other)) continue;
        bool is_first = !weft_cost_can_split(cost);
        cost->bwi_ns = is_first || other->bwi_ns < cost->bwi_ns ? other->bwi_ns : cost->bwi_ns;
        cost->bww_ns = is_first || other->bww_ns < cost->bww_ns ? other->bww_ns : cost->bww_ns;
    }
}

weft_status weft_i_order_floor(const weft_i_graph *graph, const weft_order *order,
                               weft_error *error, int64_t *out_ns)
{
    weft_i_arena arena = {0};
    weft_i_variant variant;
    weft_schedule_time time;
    weft_status status = weft_i_variant_init(graph, &arena, error, &variant);
    if (status == WEFT_STATUS_OK) {
        for (int32_t s = 0; s < variant.problem.n_stages; s++)
            set_shortest(&graph->problem->stages[s], &variant.problem.stages[s].now.cost);
        status = weft_i_order_time(&variant.graph, order, error, NULL, NULL, &time);
    }
    if (status == WEFT_STATUS_OK) *out_ns = time.pipeline_ns;
    weft_i_arena_free(&arena);
    return status;
}
