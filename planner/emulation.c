/* planner/emulation.c - see weft/emulation.h: a batch's stages, priced one by one. */
#include "weft/emulation.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "partition/split.h"
#include "partition/work.h"
#include "planner/case.h"

/* A sub-microbatch: what its module's chunks work on. */
typedef struct part_work {
    int32_t module;
    weft_i_work work;
} part_work;

struct weft_emulation {
    weft_i_case plan_case;
    weft_layout *made; /* NULL where one was given */
    const weft_layout *layout;
    weft_reuse_mode reuse;
    int32_t *module_of;       /* of each chunk */
    weft_i_stage_cost *known; /* room for one stage of each chunk */
    int32_t *twin;      /* of each chunk: the first of its module with the same layers; itself */
    weft_i_arena run;   /* of the three */
    weft_i_arena batch; /* of all below */
    part_work *parts;   /* n_parts */
    int64_t n_parts;
    weft_cost *costs; /* n_stages */
    int64_t n_stages, n_layers;
};

weft_status weft_emulation_create(const weft_planner_input *input,
                                  const weft_planner_options *options, weft_reuse_mode reuse,
                                  weft_error *error, weft_emulation **out_emulation)
{
    weft_emulation *made = weft_i_alloc(1, sizeof *made);
    if (!made) return weft_i_no_memory(error);
    weft_i_case *c = &made->plan_case;
    made->reuse = reuse;
    weft_status status = weft_i_case_open(input, options, error, c);
    if (status) {
        free(made);
        return status;
    }
    if (reuse != WEFT_REUSE_MODE_ALL) {
        weft_i_emu_free(c->emu);
        c->emu = NULL;
        status = weft_i_emu_create(c->model, c->cluster, &c->recipe, &c->parallel, reuse, error,
                                   &c->emu);
    }
    if (status)
        weft_emulation_free(made);
    else
        *out_emulation = made;
    return status;
}

/* Chunks of equal layers cost the same on the same work. */
static void find_twins(weft_emulation *e, const weft_layout *layout)
{
    for (int32_t i = 0; i < layout->n_chunks; i++) {
        const weft_chunk *chunk = &layout->chunks[i];
        int32_t t = 0;
        while (t < i &&
               (e->module_of[t] != e->module_of[i] || layout->chunks[t].layers != chunk->layers ||
                !weft_i_emu_layers_equal(e->plan_case.emu, e->module_of[i],
                                         layout->chunks[t].first_layer, chunk->first_layer,
                                         chunk->layers)))
            t++;
        e->twin[i] = e->reuse == WEFT_REUSE_MODE_ALL ? t : i;
    }
}

/* The layout of the run: the one given, or one by the rules for the first batch. */
static weft_status settle_layout(weft_emulation *e, weft_error *error)
{
    if (e->layout) return WEFT_STATUS_OK;
    const weft_i_case *c = &e->plan_case;
    const weft_layout *layout = c->layout;
    if (!layout) {
        weft_i_layout_input input = weft_i_case_layout_input(c);
        weft_status status = weft_i_layout_modality(&input, NULL, NULL, error, &e->made);
        if (status) return status;
        layout = e->made;
    }
    e->module_of = weft_i_new(&e->run, int32_t, layout->n_chunks);
    e->twin = weft_i_new(&e->run, int32_t, layout->n_chunks);
    e->known = weft_i_new(&e->run, weft_i_stage_cost, layout->n_chunks);
    if (!e->module_of || !e->twin || !e->known) return weft_i_no_memory(error);
    for (int32_t i = 0; i < layout->n_chunks; i++) {
        int32_t m = 0;
        while (m < c->model->n_modules &&
               strcmp(c->model->modules[m].name, layout->chunks[i].module) != 0)
            m++;
        if (m == c->model->n_modules)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "model %s has no module %s",
                               c->model->name, layout->chunks[i].module);
        e->module_of[i] = m;
    }
    find_twins(e, layout);
    e->layout = layout;
    return WEFT_STATUS_OK;
}

/* Copy the work of a part, whose spans are made in `spans`. */
static weft_status add_part(weft_emulation *e, const weft_i_replica *replica,
                            const weft_i_split *split, const weft_i_part *part, weft_i_spans *spans,
                            weft_error *error)
{
    const weft_i_case *c = &e->plan_case;
    weft_i_spans_clear(spans);
    for (int32_t i = 0; i < part->n; i++) {
        weft_i_ref ref = split->refs[part->first + i];
        const weft_i_instances *of = &replica->microbatches[ref.microbatch].modules[part->module];
        weft_status status =
            weft_i_spans_add(spans, &c->model->modules[part->module].input, &of->items[ref.item],
                             of->context_tokens[ref.item], error);
        if (status) return status;
    }
    weft_i_work work = weft_i_spans_work(spans);
    work.spans =
        weft_i_arena_copy(&e->batch, work.spans, (size_t)work.n_spans * sizeof *work.spans);
    if (!work.spans) return weft_i_no_memory(error);
    e->parts[e->n_parts++] = (part_work){part->module, work};
    return WEFT_STATUS_OK;
}

static weft_status add_replicas(weft_emulation *e, weft_i_spans *spans, weft_error *error)
{
    const weft_i_packed *packed = &e->plan_case.packed;
    weft_i_split *splits = weft_i_new(&e->batch, weft_i_split, packed->n_replicas);
    if (!splits) return weft_i_no_memory(error);
    size_t n_parts = 0;
    for (int32_t r = 0; r < packed->n_replicas; r++) {
        weft_status status =
            weft_i_split_make(&packed->replicas[r], e->layout, &e->batch, error, &splits[r]);
        if (status) return status;
        n_parts += (size_t)splits[r].n_parts;
    }
    e->parts = weft_i_new(&e->batch, part_work, n_parts);
    if (!e->parts) return weft_i_no_memory(error);
    for (int32_t r = 0; r < packed->n_replicas; r++)
        for (int32_t p = 0; p < splits[r].n_parts; p++) {
            weft_status status =
                add_part(e, &packed->replicas[r], &splits[r], &splits[r].parts[p], spans, error);
            if (status) return status;
        }
    return WEFT_STATUS_OK;
}

