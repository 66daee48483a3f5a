/* examples/embed_runtime.c - a trainer runs plans with its own stages: embed_runtime PLAN.json
 *
 *     weft plan --synthetic "pp=4 microbatches=8 fw=10 bw=20 bww=8" -o plan.json
 *     mpirun -n 4 embed_runtime plan.json
 *
 * Every chunk of the plan is one small layer here, y = tanh(W x), trained so that the last layer
 * says what a teacher says. weft brings the order, the messages and the reductions; the trainer
 * brings the passes, as the three callbacks of weft_run_device. In the end each rank trains all
 * layers serially as well, and compares. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/plan.h>
#include <weft/run_mpi.h>

enum { SIZE = 8, STEPS = 20 };

typedef struct layer {
    float weights[SIZE][SIZE], gradient[SIZE][SIZE];
} layer;

/* What a pass of a stage leaves for others. */
typedef struct values {
    float in[SIZE], out[SIZE], d_in[SIZE], d_sum[SIZE];
    bool has_out, has_d_in; /* for the serial run, which finds its own order */
} values;

typedef struct trainer {
    const weft_plan *plan;
    const weft_pipeline *pipeline;
    layer *layers;           /* per chunk; only those of this rank are used */
    values *stages;          /* per stage, likewise */
    int32_t n_stages;        /* of the largest pipeline */
    float (*received)[SIZE]; /* per edge, from another rank; NULL = all stages are here */
    double loss;             /* of the step so far */
} trainer;

static const weft_submicrobatch *data_of(const trainer *t, int32_t stage)
{
    const weft_problem *problem = &t->pipeline->problem;
    return &problem->submicrobatches[problem->stages[stage].submicrobatch];
}

/* The input of a microbatch, and what the teacher says to it. */
static float datum(const trainer *t, int32_t stage, int i)
{
    int32_t microbatch = data_of(t, stage)->microbatches[0];
    return (float)sin(1 + microbatch + 0.7 * i + 0.3 * t->pipeline->replica);
}

static float teacher(const trainer *t, int32_t stage, int i)
{
    return 0.5F * datum(t, stage, (i + 1) % SIZE);
}

static layer *layer_of(const trainer *t, int32_t stage)
{
    return &t->layers[t->pipeline->problem.stages[stage].chunk];
}

static bool is_here(const trainer *t, int32_t stage, int32_t other)
{
    const weft_stage *stages = t->pipeline->problem.stages;
    return !t->received ||
           t->plan->chunks[stages[stage].chunk].rank == t->plan->chunks[stages[other].chunk].rank;
}

/* Add up what comes along the stage's edges of a pass. Returns how many there are. */
static int gather(const trainer *t, int32_t stage, weft_pass pass, float sum[SIZE])
{
    int n = 0;
    for (int32_t e = 0; e < t->pipeline->problem.n_edges; e++) {
        const weft_edge *edge = &t->pipeline->problem.edges[e];
        if (edge->to != stage || edge->pass != pass) continue;
        const values *from = &t->stages[edge->from];
        const float *local = pass == WEFT_PASS_FW ? from->out : from->d_in;
        const float *value = is_here(t, stage, edge->from) ? local : t->received[e];
        for (int i = 0; i < SIZE; i++)
            sum[i] += value[i];
        n++;
    }
    return n;
}

static void forward(const trainer *t, int32_t stage)
{
    values *v = &t->stages[stage];
    const layer *l = layer_of(t, stage);
    memset(v->in, 0, sizeof(v->in));
    if (gather(t, stage, WEFT_PASS_FW, v->in) == 0) {
        for (int i = 0; i < SIZE; i++)
            v->in[i] = datum(t, stage, i);
    }
    for (int i = 0; i < SIZE; i++) {
        float sum = 0;
        for (int j = 0; j < SIZE; j++)
            sum += l->weights[i][j] * v->in[j];
        v->out[i] = tanhf(sum);
    }
}

static void input_gradient(trainer *t, int32_t stage)
{
    values *v = &t->stages[stage];
    const layer *l = layer_of(t, stage);
    float d_out[SIZE] = {0};
    if (gather(t, stage, WEFT_PASS_BW, d_out) == 0) {
        for (int i = 0; i < SIZE; i++) {
            d_out[i] = v->out[i] - teacher(t, stage, i);
            t->loss += 0.5 * d_out[i] * d_out[i];
        }
    }
    memset(v->d_in, 0, sizeof(v->d_in));
    for (int i = 0; i < SIZE; i++) {
        v->d_sum[i] = d_out[i] * (1 - v->out[i] * v->out[i]);
        for (int j = 0; j < SIZE; j++)
            v->d_in[j] += l->weights[i][j] * v->d_sum[i];
    }
}

