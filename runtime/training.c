/* runtime/training.c - see training.h. */
#include "runtime/training.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/checkpoint.h"
#include "runtime/device_kit.h"
#include "runtime/gemm.h"
#include "runtime/gpu_load.h"
#include "runtime/verdict.h"

/* What is still taken for the same: the loss, all gradients together, and the gradient of any one
 * parameter. bfloat16 moves those of a small model so far (docs/launch.md). */
typedef struct limits {
    double loss, whole, one;
} limits;
static const limits FLOAT32 = {1e-5, 1e-5, 1e-5}, BFLOAT16 = {2e-2, 6e-2, 1e-1};

struct weft_i_training {
    const weft_i_launch *launch;
    const weft_plan *plan;
    weft_model *model;
    weft_batch *batch;
    weft_i_trainee *trainee;
    weft_i_world *world;
    weft_i_gpu_kit *gpu; /* NULL = the processor */
    weft_i_worker *device;
    double *losses;   /* of each step, this rank's part; of process 0 in the end, whole */
    float *gradients; /* of process 0: of the first step, of all processes */
    weft_i_lesson lesson;
};

static weft_status check_launch(const weft_i_launch *launch, weft_error *error)
{
    const char *missing = !launch->model ? "--model" : !launch->batch ? "--batch" : NULL;
    if (missing)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--device %s wants %s, as the plan had it",
                           weft_i_device_name(launch->device), missing);
    if (launch->payload)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "--payload is of --device virtual: %s sends what it has to",
                           weft_i_device_name(launch->device));
    if (launch->device == WEFT_I_DEVICE_CUDA) return weft_i_gpu_find(error);
    return WEFT_STATUS_OK;
}

/* The check compares with the step from which all begins. */
static weft_status find_checkpoint(weft_i_training *training, weft_error *error)
{
    int64_t step = 0;
    const weft_i_launch *launch = training->launch;
    weft_status status = weft_i_checkpoint_find(launch->checkpoint, training->model, error, &step);
    if (status != WEFT_STATUS_OK) return status;
    if (step > 0 && launch->check)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "--check is of the first step, the checkpoint has had %lld",
                           (long long)step);
    if (step > INT32_MAX - launch->n_steps)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "the checkpoint has had %lld steps",
                           (long long)step);
    training->lesson.first_step = step;
    return status;
}

