/* weft/emulate.h - closed questions about uniform models: one transformer layer again and again,
 * every microbatch alike. No batch, no search: the answer comes in microseconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_EMULATE_H
#define WEFT_EMULATE_H

#include "weft/cluster.h"
#include "weft/model.h"
#include "weft/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a microbatch's backward computes again (docs/emulator.md, memory strategies). */
typedef enum weft_recompute {
    WEFT_RECOMPUTE_NONE,
    WEFT_RECOMPUTE_SELECTIVE,
    WEFT_RECOMPUTE_FULL,
    WEFT_RECOMPUTE_OFFLOAD, /* nothing: what is saved goes to the host meanwhile */
    WEFT_RECOMPUTE_SET      /* + i: the operators of recipe->recompute_sets[i] */
} weft_recompute;

/* The order of passes. 1F1B (Narayanan et al. 2019): with more segments than one, Megatron's
 * interleaved 1F1B, called VPP (Narayanan et al. 2021). GPIPE: all forwards, then all backwards
 * (Huang et al. 2019). ZB_H1: 1F1B with split backwards and its memory; one segment (Qi et al.
 * 2023). */
typedef enum weft_schedule {
    WEFT_SCHEDULE_1F1B,
    WEFT_SCHEDULE_GPIPE,
    WEFT_SCHEDULE_ZB_H1
} weft_schedule;

/* A question; all borrowed. The model is one module: an embedding, equal layers, a head (every
 * "gpt:..." is). Layers are cut evenly over pp * segments chunks; where only layers + 2 divides,
 * the embedding and the head count as a layer each. */
typedef struct weft_uniform {
    const weft_model *model;
    const weft_cluster *cluster; /* its `stack` is the software */
    const weft_recipe *recipe;   /* precision, bytes, ZeRO, sequence parallel, overlap */
    weft_parallel parallel;
    int64_t sequence;     /* tokens; 0 = the model's, else the recipe's */
    int32_t microbatch;   /* sequences */
    int32_t global_batch; /* sequences of a step: a multiple of dp * microbatch */
    int32_t segments;
    weft_recompute recompute;
    weft_schedule schedule;
} weft_uniform;

/* An answer. A step is fill + steady + drain + reduction + optimizer. */
typedef struct weft_uniform_answer {
    int64_t step_ns;
    int64_t pipeline_ns; /* fill + steady + drain */
    int64_t fill_ns;     /* until the last rank starts */
    int64_t steady_ns;
    int64_t drain_ns;     /* after the first rank has ended */
    int64_t reduction_ns; /* of gradients, what no backward hides */
    int64_t optimizer_ns;
    double bubble; /* 1 - busy / (pp * pipeline_ns), busy without recomputation */
    double mfu, hfu;
    int64_t peak_bytes; /* of the rank that needs most */
    int64_t limit_bytes;
    int32_t microbatches; /* of one replica */
    weft_cost layer;      /* one transformer layer on one microbatch */
    weft_cost embedding, head;
    int64_t transfer_ns; /* a message between the first two ranks; 0 where there is one */
} weft_uniform_answer;

/* A rank's memory per device, at the moment when it is highest: the parts add up to peak_bytes. */
typedef struct weft_uniform_rank {
    int64_t peak_bytes, limit_bytes;
    int64_t parameter_bytes, gradient_bytes, optimizer_bytes;
    int64_t activation_bytes; /* saved by forwards whose backward is to come */
    int64_t logit_bytes;      /* the same, of the head */
    int64_t work_bytes;       /* of the pass that runs */
} weft_uniform_rank;

/* Answer a question. out_ranks: pp entries; may be NULL. Messages in flight are not counted.
 * BAD_INPUT for a model that is not uniform or sizes under 1, INFEASIBLE where sizes do not divide,
 * do not suit the schedule or exceed the cluster; memory over the limit is no error. NO_MEMORY.
 * Thread-safe. O(layers + passes). The times are those of weft_order_time for the same stages. */
WEFT_API weft_status weft_emulate_uniform(const weft_uniform *question, weft_error *error,
                                          weft_uniform_rank *out_ranks,
                                          weft_uniform_answer *out_answer);

/* What is priced once: every layer of every stage anew; all that is equal; or neighbours in a stage
 * that are equal, which needs no memory. The numbers are the same. */
typedef enum weft_reuse_mode {
    WEFT_REUSE_MODE_NONE,
    WEFT_REUSE_MODE_ALL,
    WEFT_REUSE_MODE_NEIGHBOURS
} weft_reuse_mode;

/* How often something was asked for and how often it was there already; what is kept; how often a
 * full part of what is kept was thrown away; the time spent on what was not there. */
typedef struct weft_reuse_level {
    int64_t asked, reused;
    int64_t entries, bytes;
    int64_t emptied;
    int64_t fill_ns;
} weft_reuse_level;

/* Reuse of an emulator. Subgraphs: a layer without its attention, or the attention; stages: whole
 * runs of layers, whose time includes that of the subgraphs they lacked. */
typedef struct weft_reuse {
    weft_reuse_level subgraphs, stages;
} weft_reuse;

#ifdef __cplusplus
}
#endif
#endif
