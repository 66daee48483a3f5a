/* search/one_strategy.c - see one_strategy.h. */
#include "search/one_strategy.h"

#include <string.h>

#include "base/error.h"
#include "plan/compile.h"
#include "plan/order_time.h"
#include "plan/shortage.h"
#include "search/memory.h"
#include "search/variant.h"

/* The candidate of a stage that has the strategy in all its layers; -1 = there is none. */
static int32_t find_candidate(const weft_stage *stage, const char *name)
{
    for (int32_t k = 0; k < stage->n_candidates; k++) {
        const weft_candidate *candidate = &stage->candidates[k];
        if (candidate->n_memory == 1 && strcmp(candidate->memory[0].strategy, name) == 0) return k;
    }
    return -1;
}

static bool all_have(const weft_problem *problem, const char *name)
{
    for (int32_t s = 0; s < problem->n_stages; s++)
        if (problem->stages[s].n_candidates > 1 && find_candidate(&problem->stages[s], name) < 0)
            return false;
    return true;
}

weft_i_strategies weft_i_one_strategy_list(const weft_problem *problem)
{
    weft_i_strategies list = {0, {NULL}};
    const weft_stage *stage = problem->stages, *end = stage + problem->n_stages;
    while (stage < end && stage->n_candidates <= 1)
        stage++;
    for (int32_t k = 0; stage < end && k < stage->n_candidates; k++) {
        const weft_candidate *candidate = &stage->candidates[k];
        if (list.n < WEFT_I_MAX_STRATEGIES && candidate->n_memory == 1 &&
            find_candidate(stage, candidate->memory[0].strategy) == k &&
            all_have(problem, candidate->memory[0].strategy))
            list.names[list.n++] = candidate->memory[0].strategy;
    }
    if (list.n == 0) list.n = 1;
    return list;
}

void weft_i_one_strategy_set(const weft_problem *problem, const char *name, int32_t *choices)
{
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        choices[s] = !name                      ? -1
                     : stage->n_candidates <= 1 ? stage->n_candidates - 1
                                                : find_candidate(stage, name);
    }
}

/* What of the strategies tried so far is worth remembering. */
typedef struct tried {
    const char *best; /* the fastest that fits */
    int64_t best_ns;  /* INT64_MAX = none fits */
    int32_t rank;     /* of the one that lacks least: the rank that lacks most */
    int64_t missing_bytes, peak_bytes;
} tried;

static weft_status try_strategy(weft_i_variant *variant, const weft_order *order, const char *name,
                                int64_t *peaks, weft_error *error, tried *so_far)
{
    const weft_problem *problem = &variant->problem;
    int32_t worst = 0;
    weft_schedule_time time;
    weft_status status = weft_i_compile_peaks(&variant->graph, order, error, peaks);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t r = 1; r < problem->n_ranks; r++)
        if (peaks[r] - problem->limit_bytes[r] > peaks[worst] - problem->limit_bytes[worst])
            worst = r;
    int64_t missing = peaks[worst] - problem->limit_bytes[worst];
    if (missing < so_far->missing_bytes) {
        so_far->rank = worst;
        so_far->missing_bytes = missing;
        so_far->peak_bytes = peaks[worst];
    }
    if (missing > 0) return WEFT_STATUS_OK;
    status = weft_i_order_time(&variant->graph, order, error, NULL, NULL, &time);
    if (status == WEFT_STATUS_OK && time.pipeline_ns < so_far->best_ns) {
        so_far->best = name;
        so_far->best_ns = time.pipeline_ns;
    }
    return status;
}

static weft_status choose(const weft_i_graph *graph, const weft_order *order, weft_i_arena *arena,
                          weft_error *error, int32_t *out_choices)
{
    const weft_problem *problem = graph->problem;
    weft_i_strategies list = weft_i_one_strategy_list(problem);
    tried so_far = {.best_ns = INT64_MAX, .missing_bytes = INT64_MAX};
    weft_i_variant variant;
    int32_t *choices = weft_i_new(arena, int32_t, problem->n_stages);
    int64_t *peaks = weft_i_new(arena, int64_t, problem->n_ranks);
    weft_status status = weft_i_variant_init(graph, arena, error, &variant);
    if (!choices || !peaks) return weft_i_no_memory(error);
    for (int32_t i = 0; i < list.n && status == WEFT_STATUS_OK; i++) {
        weft_i_one_strategy_set(problem, list.names[i], choices);
        weft_i_variant_set_all(&variant, choices);
        status = try_strategy(&variant, order, list.names[i], peaks, error, &so_far);
    }
    if (status != WEFT_STATUS_OK) return status;
    if (so_far.best_ns == INT64_MAX)
        return weft_i_shortage(-1, so_far.rank, so_far.peak_bytes,
                               problem->limit_bytes[so_far.rank], error);
    weft_i_one_strategy_set(problem, so_far.best, out_choices);
    return WEFT_STATUS_OK;
}

weft_status weft_i_one_strategy_choose(const weft_i_graph *graph, const weft_order *order,
                                       weft_error *error, int32_t *out_choices)
{
    weft_i_arena arena = {0};
    weft_status status = choose(graph, order, &arena, error, out_choices);
    weft_i_arena_free(&arena);
    return status;
}
