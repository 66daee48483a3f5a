/* runtime/weights.c - see weights.h. */
#include "runtime/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"

static const weft_i_program *program_of(const weft_i_weights *weights, int32_t i)
{
    return &weights->module->programs[weights->first_layer + i];
}

static bool is_tied_head(const weft_layer *layer)
{
    return layer->kind == WEFT_LAYER_HEAD && layer->tied;
}

/* A matrix is drawn by layer and place; a tied head's by those of the embedding's table. */
static void draw(const weft_i_trainee *trainee, int32_t module, int32_t layer, int p,
                 const weft_i_parameter *at, float *out)
{
    weft_i_rng rng;
    const weft_layer *of = &trainee->model->modules[module].layers[layer];
    bool is_table = is_tied_head(of) && at->rows == of->vocab;
    if (is_table) layer = p = 0;
    weft_i_rng_seed(&rng, weft_i_trainee_seed(trainee, WEFT_I_SEED_WEIGHTS, (uint64_t)module,
                                              (uint64_t)layer, (uint64_t)p));
    for (int64_t i = 0; i < at->rows * at->width; i++) {
        double u = 1 - weft_i_rng_double(&rng), v = weft_i_rng_double(&rng);
        double normal = sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
        out[i] = (float)(at->mean + at->spread * normal);
    }
}

static bool make_arrays(weft_i_weights *weights, bool learns)
{
    size_t n = (size_t)weights->n + 1;
    weights->values = weft_i_alloc(n, sizeof(float));
    if (!learns) return weights->values != NULL;
    weights->gradients = weft_i_alloc(n, sizeof(float));
    weights->means = weft_i_alloc(n, sizeof(float));
    weights->squares = weft_i_alloc(n, sizeof(float));
    return weights->values && weights->gradients && weights->means && weights->squares;
}

/* Of a kit whose memory is the host's, the host's arrays. */
static bool make_shelf(weft_i_weights *weights)
{
    const weft_i_memory *memory = weights->kit->memory;
    weft_i_shelf *shelf = &weights->shelf;
    const float *const near[] = {weights->values, weights->gradients, weights->means,
                                 weights->squares};
    float **const far[] = {&shelf->values, &shelf->gradients, &shelf->means, &shelf->squares};
    size_t n = (size_t)weights->n + 1;
    if (!weights->kit->is_far) {
        *shelf = (weft_i_shelf){weights->values, weights->gradients, weights->means,
                                weights->squares, weights->values};
        return true;
    }
    for (int i = 0; i < 4; i++) {
        if (!near[i]) continue;
        *far[i] = memory->allocate(memory->context, n * sizeof(float));
        if (!*far[i]) return false;
    }
    shelf->operands = memory->allocate(memory->context, n * weights->kit->value_bytes);
    return shelf->operands != NULL;
}

static void free_shelf(weft_i_weights *weights)
{
    const weft_i_shelf *shelf = &weights->shelf;
    if (!weights->kit || !weights->kit->is_far) return;
    void *const arrays[] = {shelf->values, shelf->gradients, shelf->means, shelf->squares,
                            shelf->operands};
    for (int i = 0; i < 5; i++)
        weights->kit->memory->release(weights->kit->memory->context, arrays[i]);
}

weft_status weft_i_weights_make(const weft_i_trainee *trainee, int32_t module, int32_t first_layer,
                                int32_t n_layers, const weft_i_kit *kit, weft_error *error,
                                weft_i_weights *out)
{
    weft_i_weights made = {.module = &trainee->modules[module],
                           .first_layer = first_layer,
                           .n_layers = n_layers,
                           .kit = kit,
                           .offsets = weft_i_alloc((size_t)n_layers, sizeof(int64_t))};
    bool learns = false;
    for (int32_t i = 0; made.offsets && i < n_layers; i++) {
        made.offsets[i] = made.n;
        made.n += program_of(&made, i)->n_values;
        learns = learns || made.module->learns[first_layer + i];
    }
    if (!made.offsets || !make_arrays(&made, learns) || !make_shelf(&made)) {
        weft_i_weights_free(&made);
        return weft_i_no_memory(error);
    }
    for (int32_t i = 0; i < n_layers; i++) {
        const weft_i_program *program = program_of(&made, i);
        for (int p = 0; p < program->n_parameters; p++)
            draw(trainee, module, first_layer + i, p, &program->parameters[p],
                 made.values + made.offsets[i] + program->parameters[p].first);
    }
    weft_status status = weft_i_weights_store(&made, error);
    if (status == WEFT_STATUS_OK)
        *out = made;
    else
        weft_i_weights_free(&made);
    return status;
}

