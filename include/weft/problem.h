/* weft/problem.h - one replica's scheduling problem: all that the search sees.
 *
 * A problem is a set of stages (a chunk run on a sub-microbatch) with costs, placed on ranks by
 * their chunks, and the data dependencies between them. Where the costs come from does not matter:
 * the emulator, a measurement in another framework, or one line of text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_PROBLEM_H
#define WEFT_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Largest size and time: 2^53 - 1, so that every reader of JSON has it exactly. A limit of so many
 * bytes is none. */
#define WEFT_INT_MAX INT64_C(9007199254740991)

/* What a plan is to make least. */
typedef enum weft_objective {
    WEFT_OBJECTIVE_STEP,     /* of one problem the same as MAKESPAN */
    WEFT_OBJECTIVE_MAKESPAN, /* pipeline_ns, T */
    WEFT_OBJECTIVE_SPAN      /* span_ns, Z */
} weft_objective;

/* What the backward of a stage computes. NONE: frozen, there is no backward pass and saved_bytes is
 * 0. INPUT: no weight gradient. FULL: both. */
typedef enum weft_backward {
    WEFT_BACKWARD_NONE,
    WEFT_BACKWARD_INPUT,
    WEFT_BACKWARD_FULL
} weft_backward;

/* A pass of a stage: forward, fused backward, and the two halves of a split backward (gradient of
 * the input, gradient of the weights). A stage with backward INPUT has FW and BW only. */
typedef enum weft_pass { WEFT_PASS_FW, WEFT_PASS_BW, WEFT_PASS_BWI, WEFT_PASS_BWW } weft_pass;

/* What an edge carries. TOKENS: the sequence itself; ADD: summed into it; CONDITION: read by cross
 * attention or modulation; SKIP: a skip connection. */
typedef enum weft_edge_kind {
    WEFT_EDGE_TOKENS,
    WEFT_EDGE_ADD,
    WEFT_EDGE_CONDITION,
    WEFT_EDGE_SKIP
} weft_edge_kind;

/* Consecutive layers of one module that one rank holds for one segment. Bytes are per device. */
typedef struct weft_chunk {
    const char *module;
    int32_t segment; /* pass of the module over the ranks, from 0 */
    int32_t rank;
    int32_t first_layer, layers;
    int64_t state_bytes;  /* parameters, gradients, optimizer state */
    int64_t reduce_bytes; /* gradients all-reduced over the replicas; 0 = frozen or one replica */
    int64_t reduce_ns;
    int64_t share_ns; /* then, to add the gradients of a tensor that a chunk of another rank holds,
                         too (a tied embedding); also with one replica */
} weft_chunk;

typedef enum weft_item_kind {
    WEFT_ITEM_DOCUMENT, /* one packed sample: text and the tokens of its images */
    WEFT_ITEM_IMAGE,
    WEFT_ITEM_CLIP,
    WEFT_ITEM_AUDIO,
    WEFT_ITEM_CAPTION
} weft_item_kind;

/* An instance in a sub-microbatch. */
typedef struct weft_item {
    int32_t sample; /* place in the batch, from 0 */
    weft_item_kind kind;
    int32_t index;   /* of the image, clip, ... in its sample */
    int32_t grid[3]; /* patches in time, height, width; 0 where there is no grid */
    int64_t tokens;
} weft_item;

/* A slice of the instances of one modality of one microbatch (or of several, for a module with
 * very little work). */
typedef struct weft_submicrobatch {
    const char *module;
    int32_t *microbatches; /* n_microbatches numbers */
    int32_t n_microbatches;
    int32_t index; /* among those of the same module and microbatch, from 0 */
    int64_t tokens;
    weft_item *items;
    int32_t n_items;
} weft_submicrobatch;

/* Times of the passes and bytes per device of a stage under one memory strategy. bw_ns and bwi_ns
 * include recompute_ns. bwi_ns = bww_ns = 0: the backward cannot be split. */
typedef struct weft_cost {
    int64_t fw_ns, bw_ns, bwi_ns, bww_ns;
    int64_t recompute_ns;  /* part of bw_ns and of bwi_ns that recomputes */
    int64_t saved_bytes;   /* from the start of fw to the end of bw */
    int64_t held_bytes;    /* split: what stays from the end of bwi to the end of bww */
    int64_t work_bytes[4]; /* while a pass runs, by weft_pass */
} weft_cost;

