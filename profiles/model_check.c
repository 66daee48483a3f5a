/* profiles/model_check.c - rules between layers and modules. Not: rules of one layer (layer.c). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "profiles/layer.h"
#include "profiles/linear.h"
#include "profiles/model_own.h"

enum { MAX_LAYERS = 100000 };

typedef struct place {
    int32_t module, layer, edge;
} place;

static bool unsound(weft_i_model_fault *out, place at, const char *fmt, ...) WEFT_PRINTF(3, 4);
static bool unsound(weft_i_model_fault *out, place at, const char *fmt, ...)
{
    va_list args;
    out->module = at.module;
    out->layer = at.layer;
    out->edge = at.edge;
    va_start(args, fmt);
    vsnprintf(out->text, sizeof(out->text), fmt, args);
    va_end(args);
    return false;
}

/* Values of one token after the layer. */
static int32_t width_after(const weft_layer *layer)
{
    return layer->kind == WEFT_LAYER_HEAD ? layer->vocab : layer->hidden;
}

/* Values of one token that the layer reads; 0 = it reads no tokens of another layer. */
static int32_t width_before(const weft_layer *layer)
{
    switch (layer->kind) {
    case WEFT_LAYER_EMBEDDING:
    case WEFT_LAYER_PATCH:
        return 0;
    case WEFT_LAYER_PROJECTOR:
        return layer->in_features / layer->merge;
    case WEFT_LAYER_TRANSFORMER:
    case WEFT_LAYER_DIT:
    case WEFT_LAYER_HEAD:
    case WEFT_LAYER_MAMBA:
    case WEFT_LAYER_MEASURED:
    case WEFT_N_LAYERS:
        break;
    }
    return layer->hidden;
}

static bool layer_fits(const weft_module *module, int32_t l, place at, weft_i_model_fault *out)
{
    const weft_layer *layer = &module->layers[l];
    int32_t reads = width_before(layer);
    if (l == 0) return true;
    const weft_layer *before = &module->layers[l - 1];
    if (reads == 0)
        return unsound(out, at, "%s must be the first layer", weft_layer_name(layer->kind));
    if (before->kind == WEFT_LAYER_HEAD)
        return unsound(out, at, "a head must be the last layer, found %s after it",
                       weft_layer_name(layer->kind));
    if (reads == width_after(before)) return true;
    return unsound(out, at, "%s reads a width of %d, but the layer before it gives %d",
                   weft_layer_name(layer->kind), reads, width_after(before));
}

static bool is_tie_sound(const weft_module *module, int32_t l, place at, weft_i_model_fault *out)
{
    const weft_layer *head = &module->layers[l], *first = &module->layers[0];
    if (!head->tied) return true;
    if (first->kind == WEFT_LAYER_EMBEDDING && first->vocab == head->vocab &&
        first->hidden == head->hidden)
        return true;
    return unsound(out, at, "a tied head needs an embedding of its size as the first layer");
}

/* Tokens that become one on the way through the module. */
static bool is_merge_sound(const weft_module *module, place at, weft_i_model_fault *out)
{
    int64_t merge = 1, rule = module->input.merge;
    if (module->modality != WEFT_MODALITY_AUDIO) rule *= rule;
    for (int32_t l = 0; l < module->n_layers && merge < INT32_MAX; l++) {
        if (module->layers[l].kind == WEFT_LAYER_PROJECTOR) merge *= module->layers[l].merge;
    }
    if (merge == rule) return true;
    return unsound(out, at,
                   "the input rule makes one token out of %lld, the projectors out of %lld",
                   (long long)rule, (long long)merge);
}

static bool is_module_sound(const weft_model *model, int32_t m, weft_i_model_fault *out)
{
    const weft_module *module = &model->modules[m];
    place at = {m, -1, -1};
    char wrong[160];
    for (int32_t i = 0; i < m; i++) {
        if (strcmp(model->modules[i].name, module->name) == 0)
            return unsound(out, at, "a second module '%s'", module->name);
    }
    if (!is_merge_sound(module, at, out)) return false;
    for (int32_t l = 0; l < module->n_layers; l++) {
        at.layer = l;
        if (!weft_i_layer_is_sound(&module->layers[l], wrong, sizeof(wrong)))
            return unsound(out, at, "%s", wrong);
        if (!layer_fits(module, l, at, out) || !is_tie_sound(module, l, at, out)) return false;
    }
    return true;
}

