/* runtime/worker_stage.c - see worker_stage.h. */
#include "runtime/worker_stage.h"

#include <assert.h>

#include "base/error.h"

static void give(weft_i_worker_stage *stage, void **values)
{
    if (*values) weft_i_pool_give(&stage->shop->pool, *values);
    *values = NULL;
}

static void *take(weft_i_worker_stage *stage, int64_t n)
{
    const weft_i_kit *kit = stage->shop->kit;
    size_t n_bytes = (size_t)(n + 1) * kit->value_bytes;
    void *made = weft_i_pool_take(&stage->shop->pool, n_bytes);
    if (made) kit->clear(kit->context, made, n_bytes);
    return made;
}

/* The route of an edge of either pass. */
static const weft_i_route *route_of(const weft_i_worker_shop *shop, int32_t edge)
{
    bool is_back = shop->problem->edges[edge].pass == WEFT_PASS_BW;
    return &shop->routes->routes[is_back ? shop->routes->forward[edge] : edge];
}

int64_t weft_i_worker_edge_bytes(const weft_i_worker_shop *shop, int32_t edge)
{
    const weft_i_route *route = route_of(shop, edge);
    return route->n_rows * route->width * (int64_t)shop->kit->value_bytes;
}

/* Rows of a matrix into an edge's payload, by the runs' one end or the other. */
static weft_status pack(weft_i_worker_stage *stage, int32_t edge, void *from, bool by_reader,
                        weft_error *error)
{
    const weft_i_route *route = route_of(stage->shop, edge);
    const weft_i_kit *kit = stage->shop->kit;
    size_t n_bytes = (size_t)(route->n_rows * route->width + 1) * kit->value_bytes;
    void *to = weft_i_pool_take(&stage->shop->pool, n_bytes);
    if (!to) return weft_i_no_memory(error);
    assert(!stage->shop->payloads[edge]);
    stage->shop->payloads[edge] = to;
    for (const weft_i_run *run = route->runs; run < route->runs + route->n_runs; run++) {
        int64_t row = by_reader ? run->to : run->from, n = (int64_t)run->n * route->width;
        kit->copy(kit->context, to, weft_i_kit_at(kit, from, row * route->width),
                  (size_t)n * kit->value_bytes);
        to = weft_i_kit_at(kit, to, n);
    }
    return WEFT_STATUS_OK;
}

/* Whether the payload is the matrix of so many rows as it stands at that end. */
static bool is_whole(const weft_i_route *route, int64_t n_rows, bool by_reader)
{
    const weft_i_run *run = route->runs;
    return route->n_runs == 1 && run->n == n_rows && (by_reader ? run->to : run->from) == 0;
}

/* And out of it, into a matrix of so many rows, which is made where there is none; rows are added
 * to. The payload is given back, or becomes the matrix. */
static weft_status unpack(weft_i_worker_stage *stage, int32_t edge, void **to, int64_t n_rows,
                          bool by_reader, weft_error *error)
{
    const weft_i_route *route = route_of(stage->shop, edge);
    const weft_i_kit *kit = stage->shop->kit;
    void **payload = &stage->shop->payloads[edge], *from = *payload;
    assert(from);
    if (!*to && is_whole(route, n_rows, by_reader)) {
        *to = *payload;
        *payload = NULL;
        return WEFT_STATUS_OK;
    }
    if (!*to) *to = take(stage, n_rows * route->width);
    if (!*to) return weft_i_no_memory(error);
    for (const weft_i_run *run = route->runs; run < route->runs + route->n_runs; run++) {
        int64_t row = by_reader ? run->to : run->from, n = (int64_t)run->n * route->width;
        kit->add(kit->context, from, n, weft_i_kit_at(kit, *to, row * route->width));
        from = weft_i_kit_at(kit, from, n);
    }
    give(stage, payload);
    return WEFT_STATUS_OK;
}

static weft_i_tape *tape_of(weft_i_worker_stage *stage, int32_t i)
{
    return &stage->tapes[i];
}