/* Whether the backward can be split into BWI and BWW. */
static inline bool weft_cost_can_split(const weft_cost *cost)
{
    return cost->bwi_ns > 0 || cost->bww_ns > 0;
}

/* Time of a pass, with what it recomputes. */
static inline int64_t weft_cost_pass_ns(const weft_cost *cost, weft_pass pass)
{
    const int64_t ns[4] = {cost->fw_ns, cost->bw_ns, cost->bwi_ns, cost->bww_ns};
    return ns[pass];
}

/* A run of layers of a stage, from the chunk's first, with one memory strategy: "none",
 * "selective", "full" or a named set of operators. */
typedef struct weft_memory_run {
    const char *strategy;
    int32_t layers;
} weft_memory_run;

/* One choice of memory strategies for a stage. */
typedef struct weft_candidate {
    weft_cost cost;
    weft_memory_run *memory;
    int32_t n_memory;
} weft_candidate;

typedef struct weft_stage {
    int32_t chunk;
    int32_t submicrobatch;
    weft_backward backward;
    weft_candidate now;         /* the choice in force */
    weft_candidate *candidates; /* all n_candidates choices, `now` among them; 0 = only `now` */
    int32_t n_candidates;
    int32_t label;    /* stages of the same label share a priority in level 1; -1 = none */
    int64_t ready_ns; /* the forward starts no earlier */
} weft_stage;

/* A data dependency beyond "a stage's backward follows its forward". pass FW: the forward of `to`
 * needs that of `from`; pass BW: the backward (BW or BWI) of `to` needs that of `from`. Between
 * ranks it is a message. */
typedef struct weft_edge {
    weft_pass pass; /* FW or BW */
    weft_edge_kind kind;
    int32_t from, to;
    int64_t bytes;
    int64_t transfer_ns; /* 0 on the same rank */
} weft_edge;

typedef struct weft_problem {
    int32_t n_ranks;
    int32_t n_chunks;
    int32_t n_submicrobatches;
    int32_t n_stages;
    int32_t n_edges;
    weft_chunk *chunks;
    weft_submicrobatch *submicrobatches;
    weft_stage *stages;
    weft_edge *edges;
    int64_t *static_bytes; /* per rank: state of its chunks and what else is there all the time */
    int64_t *limit_bytes;  /* per rank: device memory less the reserve; WEFT_INT_MAX = no limit */
    int64_t post_ns;       /* time that posting a message takes on its rank */
    void *owner;           /* what a problem of its own is freed by; NULL inside a plan */
} weft_problem;

/* What is fixed over a run: numbers of replicas and of devices along each axis. */
typedef struct weft_parallel {
    int32_t dp, pp, tp, cp, ep;
} weft_parallel;

/* Read a weft.problem file ("-" = stdin), which keeps the rules of weft_problem_check. IO,
 * BAD_INPUT with file, line and path. Free *out_problem with weft_problem_free. */
WEFT_API weft_status weft_problem_read(const char *file, weft_error *error,
                                       weft_problem **out_problem);

/* Write a weft.problem file ("-" = stdout), complete or not at all. IO. */
WEFT_API weft_status weft_problem_write(const weft_problem *problem, const char *file,
                                        weft_error *error);

/* Build a uniform problem from one line of text, "pp=8 microbatches=24 fw=18522 bw=27423 ..."
 * (docs/formats.md lists the keys). BAD_INPUT names the word that is wrong. Free *out_problem. */
WEFT_API weft_status weft_problem_synthetic(const char *text, weft_error *error,
                                            weft_problem **out_problem);

/* Check the rules a problem must keep (docs/formats.md lists them): indices in range, one chunk of
 * a module's segment a rank, edges between stages that have the pass, no cycle, sizes and times in
 * 0..WEFT_INT_MAX and their sums too, so that later sums need no check. BAD_INPUT names the first
 * that is broken by its JSON path. The readers call it; all that takes a problem relies on it.
 * O(stages + edges). */
WEFT_API weft_status weft_problem_check(const weft_problem *problem, weft_error *error);

WEFT_API void weft_problem_free(weft_problem *problem);

#ifdef __cplusplus
}
#endif
#endif
