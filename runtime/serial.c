/* runtime/serial.c - see serial.h. */
#include "runtime/serial.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plan/problem_own.h"
#include "runtime/rows.h"

struct weft_i_serial {
    weft_problem *problem;
    weft_plan *plan;
    weft_i_worker *device;
    double loss;
};

/* All items of one module in one microbatch. */
typedef struct cell {
    weft_item *items;
    int32_t n_items;
    int32_t stage; /* -1 = nothing there */
} cell;

typedef struct maker {
    const weft_i_trainee *trainee;
    const weft_plan *plan;
    weft_i_arena *arena; /* the problem's */
    weft_problem *problem;
    cell *cells;                       /* [microbatch over all replicas][module] */
    int32_t n_microbatches, a_replica; /* all; of one replica */
    int32_t n_modules;
    weft_error *error;
} maker;

static cell *cell_of(const maker *mk, int32_t microbatch, int32_t module)
{
    return &mk->cells[microbatch * mk->n_modules + module];
}

static int32_t count_microbatches(const weft_plan *plan)
{
    int32_t n = 1;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        const weft_problem *problem = &plan->pipelines[p].problem;
        for (int32_t s = 0; s < problem->n_submicrobatches; s++)
            for (int32_t i = 0; i < problem->submicrobatches[s].n_microbatches; i++)
                if (problem->submicrobatches[s].microbatches[i] >= n)
                    n = problem->submicrobatches[s].microbatches[i] + 1;
    }
    return n;
}

/* Items of a replica into cells; counted first, then put. */
static weft_status put_items(maker *mk, int32_t p)
{
    weft_i_rows *rows = NULL;
    weft_status status =
        weft_i_rows_create(mk->trainee, &mk->plan->pipelines[p].problem, mk->error, &rows);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t i = 0; i < rows->n_pieces; i++)
        cell_of(mk, p * mk->a_replica + rows->pieces[i].microbatch, rows->pieces[i].module)
            ->n_items++;
    for (int32_t i = p * mk->a_replica * mk->n_modules;
         status == WEFT_STATUS_OK && i < (p + 1) * mk->a_replica * mk->n_modules; i++) {
        mk->cells[i].items = weft_i_new(mk->arena, weft_item, mk->cells[i].n_items);
        if (!mk->cells[i].items) status = weft_i_no_memory(mk->error);
        mk->cells[i].n_items = 0;
    }
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < rows->n_pieces; i++) {
        cell *to =
            cell_of(mk, p * mk->a_replica + rows->pieces[i].microbatch, rows->pieces[i].module);
        to->items[to->n_items++] = *rows->pieces[i].item;
    }
    weft_i_rows_free(rows);
    return status;
}

/* What a whole module's backward makes: weights where any layer learns, else gradients that only
 * pass through it where the plan has some do that. */
static weft_backward backward_of(const maker *mk, int32_t module)
{
    const weft_i_trained_module *of = &mk->trainee->modules[module];
    weft_backward most = WEFT_BACKWARD_NONE;
    for (int32_t l = 0; l < of->module->n_layers; l++)
        if (of->learns[l]) return WEFT_BACKWARD_FULL;
    for (int32_t p = 0; p < mk->plan->n_pipelines; p++) {
        const weft_problem *problem = &mk->plan->pipelines[p].problem;
        for (int32_t s = 0; s < problem->n_stages; s++) {
            const weft_chunk *chunk = &mk->plan->chunks[problem->stages[s].chunk];
            if (strcmp(chunk->module, of->module->name) == 0 && problem->stages[s].backward > most)
                most = problem->stages[s].backward;
        }
    }
    return most == WEFT_BACKWARD_FULL ? WEFT_BACKWARD_INPUT : most;
}

