/* runtime/trainee.c - see trainee.h. */
#include "runtime/trainee.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/rows.h"

int32_t weft_i_trainee_module(const weft_i_trainee *trainee, const char *name)
{
    for (int32_t m = 0; m < trainee->model->n_modules; m++)
        if (strcmp(trainee->model->modules[m].name, name) == 0) return m;
    return -1;
}

int32_t weft_i_trainee_level_after(const weft_i_trained_module *module, int32_t layer)
{
    bool merges = module->module->layers[layer].kind == WEFT_LAYER_PROJECTOR;
    return module->levels[layer] + (merges ? 1 : 0);
}

int32_t weft_i_trainee_width_after(const weft_i_trained_module *module, int32_t layer)
{
    return module->module->layers[layer].hidden;
}

uint64_t weft_i_trainee_seed(const weft_i_trainee *trainee, uint64_t what, uint64_t a, uint64_t b,
                             uint64_t c)
{
    const uint64_t parts[] = {what, a, b, c};
    uint64_t seed = trainee->seed;
    for (int i = 0; i < 4; i++) {
        seed = (seed ^ parts[i]) * 0x9e3779b97f4a7c15;
        seed ^= seed >> 29;
    }
    return seed;
}

static weft_status check_sha(const char *what, const char *name, const char *planned,
                             const char *found, weft_error *error)
{
    if (planned[0] == '\0')
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "the plan was not made from a %s, so that it cannot be trained", what);
    if (strcmp(planned, found) == 0) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                       "%s %.80s has sha256 %.12s..., the plan was made from one with %.12s...",
                       what, name, found, planned);
}

static weft_status check_inputs(const weft_plan *plan, const weft_model *model,
                                const weft_batch *batch, weft_error *error)
{
    const weft_parallel *p = &plan->parallel;
    if (p->tp != 1 || p->cp != 1 || p->ep != 1)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "weft-run trains plans of tp, cp and ep 1, found %d, %d and %d", p->tp,
                           p->cp, p->ep);
    weft_status status = check_sha("model", model->name, plan->model.sha256, model->sha256, error);
    if (status != WEFT_STATUS_OK || !batch) return status;
    return check_sha("batch", batch->name, plan->batch.sha256, batch->sha256, error);
}

/* Whether a chunk's backward makes gradients of weights. */
static bool chunk_learns(const weft_plan *plan, int32_t chunk)
{
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        const weft_problem *problem = &plan->pipelines[p].problem;
        for (int32_t s = 0; s < problem->n_stages; s++)
            if (problem->stages[s].chunk == chunk)
                return problem->stages[s].backward == WEFT_BACKWARD_FULL;
    }
    return false;
}

static weft_status find_learners(weft_i_trainee *trainee, const weft_plan *plan, weft_error *error)
{
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        const weft_chunk *chunk = &plan->chunks[c];
        int32_t m = weft_i_trainee_module(trainee, chunk->module), end;
        end = chunk->first_layer + chunk->layers;
        if (m < 0 || end > trainee->model->modules[m].n_layers)
            return weft_i_fail(
                error, WEFT_STATUS_BAD_INPUT,
                "chunk %d has layers %d to %d of module %.80s, which model %.80s lacks", c,
                chunk->first_layer, end - 1, chunk->module, trainee->model->name);
        bool any = false, learns = chunk_learns(plan, c);
        const weft_layer *layers = trainee->model->modules[m].layers;
        for (int32_t l = chunk->first_layer; l < end; l++)
            any = any || layers[l].trainable;
        for (int32_t l = chunk->first_layer; l < end; l++)
            trainee->modules[m].learns[l] = learns && (layers[l].trainable || !any);
    }
    return WEFT_STATUS_OK;
}

static int32_t width_into(const weft_module *module, int32_t l)
{
    if (l > 0) return module->layers[l - 1].hidden;
    const weft_layer *first = &module->layers[0];
    if (first->kind == WEFT_LAYER_EMBEDDING) return 0;
    if (first->kind == WEFT_LAYER_PATCH) return first->in_features;
    return first->kind == WEFT_LAYER_PROJECTOR ? first->in_features / first->merge : first->hidden;
}

/* A layer's program; a refusal says which layer it is. */
static weft_status make_program(weft_i_trained_module *made, int32_t l, weft_error *error)
{
    const weft_module *module = made->module;
    weft_error own = {0};
    weft_status status = weft_i_program_make(&module->layers[l], width_into(module, l),
                                             made->is_text, &own, &made->programs[l]);
    if (status == WEFT_STATUS_OK) return status;
    return weft_i_fail(error, status, "module %.80s, layer %d: %s", module->name, l, own.text);
}

