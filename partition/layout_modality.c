/* partition/layout_modality.c - the paper's layout: each module in segments of its own, which run
 * over all ranks, on sub-microbatches of a size of its own (PipeWeaver, partitioner before
 * training). */
#include <math.h>

#include "base/error.h"
#include "emu/emulator.h"
#include "partition/layout_make.h"

/* Our limits of the K rule (the paper has none). */
static const double SMALL_SHARE = 0.02;        /* of the work: one segment, several microbatches */
static const double LEAST_STAGE_LAUNCHES = 20; /* a stage's forward in launch overheads */

/* What the rules go by, of each module. */
typedef struct rule {
    double share; /* of all work */
    weft_i_best_size size;
} rule;

/* Microbatches of text are one packed sequence: they stay whole. */
static bool stays_whole(const weft_model *model, int32_t m)
{
    return m == model->n_modules - 1 && model->modules[m].modality == WEFT_MODALITY_TEXT;
}

static weft_status find_size(weft_i_layout_maker *maker, const weft_i_module_cost *cost, int32_t m,
                             rule *of)
{
    const weft_i_layout_input *input = maker->input;
    weft_layout_module *module = &maker->layout->modules[m];
    weft_recipe_module said = weft_recipe_of_module(input->recipe, module->module);
    if (stays_whole(input->model, m) || cost->most_items == 0) {
        of->size = (weft_i_best_size){(int64_t)cost->mean_tokens, cost->fw_ns, cost->ns};
    } else {
        weft_status status = weft_i_best_size_find(input, m, maker->error, &of->size);
        if (status != WEFT_STATUS_OK) return status;
        module->submicrobatch_tokens = of->size.tokens;
    }
    if (said.submicrobatch_tokens > 0) module->submicrobatch_tokens = said.submicrobatch_tokens;
    if (input->submicrobatch_tokens && input->submicrobatch_tokens[m] > 0)
        module->submicrobatch_tokens = input->submicrobatch_tokens[m];
    return WEFT_STATUS_OK;
}

/* K_i = min(floor(T_i / T_1), floor(L_i / P), what keeps a stage above 20 launch overheads). */
static int32_t segments_by_rule(const weft_i_layout_maker *maker, int32_t m, const rule *of,
                                double fastest_ns)
{
    const weft_i_machine *machine = &maker->input->emu->machine;
    double launch = LEAST_STAGE_LAUNCHES * fmax(machine->launch_ns, machine->host_kernel_ns);
    double ranks = maker->layout->parallel.pp, n = of->size.ns / fastest_ns;
    if (of->share < SMALL_SHARE) return 1;
    n = fmin(n, floor(weft_i_count_blocks(&maker->input->model->modules[m]) / ranks));
    if (launch > 0) n = fmin(n, of->size.fw_ns / (ranks * launch));
    return n >= 1 ? (int32_t)n : 1;
}

/* A module of little work takes as many microbatches at once as fill its sub-microbatch. */
static int32_t microbatches_by_rule(const weft_i_layout_maker *maker, const rule *of,
                                    const weft_i_module_cost *cost, int64_t submicrobatch_tokens)
{
    double n = floor((double)submicrobatch_tokens / fmax(cost->mean_tokens, 1));
    if (of->share >= SMALL_SHARE || cost->mean_tokens <= 0 || n < 1) return 1;
    return (int32_t)fmin(n, maker->layout->parallel.pp);
}

static weft_status apply_rules(weft_i_layout_maker *maker, const weft_i_module_cost *costs,
                               const int32_t *segments, const int32_t *directions)
{
    const weft_model *model = maker->input->model;
    double total = 0, fastest_ns = INFINITY;
    rule *rules = weft_i_new(&maker->scratch, rule, model->n_modules);
    if (!rules) return weft_i_no_memory(maker->error);
    for (int32_t m = 0; m < model->n_modules; m++)
        total += costs[m].ns;
    for (int32_t m = 0; m < model->n_modules; m++) {
        weft_status status = find_size(maker, &costs[m], m, &rules[m]);
        if (status != WEFT_STATUS_OK) return status;
        rules[m].share = costs[m].ns / total;
        if (rules[m].share >= SMALL_SHARE) fastest_ns = fmin(fastest_ns, rules[m].size.ns);
    }
    for (int32_t m = 0; m < model->n_modules; m++) {
        weft_layout_module *module = &maker->layout->modules[m];
        int32_t said = weft_recipe_of_module(maker->input->recipe, module->module).segments;
        module->segments = segments_by_rule(maker, m, &rules[m], fastest_ns);
        if (said > 0) module->segments = said;
        if (segments && segments[m] > 0) module->segments = segments[m];
        int32_t most = model->modules[m].n_layers / maker->layout->parallel.pp;
        if (module->segments > most) module->segments = most > 1 ? most : 1;
        if (directions) module->direction = directions[m];
        if (m < model->n_modules - 1)
            module->microbatches =
                microbatches_by_rule(maker, &rules[m], &costs[m], module->submicrobatch_tokens);
    }
    return WEFT_STATUS_OK;
}

/* The module with the coarsest layers first: the finer ones even out what it leaves uneven. */
static weft_status place_all(weft_i_layout_maker *maker, const weft_i_module_cost *costs)
{
    int32_t n = maker->input->model->n_modules;
    bool *placed = weft_i_new(&maker->scratch, bool, n);
    weft_status status = placed ? WEFT_STATUS_OK : weft_i_no_memory(maker->error);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n; i++) {
        int32_t next = -1;
        for (int32_t m = 0; m < n; m++)
            if (!placed[m] && (next < 0 || costs[m].ns / costs[m].n_layers >
                                               costs[next].ns / costs[next].n_layers))
                next = m;
        placed[next] = true;
        status = weft_i_layout_place(maker, &costs[next], next, -1);
    }
    return status;
}

weft_status weft_i_layout_modality(const weft_i_layout_input *input, const int32_t *segments,
                                   const int32_t *directions, weft_error *error,
                                   weft_layout **out_layout)
{
    weft_i_layout_maker maker;
    weft_i_module_cost *costs;
    weft_status status = weft_i_layout_begin(input, "modality", 0, error, &maker);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_layer_costs(input, &maker.scratch, error, &costs);
    if (status == WEFT_STATUS_OK) status = apply_rules(&maker, costs, segments, directions);
    if (status == WEFT_STATUS_OK) status = place_all(&maker, costs);
    return weft_i_layout_end(&maker, status, out_layout);
}

weft_status weft_i_layout_modules(const weft_i_layout_input *input, weft_error *error,
                                  weft_layout **out_layout)
{
    weft_i_layout_maker maker;
    weft_i_module_cost *costs;
    int32_t n = input->model->n_modules;
    weft_status status = weft_i_layout_begin(input, "modules", n, error, &maker);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_layer_costs(input, &maker.scratch, error, &costs);
    for (int32_t m = n - 1; status == WEFT_STATUS_OK && m >= 0; m--)
        status = weft_i_layout_place(&maker, &costs[m], m, m);
    return weft_i_layout_end(&maker, status, out_layout);
}
