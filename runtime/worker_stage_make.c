/* runtime/worker_stage_make.c - what a stage's layers have to keep and to give back, by the plan's
 * memory strategies and by the gradients that its edges ask for. */
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

static weft_status keep_of(const weft_stage *stage, int32_t i, weft_error *error, weft_i_keep *out)
{
    /* What is kept on the host stays where it is: there is one memory only. */
    static const struct {
        const char *name;
        weft_i_keep keep;
    } strategies[] = {{"none", WEFT_I_KEEP_ALL},
                      {"offload", WEFT_I_KEEP_ALL},
                      {"selective", WEFT_I_KEEP_SELECTIVE},
                      {"full", WEFT_I_KEEP_INPUT}};
    const char *name = "none";
    int32_t end = 0;
    for (int32_t r = 0; r < stage->now.n_memory && i >= end; r++) {
        end += stage->now.memory[r].layers;
        name = stage->now.memory[r].strategy;
    }
    for (int k = 0; k < 4; k++)
        if (strcmp(name, strategies[k].name) == 0) {
            *out = strategies[k].keep;
            return WEFT_STATUS_OK;
        }
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                       "memory strategy '%.40s': expected none, selective, full or offload", name);
}

/* From the first layer up: what is wanted of a layer's input depends on what lies below it. */
static weft_status make_rules(weft_i_worker_stage *made, weft_error *error)
{
    const weft_stage *stage = &made->shop->problem->stages[made->stage];
    asked ask = asked_of(made->shop, made->stage);
    bool below = ask.chain;
    made->lowest = made->n_layers;
    for (int32_t i = 0; i < made->n_layers; i++) {
        int32_t layer = made->first_layer + i;
        const weft_i_program *program = &made->module->programs[layer];
        bool is_embedding = program->layer->kind == WEFT_LAYER_EMBEDDING;
        bool crosses = program->layer->cross_hidden > 0;
        bool learns = made->module->learns[layer] && stage->backward == WEFT_BACKWARD_FULL;
        if (layer == 0 && !is_embedding) below = ask.media;
        const weft_i_wants wants = {.input = below,
                                    .media = ask.media && is_embedding,
                                    .context = ask.context && crosses,
                                    .weights = learns};
        weft_i_keep keep = WEFT_I_KEEP_ALL;
        weft_status status = keep_of(stage, i, error, &keep);
        if (status != WEFT_STATUS_OK) return status;
        weft_i_rules_make(program, wants, keep, &made->rules[i]);
        below = below || wants.media || wants.context || learns;
        if (below && made->lowest == made->n_layers) made->lowest = i;
        made->tapes[i] = (weft_i_tape){
            .program = program,
            .rules = &made->rules[i],
            .sheet = &made->sheets[i],
            .parameters = made->weights->values + made->weights->offsets[i],
            .gradients = learns ? made->weights->gradients + made->weights->offsets[i] : NULL,
            .pool = &made->shop->pool};
    }
    return WEFT_STATUS_OK;
}

/* Values that are the same in every step. */
static weft_status make_feed(weft_i_worker_stage *made, weft_i_arena *arena, weft_error *error)
{
    const weft_module *module = made->module->module;
    const weft_layer *first = &module->layers[0], *last = &module->layers[module->n_layers - 1];
    int32_t sub = made->shop->problem->stages[made->stage].submicrobatch, end, width = 0;
    const weft_i_rows *rows = made->shop->rows;
    int64_t n_rows = rows->sheets[sub][0].n_rows;
    bool flows = !made->module->is_text && last->kind == WEFT_LAYER_HEAD;
    end = made->first_layer + made->n_layers;
    bool has_patches = made->first_layer == 0 && first->kind == WEFT_LAYER_PATCH;
    bool has_head = flows && end == module->n_layers;
    for (int32_t l = made->first_layer; l < end; l++)
        if (module->layers[l].kind == WEFT_LAYER_DIT)
            width = made->module->programs[l].tensors[WEFT_I_TENSOR_TIME].width;
    if (width > 0)
        made->times = weft_i_new(arena, float, (int64_t)rows->sheets[sub][0].n_spans *width);
    if (width > 0 && !made->times) return weft_i_no_memory(error);
    if (width > 0) weft_i_feed_times(rows, sub, width, made->times);
    if (!has_patches && !has_head) return WEFT_STATUS_OK;
    float *patches = weft_i_new(arena, float, n_rows * first->in_features);
    float *velocities = weft_i_new(arena, float, n_rows * first->in_features);
    if (!patches || !velocities) return weft_i_no_memory(error);
    weft_i_feed_patches(rows, sub, first->in_features, patches, flows ? velocities : NULL);
    if (has_patches) made->patches = patches;
    if (has_head) made->sheets[made->n_layers - 1].velocities = velocities;
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
    int32_t sub = shop->problem->stages[stage].submicrobatch;
    made.tapes = weft_i_new(arena, weft_i_tape, made.n_layers);
    made.rules = weft_i_new(arena, weft_i_rules, made.n_layers);
    made.sheets = weft_i_new(arena, weft_i_sheet, made.n_layers);
    if (!made.tapes || !made.rules || !made.sheets) return weft_i_no_memory(error);
    for (int32_t i = 0; i < made.n_layers; i++)
        made.sheets[i] = shop->rows->sheets[sub][made.module->levels[made.first_layer + i]];
    weft_status status = make_rules(&made, error);
    if (status == WEFT_STATUS_OK) status = make_feed(&made, arena, error);
    if (status == WEFT_STATUS_OK) *out = made;
    return status;
}