static int64_t size_of(const weft_i_tape *tape, int tensor)
{
    return weft_i_tape_rows(tape, tensor) * tape->program->tensors[tensor].width;
}

/* A first layer without an embedding takes other modules' tokens as its input. */
static bool takes_tokens(const weft_i_worker_stage *stage)
{
    weft_layer_kind kind = stage->module->module->layers[0].kind;
    return stage->first_layer == 0 && kind != WEFT_LAYER_EMBEDDING && kind != WEFT_LAYER_PATCH;
}

/* Memory for what comes by the edges, then all that has come. */
static weft_status take_in(weft_i_worker_stage *stage, weft_error *error)
{
    const weft_i_routes *routes = stage->shop->routes;
    const weft_i_sheet *sheet = &stage->sheets[0];
    weft_i_tape *first = tape_of(stage, 0);
    bool is_first = stage->first_layer == 0, tokens = takes_tokens(stage);
    for (int32_t i = routes->in_first[stage->stage]; i < routes->in_first[stage->stage + 1]; i++) {
        int32_t edge = routes->in_edges[i];
        const weft_i_route *route = &routes->routes[edge];
        bool is_input =
            route->port == WEFT_I_PORT_CHAIN || (tokens && route->port == WEFT_I_PORT_MEDIA);
        void **to = is_input                             ? &first->values[WEFT_I_TENSOR_INPUT]
                    : route->port == WEFT_I_PORT_CONTEXT ? &stage->context
                                                         : &stage->media;
        int64_t rows = is_input                             ? sheet->n_rows
                       : route->port == WEFT_I_PORT_CONTEXT ? sheet->n_context
                                                            : sheet->n_media;
        weft_status status = unpack(stage, edge, to, rows, true, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    if (is_first && stage->patches) first->values[WEFT_I_TENSOR_INPUT] = stage->patches;
    first->values[WEFT_I_TENSOR_MEDIA] = stage->media;
    return WEFT_STATUS_OK;
}

/* Send what leaves the module, or the chunk, after a layer. */
static weft_status send_output(weft_i_worker_stage *stage, int32_t i, void *output,
                               weft_error *error)
{
    const weft_i_routes *routes = stage->shop->routes;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t k = routes->out_first[stage->stage];
         status == WEFT_STATUS_OK && k < routes->out_first[stage->stage + 1]; k++) {
        int32_t edge = routes->out_edges[k];
        if (routes->routes[edge].layer == stage->first_layer + i)
            status = pack(stage, edge, output, false, error);
    }
    return status;
}

/* The input of a layer is not needed any more; patches stay. */
static void drop_input(weft_i_worker_stage *stage, int32_t i)
{
    void **input = &tape_of(stage, i)->values[WEFT_I_TENSOR_INPUT];
    if (*input != stage->patches) give(stage, input);
    *input = NULL;
}

static void set_given(weft_i_worker_stage *stage, int32_t i)
{
    weft_i_tape *tape = tape_of(stage, i);
    tape->values[WEFT_I_TENSOR_CONTEXT] = stage->context;
    tape->d_values[WEFT_I_TENSOR_CONTEXT] = stage->d_context;
    tape->values[WEFT_I_TENSOR_TIME] = stage->times;
}

static bool is_kept(const weft_i_worker_stage *stage, int tensor)
{
    for (int32_t i = 0; i < stage->n_layers; i++)
        if (stage->rules[i].kept[tensor]) return true;
    return false;
}

static weft_status forward_layer(weft_i_worker_stage *stage, int32_t i, weft_error *error)
{
    weft_i_tape *tape = tape_of(stage, i);
    set_given(stage, i);
    weft_status status = weft_i_tape_forward(tape, error);
    if (status != WEFT_STATUS_OK) return status;
    int out = tape->program->output;
    if (!stage->rules[i].kept[WEFT_I_TENSOR_INPUT]) drop_input(stage, i);
    if (out == WEFT_I_NOTHING) return status;
    status = send_output(stage, i, tape->values[out], error);
    if (i + 1 < stage->n_layers)
        tape_of(stage, i + 1)->values[WEFT_I_TENSOR_INPUT] = tape->values[out];
    else
        give(stage, &tape->values[out]);
    tape->values[out] = NULL;
    return status;
}

static void end_forward(weft_i_worker_stage *stage)
{
    if (!is_kept(stage, WEFT_I_TENSOR_MEDIA)) give(stage, &stage->media);
    if (!is_kept(stage, WEFT_I_TENSOR_CONTEXT)) give(stage, &stage->context);
    if (!stage->media) tape_of(stage, 0)->values[WEFT_I_TENSOR_MEDIA] = NULL;
}

/* The gradient of a layer's output: from the layer above, and from all that read it elsewhere. */
static weft_status open_output(weft_i_worker_stage *stage, int32_t i, weft_error *error)
{
    const weft_i_routes *routes = stage->shop->routes;
    weft_i_tape *tape = tape_of(stage, i);
    int out = tape->program->output;
    if (out == WEFT_I_NOTHING) return WEFT_STATUS_OK;
    if (i + 1 < stage->n_layers) {
        tape->d_values[out] = tape_of(stage, i + 1)->d_values[WEFT_I_TENSOR_INPUT];
        tape_of(stage, i + 1)->d_values[WEFT_I_TENSOR_INPUT] = NULL;
    }
    weft_status status = WEFT_STATUS_OK;
    for (int32_t k = routes->out_first[stage->stage];
         status == WEFT_STATUS_OK && k < routes->out_first[stage->stage + 1]; k++) {
        const weft_i_route *route = &routes->routes[routes->out_edges[k]];
        if (route->layer == stage->first_layer + i && route->back >= 0)
            status = unpack(stage, route->back, &tape->d_values[out], weft_i_tape_rows(tape, out),
                            false, error);
    }
    if (status != WEFT_STATUS_OK || tape->d_values[out]) return status;
    tape->d_values[out] = take(stage, size_of(tape, out));
    return tape->d_values[out] ? status : weft_i_no_memory(error);
}

static weft_status backward_layer(weft_i_worker_stage *stage, int32_t i, int halves,
                                  weft_error *error)
{
    weft_i_tape *tape = tape_of(stage, i);
    weft_status status = WEFT_STATUS_OK;
    set_given(stage, i);
    if (halves & WEFT_I_BACK_INPUT) status = open_output(stage, i, error);
    if (status == WEFT_STATUS_OK) status = weft_i_tape_back(tape, halves, error);
    bool is_held =
        halves == WEFT_I_BACK_INPUT && stage->rules[i].read_by_weights[WEFT_I_TENSOR_INPUT];
    if (!is_held) drop_input(stage, i);
    return status;
}

/* Send the gradients of all that came in and wants one. */
static weft_status send_gradients(weft_i_worker_stage *stage, weft_error *error)
{
    const weft_i_routes *routes = stage->shop->routes;
    weft_i_tape *first = tape_of(stage, 0);
    void **d_input = &first->d_values[WEFT_I_TENSOR_INPUT];
    void **d_media = takes_tokens(stage) ? d_input : &first->d_values[WEFT_I_TENSOR_MEDIA];
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = routes->in_first[stage->stage];
         status == WEFT_STATUS_OK && i < routes->in_first[stage->stage + 1]; i++) {
        const weft_i_route *route = &routes->routes[routes->in_edges[i]];
        void *from = route->port == WEFT_I_PORT_CHAIN     ? *d_input
                     : route->port == WEFT_I_PORT_CONTEXT ? stage->d_context
                                                          : *d_media;
        if (route->back >= 0) status = pack(stage, route->back, from, true, error);
    }
    /* What came for layers below all that learn is of no use. */
    for (int32_t i = routes->out_first[stage->stage]; i < routes->out_first[stage->stage + 1];
         i++) {
        int32_t back = routes->routes[routes->out_edges[i]].back;
        if (back >= 0) give(stage, &stage->shop->payloads[back]);
    }
    give(stage, d_input);
    give(stage, &first->d_values[WEFT_I_TENSOR_MEDIA]);
    give(stage, &stage->d_context);
    return status;
}

