/* partition/stage_costs.c - a table of works by their spans. */
#include "partition/stage_costs.h"

#include <string.h>

#include "base/error.h"
#include "partition/mixes.h"

enum { N_BUCKETS = 1 << 12 };

typedef struct known_work {
    int32_t module, number;
    weft_i_work work;
    weft_i_choice *choices; /* of each chunk of the module */
    struct known_work *next;
} known_work;

/* Layers of a chunk in classes of equal ones. */
typedef struct chunk_shape {
    int32_t twin;           /* the first chunk of the module with the same layers; itself = none */
    int32_t *class_of;      /* of each layer */
    int32_t *first, *count; /* of each class: a layer of it (of the module), how many */
    int32_t n_classes;
} chunk_shape;

struct weft_i_stage_costs {
    const weft_model *model;
    weft_i_emu *emu;
    const weft_layout *layout;
    const weft_i_chunk_of *chunks;
    weft_i_arena *arena, *scratch;
    weft_i_strategy strategies[WEFT_I_N_STRATEGIES];
    int32_t n_strategies;
    int32_t *n_chunks;   /* of each module */
    chunk_shape *shapes; /* of each chunk */
    known_work *buckets[N_BUCKETS];
    known_work **works; /* by number, on the scratch arena in steps */
    int32_t n_works, works_cap;
};

static bool sort_layers(weft_i_stage_costs *costs, int32_t c)
{
    const weft_chunk *chunk = &costs->layout->chunks[c];
    int32_t module = costs->chunks[c].module, n = chunk->layers;
    chunk_shape *shape = &costs->shapes[c];
    shape->class_of = weft_i_new(costs->scratch, int32_t, n);
    shape->first = weft_i_new(costs->scratch, int32_t, n);
    shape->count = weft_i_new(costs->scratch, int32_t, n);
    if (!shape->class_of || !shape->first || !shape->count) return false;
    for (int32_t l = 0; l < n; l++) {
        int32_t layer = chunk->first_layer + l, k = 0;
        while (k < shape->n_classes &&
               !weft_i_emu_layers_equal(costs->emu, module, shape->first[k], layer, 1))
            k++;
        if (k == shape->n_classes) shape->first[shape->n_classes++] = layer;
        shape->count[k]++;
        shape->class_of[l] = k;
    }
    return true;
}

static bool make_shapes(weft_i_stage_costs *costs)
{
    const weft_chunk *chunks = costs->layout->chunks;
    costs->shapes = weft_i_new(costs->scratch, chunk_shape, costs->layout->n_chunks);
    if (!costs->shapes) return false;
    for (int32_t c = 0; c < costs->layout->n_chunks; c++) {
        int32_t twin = c - costs->chunks[c].local;
        while (twin < c && (chunks[twin].layers != chunks[c].layers ||
                            !weft_i_emu_layers_equal(costs->emu, costs->chunks[c].module,
                                                     chunks[twin].first_layer,
                                                     chunks[c].first_layer, chunks[c].layers)))
            twin++;
        costs->shapes[c].twin = twin;
        if (twin == c && !sort_layers(costs, c)) return false;
    }
    return true;
}

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
    return make_shapes(costs) ? costs : NULL;
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

/* The mixes of strategies worth having for a chunk; where nothing runs backward nothing is saved,
 * and one of them is enough. */
static weft_status choose_mixes(weft_i_stage_costs *costs, const known_work *known, int32_t c,
                                weft_error *error, weft_i_layer_class **out_classes, int32_t *out_n,
                                weft_i_mix *out_mixes)
{
    const chunk_shape *shape = &costs->shapes[c];
    const weft_i_chunk_of *of = &costs->chunks[c];
    static const weft_i_strategy none[] = {WEFT_I_STRATEGY_NONE};
    bool is_frozen = of->backward == WEFT_BACKWARD_NONE;
    const weft_i_strategy *strategies = is_frozen ? none : costs->strategies;
    int32_t n_strategies = is_frozen ? 1 : costs->n_strategies;
    weft_i_layer_class *classes = weft_i_new(costs->scratch, weft_i_layer_class, shape->n_classes);
    if (!classes) return weft_i_no_memory(error);
    for (int32_t k = 0; k < shape->n_classes; k++) {
        classes[k].layers = shape->count[k];
        for (int32_t i = 0; i < n_strategies; i++) {
            weft_i_stage_cost one;
            weft_i_strategy s = strategies[i];
            weft_status status = weft_i_emu_stage(costs->emu, of->module, shape->first[k], 1,
                                                  &known->work, s, error, &one);
            if (status != WEFT_STATUS_OK) return status;
            classes[k].ns[s] = weft_i_cost_ns(&one.cost);
            classes[k].bytes[s] = one.cost.saved_bytes;
        }
    }
    *out_classes = classes;
    weft_status status = weft_i_mixes_choose(classes, shape->n_classes, strategies, n_strategies,
                                             costs->scratch, out_n, out_mixes);
    return status == WEFT_STATUS_OK ? status : weft_i_no_memory(error);
}

/* A strategy for each layer: of each class the first layers get the leanest, so that a split
 * backward, which begins with the last, frees much before it computes again. */