weft_status weft_i_training_load(const weft_i_launch *launch, const weft_plan *plan,
                                 weft_error *error, weft_i_training **out_training)
{
    weft_status status = check_launch(launch, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_training *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return weft_i_no_memory(error);
    made->launch = launch;
    made->plan = plan;
    made->losses = weft_i_alloc((size_t)launch->n_steps, sizeof(double));
    status = made->losses ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = weft_model_load(launch->model, error, &made->model);
    if (status == WEFT_STATUS_OK) status = weft_batch_read(launch->batch, error, &made->batch);
    if (status == WEFT_STATUS_OK)
        status = weft_i_trainee_create(plan, made->model, made->batch, (uint64_t)launch->seed,
                                       error, &made->trainee);
    if (status == WEFT_STATUS_OK && launch->checkpoint) status = find_checkpoint(made, error);
    weft_i_gemm_threads((int)launch->threads);
    if (status == WEFT_STATUS_OK)
        *out_training = made;
    else
        weft_i_training_free(made);
    return status;
}

void weft_i_training_free(weft_i_training *training)
{
    if (!training) return;
    weft_i_worker_free(training->device);
    weft_i_gpu_kit_free(training->gpu);
    weft_i_trainee_free(training->trainee);
    weft_batch_free(training->batch);
    weft_model_free(training->model);
    free(training->losses);
    free(training->gradients);
    free(training);
}

static weft_status add_up(void *context, float *values, int64_t n, weft_error *error)
{
    return weft_i_world_add_up(context, values, n, error);
}

static bool is_direct(const weft_i_launch *launch)
{
    return launch->messages == WEFT_I_MESSAGES_DIRECT ||
           (launch->messages == WEFT_I_MESSAGES_AUTO && launch->device == WEFT_I_DEVICE_CUDA &&
            weft_i_world_takes_device_memory());
}

weft_status weft_i_training_begin(weft_i_training *training, weft_i_world *world, weft_error *error,
                                  weft_run_device *out_callbacks)
{
    weft_i_worker_options options;
    weft_i_worker_options_init(&options);
    options.adamw.rate = training->launch->learning_rate;
    options.add_up = add_up;
    options.add_up_context = world;
    training->world = world;
    options.is_direct = is_direct(training->launch);
    weft_status status =
        weft_i_device_kit((weft_i_device)training->launch->device, weft_i_world_slot(world), error,
                          &training->gpu, &options.kit);
    if (training->gpu) training->lesson.messages = options.is_direct ? "direct" : "staged";
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_worker_create(training->trainee, training->plan, weft_i_world_replica(world),
                                 weft_i_world_rank(world), &options, error, &training->device);
    if (status == WEFT_STATUS_OK && training->lesson.first_step > 0)
        status = weft_i_checkpoint_load(training->launch->checkpoint, training->lesson.first_step,
                                        training->plan, training->model, training->device, error);
    if (status == WEFT_STATUS_OK) status = weft_i_worker_store(training->device, error);
    if (status == WEFT_STATUS_OK) *out_callbacks = weft_i_worker_callbacks(training->device);
    return status;
}

void weft_i_training_step(weft_i_training *training, int32_t step)
{
    weft_i_worker_step(training->device, (int32_t)training->lesson.first_step + step);
}

/* Bytes of the gradients of a rank's chunks, one after the other. */
static int64_t gradient_bytes(const weft_i_training *training, int32_t rank)
{
    int64_t n = 0;
    for (int32_t c = 0; c < training->plan->n_chunks; c++)
        if (training->plan->chunks[c].rank == rank)
            n += weft_i_verdict_floats(training->trainee, training->plan, c);
    return n * (int64_t)sizeof(float);
}

/* Rank of a process: see weft_i_world_split. */
static int32_t rank_of_process(const weft_i_training *training, int32_t process)
{
    return process / training->plan->n_pipelines;
}

/* Of this rank, in one piece, *out_data to free; and where process 0 puts them all. */
static weft_status pack_gradients(weft_i_training *training, int32_t *counts, weft_error *error,
                                  float **out_data, int32_t *out_n_bytes)
{
    int64_t own = gradient_bytes(training, weft_i_world_rank(training->world)), all = 0;
    bool is_first = weft_i_world_process(training->world) == 0;
    for (int32_t i = 0; i < weft_i_world_size(training->world); i++) {
        int64_t n_bytes = gradient_bytes(training, rank_of_process(training, i));
        all += n_bytes;
        if (all > INT_MAX)
            return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                               "--check gathers the gradients in one process: over %d bytes",
                               INT_MAX);
        if (is_first) counts[i] = (int32_t)n_bytes;
    }
    float *data = weft_i_alloc((size_t)own + 1, 1), *to = data;
    if (is_first) training->gradients = weft_i_alloc((size_t)all + 1, 1);
    if (!data || (is_first && !training->gradients)) {
        free(data);
        return weft_i_no_memory(error);
    }
    for (int32_t c = 0; c < training->plan->n_chunks; c++) {
        const weft_i_weights *weights = weft_i_worker_weights(training->device, c);
        if (!weights || !weights->gradients) continue;
        memcpy(to, weights->gradients, (size_t)weights->n * sizeof(float));
        to += weights->n;
    }
    *out_data = data;
    *out_n_bytes = (int32_t)own;
    return WEFT_STATUS_OK;
}

static weft_status gather_gradients(weft_i_training *training, weft_error *error)
{
    int32_t *counts = weft_i_alloc((size_t)weft_i_world_size(training->world), sizeof(*counts));
    float *data = NULL;
    int32_t n_bytes = 0;
    weft_status status = counts ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = pack_gradients(training, counts, error, &data, &n_bytes);
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_world_gather(training->world, data, n_bytes, counts, error, training->gradients);
    free(counts);
    free(data);
    return status;
}

/* Replicas have the same: the first one's ranks save, and process 0 says when all have. */
static weft_status save(weft_i_training *training, int64_t step, weft_error *error)
{
    const char *folder = training->launch->checkpoint;
    int64_t done = 1;
    weft_status status = weft_i_worker_fetch(training->device, error);
    if (status == WEFT_STATUS_OK && weft_i_world_replica(training->world) == 0)
        status = weft_i_checkpoint_save(folder, step, training->plan, training->model,
                                        training->device, error);
    if (status == WEFT_STATUS_OK) status = weft_i_world_largest(training->world, &done, 1, error);
    if (status != WEFT_STATUS_OK || weft_i_world_process(training->world) != 0) return status;
    return weft_i_checkpoint_commit(folder, step, training->model, error);
}

