/* runtime/worker.h - what trains: one rank of one replica, with the arithmetic of a kit.
 *
 * A pass runs a layer at a time, so that messages move in between. The gradients of a step stay
 * until the next one begins. */
#ifndef WEFT_RUNTIME_WORKER_H
#define WEFT_RUNTIME_WORKER_H

#include "runtime/weights.h"
#include "weft/run.h"

typedef struct weft_i_worker weft_i_worker;

typedef struct weft_i_worker_options {
    const weft_i_kit *kit; /* borrowed, one worker's alone */
    weft_i_adamw adamw;
    /* Adds up over the ranks of the replica, in place; called by all of them in the same order
     * where ranks share a tensor. NULL: no rank shares one. */
    weft_status (*add_up)(void *add_up_context, float *values, int64_t n, weft_error *error);
    void *add_up_context;
    bool is_direct; /* messages are sent from and received into the kit's own memory */
} weft_i_worker_options;

/* The processor, and AdamW with a rate of 1e-3. */
void weft_i_worker_options_init(weft_i_worker_options *options);

/* Trainee and plan are borrowed. BAD_INPUT where the plan's items and edges are not the model's,
 * NO_MEMORY. Free with weft_i_worker_free. */
weft_status weft_i_worker_create(const weft_i_trainee *trainee, const weft_plan *plan,
                                 int32_t pipeline, int32_t rank,
                                 const weft_i_worker_options *options, weft_error *error,
                                 weft_i_worker **out_device);
void weft_i_worker_free(weft_i_worker *device);

/* Before each step, from 0. */
void weft_i_worker_step(weft_i_worker *device, int32_t step);

/* What the interpreter calls; valid as long as the device. */
weft_run_device weft_i_worker_callbacks(weft_i_worker *device);

/* This rank's part of the step's loss; the loss is the sum over all ranks and replicas. Waits for
 * the kit. */
weft_status weft_i_worker_loss(const weft_i_worker *device, weft_error *error, double *out_loss);

/* Bring weights, gradients and moments to where weft_i_worker_weights shows them, and take weights
 * and moments from there. */
weft_status weft_i_worker_fetch(const weft_i_worker *device, weft_error *error);
weft_status weft_i_worker_store(const weft_i_worker *device, weft_error *error);

/* The weights of a chunk, as of the last fetch; NULL on another rank. */
const weft_i_weights *weft_i_worker_weights(const weft_i_worker *device, int32_t chunk);

/* Buffers that are in use: 0 between steps. */
int32_t weft_i_worker_buffers(const weft_i_worker *device);

#endif