static void weight_gradient(const trainer *t, int32_t stage)
{
    const values *v = &t->stages[stage];
    layer *l = layer_of(t, stage);
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++)
            l->gradient[i][j] += v->d_sum[i] * v->in[j];
    }
}

static void optimize(const trainer *t)
{
    for (int32_t c = 0; c < t->plan->n_chunks; c++) {
        layer *l = &t->layers[c];
        for (int i = 0; i < SIZE * SIZE; i++)
            (&l->weights[0][0])[i] -= 0.02F * (&l->gradient[0][0])[i];
        memset(l->gradient, 0, sizeof(l->gradient));
    }
}

/* --- the device: what weft asks of a trainer --- */

static weft_status begin(void *context, const weft_run_action *action, weft_error *error)
{
    trainer *t = context;
    (void)error;
    if (action->kind == WEFT_ACTION_FW) forward(t, action->operand);
    if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
        input_gradient(t, action->operand);
    if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWW)
        weight_gradient(t, action->operand);
    if (action->kind == WEFT_ACTION_OPTIMIZER) optimize(t);
    return WEFT_STATUS_OK;
}

/* A trainer on a GPU would launch kernels in `begin`, and here ask whether they are done. */
static weft_status poll(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns)
{
    (void)context;
    (void)action;
    (void)error;
    *out_idle_ns = WEFT_RUN_DONE;
    return WEFT_STATUS_OK;
}

static weft_status buffer(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out_buffer)
{
    trainer *t = context;
    (void)error;
    if (action->kind == WEFT_ACTION_REDUCE) {
        layer *l = &t->layers[action->operand];
        *out_buffer = (weft_run_buffer){
            .data = l->gradient, .n_bytes = sizeof(l->gradient), .element = WEFT_RUN_ELEMENT_FLOAT};
        return WEFT_STATUS_OK;
    }
    const weft_edge *edge = &t->pipeline->problem.edges[action->operand];
    float *data = t->received[action->operand];
    if (action->kind == WEFT_ACTION_ISEND)
        data = edge->pass == WEFT_PASS_FW ? t->stages[edge->from].out : t->stages[edge->from].d_in;
    *out_buffer = (weft_run_buffer){
        .data = data, .n_bytes = sizeof(*t->received), .element = WEFT_RUN_ELEMENT_BYTE};
    return WEFT_STATUS_OK;
}

/* --- the same, serially --- */

static void need_forward(trainer *t, int32_t stage)
{
    const weft_problem *problem = &t->pipeline->problem;
    if (t->stages[stage].has_out) return;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        if (problem->edges[e].to == stage && problem->edges[e].pass == WEFT_PASS_FW)
            need_forward(t, problem->edges[e].from);
    }
    forward(t, stage);
    t->stages[stage].has_out = true;
}

static void need_backward(trainer *t, int32_t stage)
{
    const weft_problem *problem = &t->pipeline->problem;
    if (t->stages[stage].has_d_in) return;
    need_forward(t, stage);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        if (problem->edges[e].to == stage && problem->edges[e].pass == WEFT_PASS_BW)
            need_backward(t, problem->edges[e].from);
    }
    input_gradient(t, stage);
    weight_gradient(t, stage);
    t->stages[stage].has_d_in = true;
}

static void serial_step(trainer *t)
{
    t->loss = 0;
    for (int32_t p = 0; p < t->plan->n_pipelines; p++) {
        t->pipeline = &t->plan->pipelines[p];
        memset(t->stages, 0, (size_t)t->n_stages * sizeof(*t->stages));
        for (int32_t s = 0; s < t->pipeline->problem.n_stages; s++)
            need_backward(t, s);
    }
    optimize(t);
}

