/* runtime/worker_stage_make.c - what a stage's layers have to keep and to give back, by the plan's
 * memory strategies and by the gradients that its edges ask for. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/feed.h"
#include "runtime/worker_stage.h"

/* Which gradients leave a stage. */
typedef struct asked {
    bool chain, media, context;
} asked;

static asked asked_of(const weft_i_worker_shop *shop, int32_t stage)
{
    asked out = {false, false, false};
    const weft_i_routes *routes = shop->routes;
    for (int32_t i = routes->in_first[stage]; i < routes->in_first[stage + 1]; i++) {
        const weft_i_route *route = &routes->routes[routes->in_edges[i]];
        if (route->back < 0) continue;
        out.chain |= route->port == WEFT_I_PORT_CHAIN;
        out.media |= route->port == WEFT_I_PORT_MEDIA;
        out.context |= route->port == WEFT_I_PORT_CONTEXT;
    }
    return out;
}

/* What of layer i the backward computes again. */
static weft_status redo_of(const weft_stage *stage, int32_t i, weft_error *error, uint32_t *out)
{
    /* What is kept on the host stays where it is: there is one memory only. */
    static const struct {
        const char *name;
        uint32_t redo;
    } strategies[] = {{"none", WEFT_I_REDO_NOTHING},
                      {"offload", WEFT_I_REDO_NOTHING},
                      {"selective", WEFT_I_REDO_SELECTIVE},
                      {"full", WEFT_I_REDO_WHOLE}};
    weft_i_recompute_fault fault;
    const char *name = "none";
    int32_t end = 0;
    for (int32_t r = 0; r < stage->now.n_memory && i >= end; r++) {
        end += stage->now.memory[r].layers;
        name = stage->now.memory[r].strategy;
    }
    for (int k = 0; k < 4; k++)
        if (strcmp(name, strategies[k].name) == 0) {
            *out = strategies[k].redo;
            return WEFT_STATUS_OK;
        }
    if (weft_i_recompute_parse(name, out, &fault)) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                       "memory strategy '%.40s': expected none, selective, full, offload or a set "
                       "of operators: %s",
                       name, fault.text);
}

/* From the first layer up: what is wanted of a layer's input depends on what lies below it. */
static weft_status make_rules(weft_i_worker_stage *made, weft_error *error)
{
    const weft_stage *stage = &made->shop->problem->stages[made->stage];
    const weft_i_kit *kit = made->shop->kit;
    const weft_i_shelf *shelf = &made->weights->shelf;
    asked ask = asked_of(made->shop, made->stage);
    bool below = ask.chain;
    made->lowest = made->n_layers;
    for (int32_t i = 0; i < made->n_layers; i++) {
        int32_t layer = made->first_layer + i;
        int64_t offset = made->weights->offsets[i];
        const weft_i_program *program = &made->module->programs[layer];
        bool is_embedding = program->layer->kind == WEFT_LAYER_EMBEDDING;
        bool crosses = program->layer->cross_hidden > 0;
        bool learns = made->module->learns[layer] && stage->backward == WEFT_BACKWARD_FULL;
        if (layer == 0 && !is_embedding) below = ask.media;
        const weft_i_wants wants = {.input = below,
                                    .media = ask.media && is_embedding,
                                    .context = ask.context && crosses,
                                    .weights = learns};
        uint32_t redo;
        weft_status status = redo_of(stage, i, error, &redo);
        if (status != WEFT_STATUS_OK) return status;
        weft_i_rules_make(program, wants, redo, &made->rules[i]);
        below = below || wants.media || wants.context || learns;
        if (below && made->lowest == made->n_layers) made->lowest = i;
        made->tapes[i] = (weft_i_tape){.program = program,
                                       .rules = &made->rules[i],
                                       .sheet = &made->sheets[i],
                                       .parameters = shelf->values + offset,
                                       .operands = weft_i_kit_at(kit, shelf->operands, offset),
                                       .gradients = learns ? shelf->gradients + offset : NULL,
                                       .kit = kit,
                                       .pool = &made->shop->pool,
                                       .loss = made->shop->loss};
    }
    return WEFT_STATUS_OK;
}

/* Floats of the host as values, in the kit's memory; NULL when out of memory. */
static void *import(const weft_i_kit *kit, const float *from, int64_t n)
{
    void *made = kit->memory->allocate(kit->memory->context, (size_t)(n + 1) * kit->value_bytes);
    if (made && kit->import(kit->context, from, n, made)) return made;
    kit->memory->release(kit->memory->context, made);
    return NULL;
}

