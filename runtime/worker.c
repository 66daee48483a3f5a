/* runtime/worker.c - see worker.h. */
#include "runtime/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/cpu_kit.h"
#include "runtime/kernels.h"
#include "runtime/staging.h"
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
    bool has_passed; /* the pass under way has all been asked for */
    weft_i_staging staging;
};

/* The kit is looked at no oftener while it works. */
enum { LOOK_NS = 10000 };

void weft_i_worker_options_init(weft_i_worker_options *options)
{
    *options = (weft_i_worker_options){
        .kit = weft_i_cpu_kit(),
        .adamw = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .decay = 0.1}};
}

static weft_status begin_pass(weft_i_worker *device, const weft_run_action *action,
                              weft_error *error)
{
    return weft_i_worker_stage_begin(&device->stages[action->operand], (weft_pass)action->kind,
                                     error);
}

static void copy(const weft_i_worker *device, void *to, const void *from, int64_t n_bytes)
{
    const weft_i_kit *kit = device->shop.kit;
    kit->copy(kit->context, to, from, (size_t)n_bytes);
}

static int64_t gradient_bytes(const weft_i_weights *weights)
{
    return weights->gradients ? weights->n * (int64_t)sizeof(float) : 0;
}

/* Whether messages go through the host: reductions do wherever memory is not the host's. */
static bool stages_messages(const weft_i_worker *device)
{
    return device->shop.kit->is_far && !device->options.is_direct;
}