/* Free with destroy, also a half-built one. */
static bool create(const weft_plan *plan, const weft_pipeline *pipeline, bool is_serial,
                   trainer *out)
{
    int32_t n_stages = 0;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        if (plan->pipelines[p].problem.n_stages > n_stages)
            n_stages = plan->pipelines[p].problem.n_stages;
    }
    *out = (trainer){.plan = plan, .pipeline = pipeline, .n_stages = n_stages};
    out->layers = calloc((size_t)plan->n_chunks, sizeof(*out->layers));
    out->stages = calloc((size_t)n_stages, sizeof(*out->stages));
    if (!is_serial)
        out->received = calloc((size_t)pipeline->problem.n_edges + 1, sizeof(*out->received));
    if (!out->layers || !out->stages || (!is_serial && !out->received)) return false;
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        for (int i = 0; i < SIZE; i++) {
            for (int j = 0; j < SIZE; j++)
                out->layers[c].weights[i][j] = (float)((i == j) + 0.2 * sin(c + 3 * i + 5 * j));
        }
    }
    return true;
}

static void destroy(trainer *t)
{
    free(t->layers);
    free(t->stages);
    free(t->received);
}

static weft_status train(weft_run_mpi *mpi, trainer *t, weft_error *error)
{
    const weft_run_device device = {t, begin, poll, buffer};
    const weft_run_transport transport = weft_run_mpi_transport(mpi);
    weft_run_options options;
    weft_run_mpi_options(mpi, &options);
    for (int step = 0; step < STEPS; step++) {
        weft_status status =
            weft_run_rank(t->plan, weft_run_mpi_replica(mpi), weft_run_mpi_rank(mpi), &device,
                          &transport, &options, error, NULL);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

/* Of the weights that this rank has trained. */
static double largest_difference(const trainer *t, const trainer *serial, int32_t rank)
{
    double largest = 0;
    for (int32_t c = 0; c < t->plan->n_chunks; c++) {
        for (int i = 0; i < SIZE * SIZE && t->plan->chunks[c].rank == rank; i++) {
            const float *a = t->layers[c].weights[0], *b = serial->layers[c].weights[0];
            largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
        }
    }
    return largest;
}

/* Train all layers here, and see that this rank's came out the same. */
static weft_status compare(weft_run_mpi *mpi, const trainer *t, weft_error *error)
{
    trainer serial;
    double first = 0, difference = 0;
    if (!create(t->plan, NULL, true, &serial)) {
        destroy(&serial);
        return WEFT_STATUS_NO_MEMORY;
    }
    for (int step = 0; step < STEPS; step++) {
        serial_step(&serial);
        if (step == 0) first = serial.loss;
    }
    difference = largest_difference(t, &serial, weft_run_mpi_rank(mpi));
    if (weft_run_mpi_process(mpi) == 0)
        printf("loss %.6f, after %d steps %.6f; weights are those of serial training to %.0e\n",
               first, STEPS, serial.loss, fmax(difference, 1e-7));
    bool is_good = difference < 1e-4 && serial.loss < first;
    destroy(&serial);
    if (is_good) return WEFT_STATUS_OK;
    snprintf(error->text, sizeof(error->text), "weights differ by %g from serial training",
             difference);
    return WEFT_STATUS_FAILED;
}

static void run(weft_run_mpi *mpi, const char *file, weft_error *error)
{
    weft_plan *plan = NULL;
    trainer t = {0};
    weft_status status = weft_run_mpi_plan(mpi, file, error, &plan);
    if (status == WEFT_STATUS_OK) status = weft_run_mpi_join(mpi, plan, error);
    if (status == WEFT_STATUS_OK &&
        !create(plan, &plan->pipelines[weft_run_mpi_replica(mpi)], false, &t))
        status = WEFT_STATUS_NO_MEMORY;
    if (status == WEFT_STATUS_OK) status = train(mpi, &t, error);
    if (status == WEFT_STATUS_OK) status = compare(mpi, &t, error);
    if (status != WEFT_STATUS_OK) weft_run_mpi_break(mpi, status, error);
    destroy(&t);
    weft_plan_free(plan);
}

int main(int argc, char **argv)
{
    weft_error error = {0};
    weft_run_mpi *mpi = NULL;
    if (argc != 2) {
        fputs("usage: mpirun -n N embed_runtime PLAN.json\n", stderr);
        return 2;
    }
    weft_status status = weft_run_mpi_begin(&argc, &argv, INT64_C(60000000000), &error, &mpi);
    if (status != WEFT_STATUS_OK) {
        fprintf(stderr, "%s\n", error.text);
        return weft_status_exit_code(status);
    }
    run(mpi, argv[1], &error);
    weft_run_mpi_end(mpi);
    return 0;
}