static weft_status make_chunks(maker *mk)
{
    weft_problem *problem = mk->problem;
    problem->n_ranks = 1;
    problem->n_chunks = mk->n_modules;
    problem->chunks = weft_i_new(mk->arena, weft_chunk, mk->n_modules);
    problem->static_bytes = weft_i_new(mk->arena, int64_t, 1);
    problem->limit_bytes = weft_i_new(mk->arena, int64_t, 1);
    if (!problem->chunks || !problem->static_bytes || !problem->limit_bytes)
        return weft_i_no_memory(mk->error);
    problem->limit_bytes[0] = WEFT_INT_MAX;
    for (int32_t m = 0; m < mk->n_modules; m++)
        problem->chunks[m] = (weft_chunk){.module = mk->trainee->model->modules[m].name,
                                          .layers = mk->trainee->model->modules[m].n_layers};
    return WEFT_STATUS_OK;
}

static weft_status make_stages(maker *mk)
{
    weft_problem *problem = mk->problem;
    int32_t most = mk->n_microbatches * mk->n_modules;
    problem->submicrobatches = weft_i_new(mk->arena, weft_submicrobatch, most);
    problem->stages = weft_i_new(mk->arena, weft_stage, most);
    int32_t *numbers = weft_i_new(mk->arena, int32_t, mk->n_microbatches);
    if (!problem->submicrobatches || !problem->stages || !numbers)
        return weft_i_no_memory(mk->error);
    for (int32_t i = 0; i < most; i++) {
        int32_t k = i / mk->n_modules, m = i % mk->n_modules, s = problem->n_stages;
        cell *at = &mk->cells[i];
        numbers[k] = k;
        at->stage = -1;
        if (at->n_items == 0) continue;
        at->stage = problem->n_stages++;
        weft_backward backward = backward_of(mk, m);
        const weft_cost cost = {.fw_ns = 1, .bw_ns = backward == WEFT_BACKWARD_NONE ? 0 : 1};
        problem->submicrobatches[s] = (weft_submicrobatch){.module = problem->chunks[m].module,
                                                           .microbatches = &numbers[k],
                                                           .n_microbatches = 1,
                                                           .items = at->items,
                                                           .n_items = at->n_items};
        for (int32_t j = 0; j < at->n_items; j++)
            problem->submicrobatches[s].tokens += at->items[j].tokens;
        problem->stages[s] = (weft_stage){.chunk = m,
                                          .submicrobatch = s,
                                          .backward = backward,
                                          .now = {.cost = cost},
                                          .label = -1};
    }
    problem->n_submicrobatches = problem->n_stages;
    return WEFT_STATUS_OK;
}

static void add_edge(maker *mk, const weft_model_edge *of, int32_t from, int32_t to)
{
    weft_problem *problem = mk->problem;
    const weft_edge edge = {.pass = WEFT_PASS_FW, .kind = of->kind, .from = from, .to = to};
    problem->edges[problem->n_edges++] = edge;
    if (!of->gradient || problem->stages[from].backward == WEFT_BACKWARD_NONE ||
        problem->stages[to].backward == WEFT_BACKWARD_NONE)
        return;
    problem->edges[problem->n_edges++] =
        (weft_edge){.pass = WEFT_PASS_BW, .kind = of->kind, .from = to, .to = from};
}

static weft_status make_edges(maker *mk)
{
    const weft_model *model = mk->trainee->model;
    mk->problem->edges =
        weft_i_new(mk->arena, weft_edge, 2 * (int64_t)mk->n_microbatches * model->n_edges);
    if (!mk->problem->edges) return weft_i_no_memory(mk->error);
    for (int32_t k = 0; k < mk->n_microbatches; k++)
        for (int32_t e = 0; e < model->n_edges; e++) {
            int32_t from = cell_of(mk, k, model->edges[e].from_module)->stage;
            int32_t to = cell_of(mk, k, model->edges[e].to_module)->stage;
            if (from >= 0 && to >= 0) add_edge(mk, &model->edges[e], from, to);
        }
    return WEFT_STATUS_OK;
}

