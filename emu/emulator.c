/* emu/emulator.c - making an emulator: feasibility, gradient flow, classes of layers. */
#include "emu/emulator.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "emu/shards.h"
#include "emu/strategies.h"
#include "emu/timed.h"

/* Of each of the two caches; enough for a step of the largest shipped set-ups many times over. */
static const size_t max_cache_bytes = (size_t)32 << 20;

static weft_status out_of_memory(weft_error *error)
{
    return weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "out of memory");
}

static weft_status check_sizes(const weft_i_emu *emu, weft_error *error)
{
    const weft_parallel *p = &emu->parallel;
    const int32_t sizes[] = {p->dp, p->pp, p->tp, p->cp, p->ep};
    static const char *const names[] = {"dp", "pp", "tp", "cp", "ep"};
    for (size_t i = 0; i < 5; i++)
        if (sizes[i] < 1)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "%s is %d, expected 1 or more",
                               names[i], sizes[i]);
    double devices = (double)p->dp * p->pp * p->tp * p->cp;
    int32_t there = weft_cluster_devices(emu->cluster);
    if (devices > there)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                           "dp %d x pp %d x tp %d x cp %d needs %.0f devices of %d", p->dp, p->pp,
                           p->tp, p->cp, devices, there);
    if (p->dp % p->ep != 0)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE, "ep %d does not divide dp %d", p->ep,
                           p->dp);
    if (p->tp > WEFT_I_MAX_SPREAD)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE, "tp %d is over %d", p->tp,
                           WEFT_I_MAX_SPREAD);
    return WEFT_STATUS_OK;
}

static weft_status check_layer(const weft_i_emu *emu, int32_t m, int32_t l, weft_error *error)
{
    const weft_layer *layer = &emu->model->modules[m].layers[l];
    const char *name = emu->model->modules[m].name;
    int32_t tp = emu->modules[m].tp_mode == WEFT_TP_MODE_TP ? emu->parallel.tp : 1;
    if (layer->heads % tp != 0)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                           "module %s, layer %d: %d heads do not divide by tp %d (tp_mode "
                           "dp_in_tp does without)",
                           name, l, layer->heads, tp);
    if (layer->kv_heads > 0 && layer->kv_heads % tp != 0 && tp % layer->kv_heads != 0)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                           "module %s, layer %d: %d key heads do not divide by tp %d", name, l,
                           layer->kv_heads, tp);
    if (layer->experts % emu->parallel.ep != 0)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                           "module %s, layer %d: %d experts do not divide by ep %d", name, l,
                           layer->experts, emu->parallel.ep);
    return WEFT_STATUS_OK;
}

static weft_status check(const weft_i_emu *emu, weft_error *error)
{
    for (int32_t m = 0; m < emu->model->n_modules; m++)
        for (int32_t l = 0; l < emu->model->modules[m].n_layers; l++) {
            weft_status status = check_layer(emu, m, l, error);
            if (status != WEFT_STATUS_OK) return status;
        }
    const weft_device *device = emu->machine.device;
    if (emu->recipe->precision == WEFT_PRECISION_FP8 && device->fp8_tflops <= 0)
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE, "device %s has no fp8", device->name);
    return WEFT_STATUS_OK;
}

static weft_status make_modules(weft_i_emu *emu, weft_error *error)
{
    const weft_model *model = emu->model;
    emu->modules = weft_i_new(&emu->arena, weft_i_emu_module, model->n_modules);
    for (int32_t m = 0; emu->modules && m < model->n_modules; m++) {
        const weft_module *module = &model->modules[m];
        weft_recipe_module said = weft_recipe_of_module(emu->recipe, module->name);
        weft_i_emu_module *own = &emu->modules[m];
        own->classes = weft_i_new(&emu->arena, int32_t, module->n_layers);
        own->run_end = weft_i_new(&emu->arena, int32_t, module->n_layers);
        own->merge = weft_i_new(&emu->arena, int64_t, module->n_layers);
        own->trained = weft_i_new(&emu->arena, bool, module->n_layers);
        own->asked = weft_i_new(&emu->arena, bool, module->n_layers);
        if (!own->classes || !own->run_end || !own->merge || !own->trained || !own->asked)
            return out_of_memory(error);
        own->tp_mode = said.tp_mode;
        emu->spreads |= said.tp_mode == WEFT_TP_MODE_DP_IN_TP && emu->parallel.tp > 1;
        int64_t merge = 1;
        for (int32_t l = 0; l < module->n_layers; l++) {
            const weft_layer *layer = &module->layers[l];
            merge *= layer->merge > 1 ? layer->merge : 1;
            own->merge[l] = merge;
            own->trained[l] = said.frozen < 0 ? layer->trainable : said.frozen == 0;
        }
    }
    return emu->modules ? WEFT_STATUS_OK : out_of_memory(error);
}