/* Where what an edge brings is put. */
static weft_status make_room(weft_i_worker *device, int32_t edge, weft_error *error)
{
    void **payload = &device->shop.payloads[edge];
    int64_t n_bytes = weft_i_worker_edge_bytes(&device->shop, edge);
    *payload = weft_i_pool_take(&device->shop.pool, (size_t)n_bytes + sizeof(float));
    return *payload ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

static weft_status begin_send(weft_i_worker *device, int32_t edge, weft_error *error)
{
    if (!stages_messages(device)) return WEFT_STATUS_OK;
    return weft_i_staging_out(&device->staging, &device->staging.messages[edge],
                              device->shop.payloads[edge],
                              weft_i_worker_edge_bytes(&device->shop, edge), error);
}

static weft_status begin_receive(weft_i_worker *device, int32_t edge, weft_error *error)
{
    if (!stages_messages(device)) return make_room(device, edge, error);
    return weft_i_staging_room(&device->staging, &device->staging.messages[edge],
                               weft_i_worker_edge_bytes(&device->shop, edge), error);
}

static weft_status take_received(weft_i_worker *device, int32_t edge, weft_error *error)
{
    if (!stages_messages(device)) return WEFT_STATUS_OK;
    weft_status status = make_room(device, edge, error);
    if (status == WEFT_STATUS_OK)
        weft_i_staging_in(&device->staging, &device->staging.messages[edge],
                          device->shop.payloads[edge],
                          weft_i_worker_edge_bytes(&device->shop, edge));
    return status;
}

static weft_status begin_reduce(weft_i_worker *device, int32_t chunk, weft_error *error)
{
    const weft_i_weights *weights = &device->weights[chunk];
    if (!device->shop.kit->is_far || gradient_bytes(weights) == 0) return WEFT_STATUS_OK;
    return weft_i_staging_out(&device->staging, &device->staging.reductions[chunk],
                              weights->shelf.gradients, gradient_bytes(weights), error);
}

static void take_reduced(weft_i_worker *device, int32_t chunk)
{
    const weft_i_weights *weights = &device->weights[chunk];
    if (device->staging.reductions[chunk].data)
        weft_i_staging_in(&device->staging, &device->staging.reductions[chunk],
                          weights->shelf.gradients, gradient_bytes(weights));
}

static void release_payload(void *context, void *data)
{
    weft_i_worker *device = context;
    weft_i_pool_give(&device->shop.pool, data);
}

static void release_staged(void *context, void *data)
{
    weft_i_worker *device = context;
    weft_i_staging_give(&device->staging, data);
}

/* The transport has what is sent from here on. */
static void part_with(weft_i_worker *device, int32_t edge, weft_run_buffer *buffer)
{
    buffer->release = stages_messages(device) ? release_staged : release_payload;
    buffer->release_context = device;
    if (stages_messages(device)) weft_i_pool_give(&device->shop.pool, device->shop.payloads[edge]);
    device->shop.payloads[edge] = NULL;
    weft_i_staging_take(&device->staging.messages[edge]);
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

/* Up to two arrays of the kit become their sum and, where ranks share them, that of all ranks. */
static weft_status share(weft_i_worker *device, float *const own[2], int64_t n, bool with_others,
                         weft_error *error)
{
    const weft_i_kit *kit = device->shop.kit;
    int64_t n_bytes = n * (int64_t)sizeof(float);
    float *sum = weft_i_alloc((size_t)n, sizeof(float)), *part = weft_i_alloc(1, (size_t)n_bytes);
    weft_status status = sum && part ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int i = 0; i < 2; i++) {
        if (status != WEFT_STATUS_OK || !own[i]) continue;
        copy(device, part, own[i], n_bytes);
        status = kit->finish(kit->context, error);
        weft_i_accumulate(part, n, sum);
    }
    if (status == WEFT_STATUS_OK && with_others)
        status = device->options.add_up(device->options.add_up_context, sum, n, error);
    for (int i = 0; i < 2; i++)
        if (status == WEFT_STATUS_OK && own[i]) copy(device, own[i], sum, n_bytes);
    if (status == WEFT_STATUS_OK) status = kit->finish(kit->context, error);
    free(sum);
    free(part);
    return status;
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
    float *own[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++)
        if (holders[i])
            own[i] = holders[i]->shelf.gradients + weft_i_weights_tied(holders[i], i == 1);
    return share(device, own, n, is_far, error);
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

static weft_status begin_action(weft_i_worker *device, const weft_run_action *action,
                                weft_error *error)
{
    switch (action->kind) {
    case WEFT_ACTION_FW:
    case WEFT_ACTION_BW:
    case WEFT_ACTION_BWI:
    case WEFT_ACTION_BWW:
        device->has_passed = false;
        return begin_pass(device, action, error);
    case WEFT_ACTION_ISEND:
        return begin_send(device, action->operand, error);
    case WEFT_ACTION_IRECV:
        return begin_receive(device, action->operand, error);
    case WEFT_ACTION_WAIT_IRECV:
        return take_received(device, action->operand, error);
    case WEFT_ACTION_REDUCE:
        return begin_reduce(device, action->operand, error);
    case WEFT_ACTION_WAIT_REDUCE:
        take_reduced(device, action->operand);
        break;
    case WEFT_ACTION_OPTIMIZER:
        return optimize(device, error);
    case WEFT_ACTION_WAIT_ISEND:
    case WEFT_ACTION_OFFLOAD: /* what is kept stays where it is */
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

/* What an action copies beside, or NULL. */
static weft_i_place *place_of(const weft_i_worker *device, const weft_run_action *action)
{
    weft_i_place *place = NULL;
    if (action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_WAIT_IRECV)
        place = &device->staging.messages[action->operand];
    if (action->kind == WEFT_ACTION_REDUCE || action->kind == WEFT_ACTION_WAIT_REDUCE)
        place = &device->staging.reductions[action->operand];
    return place && place->data ? place : NULL;
}

/* What goes out may take its time; what has come in is needed now. */
static weft_status go_on_copying(weft_i_worker *device, const weft_run_action *action,
                                 weft_i_place *place, weft_error *error, int64_t *out_idle_ns)
{
    bool done = false, goes_out = action->kind == WEFT_ACTION_ISEND;
    goes_out = goes_out || action->kind == WEFT_ACTION_REDUCE;
    weft_status status = weft_i_staging_reached(&device->staging, place, error, &done);
    *out_idle_ns = done ? WEFT_RUN_DONE : goes_out ? WEFT_RUN_LATER : LOOK_NS;
    if (done && !goes_out) weft_i_staging_give(&device->staging, weft_i_staging_take(place));
    return status;
}

/* All of the pass; then until the kit is through with it. */
static weft_status go_on(weft_i_worker *device, const weft_run_action *action, weft_error *error,
                         int64_t *out_idle_ns)
{
    const weft_i_kit *kit = device->shop.kit;
    bool is_pass = action->kind <= WEFT_ACTION_BWW, done = false;
    weft_i_place *place = place_of(device, action);
    if (place) return go_on_copying(device, action, place, error, out_idle_ns);
    if (is_pass && !device->has_passed) {
        *out_idle_ns = 0;
        weft_status status = weft_i_worker_stage_go_on(
            &device->stages[action->operand], (weft_pass)action->kind, error, &device->has_passed);
        if (status != WEFT_STATUS_OK || !device->has_passed) return status;
    }
    weft_status status = kit->reached(kit->context, error, &done);
    *out_idle_ns = done ? WEFT_RUN_DONE : LOOK_NS;
    return status;
}

/* A kit knows better what there was too little of. */
static weft_status explain(const weft_i_worker *device, weft_status status, const weft_error *from,
                           weft_error *error)
{
    const weft_i_kit *kit = device->shop.kit;
    if (status == WEFT_STATUS_OK) return status;
    if (status == WEFT_STATUS_NO_MEMORY && kit->explain) status = kit->explain(kit->context, error);
    if (error && error->status == WEFT_STATUS_OK) *error = *from;
    return status;
}

static weft_status begin(void *context, const weft_run_action *action, weft_error *error)
{
    weft_error own = {0};
    return explain(context, begin_action(context, action, &own), &own, error);
}

static weft_status poll(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns)
{
    weft_error own = {0};
    return explain(context, go_on(context, action, &own, out_idle_ns), &own, error);
}

static weft_status buffer(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out_buffer)
{
    (void)error;
    weft_i_worker *device = context;
    int32_t operand = action->operand;
    const weft_i_kit *kit = device->shop.kit;
    if (action->kind == WEFT_ACTION_REDUCE) {
        const weft_i_weights *weights = &device->weights[operand];
        *out_buffer = (weft_run_buffer){
            .data = kit->is_far ? device->staging.reductions[operand].data : weights->gradients,
            .n_bytes = gradient_bytes(weights),
            .element = WEFT_RUN_ELEMENT_FLOAT};
        return WEFT_STATUS_OK;
    }
    bool is_staged = stages_messages(device);
    *out_buffer = (weft_run_buffer){.data = is_staged ? device->staging.messages[operand].data
                                                      : device->shop.payloads[operand],
                                    .n_bytes = weft_i_worker_edge_bytes(&device->shop, operand),
                                    .element = WEFT_RUN_ELEMENT_BYTE,
                                    .is_far = kit->is_far && !is_staged};
    if (action->kind == WEFT_ACTION_ISEND) part_with(device, operand, out_buffer);
    return WEFT_STATUS_OK;
}

weft_run_device weft_i_worker_callbacks(weft_i_worker *device)
{
    return (weft_run_device){.context = device, .begin = begin, .poll = poll, .buffer = buffer};
}

void weft_i_worker_step(weft_i_worker *device, int32_t step)
{
    const weft_i_kit *kit = device->shop.kit;
    device->step = step;
    kit->clear(kit->context, device->shop.loss, sizeof(double));
    for (int32_t c = 0; c < device->plan->n_chunks; c++) {
        const weft_i_weights *weights = &device->weights[c];
        if (weights->gradients)
            kit->clear(kit->context, weights->shelf.gradients, (size_t)gradient_bytes(weights));
    }
}

weft_status weft_i_worker_loss(const weft_i_worker *device, weft_error *error, double *out_loss)
{
    const weft_i_kit *kit = device->shop.kit;
    double loss = 0;
    kit->copy(kit->context, &loss, device->shop.loss, sizeof(loss));
    weft_status status = kit->finish(kit->context, error);
    *out_loss = loss / (double)device->trainee->n_targets;
    return status;
}

weft_status weft_i_worker_fetch(const weft_i_worker *device, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t c = 0; status == WEFT_STATUS_OK && c < device->plan->n_chunks; c++)
        if (device->weights[c].values) status = weft_i_weights_fetch(&device->weights[c], error);
    return status;
}

weft_status weft_i_worker_store(const weft_i_worker *device, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t c = 0; status == WEFT_STATUS_OK && c < device->plan->n_chunks; c++)
        if (device->weights[c].values) status = weft_i_weights_store(&device->weights[c], error);
    return status;
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
    return n + weft_i_staging_buffers(&device->staging);
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
                                         device->shop.kit, error, &device->weights[c]);
    }
    return status;
}