static weft_i_strategy *spread_mix(weft_i_stage_costs *costs, const weft_i_layer_class *classes,
                                   const weft_i_mix *mix, int32_t c)
{
    const chunk_shape *shape = &costs->shapes[c];
    int32_t n = costs->layout->chunks[c].layers;
    weft_i_strategy *strategies = weft_i_new(costs->scratch, weft_i_strategy, n);
    for (int32_t l = 0; strategies && l < n; l++) {
        int32_t *left = &mix->layers[shape->class_of[l] * WEFT_I_N_STRATEGIES];
        const int64_t *bytes = classes[shape->class_of[l]].bytes;
        int leanest = -1;
        for (int s = WEFT_I_N_STRATEGIES - 1; s >= 0; s--)
            if (left[s] > 0 && (leanest < 0 || bytes[s] < bytes[leanest])) leanest = s;
        left[leanest]--;
        strategies[l] = (weft_i_strategy)leanest;
    }
    return strategies;
}

static bool make_runs(weft_i_stage_costs *costs, const weft_i_strategy *strategies, int32_t n,
                      weft_candidate *candidate)
{
    weft_i_arena *arena = costs->arena;
    int32_t n_runs = 0;
    for (int32_t l = 0; l < n; l++)
        n_runs += l == 0 || strategies[l] != strategies[l - 1];
    candidate->memory = weft_i_new(arena, weft_memory_run, n_runs);
    for (int32_t l = 0; candidate->memory && l < n; l++) {
        if (l == 0 || strategies[l] != strategies[l - 1])
            candidate->memory[candidate->n_memory++].strategy =
                weft_i_emu_strategy_name(costs->emu, strategies[l]);
        candidate->memory[candidate->n_memory - 1].layers++;
    }
    return candidate->memory != NULL;
}

/* Messages under way slow the passes down. */
static void slow_down(const weft_i_emu *emu, weft_cost *cost)
{
    int64_t *const times[] = {&cost->fw_ns, &cost->bw_ns, &cost->bwi_ns, &cost->bww_ns,
                              &cost->recompute_ns};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        *times[i] = weft_i_emu_beside_messages_ns(emu, *times[i]);
}

static weft_status price_mix(weft_i_stage_costs *costs, const known_work *known, int32_t c,
                             const weft_i_layer_class *classes, const weft_i_mix *mix,
                             weft_error *error, weft_i_choice *choice)
{
    const weft_chunk *chunk = &costs->layout->chunks[c];
    weft_i_stage_cost cost;
    weft_candidate *candidate = &choice->candidates[choice->n];
    weft_i_strategy *strategies = spread_mix(costs, classes, mix, c);
    if (!strategies || !make_runs(costs, strategies, chunk->layers, candidate))
        return weft_i_no_memory(error);
    weft_status status =
        weft_i_emu_stage_mixed(costs->emu, costs->chunks[c].module, chunk->first_layer,
                               chunk->layers, &known->work, strategies, error, &cost);
    if (status != WEFT_STATUS_OK) return status;
    candidate->cost = cost.cost;
    slow_down(costs->emu, &candidate->cost);
    choice->model_flop = cost.model_flop;
    choice->recompute_flop[choice->n] = cost.recompute_flop;
    choice->host_bytes[choice->n] = cost.host_bytes;
    int64_t ns = weft_i_cost_ns(&cost.cost);
    if (choice->n == 0 || ns < choice->best_ns) choice->best_ns = ns;
    choice->n++;
    return WEFT_STATUS_OK;
}

static weft_status ask(weft_i_stage_costs *costs, const known_work *known, int32_t c,
                       weft_error *error, weft_i_choice *choice)
{
    weft_i_choice asked = {.n = 0};
    weft_i_layer_class *classes = NULL;
    weft_i_mix mixes[WEFT_I_MAX_MIXES];
    int32_t n = 0;
    weft_status status = choose_mixes(costs, known, c, error, &classes, &n, mixes);
    if (status != WEFT_STATUS_OK) return status;
    asked.candidates = weft_i_new(costs->arena, weft_candidate, n);
    asked.recompute_flop = weft_i_new(costs->arena, double, n);
    asked.host_bytes = weft_i_new(costs->arena, int64_t, n);
    if (!asked.candidates || !asked.recompute_flop || !asked.host_bytes)
        return weft_i_no_memory(error);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n; i++)
        status = price_mix(costs, known, c, classes, &mixes[i], error, &asked);
    if (status == WEFT_STATUS_OK) *choice = asked;
    return status;
}

weft_status weft_i_stage_costs_get(weft_i_stage_costs *costs, int32_t number, int32_t c,
                                   weft_error *error, const weft_i_choice **out_choice)
{
    const known_work *known = costs->works[number];
    const weft_chunk *chunk = &costs->layout->chunks[c];
    weft_i_choice *choice = &known->choices[costs->chunks[c].local];
    int32_t twin = costs->shapes[c].twin;
    *out_choice = choice;
    if (choice->n > 0) return WEFT_STATUS_OK;
    const weft_i_choice *of_twin = choice;
    weft_status status = twin == c ? ask(costs, known, c, error, choice)
                                   : weft_i_stage_costs_get(costs, number, twin, error, &of_twin);
    if (status != WEFT_STATUS_OK) return status;
    *choice = *of_twin;
    choice->output_bytes = weft_i_emu_output_bytes(
        costs->emu, costs->chunks[c].module, chunk->first_layer + chunk->layers - 1, &known->work);
    return WEFT_STATUS_OK;
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