/* After the last pass that could read them. */
static void end_backward(weft_i_worker_stage *stage, bool is_last)
{
    bool any = false;
    for (int32_t i = 0; i < stage->n_layers; i++) {
        any = any || stage->rules[i].read_by_weights[WEFT_I_TENSOR_CONTEXT];
        tape_of(stage, i)->d_values[WEFT_I_TENSOR_CONTEXT] = NULL;
    }
    give(stage, &stage->media);
    tape_of(stage, 0)->values[WEFT_I_TENSOR_MEDIA] = NULL;
    if (is_last || !any) give(stage, &stage->context);
}

static weft_status begin_backward(weft_i_worker_stage *stage, weft_error *error)
{
    int64_t width = 0;
    for (int32_t i = 0; i < stage->n_layers; i++)
        if (stage->rules[i].has_gradient[WEFT_I_TENSOR_CONTEXT])
            width = tape_of(stage, i)->program->tensors[WEFT_I_TENSOR_CONTEXT].width;
    if (width == 0) return WEFT_STATUS_OK;
    stage->d_context = take(stage, stage->sheets[0].n_context * width);
    return stage->d_context ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_i_worker_stage_begin(weft_i_worker_stage *stage, weft_pass pass, weft_error *error)
{
    stage->next = pass == WEFT_PASS_FW ? 0 : stage->n_layers - 1;
    if (pass == WEFT_PASS_FW) return take_in(stage, error);
    return pass == WEFT_PASS_BWW ? WEFT_STATUS_OK : begin_backward(stage, error);
}

static weft_status go_back(weft_i_worker_stage *stage, weft_pass pass, weft_error *error,
                           bool *out_done)
{
    const int halves = pass == WEFT_PASS_BW    ? WEFT_I_BACK_BOTH
                       : pass == WEFT_PASS_BWI ? WEFT_I_BACK_INPUT
                                               : WEFT_I_BACK_WEIGHTS;
    weft_status status = WEFT_STATUS_OK;
    if (stage->next >= stage->lowest) status = backward_layer(stage, stage->next--, halves, error);
    *out_done = stage->next < stage->lowest;
    if (status != WEFT_STATUS_OK || !*out_done) return status;
    if (pass != WEFT_PASS_BWW) status = send_gradients(stage, error);
    end_backward(stage, pass != WEFT_PASS_BWI);
    return status;
}

weft_status weft_i_worker_stage_go_on(weft_i_worker_stage *stage, weft_pass pass, weft_error *error,
                                      bool *out_done)
{
    if (pass != WEFT_PASS_FW) return go_back(stage, pass, error, out_done);
    weft_status status = forward_layer(stage, stage->next++, error);
    *out_done = stage->next == stage->n_layers;
    if (status == WEFT_STATUS_OK && *out_done) end_forward(stage);
    return status;
}

void weft_i_worker_stage_free(weft_i_worker_stage *stage)
{
    const weft_i_kit *kit = stage->shop ? stage->shop->kit : NULL;
    if (!kit) return;
    for (int32_t i = 0; i < stage->n_layers; i++) {
        weft_i_tape *tape = tape_of(stage, i);
        if (!tape->program) continue;
        drop_input(stage, i);
        tape->values[WEFT_I_TENSOR_MEDIA] = NULL;
        weft_i_tape_clear(tape);
    }
    give(stage, &stage->media);
    give(stage, &stage->context);
    give(stage, &stage->d_context);
    for (int32_t i = stage->n_layers - 1; kit->unbind && i >= 0; i--)
        if (i == 0 || stage->sheets[i].copy != stage->sheets[i - 1].copy)
            kit->unbind(kit->context, &stage->sheets[i]);
    void *const fed[] = {stage->patches, stage->times, stage->velocities};
    for (int i = 0; i < 3; i++)
        kit->memory->release(kit->memory->context, fed[i]);
}