static weft_status make_stages(weft_i_worker *device, weft_error *error)
{
    const weft_problem *problem = &device->pipeline->problem;
    const weft_i_kit *kit = device->shop.kit;
    device->stages = weft_i_new(&device->arena, weft_i_worker_stage, problem->n_stages);
    device->shop.payloads = weft_i_new(&device->arena, void *, problem->n_edges);
    device->shop.loss = kit->memory->allocate(kit->memory->context, sizeof(double));
    if (!device->stages || !device->shop.payloads || !device->shop.loss)
        return weft_i_no_memory(error);
    weft_status status = weft_i_staging_make(kit, problem->n_edges, device->plan->n_chunks,
                                             &device->arena, error, &device->staging);
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
    device->shop.kit = options->kit;
    device->shop.pool.memory = options->kit->memory;
    weft_error own = {0};
    weft_status status = explain(device, make(device, &own), &own, error);
    if (status == WEFT_STATUS_OK)
        *out_device = device;
    else
        weft_i_worker_free(device);
    return status;
}

void weft_i_worker_free(weft_i_worker *device)
{
    if (!device) return;
    const weft_i_kit *kit = device->shop.kit;
    for (int32_t s = 0; device->stages && s < device->pipeline->problem.n_stages; s++)
        weft_i_worker_stage_free(&device->stages[s]);
    for (int32_t c = 0; device->weights && c < device->plan->n_chunks; c++)
        weft_i_weights_free(&device->weights[c]);
    weft_i_routes_free(&device->routes);
    weft_i_rows_free(device->rows);
    weft_i_pool_free(&device->shop.pool);
    weft_i_staging_free(&device->staging);
    kit->memory->release(kit->memory->context, device->shop.loss);
    weft_i_arena_free(&device->arena);
    free(device);
}
