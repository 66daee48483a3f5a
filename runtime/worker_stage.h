/* runtime/worker_stage.h - a stage's layers on the device: a forward or backward a layer at a time,
 * with what comes in by the edges and goes out by them. Not: actions (worker.h). */
#ifndef WEFT_RUNTIME_WORKER_STAGE_H
#define WEFT_RUNTIME_WORKER_STAGE_H

#include "runtime/routes.h"
#include "runtime/weights.h"

/* What the stages of a rank share. */
typedef struct weft_i_worker_shop {
    const weft_i_rows *rows;
    const weft_i_routes *routes;
    const weft_problem *problem;
    const weft_i_kit *kit;
    weft_i_pool pool; /* of its memory */
    void **payloads;  /* per edge: sent and not yet read, or received */
    double *loss;     /* of the step, a sum over targets; in the kit's memory */
} weft_i_worker_shop;

typedef struct weft_i_worker_stage {
    weft_i_worker_shop *shop;
    int32_t stage, first_layer, n_layers;
    const weft_i_trained_module *module;
    weft_i_weights *weights;
    weft_i_tape *tapes; /* by layer of the chunk */
    weft_i_rules *rules;
    weft_i_sheet *sheets;
    void *patches, *times;     /* where a first layer, or adaLN, reads them; for all steps */
    float *velocities;         /* a head's, likewise */
    void *context, *d_context; /* from forward to backward */
    void *media;
    int32_t lowest; /* first layer that has a backward; n_layers = none */
    int32_t next;   /* layer of the pass that is under way */
} weft_i_worker_stage;

/* BAD_INPUT for a memory strategy that is not known, NO_MEMORY. Free with weft_i_worker_stage_free.
 */
weft_status weft_i_worker_stage_make(weft_i_worker_shop *shop, int32_t stage,
                                     weft_i_weights *weights, weft_i_arena *arena,
                                     weft_error *error, weft_i_worker_stage *out);
/* Free it with what a broken run left behind. */
void weft_i_worker_stage_free(weft_i_worker_stage *stage);

/* Take in what the edges brought; then one layer a call until *out_done. */
weft_status weft_i_worker_stage_begin(weft_i_worker_stage *stage, weft_pass pass,
                                      weft_error *error);
weft_status weft_i_worker_stage_go_on(weft_i_worker_stage *stage, weft_pass pass, weft_error *error,
                                      bool *out_done);

/* Bytes that an edge carries, forward or back. */
int64_t weft_i_worker_edge_bytes(const weft_i_worker_shop *shop, int32_t edge);

#endif