/* After every so many steps of all runs, and after the last one of this. */
static bool is_to_save(const weft_i_training *training, int32_t step)
{
    const weft_i_launch *launch = training->launch;
    int64_t done = training->lesson.first_step + step + 1;
    if (!launch->checkpoint) return false;
    return step + 1 == launch->n_steps ||
           (launch->checkpoint_every > 0 && done % launch->checkpoint_every == 0);
}

weft_status weft_i_training_end_step(weft_i_training *training, int32_t step, weft_error *error)
{
    weft_status status = weft_i_worker_loss(training->device, error, &training->losses[step]);
    if (status == WEFT_STATUS_OK && is_to_save(training, step))
        status = save(training, training->lesson.first_step + step + 1, error);
    if (status != WEFT_STATUS_OK || step > 0 || !training->launch->check) return status;
    status = weft_i_worker_fetch(training->device, error);
    if (status != WEFT_STATUS_OK) return status;
    return gather_gradients(training, error);
}

static void compare(weft_i_training *training, const weft_i_serial *serial)
{
    weft_i_lesson *lesson = &training->lesson;
    weft_i_verdict verdict = weft_i_verdict_begin();
    const float *from = training->gradients;
    for (int32_t i = 0; i < weft_i_world_size(training->world); i++)
        for (int32_t c = 0; c < training->plan->n_chunks; c++) {
            int64_t n = weft_i_verdict_floats(training->trainee, training->plan, c);
            if (training->plan->chunks[c].rank != rank_of_process(training, i) || n == 0) continue;
            weft_i_verdict_add(&verdict, serial, training->trainee, training->plan, c, from);
            from += n;
        }
    lesson->is_checked = true;
    lesson->serial_loss = weft_i_serial_loss(serial);
    lesson->whole_error = weft_i_verdict_whole(&verdict);
    lesson->gradient_error = verdict.error;
    lesson->n_gradients = verdict.n;
    const char *module = verdict.chunk < 0 ? "" : training->plan->chunks[verdict.chunk].module;
    snprintf(lesson->worst, sizeof(lesson->worst), "%s layer %d, %s", module, verdict.layer,
             verdict.parameter);
    double off = fabs(training->losses[0] - lesson->serial_loss);
    const limits *most = training->gpu ? &BFLOAT16 : &FLOAT32;
    lesson->has_passed = off <= most->loss * fabs(lesson->serial_loss) &&
                         lesson->whole_error <= most->whole && verdict.error <= most->one;
}

static weft_status check(weft_i_training *training, weft_error *error)
{
    weft_i_serial *serial = NULL;
    weft_status status = weft_i_serial_create(training->trainee, training->plan, error, &serial);
    if (status == WEFT_STATUS_OK) status = weft_i_serial_run(serial, error);
    if (status == WEFT_STATUS_OK) compare(training, serial);
    weft_i_serial_free(serial);
    return status;
}

/* Every process's parts of the losses, added in the order of the processes. */
static weft_status gather_losses(weft_i_training *training, weft_error *error)
{
    size_t n_steps = (size_t)training->launch->n_steps,
           n = (size_t)weft_i_world_size(training->world);
    bool is_first = weft_i_world_process(training->world) == 0;
    int32_t n_bytes = (int32_t)(n_steps * sizeof(double));
    int32_t *counts = weft_i_alloc(n, sizeof(*counts));
    double *all = is_first ? weft_i_alloc(n * n_steps, sizeof(*all)) : NULL;
    weft_status status = counts && (all || !is_first) ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (size_t i = 0; counts && i < n; i++)
        counts[i] = n_bytes;
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_world_gather(training->world, training->losses, n_bytes, counts, error, all);
    for (size_t i = 1; status == WEFT_STATUS_OK && is_first && i < n; i++)
        for (size_t s = 0; s < n_steps; s++)
            all[s] += all[i * n_steps + s];
    if (status == WEFT_STATUS_OK && is_first)
        memcpy(training->losses, all, n_steps * sizeof(double));
    free(counts);
    free(all);
    return status;
}

weft_status weft_i_training_gather(weft_i_training *training, weft_error *error,
                                   const weft_i_lesson **out_lesson)
{
    weft_status status = gather_losses(training, error);
    if (status != WEFT_STATUS_OK || weft_i_world_process(training->world) != 0) return status;
    training->lesson.losses = training->losses;
    training->lesson.n_steps = (int32_t)training->launch->n_steps;
    if (training->launch->check) status = check(training, error);
    if (status == WEFT_STATUS_OK) *out_lesson = &training->lesson;
    return status;
}