/* Whether layer l of module m wants the gradient of its output. */
static bool wants(const weft_i_emu *emu, int32_t m, int32_t l)
{
    return emu->modules[m].trained[l] || emu->modules[m].asked[l];
}

/* Whether an edge into layer l of module m asks for a gradient: of the condition that it reads, or
 * of anything else. */
static bool edge_asks(const weft_i_emu *emu, int32_t m, int32_t l, bool condition)
{
    for (int32_t i = 0; i < emu->model->n_edges; i++) {
        const weft_model_edge *edge = &emu->model->edges[i];
        if (edge->gradient && (edge->kind == WEFT_EDGE_CONDITION) == condition &&
            edge->to_module == m && edge->to_first_layer <= l && l <= edge->to_last_layer &&
            wants(emu, edge->from_module, edge->from_layer))
            return true;
    }
    return false;
}

static weft_i_place place_of(weft_i_emu *emu, int32_t m, int32_t l)
{
    weft_i_emu_module *own = &emu->modules[m];
    weft_i_place place = {.tp_mode = own->tp_mode};
    place.condition_asked = edge_asks(emu, m, l, true);
    place.asked = (l > 0 && wants(emu, m, l - 1)) || edge_asks(emu, m, l, false);
    own->asked[l] = place.asked || place.condition_asked;
    place.backward = own->trained[l] ? WEFT_BACKWARD_FULL
                     : own->asked[l] ? WEFT_BACKWARD_INPUT
                                     : WEFT_BACKWARD_NONE;
    return place;
}

/* Measured layers are told apart by their table. */
static int64_t measured_number(const weft_i_emu *emu, const weft_layer *layer)
{
    for (int32_t c = 0; c < emu->n_classes; c++) {
        const weft_layer *other = emu->classes[c].layer;
        if (other->rows == layer->rows && other->n_rows == layer->n_rows &&
            other->parameters == layer->parameters)
            return emu->classes[c].shape.measured;
    }
    return emu->n_classes;
}

static int32_t core_number(const weft_i_emu *emu, const weft_i_core *core)
{
    for (int32_t c = 0; c < emu->n_classes; c++)
        if (memcmp(&emu->classes[c].core, core, sizeof *core) == 0)
            return emu->classes[c].core_number;
    return emu->n_classes;
}

/* Room for one more class: most models have few, whatever the number of their layers. */
static bool has_room(weft_i_emu *emu)
{
    if (emu->n_classes < emu->max_classes) return true;
    int32_t n = emu->max_classes > 0 ? 2 * emu->max_classes : 8;
    weft_i_class *grown = weft_i_new(&emu->arena, weft_i_class, n);
    if (!grown) return false;
    if (emu->n_classes > 0) memcpy(grown, emu->classes, (size_t)emu->n_classes * sizeof *grown);
    emu->classes = grown;
    emu->max_classes = n;
    return true;
}