static weft_status make_times(weft_i_worker_stage *made, int32_t sub, weft_error *error)
{
    const weft_i_rows *rows = made->shop->rows;
    int32_t width = 0;
    for (int32_t i = 0; i < made->n_layers; i++) {
        const weft_i_program *program = &made->module->programs[made->first_layer + i];
        if (program->layer->kind == WEFT_LAYER_DIT)
            width = program->tensors[WEFT_I_TENSOR_TIME].width;
    }
    if (width == 0) return WEFT_STATUS_OK;
    int64_t n = (int64_t)rows->sheets[sub][0].n_spans * width;
    float *times = weft_i_alloc((size_t)n + 1, sizeof(float));
    if (!times) return weft_i_no_memory(error);
    weft_i_feed_times(rows, sub, width, times);
    made->times = import(made->shop->kit, times, n);
    free(times);
    return made->times ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

static weft_status make_patches(weft_i_worker_stage *made, int32_t sub, bool has_patches,
                                bool has_velocities, bool flows, weft_error *error)
{
    const weft_i_kit *kit = made->shop->kit;
    int32_t width = made->module->module->layers[0].in_features;
    int64_t n = (int64_t)made->shop->rows->sheets[sub][0].n_rows * width;
    size_t n_bytes = (size_t)(n + 1) * sizeof(float);
    float *patches = weft_i_alloc(1, n_bytes), *velocities = weft_i_alloc(1, n_bytes);
    bool good = patches && velocities;
    if (good) weft_i_feed_patches(made->shop->rows, sub, width, patches, flows ? velocities : NULL);
    if (good && has_patches) good = (made->patches = import(kit, patches, n)) != NULL;
    if (good && has_velocities) {
        made->velocities = kit->memory->allocate(kit->memory->context, n_bytes);
        good = made->velocities != NULL;
    }
    if (made->velocities) kit->copy(kit->context, made->velocities, velocities, n_bytes);
    weft_status status = good ? kit->finish(kit->context, error) : weft_i_no_memory(error);
    free(patches);
    free(velocities);
    return status;
}

/* Values that are the same in every step. */
static weft_status make_feed(weft_i_worker_stage *made, weft_error *error)
{
    const weft_module *module = made->module->module;
    const weft_layer *last = &module->layers[module->n_layers - 1];
    int32_t sub = made->shop->problem->stages[made->stage].submicrobatch;
    bool flows = !made->module->is_text && last->kind == WEFT_LAYER_HEAD;
    bool has_patches = made->first_layer == 0 && module->layers[0].kind == WEFT_LAYER_PATCH;
    bool has_head = flows && made->first_layer + made->n_layers == module->n_layers;
    weft_status status = make_times(made, sub, error);
    if (status == WEFT_STATUS_OK && (has_patches || has_head))
        status = make_patches(made, sub, has_patches, has_head, flows, error);
    made->sheets[made->n_layers - 1].velocities = made->velocities;
    return status;
}

/* Layers of a level share what the kit makes of their sheet. */
static weft_status make_sheets(weft_i_worker_stage *made, weft_error *error)
{
    const weft_i_kit *kit = made->shop->kit;
    int32_t sub = made->shop->problem->stages[made->stage].submicrobatch, before = -1;
    for (int32_t i = 0; i < made->n_layers; i++) {
        int32_t level = made->module->levels[made->first_layer + i];
        made->sheets[i] = made->shop->rows->sheets[sub][level];
        if (level == before)
            made->sheets[i].copy = made->sheets[i - 1].copy;
        else if (kit->bind && !kit->bind(kit->context, &made->sheets[i]))
            return weft_i_no_memory(error);
        before = level;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_worker_stage_make(weft_i_worker_shop *shop, int32_t stage,
                                     weft_i_weights *weights, weft_i_arena *arena,
                                     weft_error *error, weft_i_worker_stage *out)
{
    weft_i_worker_stage made = {.shop = shop,
                                .stage = stage,
                                .module = weights->module,
                                .weights = weights,
                                .first_layer = weights->first_layer,
                                .n_layers = weights->n_layers};
    made.tapes = weft_i_new(arena, weft_i_tape, made.n_layers);
    made.rules = weft_i_new(arena, weft_i_rules, made.n_layers);
    made.sheets = weft_i_new(arena, weft_i_sheet, made.n_layers);
    if (!made.tapes || !made.rules || !made.sheets) return weft_i_no_memory(error);
    weft_status status = make_sheets(&made, error);
    if (status == WEFT_STATUS_OK) status = make_rules(&made, error);
    if (status == WEFT_STATUS_OK) status = make_feed(&made, error);
    if (status == WEFT_STATUS_OK)
        *out = made;
    else
        weft_i_worker_stage_free(&made);
    return status;
}