static weft_status make_module(weft_i_trainee *trainee, int32_t m, weft_error *error)
{
    const weft_module *module = &trainee->model->modules[m];
    weft_i_trained_module *made = &trainee->modules[m];
    made->module = module;
    made->is_text = module->modality == WEFT_MODALITY_TEXT;
    made->programs = weft_i_new(&trainee->arena, weft_i_program, module->n_layers);
    made->learns = weft_i_new(&trainee->arena, bool, module->n_layers);
    made->levels = weft_i_new(&trainee->arena, int32_t, module->n_layers);
    if (!made->programs || !made->learns || !made->levels) return weft_i_no_memory(error);
    for (int32_t l = 0; l < module->n_layers; l++) {
        weft_status status = make_program(made, l, error);
        if (status != WEFT_STATUS_OK) return status;
        made->levels[l] = l == 0 ? 0 : weft_i_trainee_level_after(made, l - 1);
    }
    made->n_levels = weft_i_trainee_level_after(made, module->n_layers - 1) + 1;
    return WEFT_STATUS_OK;
}

/* Flow matching needs an output for every value of a patch, and as many tokens as came in. */
static weft_status check_module(const weft_i_trained_module *made, weft_error *error)
{
    const weft_module *module = made->module;
    const weft_layer *first = &module->layers[0], *last = &module->layers[module->n_layers - 1];
    if (last->kind != WEFT_LAYER_HEAD) return WEFT_STATUS_OK;
    if (made->n_levels > 1)
        return weft_i_fail(
            error, WEFT_STATUS_BAD_INPUT,
            "module %.80s has a head behind a projector, which cannot be trained here",
            module->name);
    bool fits = made->is_text
                    ? first->kind == WEFT_LAYER_EMBEDDING && first->vocab == last->vocab
                    : first->kind == WEFT_LAYER_PATCH && first->in_features == last->vocab;
    if (fits) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                       "the head of module %.80s has %d outputs, which its first layer does not "
                       "take: cannot be trained here",
                       module->name, last->vocab);
}

static bool is_fed(const weft_model *model, int32_t m, weft_edge_kind kind)
{
    for (int32_t e = 0; e < model->n_edges; e++)
        if (model->edges[e].to_module == m && model->edges[e].kind == kind) return true;
    return false;
}

static weft_status check_edges(const weft_model *model, weft_error *error)
{
    for (int32_t e = 0; e < model->n_edges; e++) {
        const weft_model_edge *edge = &model->edges[e];
        weft_layer_kind first = model->modules[edge->to_module].layers[0].kind;
        const char *what = NULL;
        if (edge->kind == WEFT_EDGE_ADD) what = "an edge of kind add";
        if (edge->kind == WEFT_EDGE_SKIP) what = "an edge of kind skip";
        if (edge->kind == WEFT_EDGE_TOKENS && edge->to_last_layer > 0)
            what = "tokens into a later layer";
        if (edge->kind == WEFT_EDGE_TOKENS && first == WEFT_LAYER_PATCH)
            what = "tokens among patches";
        if (!what) continue;
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "module %.80s is fed by %s, which cannot be trained here, only emulated",
                           model->modules[edge->to_module].name, what);
    }
    for (int32_t m = 0; m < model->n_modules; m++)
        for (int32_t l = 0; l < model->modules[m].n_layers; l++)
            if (model->modules[m].layers[l].cross_hidden > 0 &&
                !is_fed(model, m, WEFT_EDGE_CONDITION))
                return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                                   "module %.80s reads features that no module makes, which cannot "
                                   "be trained here, only emulated",
                                   model->modules[m].name);
    return WEFT_STATUS_OK;
}

static weft_status count_targets(weft_i_trainee *trainee, const weft_plan *plan, weft_error *error)
{
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        weft_i_rows *rows = NULL;
        weft_status status = weft_i_rows_create(trainee, &plan->pipelines[p].problem, error, &rows);
        if (status != WEFT_STATUS_OK) return status;
        trainee->n_targets += rows->n_targets;
        weft_i_rows_free(rows);
    }
    if (trainee->n_targets == 0) trainee->n_targets = 1;
    return WEFT_STATUS_OK;
}

static weft_status fill(weft_i_trainee *trainee, const weft_plan *plan, weft_error *error)
{
    const weft_model *model = trainee->model;
    trainee->modules = weft_i_new(&trainee->arena, weft_i_trained_module, model->n_modules);
    if (!trainee->modules) return weft_i_no_memory(error);
    weft_status status = check_edges(model, error);
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < model->n_modules; m++) {
        status = make_module(trainee, m, error);
        if (status == WEFT_STATUS_OK) status = check_module(&trainee->modules[m], error);
    }
    if (status == WEFT_STATUS_OK) status = find_learners(trainee, plan, error);
    return status == WEFT_STATUS_OK ? count_targets(trainee, plan, error) : status;
}

weft_status weft_i_trainee_create(const weft_plan *plan, const weft_model *model,
                                  const weft_batch *batch, uint64_t seed, weft_error *error,
                                  weft_i_trainee **out_trainee)
{
    weft_status status = check_inputs(plan, model, batch, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_trainee *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return weft_i_no_memory(error);
    made->model = model;
    made->batch = batch;
    made->seed = seed;
    status = fill(made, plan, error);
    if (status == WEFT_STATUS_OK)
        *out_trainee = made;
    else
        weft_i_trainee_free(made);
    return status;
}

void weft_i_trainee_free(weft_i_trainee *trainee)
{
    if (!trainee) return;
    weft_i_arena_free(&trainee->arena);
    free(trainee);
}
