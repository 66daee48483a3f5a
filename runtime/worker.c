/* runtime/worker.c - see worker.h. */
#include "runtime/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/kernels.h"
#include "runtime/worker_stage.h"

struct weft_i_worker {
    const weft_i_trainee *trainee;
    const weft_plan *plan;
    const weft_pipeline *pipeline;
    int32_t rank;
    weft_i_worker_options options;
    weft_i_arena arena;
    weft_i_rows *rows;
    weft_i_routes routes;
    weft_i_worker_shop shop;
    weft_i_weights *weights;     /* per chunk; those of other ranks are empty */
    weft_i_worker_stage *stages; /* per stage; those of other ranks are empty */
    int32_t step;
};

void weft_i_worker_options_init(weft_i_worker_options *options)
{
    *options = (weft_i_worker_options){
        .adamw = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .decay = 0.1}};
}

static weft_status begin_pass(weft_i_worker *device, const weft_run_action *action,
                              weft_error *error)
{
    return weft_i_worker_stage_begin(&device->stages[action->operand], (weft_pass)action->kind,
                                     error);
}

static weft_status take_payload(weft_i_worker *device, int32_t edge, weft_error *error)
{
    int64_t n = weft_i_worker_edge_floats(&device->shop, edge);
    device->shop.payloads[edge] =
        weft_i_pool_take(&device->shop.pool, (size_t)(n + 1) * sizeof(float));
    return device->shop.payloads[edge] ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

/* A chunk that has a layer of a module: its weights, or NULL where another rank has it. */
static weft_i_weights *holder_of(const weft_i_worker *device, int32_t module, int32_t layer,
                                 int32_t *out_rank)
{
    const char *name = device->trainee->model->modules[module].name;
    for (int32_t c = 0; c < device->plan->n_chunks; c++) {
        const weft_chunk *chunk = &device->plan->chunks[c];
        if (strcmp(chunk->module, name) != 0 || layer < chunk->first_layer ||
            layer >= chunk->first_layer + chunk->layers)
            continue;
        *out_rank = chunk->rank;
        return chunk->rank == device->rank ? &device->weights[c] : NULL;
    }
    *out_rank = -1;
    return NULL;
}

/* The gradients of an embedding and of the head that is tied to it, each here or elsewhere, become
 * their sum. */
static weft_status tie(weft_i_worker *device, int32_t m, weft_error *error)
{
    const weft_i_trained_module *module = &device->trainee->modules[m];
    int32_t last = module->module->n_layers - 1, ranks[2];
    const weft_layer *table = &module->module->layers[0];
    int64_t n = (int64_t)table->vocab * table->hidden;
    weft_i_weights *holders[2] = {holder_of(device, m, 0, &ranks[0]),
                                  holder_of(device, m, last, &ranks[1])};
    bool is_far = ranks[0] != ranks[1];
    if ((!is_far && !holders[0]) || (is_far && !device->options.add_up)) return WEFT_STATUS_OK;
    float *sum = weft_i_alloc((size_t)n, sizeof(float)), *own[2] = {NULL, NULL};
    if (!sum) return weft_i_no_memory(error);
    for (int i = 0; i < 2; i++) {
        if (!holders[i]) continue;
        own[i] = holders[i]->gradients + weft_i_weights_tied(holders[i], i == 1);
        weft_i_accumulate(own[i], n, sum);
    }
    weft_status status = WEFT_STATUS_OK;
    if (is_far) status = device->options.add_up(device->options.add_up_context, sum, n, error);
    for (int i = 0; i < 2; i++)
        if (own[i]) memcpy(own[i], sum, (size_t)n * sizeof(float));
    free(sum);
    return status;
}

static weft_status optimize(weft_i_worker *device, weft_error *error)
{
    const weft_model *model = device->trainee->model;
    for (int32_t m = 0; m < model->n_modules; m++) {
        const weft_i_trained_module *module = &device->trainee->modules[m];
        int32_t last = module->module->n_layers - 1;
        if (!module->module->layers[last].tied || !module->learns[0] || !module->learns[last])
            continue;
        weft_status status = tie(device, m, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    for (int32_t c = 0; c < device->plan->n_chunks; c++)
        if (device->weights[c].gradients)
            weft_i_weights_update(&device->weights[c], &device->options.adamw, device->step + 1);
    return WEFT_STATUS_OK;
}

static weft_status begin(void *context, const weft_run_action *action, weft_error *error)
{
    weft_i_worker *device = context;
    switch (action->kind) {
    case WEFT_ACTION_FW:
    case WEFT_ACTION_BW:
    case WEFT_ACTION_BWI:
    case WEFT_ACTION_BWW:
        return begin_pass(device, action, error);
    case WEFT_ACTION_IRECV:
        return take_payload(device, action->operand, error);
    case WEFT_ACTION_WAIT_ISEND:
        weft_i_pool_give(&device->shop.pool, device->shop.payloads[action->operand]);
        device->shop.payloads[action->operand] = NULL;
        break;
    case WEFT_ACTION_OPTIMIZER:
        return optimize(device, error);
    case WEFT_ACTION_ISEND:
    case WEFT_ACTION_WAIT_IRECV:
    case WEFT_ACTION_REDUCE:
    case WEFT_ACTION_WAIT_REDUCE:
    case WEFT_ACTION_OFFLOAD: /* there is one memory only */
    case WEFT_ACTION_PREFETCH:
    case WEFT_ACTION_WAIT_OFFLOAD:
    case WEFT_ACTION_WAIT_PREFETCH:
    case WEFT_ACTION_UNSHARD:
    case WEFT_ACTION_RESHARD:
    case WEFT_N_ACTIONS:
        break;
    }
    return WEFT_STATUS_OK;
}

static weft_status poll(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns)
{
    weft_i_worker *device = context;
    bool done = true;
    weft_status status = WEFT_STATUS_OK;
    if (action->kind <= WEFT_ACTION_BWW)
        status = weft_i_worker_stage_go_on(&device->stages[action->operand],
                                           (weft_pass)action->kind, error, &done);
    *out_idle_ns = done ? WEFT_RUN_DONE : 0;
    return status;
}

static weft_status buffer(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out_buffer)
{
    (void)error;
    weft_i_worker *device = context;
    int32_t operand = action->operand;
    const int64_t size = (int64_t)sizeof(float);
    if (action->kind == WEFT_ACTION_REDUCE) {
        const weft_i_weights *weights = &device->weights[operand];
        *out_buffer = (weft_run_buffer){
            weights->gradients, weights->gradients ? weights->n * size : 0, WEFT_RUN_ELEMENT_FLOAT};
        return WEFT_STATUS_OK;
    }
    *out_buffer = (weft_run_buffer){device->shop.payloads[operand],
                                    weft_i_worker_edge_floats(&device->shop, operand) * size,
                                    WEFT_RUN_ELEMENT_BYTE};
    return WEFT_STATUS_OK;
}

weft_run_device weft_i_worker_callbacks(weft_i_worker *device)
{
    return (weft_run_device){.context = device, .begin = begin, .poll = poll, .buffer = buffer};
}

void weft_i_worker_step(weft_i_worker *device, int32_t step)
{
    device->step = step;
    device->shop.loss = 0;
    for (int32_t c = 0; c < device->plan->n_chunks; c++) {
        weft_i_weights *weights = &device->weights[c];
        if (weights->gradients) memset(weights->gradients, 0, (size_t)weights->n * sizeof(float));
    }
}

double weft_i_worker_loss(const weft_i_worker *device)
{
    return device->shop.loss / (double)device->trainee->n_targets;
}

const weft_i_weights *weft_i_worker_weights(const weft_i_worker *device, int32_t chunk)
{
    return device->weights[chunk].values ? &device->weights[chunk] : NULL;
}

int32_t weft_i_worker_buffers(const weft_i_worker *device)
{
    int32_t n = 0;
    for (size_t i = 0; i < device->shop.pool.n; i++)
        n += device->shop.pool.buffers[i].taken;
    return n;
}

static weft_status make_weights(weft_i_worker *device, weft_error *error)
{
    device->weights = weft_i_new(&device->arena, weft_i_weights, device->plan->n_chunks);
    if (!device->weights) return weft_i_no_memory(error);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t c = 0; status == WEFT_STATUS_OK && c < device->plan->n_chunks; c++) {
        const weft_chunk *chunk = &device->plan->chunks[c];
        int32_t module = weft_i_trainee_module(device->trainee, chunk->module);
        if (chunk->rank == device->rank)
            status = weft_i_weights_make(device->trainee, module, chunk->first_layer, chunk->layers,
                                         error, &device->weights[c]);
    }
    return status;
}

static weft_status make_stages(weft_i_worker *device, weft_error *error)
{
    const weft_problem *problem = &device->pipeline->problem;
    device->stages = weft_i_new(&device->arena, weft_i_worker_stage, problem->n_stages);
    device->shop.payloads = weft_i_new(&device->arena, float *, problem->n_edges);
    if (!device->stages || !device->shop.payloads) return weft_i_no_memory(error);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < problem->n_stages; s++) {
        weft_i_weights *weights = &device->weights[problem->stages[s].chunk];
        if (weights->values)
            status = weft_i_worker_stage_make(&device->shop, s, weights, &device->arena, error,
                                              &device->stages[s]);
    }
    return status;
}

static weft_status make(weft_i_worker *device, weft_error *error)
{
    const weft_problem *problem = &device->pipeline->problem;
    weft_status status = weft_i_rows_create(device->trainee, problem, error, &device->rows);
    if (status == WEFT_STATUS_OK)
        status = weft_i_routes_make(device->rows, problem, error, &device->routes);
    device->shop.rows = device->rows;
    device->shop.routes = &device->routes;
    device->shop.problem = problem;
    if (status == WEFT_STATUS_OK) status = make_weights(device, error);
    return status == WEFT_STATUS_OK ? make_stages(device, error) : status;
}

weft_status weft_i_worker_create(const weft_i_trainee *trainee, const weft_plan *plan,
                                 int32_t pipeline, int32_t rank,
                                 const weft_i_worker_options *options, weft_error *error,
                                 weft_i_worker **out_device)
{
    weft_i_worker *device = weft_i_alloc(1, sizeof(*device));
    if (!device) return weft_i_no_memory(error);
    device->trainee = trainee;
    device->plan = plan;
    device->pipeline = &plan->pipelines[pipeline];
    device->rank = rank;
    device->options = *options;
    weft_status status = make(device, error);
    if (status == WEFT_STATUS_OK)
        *out_device = device;
    else
        weft_i_worker_free(device);
    return status;
}

void weft_i_worker_free(weft_i_worker *device)
{
    if (!device) return;
    for (int32_t s = 0; device->stages && s < device->pipeline->problem.n_stages; s++)
        weft_i_worker_stage_free(&device->stages[s]);
    for (int32_t c = 0; device->weights && c < device->plan->n_chunks; c++)
        weft_i_weights_free(&device->weights[c]);
    weft_i_routes_free(&device->routes);
    weft_i_rows_free(device->rows);
    weft_i_pool_free(&device->shop.pool);
    weft_i_arena_free(&device->arena);
    free(device);
}
