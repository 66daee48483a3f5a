/* partition/stage_costs.c - a table of works by their spans. */
#include "partition/stage_costs.h"

#include <string.h>

#include "base/error.h"

enum { N_BUCKETS = 1 << 12 };

typedef struct known_work {
    int32_t module, number;
    weft_i_work work;
    weft_i_choice *choices; /* of each chunk of the module */
    struct known_work *next;
} known_work;

struct weft_i_stage_costs {
    const weft_model *model;
    weft_i_emu *emu;
    const weft_layout *layout;
    const weft_i_chunk_of *chunks;
    weft_i_arena *arena, *scratch;
    weft_i_strategy strategies[WEFT_I_N_STRATEGIES];
    int32_t n_strategies;
    int32_t *n_chunks; /* of each module */
    known_work *buckets[N_BUCKETS];
    known_work **works; /* by number, on the scratch arena in steps */
    int32_t n_works, works_cap;
};

weft_i_stage_costs *weft_i_stage_costs_create(const weft_model *model, const weft_recipe *recipe,
                                              weft_i_emu *emu, const weft_layout *layout,
                                              const weft_i_chunk_of *chunks, weft_i_arena *arena,
                                              weft_i_arena *scratch)
{
    weft_i_stage_costs *costs = weft_i_new(scratch, weft_i_stage_costs, 1);
    int32_t *n_chunks = weft_i_new(scratch, int32_t, model->n_modules);
    if (!costs || !n_chunks) return NULL;
    costs->model = model;
    costs->emu = emu;
    costs->layout = layout;
    costs->chunks = chunks;
    costs->arena = arena;
    costs->scratch = scratch;
    costs->n_strategies = weft_i_strategies(recipe, costs->strategies);
    costs->n_chunks = n_chunks;
    for (int32_t c = 0; c < layout->n_chunks; c++)
        n_chunks[chunks[c].module]++;
    return costs;
}

static uint64_t hash_of(int32_t module, const weft_i_work *work)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325) ^ (uint64_t)module;
    for (int32_t i = 0; i < work->n_spans; i++) {
        hash = (hash ^ (uint64_t)work->spans[i].tokens) * UINT64_C(0x9E3779B97F4A7C15);
        hash = (hash ^ (uint64_t)work->spans[i].context) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return hash ^ hash >> 32;
}

static bool is_same(const known_work *known, int32_t module, const weft_i_work *work)
{
    return known->module == module && known->work.n_spans == work->n_spans &&
           memcmp(known->work.spans, work->spans, (size_t)work->n_spans * sizeof(*work->spans)) ==
               0;
}

static known_work *add_work(weft_i_stage_costs *costs, int32_t module, weft_i_work work)
{
    weft_i_arena *arena = costs->scratch;
    if (costs->n_works == costs->works_cap) {
        int32_t cap = costs->works_cap > 0 ? 2 * costs->works_cap : 256;
        known_work **grown = weft_i_new(arena, known_work *, cap);
        if (!grown) return NULL;
        if (costs->n_works > 0)
            memcpy(grown, costs->works, (size_t)costs->n_works * sizeof(*grown));
        costs->works = grown;
        costs->works_cap = cap;
    }
    known_work *added = weft_i_new(arena, known_work, 1);
    weft_i_choice *choices = weft_i_new(arena, weft_i_choice, costs->n_chunks[module]);
    weft_i_span *spans =
        weft_i_arena_copy(arena, work.spans, (size_t)work.n_spans * sizeof(*spans));
    if (!added || !choices || !spans) return NULL;
    work.spans = spans;
    *added = (known_work){module, costs->n_works, work, choices, NULL};
    costs->works[costs->n_works++] = added;
    return added;
}

weft_status weft_i_stage_costs_work(weft_i_stage_costs *costs, int32_t module, weft_i_work work,
                                    weft_error *error, int32_t *out_number)
{
    known_work **head = &costs->buckets[hash_of(module, &work) % N_BUCKETS];
    known_work *found = *head;
    while (found && !is_same(found, module, &work))
        found = found->next;
    if (!found) {
        found = add_work(costs, module, work);
        if (!found) return weft_i_no_memory(error);
        found->next = *head;
        *head = found;
    }
    *out_number = found->number;
    return WEFT_STATUS_OK;
}

static weft_status ask(weft_i_stage_costs *costs, const known_work *known, int32_t c,
                       weft_error *error, weft_i_choice *choice)
{
    const weft_chunk *chunk = &costs->layout->chunks[c];
    const weft_i_chunk_of *of = &costs->chunks[c];
    bool is_frozen = of->backward == WEFT_BACKWARD_NONE;
    int32_t n = is_frozen ? 1 : costs->n_strategies;
    weft_i_choice asked = {.candidates = weft_i_new(costs->arena, weft_candidate, n), .n = n};
    if (!asked.candidates) return weft_i_no_memory(error);
    for (int32_t i = 0; i < n; i++) {
        weft_i_strategy s = is_frozen ? WEFT_I_STRATEGY_NONE : costs->strategies[i];
        weft_i_stage_cost cost;
        weft_status status = weft_i_emu_stage(costs->emu, of->module, chunk->first_layer,
                                              chunk->layers, &known->work, s, error, &cost);
        if (status != WEFT_STATUS_OK) return status;
        weft_memory_run *run = weft_i_arena_copy(costs->arena, &of->runs[s], sizeof(*run));
        if (!run) return weft_i_no_memory(error);
        asked.candidates[i] = (weft_candidate){cost.cost, run, 1};
        asked.model_flop = cost.model_flop;
        asked.recompute_flop[s] = cost.recompute_flop;
        int64_t ns = weft_i_cost_ns(&cost.cost);
        if (i == 0 || ns < asked.best_ns) asked.best_ns = ns;
    }
    asked.output_bytes = weft_i_emu_output_bytes(
        costs->emu, of->module, chunk->first_layer + chunk->layers - 1, &known->work);
    *choice = asked;
    return WEFT_STATUS_OK;
}

weft_status weft_i_stage_costs_get(weft_i_stage_costs *costs, int32_t number, int32_t c,
                                   weft_error *error, const weft_i_choice **out_choice)
{
    const known_work *known = costs->works[number];
    weft_i_choice *choice = &known->choices[costs->chunks[c].local];
    weft_status status = choice->n == 0 ? ask(costs, known, c, error, choice) : WEFT_STATUS_OK;
    if (status == WEFT_STATUS_OK) *out_choice = choice;
    return status;
}

weft_status weft_i_stage_costs_module_ns(weft_i_stage_costs *costs, int32_t module,
                                         const weft_i_work *work, weft_error *error,
                                         int64_t *out_ns)
{
    int64_t best = WEFT_INT_MAX;
    for (int32_t i = 0; i < costs->n_strategies; i++) {
        weft_i_stage_cost cost;
        weft_status status =
            weft_i_emu_stage(costs->emu, module, 0, costs->model->modules[module].n_layers, work,
                             costs->strategies[i], error, &cost);
        if (status != WEFT_STATUS_OK) return status;
        int64_t ns = weft_i_cost_ns(&cost.cost);
        best = ns < best ? ns : best;
    }
    *out_ns = best;
    return WEFT_STATUS_OK;
}
