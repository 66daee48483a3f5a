/* partition/layer_costs.c - asking the emulator about sample microbatches. */
#include "partition/layer_costs.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "partition/work.h"

enum { N_SAMPLES = 16, MAX_SIZE = 64 };

/* "keeps >= 95 % of the best efficiency" (PipeWeaver, partitioner before training). */
static const double KEPT_EFFICIENCY = 0.95;

typedef struct asker {
    const weft_i_layout_input *input;
    weft_i_strategy strategies[WEFT_I_N_STRATEGIES];
    int32_t n_strategies;
    weft_i_spans spans;
    weft_error *error;
} asker;

static asker asker_make(const weft_i_layout_input *input, weft_error *error)
{
    asker a = {.input = input, .error = error};
    a.n_strategies = weft_i_strategies(input->recipe, a.strategies);
    return a;
}

static int32_t count_microbatches(const weft_i_packed *packed)
{
    int32_t n = 0;
    for (int32_t r = 0; r < packed->n_replicas; r++)
        n += packed->replicas[r].n_microbatches;
    return n;
}

/* Microbatch number i of all replicas together. */
static const weft_i_microbatch *microbatch_at(const weft_i_packed *packed, int32_t i)
{
    int32_t r = 0;
    for (; i >= packed->replicas[r].n_microbatches; r++)
        i -= packed->replicas[r].n_microbatches;
    return &packed->replicas[r].microbatches[i];
}

/* Add `share` of a layer's cost on `work` to *sum. */
static weft_status add_layer(asker *a, int32_t module, int32_t layer, const weft_i_work *work,
                             double share, weft_i_layer_cost *sum)
{
    for (int32_t i = 0; i < a->n_strategies; i++) {
        weft_i_strategy s = a->strategies[i];
        weft_i_stage_cost found;
        weft_status status =
            weft_i_emu_stage(a->input->emu, module, layer, 1, work, s, a->error, &found);
        if (status != WEFT_STATUS_OK) return status;
        const weft_cost *cost = &found.cost;
        int64_t fw = cost->work_bytes[WEFT_PASS_FW], bw = cost->work_bytes[WEFT_PASS_BW];
        if (i == 0) sum->fw_ns += share * (double)cost->fw_ns;
        sum->ns[s] += share * (double)weft_i_cost_ns(cost);
        sum->saved_bytes[s] += share * (double)cost->saved_bytes;
        sum->work_bytes[s] += share * (double)(fw > bw ? fw : bw);
    }
    sum->output_bytes +=
        share * (double)weft_i_emu_output_bytes(a->input->emu, module, layer, work);
    return WEFT_STATUS_OK;
}

static weft_status add_microbatch(asker *a, int32_t module, const weft_i_microbatch *microbatch,
                                  double share, weft_i_module_cost *sum)
{
    const weft_input_rule *rule = &a->input->model->modules[module].input;
    const weft_i_instances *of = &microbatch->modules[module];
    weft_i_spans_clear(&a->spans);
    weft_status status = weft_i_spans_add_all(&a->spans, rule, of, a->error);
    weft_i_work work = weft_i_spans_work(&a->spans);
    sum->mean_tokens += share * (double)of->tokens;
    for (int32_t l = 0; status == WEFT_STATUS_OK && of->n_items > 0 && l < sum->n_layers; l++)
        status = add_layer(a, module, l, &work, share, &sum->layers[l]);
    return status;
}

/* What does not depend on the microbatches. */
static void finish_module(const asker *a, int32_t module, weft_i_module_cost *cost)
{
    const weft_i_packed *packed = a->input->packed;
    for (int32_t l = 0; l < cost->n_layers; l++) {
        weft_i_layer_cost *layer = &cost->layers[l];
        bool allowed[WEFT_I_N_STRATEGIES] = {false};
        layer->best_ns = INFINITY;
        for (int32_t i = 0; i < a->n_strategies; i++) {
            allowed[a->strategies[i]] = true;
            layer->best_ns = fmin(layer->best_ns, layer->ns[a->strategies[i]]);
        }
        for (int s = 0; s < WEFT_I_N_STRATEGIES; s++)
            if (!allowed[s]) layer->ns[s] = INFINITY;
        layer->state_bytes = (double)weft_i_emu_state_bytes(a->input->emu, module, l, 1);
        cost->ns += layer->best_ns;
        cost->fw_ns += layer->fw_ns;
    }
    for (int32_t r = 0; r < packed->n_replicas; r++)
        for (int32_t i = 0; i < packed->replicas[r].n_microbatches; i++) {
            int32_t n = packed->replicas[r].microbatches[i].modules[module].n_items;
            if (n > cost->most_items) cost->most_items = n;
        }
}

static weft_status cost_module(asker *a, int32_t module, weft_i_arena *arena,
                               weft_i_module_cost *out)
{
    int32_t n = a->input->model->modules[module].n_layers;
    *out = (weft_i_module_cost){.layers = weft_i_new(arena, weft_i_layer_cost, n), .n_layers = n};
    if (!out->layers) return weft_i_no_memory(a->error);
    int32_t n_all = count_microbatches(a->input->packed);
    int32_t n_samples = n_all < N_SAMPLES ? n_all : N_SAMPLES;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n_samples; i++) {
        int32_t at = (int32_t)(((int64_t)2 * i + 1) * n_all / (2 * n_samples));
        status =
            add_microbatch(a, module, microbatch_at(a->input->packed, at), 1.0 / n_samples, out);
    }
    if (status == WEFT_STATUS_OK) finish_module(a, module, out);
    return status;
}

