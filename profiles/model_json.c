/* profiles/model_json.c - a weft.model text into a model. */
#include <string.h>

#include "base/error.h"
#include "profiles/input_rule.h"
#include "profiles/layer.h"
#include "profiles/model_own.h"

enum { MAX_MODULES = 64, MAX_RUNS = 10000, MAX_EDGES = 10000, MAX_LAYERS = 100000 };

/* Names stand in "vision.frozen=true" and "vision=32,0;language=1,10", so they are plain words. */
static bool is_plain_word(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(name);
    return n > 0 && n < 64 && strspn(name, plain) == n;
}

/* Read the runs of layers and expand them. */
static weft_status read_layers(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_module *module)
{
    size_t n_runs;
    int64_t n = 0;
    weft_status status = weft_i_json_array(in, 1, MAX_RUNS, error, &n_runs);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_layer_run *runs = weft_i_new(arena, weft_i_layer_run, n_runs);
    if (!runs) return weft_i_no_memory(error);
    for (size_t i = 0; i < n_runs; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        status = weft_i_layer_read(&item, arena, error, &runs[i]);
        if (status != WEFT_STATUS_OK) return status;
        n += runs[i].count;
        if (n > MAX_LAYERS)
            return weft_i_json_fail(&item, error, "over the limit of %d layers", MAX_LAYERS);
    }
    module->layers = weft_i_new(arena, weft_layer, n);
    if (!module->layers) return weft_i_no_memory(error);
    for (size_t i = 0; i < n_runs; i++) {
        for (int32_t j = 0; j < runs[i].count; j++)
            module->layers[module->n_layers++] = runs[i].layer;
    }
    return WEFT_STATUS_OK;
}

static weft_status read_module(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_module *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_STRING("name", weft_module, name), .required = true},
        {WEFT_I_FIELD_ENUM("modality", weft_module, modality, "text|image|video|audio"),
         .required = true},
        {WEFT_I_FIELD_OTHER("input"), .required = true},
        {WEFT_I_FIELD_OTHER("layers"), .required = true},
    };
    weft_i_json name, input, layers;
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
    if (status != WEFT_STATUS_OK) return status;
    if (!is_plain_word(out->name) && weft_i_json_get(in, "name", &name))
        return weft_i_json_fail(&name, error,
                                "expected 1 to 63 letters, digits, '_' and '-', found '%.80s'",
                                out->name);
    if (weft_i_json_get(in, "input", &input)) {
        status = weft_i_input_rule_read(&input, error, &out->input);
        if (status != WEFT_STATUS_OK) return status;
        if (weft_i_input_rule_modality(out->input.kind) != out->modality)
            return weft_i_json_fail(&input, error, "this rule is not for the module's modality");
    }
    if (!weft_i_json_get(in, "layers", &layers)) return WEFT_STATUS_OK;
    return read_layers(&layers, arena, error, out);
}

static weft_status read_modules(const weft_i_json *root, weft_i_arena *arena, weft_error *error,
                                weft_model *model)
{
    weft_i_json array;
    size_t n = 0;
    weft_status status = WEFT_STATUS_OK;
    if (weft_i_json_get(root, "modules", &array))
        status = weft_i_json_array(&array, 1, MAX_MODULES, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    model->modules = weft_i_new(arena, weft_module, n);
    if (!model->modules) return weft_i_no_memory(error);
    for (; (size_t)model->n_modules < n; model->n_modules++) {
        weft_i_json item = weft_i_json_item(&array, (size_t)model->n_modules);
        status = read_module(&item, arena, error, &model->modules[model->n_modules]);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

/* "from" or "to" of an edge; the layers are as written, -1 = the last. */
typedef struct edge_end {
    const char *name;
    int32_t module, layer, layers[2];
} edge_end;

static weft_status find_module(const weft_i_json *end, const weft_model *model, weft_error *error,
                               edge_end *out)
{
    weft_i_json name;
    for (int32_t m = 0; m < model->n_modules; m++) {
        if (strcmp(model->modules[m].name, out->name) == 0) {
            out->module = m;
            return WEFT_STATUS_OK;
        }
    }
    const weft_i_json *at = weft_i_json_get(end, "module", &name) ? &name : end;
    return weft_i_json_fail(at, error, "no module '%.40s'", out->name);
}

static weft_status read_end(const weft_i_json *edge, const char *key, const weft_model *model,
                            weft_i_arena *arena, weft_error *error, edge_end *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_STRING("module", edge_end, name), .required = true},
        {WEFT_I_FIELD_INT32("layer", edge_end, layer), .min = -1, .max = MAX_LAYERS},
        {WEFT_I_FIELD_OTHER("layers")},
    };
    bool is_to = strcmp(key, "to") == 0;
    weft_i_json end, layers;
    int64_t range[2] = {0, 0};
    *out = (edge_end){.layer = -1};
    if (!weft_i_json_get(edge, key, &end))
        return weft_i_json_fail(edge, error, "missing key '%s'", key);
    /* Only "from" has "layer", only "to" has "layers". */
    weft_i_json_field of_end[2] = {fields[0], fields[is_to ? 2 : 1]};
    weft_status status = weft_i_json_read(&end, of_end, 2, arena, error, out);
    if (status == WEFT_STATUS_OK) status = find_module(&end, model, error, out);
    if (status == WEFT_STATUS_OK && is_to && weft_i_json_get(&end, "layers", &layers))
        status = weft_i_json_ints(&layers, 2, -1, MAX_LAYERS, error, range);
    out->layers[0] = (int32_t)range[0];
    out->layers[1] = (int32_t)range[1];
    return status;
}

static int32_t from_end(int32_t layer, const weft_module *module)
{
    return layer < 0 ? module->n_layers - 1 : layer;
}

static weft_status read_edge(const weft_i_json *in, const weft_model *model, weft_i_arena *arena,
                             weft_error *error, weft_model_edge *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_OTHER("from")},
        {WEFT_I_FIELD_OTHER("to")},
        {WEFT_I_FIELD_ENUM("kind", weft_model_edge, kind, "tokens|add|condition|skip"),
         .required = true},
        {WEFT_I_FIELD_BOOL("gradient", weft_model_edge, gradient)},
    };
    edge_end from, to;
    weft_model_edge edge = {.gradient = true};
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, &edge);
    if (status == WEFT_STATUS_OK) status = read_end(in, "from", model, arena, error, &from);
    if (status == WEFT_STATUS_OK) status = read_end(in, "to", model, arena, error, &to);
    if (status != WEFT_STATUS_OK) return status;
    edge.from_module = from.module;
    edge.from_layer = from_end(from.layer, &model->modules[from.module]);
    edge.to_module = to.module;
    edge.to_first_layer = from_end(to.layers[0], &model->modules[to.module]);
    edge.to_last_layer = from_end(to.layers[1], &model->modules[to.module]);
    *out = edge;
    return WEFT_STATUS_OK;
}