static void forget_batch(weft_emulation *e)
{
    weft_i_arena_free(&e->batch);
    e->batch = (weft_i_arena){0};
    e->parts = NULL;
    e->costs = NULL;
    e->n_parts = e->n_stages = e->n_layers = 0;
}

weft_status weft_emulation_load(weft_emulation *emulation, const weft_batch *batch,
                                weft_error *error)
{
    weft_emulation *e = emulation;
    weft_i_spans spans = {0};
    forget_batch(e);
    weft_status status = weft_i_case_pack(&e->plan_case, batch, error);
    if (!status) status = settle_layout(e, error);
    if (!status) status = add_replicas(e, &spans, error);
    weft_i_spans_free(&spans);
    for (int64_t p = 0; !status && p < e->n_parts; p++)
        for (int32_t i = 0; i < e->layout->n_chunks; i++) {
            if (e->module_of[i] != e->parts[p].module) continue;
            e->n_stages++;
            e->n_layers += e->layout->chunks[i].layers;
        }
    if (!status) e->costs = weft_i_new(&e->batch, weft_cost, (size_t)e->n_stages);
    if (!status && !e->costs) status = weft_i_no_memory(error);
    if (status) forget_batch(e);
    return status;
}

/* The stages of a part. */
static weft_status price_part(weft_emulation *e, const part_work *part, weft_i_strategy strategy,
                              weft_error *error, weft_emulated *out)
{
    weft_i_stage_cost *known = e->known;
    for (int32_t i = 0; i < e->layout->n_chunks; i++) {
        if (e->module_of[i] != part->module) continue;
        const weft_chunk *chunk = &e->layout->chunks[i];
        weft_status status = WEFT_STATUS_OK;
        if (e->twin[i] < i)
            known[i] = known[e->twin[i]];
        else
            status = weft_i_emu_stage(e->plan_case.emu, part->module, chunk->first_layer,
                                      chunk->layers, &part->work, strategy, error, &known[i]);
        if (status) return status;
        e->costs[out->n_stages++] = known[i].cost;
        out->model_flop += known[i].model_flop;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_emulation_price(weft_emulation *emulation, weft_recompute recompute,
                                 weft_error *error, weft_emulated *out_emulated)
{
    weft_emulation *e = emulation;
    if (!e->costs) return weft_i_fail(error, WEFT_STATUS_USAGE, "no batch has been loaded");
    weft_emulated out = {.costs = e->costs, .n_layers = e->n_layers};
    for (int64_t p = 0; p < e->n_parts; p++) {
        weft_status status = price_part(e, &e->parts[p], (weft_i_strategy)recompute, error, &out);
        if (status) return status;
    }
    *out_emulated = out;
    return WEFT_STATUS_OK;
}

/* The module of a chunk whose layers the model has; -1 = another model's. */
static int32_t module_of(const weft_model *model, const weft_chunk *chunk)
{
    for (int32_t m = 0; m < model->n_modules; m++)
        if (strcmp(model->modules[m].name, chunk->module) == 0)
            return chunk->first_layer + chunk->layers <= model->modules[m].n_layers ? m : -1;
    return -1;
}

weft_emulated_state weft_emulation_state(const weft_emulation *emulation, const weft_chunk *chunk)
{
    const weft_i_case *c = &emulation->plan_case;
    int32_t m = module_of(c->model, chunk);
    if (m < 0) return (weft_emulated_state){0};
    weft_i_state all = weft_i_emu_state(c->emu, m, chunk->first_layer, chunk->layers);
    weft_i_state shared = {0};
    if (chunk->state_bytes < all.parameter_bytes + all.gradient_bytes + all.optimizer_bytes)
        shared = weft_i_emu_state(c->emu, m, 0, 1);
    return (weft_emulated_state){all.parameter_bytes - shared.parameter_bytes,
                                 all.gradient_bytes - shared.gradient_bytes,
                                 all.optimizer_bytes - shared.optimizer_bytes};
}

int64_t weft_emulation_logit_bytes(const weft_emulation *emulation, const weft_chunk *chunk,
                                   int64_t tokens, const char *strategy)
{
    const weft_i_case *c = &emulation->plan_case;
    int32_t m = module_of(c->model, chunk), last = chunk->first_layer + chunk->layers - 1;
    if (m < 0 || c->model->modules[m].layers[last].kind != WEFT_LAYER_HEAD) return 0;
    int s = 0, n = weft_i_emu_strategies(c->emu);
    while (s < n && strcmp(weft_i_emu_strategy_name(c->emu, (weft_i_strategy)s), strategy) != 0)
        s++;
    const weft_i_work work = {.tokens = tokens};
    weft_i_stage_cost head = {0};
    bool priced = s < n && weft_i_emu_stage(c->emu, m, last, 1, &work, (weft_i_strategy)s, NULL,
                                            &head) == WEFT_STATUS_OK;
    return priced ? head.cost.saved_bytes : 0;
}

weft_reuse weft_emulation_reuse(const weft_emulation *emulation)
{
    return weft_i_emu_reuse(emulation->plan_case.emu);
}

void weft_emulation_free(weft_emulation *emulation)
{
    if (!emulation) return;
    forget_batch(emulation);
    weft_i_arena_free(&emulation->run);
    weft_layout_free(emulation->made);
    weft_i_case_close(&emulation->plan_case);
    free(emulation);
}