/* Each microbatch forward through the modules, then back. */
static weft_status make_plan(maker *mk, weft_plan **out)
{
    int32_t capacity = 2 * mk->problem->n_stages, n = 0;
    weft_order *order = weft_order_create(1, &capacity);
    if (!order) return weft_i_no_memory(mk->error);
    for (int32_t k = 0; k < mk->n_microbatches; k++)
        for (int32_t i = 0; i < 2 * mk->n_modules; i++) {
            int32_t m = i < mk->n_modules ? i : 2 * mk->n_modules - 1 - i;
            int32_t s = cell_of(mk, k, m)->stage;
            weft_pass pass = i < mk->n_modules ? WEFT_PASS_FW : WEFT_PASS_BW;
            if (s < 0 ||
                (pass == WEFT_PASS_BW && mk->problem->stages[s].backward == WEFT_BACKWARD_NONE))
                continue;
            order->tasks[0][n++] = weft_task_make(s, pass);
        }
    order->n_tasks[0] = n;
    const weft_pipeline_input input = {.problem = mk->problem, .order = order};
    weft_status status = weft_plan_build(&input, 1, 0, mk->error, out);
    weft_order_free(order);
    return status;
}

static weft_status make_problem(maker *mk)
{
    mk->cells = weft_i_new(mk->arena, cell, (int64_t)mk->n_microbatches * mk->n_modules);
    weft_status status = mk->cells ? WEFT_STATUS_OK : weft_i_no_memory(mk->error);
    for (int32_t p = 0; status == WEFT_STATUS_OK && p < mk->plan->n_pipelines; p++)
        status = put_items(mk, p);
    if (status == WEFT_STATUS_OK) status = make_chunks(mk);
    if (status == WEFT_STATUS_OK) status = make_stages(mk);
    if (status == WEFT_STATUS_OK) status = make_edges(mk);
    return status;
}

weft_status weft_i_serial_create(const weft_i_trainee *trainee, const weft_plan *plan,
                                 weft_error *error, weft_i_serial **out_serial)
{
    weft_i_serial *made = weft_i_alloc(1, sizeof(*made));
    maker mk = {.trainee = trainee, .plan = plan, .error = error};
    if (!made) return weft_i_no_memory(error);
    mk.n_modules = trainee->model->n_modules;
    mk.a_replica = count_microbatches(plan);
    mk.n_microbatches = mk.a_replica * plan->n_pipelines;
    made->problem = mk.problem = weft_i_problem_create(&mk.arena);
    weft_status status = mk.problem ? make_problem(&mk) : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = make_plan(&mk, &made->plan);
    weft_i_worker_options options;
    weft_i_worker_options_init(&options);
    if (status == WEFT_STATUS_OK)
        status = weft_i_worker_create(trainee, made->plan, 0, 0, &options, error, &made->device);
    if (status == WEFT_STATUS_OK)
        *out_serial = made;
    else
        weft_i_serial_free(made);
    return status;
}

void weft_i_serial_free(weft_i_serial *serial)
{
    if (!serial) return;
    weft_i_worker_free(serial->device);
    weft_plan_free(serial->plan);
    weft_problem_free(serial->problem);
    free(serial);
}

/* One rank has no one to send to: only the interpreter's look for progress comes here. */
static weft_status progress(void *context, weft_error *error)
{
    (void)context;
    (void)error;
    return WEFT_STATUS_OK;
}

weft_status weft_i_serial_run(weft_i_serial *serial, weft_error *error)
{
    const weft_run_transport alone = {.progress = progress};
    weft_run_device device = weft_i_worker_callbacks(serial->device);
    weft_run_options options;
    weft_run_options_init(&options);
    options.timeout_ns = 0;
    weft_i_worker_step(serial->device, 0);
    weft_status status = weft_run_rank(serial->plan, 0, 0, &device, &alone, &options, error, NULL);
    if (status == WEFT_STATUS_OK) status = weft_i_worker_loss(serial->device, error, &serial->loss);
    return status;
}

double weft_i_serial_loss(const weft_i_serial *serial)
{
    return serial->loss;
}

const weft_i_weights *weft_i_serial_weights(const weft_i_serial *serial, int32_t module)
{
    return weft_i_worker_weights(serial->device, module);
}