static weft_status read_edges(const weft_i_json *root, weft_i_arena *arena, weft_error *error,
                              weft_model *model)
{
    weft_i_json array;
    size_t n;
    if (!weft_i_json_get(root, "edges", &array)) return WEFT_STATUS_OK;
    weft_status status = weft_i_json_array(&array, 0, MAX_EDGES, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    model->edges = weft_i_new(arena, weft_model_edge, n);
    if (!model->edges) return weft_i_no_memory(error);
    for (; (size_t)model->n_edges < n; model->n_edges++) {
        weft_i_json item = weft_i_json_item(&array, (size_t)model->n_edges);
        status = read_edge(&item, model, arena, error, &model->edges[model->n_edges]);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

/* The run of layers that layer `layer` was expanded from. */
static weft_status fail_at_layer(const weft_i_json *module, const weft_i_model_fault *fault,
                                 weft_error *error)
{
    weft_i_json layers, run, count;
    int64_t n, end = 0;
    if (!weft_i_json_get(module, "layers", &layers))
        return weft_i_json_fail(module, error, "%s", fault->text);
    for (size_t i = 0;; i++) {
        n = 1;
        run = weft_i_json_item(&layers, i);
        if (weft_i_json_get(&run, "count", &count))
            weft_i_json_int(&count, 1, MAX_LAYERS, NULL, &n);
        end += n;
        if (fault->layer < end) return weft_i_json_fail(&run, error, "%s", fault->text);
    }
}

/* Say a fault at the line and path that it came from. */
static weft_status fail_at(const weft_i_json *root, const weft_i_model_fault *fault,
                           weft_error *error)
{
    weft_i_json array, item;
    if (fault->edge >= 0 && weft_i_json_get(root, "edges", &array)) {
        item = weft_i_json_item(&array, (size_t)fault->edge);
        return weft_i_json_fail(&item, error, "%s", fault->text);
    }
    if (fault->module < 0 || !weft_i_json_get(root, "modules", &array))
        return weft_i_json_fail(root, error, "%s", fault->text);
    item = weft_i_json_item(&array, (size_t)fault->module);
    if (fault->layer >= 0) return fail_at_layer(&item, fault, error);
    return weft_i_json_fail(&item, error, "%s", fault->text);
}

static weft_status read_root(const weft_i_json *root, weft_i_arena *arena, weft_error *error,
                             weft_model *model)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_STRING("name", weft_model, name), .required = true},
        {WEFT_I_FIELD("sequence", WEFT_I_JSON_INT64, weft_model, sequence), .min = 0, .max = 1e9},
        {WEFT_I_FIELD_OTHER("modules"), .required = true},
        {WEFT_I_FIELD_OTHER("edges")},
    };
    weft_i_model_fault fault;
    weft_status status = weft_i_json_header(root, "model", 1, error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_json_read(root, fields, WEFT_I_N_FIELDS(fields), arena, error, model);
    if (status == WEFT_STATUS_OK) status = read_modules(root, arena, error, model);
    if (status == WEFT_STATUS_OK) status = read_edges(root, arena, error, model);
    if (status != WEFT_STATUS_OK) return status;
    if (!weft_i_model_is_sound(model, &fault)) return fail_at(root, &fault, error);
    return WEFT_STATUS_OK;
}

weft_status weft_i_model_read_json(const char *name, const char *text, size_t n,
                                   weft_i_arena *arena, weft_error *error, weft_model *model)
{
    weft_i_json_doc *doc;
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json root = weft_i_json_root(doc);
    status = read_root(&root, arena, error, model);
    weft_i_json_free(doc);
    return status;
}