void weft_i_weights_free(weft_i_weights *weights)
{
    free_shelf(weights);
    free(weights->offsets);
    free(weights->values);
    free(weights->gradients);
    free(weights->means);
    free(weights->squares);
    *weights = (weft_i_weights){0};
}

static void copy(const weft_i_weights *weights, float *to, const float *from)
{
    if (from && to)
        weights->kit->copy(weights->kit->context, to, from, (size_t)weights->n * sizeof(float));
}

weft_status weft_i_weights_fetch(const weft_i_weights *weights, weft_error *error)
{
    if (!weights->kit->is_far) return WEFT_STATUS_OK;
    copy(weights, weights->values, weights->shelf.values);
    copy(weights, weights->gradients, weights->shelf.gradients);
    copy(weights, weights->means, weights->shelf.means);
    copy(weights, weights->squares, weights->shelf.squares);
    return weights->kit->finish(weights->kit->context, error);
}

weft_status weft_i_weights_store(const weft_i_weights *weights, weft_error *error)
{
    if (!weights->kit->is_far) return WEFT_STATUS_OK;
    copy(weights, weights->shelf.values, weights->values);
    copy(weights, weights->shelf.means, weights->means);
    copy(weights, weights->shelf.squares, weights->squares);
    weights->kit->make_operands(weights->kit->context, &weights->shelf, weights->n);
    return weights->kit->finish(weights->kit->context, error);
}

static weft_i_adamw_step step_of(const weft_i_adamw *adamw, int64_t step, double decay)
{
    return (weft_i_adamw_step){.beta1 = (float)adamw->beta1,
                               .beta2 = (float)adamw->beta2,
                               .rate = (float)(adamw->rate / (1 - pow(adamw->beta1, (double)step))),
                               .correction = (float)(1 / (1 - pow(adamw->beta2, (double)step))),
                               .kept = (float)(1 - adamw->rate * decay),
                               .epsilon = (float)adamw->epsilon};
}

void weft_i_weights_update(weft_i_weights *weights, const weft_i_adamw *adamw, int64_t step)
{
    const weft_i_adamw_step matrix = step_of(adamw, step, adamw->decay);
    const weft_i_adamw_step vector = step_of(adamw, step, 0);
    for (int32_t i = 0; i < weights->n_layers; i++) {
        const weft_i_program *program = program_of(weights, i);
        if (!weights->module->learns[weights->first_layer + i]) continue;
        for (int p = 0; p < program->n_parameters; p++) {
            const weft_i_parameter *at = &program->parameters[p];
            weights->kit->update(weights->kit->context, &weights->shelf,
                                 weights->offsets[i] + at->first, at->rows * at->width,
                                 at->rows > 1 ? &matrix : &vector);
        }
    }
}

int64_t weft_i_weights_tied(const weft_i_weights *weights, bool head)
{
    const weft_module *module = weights->module->module;
    int32_t last = module->n_layers - 1, layer = head ? last : 0;
    if (!is_tied_head(&module->layers[last])) return -1;
    if (layer < weights->first_layer || layer >= weights->first_layer + weights->n_layers)
        return -1;
    const weft_i_program *program = program_of(weights, layer - weights->first_layer);
    for (int p = 0; p < program->n_parameters; p++)
        if (program->parameters[p].rows == module->layers[0].vocab)
            return weights->offsets[layer - weights->first_layer] + program->parameters[p].first;
    return -1;
}
