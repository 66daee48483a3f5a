/* planner/evening.c - see evening.h. */
#include "planner/evening.h"

#include "base/error.h"
#include "partition/layout_even.h"
#include "search/variant.h"

/* What is known of the ranks; of all replicas together. */
typedef struct ranks {
    double *chunk_ns; /* by chunk */
    double *factor, *idle_ns;
    double *least_ns, *busy_ns; /* of `solved`: at the fastest strategies, and as chosen */
    weft_i_arena arena;
} ranks;

/* A stage's passes at a candidate, whichever way of its backward is quicker. */
static double stage_ns(const weft_stage *stage, int32_t choice)
{
    const weft_cost *cost = weft_i_choice_cost(stage, choice);
    int64_t split = cost->bwi_ns + cost->bww_ns;
    return (double)(cost->fw_ns + (split > 0 && split < cost->bw_ns ? split : cost->bw_ns));
}

static double least_ns(const weft_stage *stage)
{
    double least = stage_ns(stage, -1);
    for (int32_t k = 0; k < stage->n_candidates; k++) {
        double ns = stage_ns(stage, k);
        least = ns < least ? ns : least;
    }
    return least;
}

static void add_chunks(const weft_i_attempt *built, ranks *of)
{
    for (int32_t r = 0; r < built->n_replicas; r++)
        for (int32_t s = 0; s < built->problems[r]->n_stages; s++) {
            const weft_stage *stage = &built->problems[r]->stages[s];
            of->chunk_ns[stage->chunk] += least_ns(stage);
        }
}

/* One replica's passes, and its waiting at both ends. */
static weft_status add_replica(const weft_problem *problem, const weft_solution *solution,
                               ranks *of, weft_error *error)
{
    size_t n_tasks = 4 * (size_t)problem->n_stages;
    int64_t *start = weft_i_new(&of->arena, int64_t, n_tasks);
    int64_t *end = weft_i_new(&of->arena, int64_t, n_tasks);
    weft_i_graph graph;
    weft_i_variant variant;
    weft_schedule_time time;
    if (!start || !end) return weft_i_no_memory(error);
    weft_status status = weft_i_graph_build(problem, &of->arena, error, &graph);
    if (!status) status = weft_i_variant_init(&graph, &of->arena, error, &variant);
    if (status) return status;
    weft_i_variant_set_all(&variant, solution->choices);
    status = weft_order_time(&variant.problem, solution->order, error, start, end, &time);
    for (int32_t s = 0; !status && s < problem->n_stages; s++) {
        int32_t rank = problem->chunks[problem->stages[s].chunk].rank;
        of->least_ns[rank] += least_ns(&problem->stages[s]);
        of->busy_ns[rank] += stage_ns(&problem->stages[s], solution->choices[s]);
    }
    for (int32_t r = 0; !status && r < problem->n_ranks; r++) {
        int32_t n = solution->order->n_tasks[r];
        if (n == 0) continue;
        const weft_task *tasks = solution->order->tasks[r];
        of->idle_ns[r] += (double)(start[tasks[0]] + time.pipeline_ns - end[tasks[n - 1]]);
    }
    return status;
}

static weft_status add_schedule(const weft_i_attempt *solved, ranks *of, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t r = 0; !status && r < solved->n_replicas; r++)
        status = add_replica(solved->problems[r], &solved->solutions[r], of, error);
    for (int32_t r = 0; !status && r < solved->problems[0]->n_ranks; r++)
        if (of->least_ns[r] > 0) of->factor[r] = of->busy_ns[r] / of->least_ns[r];
    return status;
}

weft_status weft_i_even_out(const weft_i_attempt *built, const weft_i_attempt *solved,
                            weft_error *error, weft_layout *layout)
{
    ranks of = {.chunk_ns = NULL};
    size_t n = (size_t)built->problems[0]->n_ranks;
    weft_status status = WEFT_STATUS_OK;
    of.chunk_ns = weft_i_new(&of.arena, double, built->problems[0]->n_chunks);
    of.factor = weft_i_new(&of.arena, double, n);
    of.idle_ns = weft_i_new(&of.arena, double, n);
    of.least_ns = weft_i_new(&of.arena, double, n);
    of.busy_ns = weft_i_new(&of.arena, double, n);
    if (!of.chunk_ns || !of.factor || !of.idle_ns || !of.least_ns || !of.busy_ns)
        status = weft_i_no_memory(error);
    for (size_t r = 0; !status && r < n; r++)
        of.factor[r] = 1;
    if (!status) add_chunks(built, &of);
    if (!status && solved) status = add_schedule(solved, &of, error);
    if (!status) {
        const weft_i_layout_input input = weft_i_case_layout_input(built->plan_case);
        const weft_i_layout_loads loads = {of.chunk_ns, of.factor, of.idle_ns};
        status = weft_i_layout_even(&input, &loads, error, layout);
    }
    weft_i_arena_free(&of.arena);
    return status;
}