/* The class of a layer, made where there is none like it yet; -1 = out of memory. */
static int32_t class_of(weft_i_emu *emu, int32_t m, int32_t l)
{
    const weft_i_emu_module *module = &emu->modules[m];
    const weft_layer *layer = &emu->model->modules[m].layers[l];
    weft_i_class made = {.layer = layer};
    weft_i_place place = place_of(emu, m, l);
    made.shape = weft_i_shape_of(layer, emu->recipe, &emu->parallel, &place);
    if (emu->cluster->stack.unfused_attention) made.shape.flash = 0;
    if (layer->kind == WEFT_LAYER_MEASURED) made.shape.measured = measured_number(emu, layer);
    int64_t spread = module->tp_mode == WEFT_TP_MODE_DP_IN_TP ? emu->parallel.tp : 1;
    int64_t merge = l > 0 ? module->merge[l - 1] : 1;
    made.core = weft_i_core_of(&made.shape, merge, spread);
    made.shard = weft_i_shard_of(emu, m, l);
    for (int32_t c = 0; c < emu->n_classes; c++)
        if (memcmp(&emu->classes[c].shape, &made.shape, sizeof made.shape) == 0 &&
            memcmp(&emu->classes[c].core, &made.core, sizeof made.core) == 0 &&
            memcmp(&emu->classes[c].shard, &made.shard, sizeof made.shard) == 0)
            return c;
    if (!has_room(emu)) return -1;
    made.core_number = core_number(emu, &made.core);
    made.flop = weft_i_layer_flop_rates(&made.shape, layer);
    emu->classes[emu->n_classes] = made;
    return emu->n_classes++;
}

static weft_status make_classes(weft_i_emu *emu, weft_error *error)
{
    const weft_model *model = emu->model;
    /* An edge goes from a lower module to a higher: what is asked is known when it is needed. */
    for (int32_t m = 0; m < model->n_modules; m++)
        for (int32_t l = 0; l < model->modules[m].n_layers; l++) {
            emu->modules[m].classes[l] = class_of(emu, m, l);
            if (emu->modules[m].classes[l] < 0) return out_of_memory(error);
        }
    for (int32_t m = 0; m < model->n_modules; m++) {
        weft_i_emu_module *own = &emu->modules[m];
        for (int32_t l = model->modules[m].n_layers - 1; l >= 0; l--) {
            bool runs_on =
                l + 1 < model->modules[m].n_layers && own->classes[l + 1] == own->classes[l];
            own->run_end[l] = runs_on ? own->run_end[l + 1] : l + 1;
        }
    }
    return WEFT_STATUS_OK;
}

static weft_status build(weft_i_emu *emu, weft_error *error)
{
    weft_status status = check_sizes(emu, error);
    if (status == WEFT_STATUS_OK) status = weft_i_strategies_make(emu, error);
    if (status == WEFT_STATUS_OK) status = make_modules(emu, error);
    if (status != WEFT_STATUS_OK) return status;
    emu->machine = weft_i_machine_make(emu->cluster, emu->recipe, &emu->parallel);
    status = check(emu, error);
    if (status == WEFT_STATUS_OK) status = make_classes(emu, error);
    if (status == WEFT_STATUS_OK) status = weft_i_timed_make(emu, error);
    if (status != WEFT_STATUS_OK || emu->reuse != WEFT_REUSE_MODE_ALL) return status;
    emu->cache = weft_i_cache_create(max_cache_bytes);
    emu->stages = weft_i_cache_create(max_cache_bytes);
    return emu->cache && emu->stages ? WEFT_STATUS_OK : out_of_memory(error);
}

weft_status weft_i_emu_create(const weft_model *model, const weft_cluster *cluster,
                              const weft_recipe *recipe, const weft_parallel *parallel,
                              weft_reuse_mode reuse, weft_error *error, weft_i_emu **out_emu)
{
    weft_i_emu *emu = weft_i_alloc(1, sizeof *emu);
    if (!emu) return out_of_memory(error);
    emu->model = model;
    emu->cluster = cluster;
    emu->recipe = recipe;
    emu->parallel = *parallel;
    emu->reuse = reuse;
    weft_status status = build(emu, error);
    if (status != WEFT_STATUS_OK) {
        weft_i_emu_free(emu);
        return status;
    }
    *out_emu = emu;
    return WEFT_STATUS_OK;
}

void weft_i_emu_free(weft_i_emu *emu)
{
    if (!emu) return;
    weft_i_cache_free(emu->cache);
    weft_i_cache_free(emu->stages);
    weft_i_arena_free(&emu->arena);
    free(emu);
}

weft_reuse weft_i_emu_reuse(const weft_i_emu *emu)
{
    return (weft_reuse){weft_i_cache_stats(emu->cache), weft_i_cache_stats(emu->stages)};
}
