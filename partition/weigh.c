/* partition/weigh.c - see weigh.h. */
#include "partition/weigh.h"

#include "base/error.h"
#include "partition/work.h"

/* Forward flop, roughly: of a token through a module's linear maps, and of a pair of tokens in its
 * attention. */
typedef struct rates {
    double linear, pairs;
} rates;

static rates rates_of(const weft_model *model, int32_t m)
{
    rates of = {0, 0};
    for (int32_t l = 0; l < model->modules[m].n_layers; l++) {
        const weft_layer *layer = &model->modules[m].layers[l];
        if (layer->kind == WEFT_LAYER_EMBEDDING) continue;
        of.linear += 2.0 * (double)weft_model_parameters(model, m, l, 1, false);
        double causal = layer->attention == WEFT_ATTENTION_FULL ? 1 : 0.5;
        of.pairs += 4.0 * causal * layer->heads * layer->head_size;
    }
    return of;
}

static double flop_of(const weft_i_instances *instances, const rates *of)
{
    double flop = 0;
    for (int32_t i = 0; i < instances->n_items; i++) {
        double tokens = (double)instances->items[i].tokens;
        flop += tokens * (of->linear + tokens * of->pairs);
    }
    return flop;
}

typedef struct weigher {
    const weft_model *model;
    weft_i_emu *emu;
    weft_i_strategy strategies[WEFT_I_N_STRATEGIES];
    int32_t n_strategies;
    weft_i_spans spans;
} weigher;

static weft_status fastest_ns(weigher *w, int32_t module, const weft_i_instances *instances,
                              weft_error *error, int64_t *out_ns)
{
    const weft_module *of = &w->model->modules[module];
    int64_t best = WEFT_INT_MAX;
    weft_i_spans_clear(&w->spans);
    weft_status status = weft_i_spans_add_all(&w->spans, &of->input, instances, error);
    weft_i_work work = weft_i_spans_work(&w->spans);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < w->n_strategies; i++) {
        weft_i_stage_cost cost;
        status = weft_i_emu_stage(w->emu, module, 0, of->n_layers, &work, w->strategies[i], error,
                                  &cost);
        if (status != WEFT_STATUS_OK) return status;
        int64_t ns = weft_i_cost_ns(&cost.cost);
        best = ns < best ? ns : best;
    }
    if (status == WEFT_STATUS_OK) *out_ns = best;
    return status;
}

static weft_status weigh(weigher *w, const rates *of, const weft_i_microbatch *microbatch,
                         weft_error *error, double *out_work)
{
    double work = 0;
    for (int32_t m = 0; m < w->model->n_modules; m++) {
        const weft_i_instances *instances = &microbatch->modules[m];
        int64_t ns = 0;
        if (instances->n_items == 0) continue;
        weft_status status = w->emu ? fastest_ns(w, m, instances, error, &ns) : WEFT_STATUS_OK;
        if (status != WEFT_STATUS_OK) return status;
        work += w->emu ? (double)ns : flop_of(instances, &of[m]);
    }
    *out_work = work;
    return WEFT_STATUS_OK;
}

weft_status weft_i_weigh(const weft_model *model, const weft_recipe *recipe, weft_i_emu *emu,
                         const weft_i_microbatch *microbatches, int32_t n, weft_error *error,
                         double *out_work)
{
    weigher w = {.model = model, .emu = emu};
    weft_i_arena arena = {0};
    rates *of = weft_i_new(&arena, rates, model->n_modules);
    weft_status status = of ? WEFT_STATUS_OK : weft_i_no_memory(error);
    w.n_strategies = weft_i_strategies(recipe, w.strategies);
    for (int32_t m = 0; of && m < model->n_modules; m++)
        of[m] = rates_of(model, m);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n; i++)
        status = weigh(&w, of, &microbatches[i], error, &out_work[i]);
    weft_i_spans_free(&w.spans);
    weft_i_arena_free(&arena);
    return status;
}