/* What an edge brings must have the width of what takes it: rows of a table those of its output. */
static bool is_edge_width_sound(const weft_model *model, const weft_model_edge *edge, place at,
                                weft_i_model_fault *out)
{
    int32_t width = width_after(&model->modules[edge->from_module].layers[edge->from_layer]);
    const weft_layer *layers = model->modules[edge->to_module].layers;
    for (int32_t l = edge->to_first_layer; l <= edge->to_last_layer; l++) {
        bool is_condition = edge->kind == WEFT_EDGE_CONDITION;
        int32_t reads = width_before(&layers[l]), takes = reads > 0 ? reads : layers[l].hidden;
        if (is_condition && layers[l].cross_hidden == 0) continue; /* a modulation: any width */
        if (is_condition) takes = layers[l].cross_hidden;
        if (takes == width) continue;
        return unsound(out, at, "a width of %d comes from '%s', but layer %d of '%s' takes %d",
                       width, model->modules[edge->from_module].name, l,
                       model->modules[edge->to_module].name, takes);
    }
    return true;
}

static bool is_edge_sound(const weft_model *model, int32_t e, weft_i_model_fault *out)
{
    const weft_model_edge *edge = &model->edges[e];
    const weft_module *from = &model->modules[edge->from_module];
    const weft_module *to = &model->modules[edge->to_module];
    place at = {-1, -1, e};
    if (edge->from_module >= edge->to_module)
        return unsound(out, at, "edges go to a later module, found '%s' to '%s'", from->name,
                       to->name);
    if (edge->from_layer < 0 || edge->from_layer >= from->n_layers)
        return unsound(out, at, "'%s' has no layer %d, the last is %d", from->name,
                       edge->from_layer, from->n_layers - 1);
    if (edge->to_first_layer < 0 || edge->to_first_layer > edge->to_last_layer ||
        edge->to_last_layer >= to->n_layers)
        return unsound(out, at, "'%s' has no layers %d to %d, the last is %d", to->name,
                       edge->to_first_layer, edge->to_last_layer, to->n_layers - 1);
    return is_edge_width_sound(model, edge, at, out);
}

/* Every module but the backbone feeds another: its work would be for nothing. */
static bool feeds_another(const weft_model *model, int32_t m)
{
    if (m == model->n_modules - 1) return true;
    for (int32_t e = 0; e < model->n_edges; e++) {
        if (model->edges[e].from_module == m) return true;
    }
    return false;
}

static bool are_sums_sound(const weft_model *model, weft_i_model_fault *out)
{
    int64_t n_layers = 0;
    double parameters = 0;
    for (int32_t m = 0; m < model->n_modules; m++) {
        const weft_module *module = &model->modules[m];
        n_layers += module->n_layers;
        for (int32_t l = 0; l < module->n_layers; l++)
            parameters += weft_i_layer_parameters(&module->layers[l]);
    }
    if (n_layers > MAX_LAYERS)
        return unsound(out, (place){-1, -1, -1}, "%lld layers are over the limit of %d",
                       (long long)n_layers, MAX_LAYERS);
    /* 64 bytes a parameter stay countable. */
    if (parameters > (double)(WEFT_INT_MAX / 64))
        return unsound(out, (place){-1, -1, -1}, "%.3g parameters are over the limit of %.3g",
                       parameters, (double)(WEFT_INT_MAX / 64));
    return true;
}

bool weft_i_model_is_sound(const weft_model *model, weft_i_model_fault *out_fault)
{
    for (int32_t m = 0; m < model->n_modules; m++) {
        if (!is_module_sound(model, m, out_fault)) return false;
    }
    for (int32_t e = 0; e < model->n_edges; e++) {
        if (!is_edge_sound(model, e, out_fault)) return false;
    }
    for (int32_t m = 0; m < model->n_modules; m++) {
        if (!feeds_another(model, m))
            return unsound(out_fault, (place){m, -1, -1}, "module '%s' feeds no other",
                           model->modules[m].name);
    }
    return are_sums_sound(model, out_fault);
}