weft_status weft_i_layer_costs(const weft_i_layout_input *input, weft_i_arena *arena,
                               weft_error *error, weft_i_module_cost **out_modules)
{
    const weft_model *model = input->model;
    int64_t n_layers = 0;
    for (int32_t m = 0; m < model->n_modules; m++)
        n_layers += model->modules[m].n_layers;
    if (n_layers > WEFT_I_MAX_CUT_LAYERS)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "model '%.60s' has %lld layers, over the limit of %d for a layout",
                           model->name, (long long)n_layers, WEFT_I_MAX_CUT_LAYERS);
    weft_i_module_cost *modules = weft_i_new(arena, weft_i_module_cost, model->n_modules);
    if (!modules) return weft_i_no_memory(error);
    asker a = asker_make(input, error);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < model->n_modules; m++)
        status = cost_module(&a, m, arena, &modules[m]);
    weft_i_spans_free(&a.spans);
    if (status == WEFT_STATUS_OK) *out_modules = modules;
    return status;
}

/* An instance of any microbatch. */
typedef struct pick {
    const weft_item *item;
    int64_t context;
} pick;

static int by_tokens(const void *a, const void *b)
{
    const pick *x = a, *y = b;
    if (x->item->tokens != y->item->tokens) return x->item->tokens < y->item->tokens ? -1 : 1;
    return x->context < y->context ? -1 : x->context > y->context;
}

/* All instances of a module, by size; *out_most is the most of one microbatch. */
static weft_status pick_all(const weft_i_packed *packed, int32_t module, weft_i_arena *arena,
                            weft_error *error, pick **out_picks, int32_t *out_n, int32_t *out_most)
{
    int32_t n_all = count_microbatches(packed), n = 0, most = 0;
    for (int32_t i = 0; i < n_all; i++) {
        int32_t n_items = microbatch_at(packed, i)->modules[module].n_items;
        n += n_items;
        most = n_items > most ? n_items : most;
    }
    pick *picks = weft_i_new(arena, pick, n);
    if (!picks) return weft_i_no_memory(error);
    n = 0;
    for (int32_t r = 0; r < packed->n_replicas; r++)
        for (int32_t i = 0; i < packed->replicas[r].n_microbatches; i++) {
            const weft_i_instances *of = &packed->replicas[r].microbatches[i].modules[module];
            for (int32_t k = 0; k < of->n_items; k++)
                picks[n++] = (pick){&of->items[k], of->context_tokens[k]};
        }
    qsort(picks, (size_t)n, sizeof(*picks), by_tokens);
    *out_picks = picks;
    *out_n = n;
    *out_most = most;
    return WEFT_STATUS_OK;
}

/* The whole module on `size` of the instances. */
static weft_status try_size(asker *a, int32_t module, const pick *picks, int32_t n, int32_t size,
                            weft_i_best_size *out)
{
    const weft_module *of = &a->input->model->modules[module];
    weft_status status = WEFT_STATUS_OK;
    weft_i_spans_clear(&a->spans);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < size; i++) {
        const pick *at = &picks[((int64_t)2 * i + 1) * n / (2 * (int64_t)size)];
        status = weft_i_spans_add(&a->spans, &of->input, at->item, at->context, a->error);
    }
    weft_i_work work = weft_i_spans_work(&a->spans);
    *out = (weft_i_best_size){work.tokens, 0, INFINITY};
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < a->n_strategies; i++) {
        weft_i_stage_cost found;
        status = weft_i_emu_stage(a->input->emu, module, 0, of->n_layers, &work, a->strategies[i],
                                  a->error, &found);
        if (status != WEFT_STATUS_OK) return status;
        out->ns = fmin(out->ns, (double)weft_i_cost_ns(&found.cost));
        out->fw_ns = (double)found.cost.fw_ns;
    }
    return status;
}

static weft_status find_size(asker *a, int32_t module, weft_i_arena *arena, weft_i_best_size *out)
{
    pick *picks = NULL;
    int32_t n = 0, most = 0, n_tried = 0;
    weft_i_best_size tried[MAX_SIZE];
    weft_status status = pick_all(a->input->packed, module, arena, a->error, &picks, &n, &most);
    double best = 0;
    for (int32_t size = 1; status == WEFT_STATUS_OK && size <= most && size <= MAX_SIZE; size++) {
        status = try_size(a, module, picks, n, size, &tried[n_tried]);
        if (status != WEFT_STATUS_OK) return status;
        best = fmax(best, (double)tried[n_tried].tokens / tried[n_tried].ns);
        n_tried++;
    }
    if (status != WEFT_STATUS_OK) return status;
    *out = (weft_i_best_size){0};
    for (int32_t i = n_tried - 1; i >= 0; i--)
        if ((double)tried[i].tokens / tried[i].ns >= KEPT_EFFICIENCY * best) *out = tried[i];
    return WEFT_STATUS_OK;
}

weft_status weft_i_best_size_find(const weft_i_layout_input *input, int32_t module,
                                  weft_error *error, weft_i_best_size *out_size)
{
    weft_i_arena arena = {0};
    asker a = asker_make(input, error);
    weft_status status = find_size(&a, module, &arena, out_size);
    weft_i_spans_free(&a.spans);
    weft_i_arena_free(&arena);
    return status;
}
