/* weft/plan.h - a plan: order, memory strategies, actions and prediction of one training step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_PLAN_H
#define WEFT_PLAN_H

#include "weft/order.h"
#include "weft/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every action: enum value, name in JSON, what its operand numbers. */
#define WEFT_ACTION_LIST(X)                                                                        \
    X(FW, "fw", STAGE)                                                                             \
    X(BW, "bw", STAGE)                                                                             \
    X(BWI, "bwi", STAGE)                                                                           \
    X(BWW, "bww", STAGE)                                                                           \
    X(ISEND, "isend", EDGE)                                                                        \
    X(IRECV, "irecv", EDGE)                                                                        \
    X(WAIT_ISEND, "wait_isend", EDGE)                                                              \
    X(WAIT_IRECV, "wait_irecv", EDGE)                                                              \
    X(OFFLOAD, "offload", STAGE)                                                                   \
    X(PREFETCH, "prefetch", STAGE)                                                                 \
    X(WAIT_OFFLOAD, "wait_offload", STAGE)                                                         \
    X(WAIT_PREFETCH, "wait_prefetch", STAGE)                                                       \
    X(REDUCE, "reduce", CHUNK)                                                                     \
    X(WAIT_REDUCE, "wait_reduce", CHUNK)                                                           \
    X(UNSHARD, "unshard", CHUNK)                                                                   \
    X(RESHARD, "reshard", CHUNK)                                                                   \
    X(OPTIMIZER, "optimizer", NONE)

typedef enum weft_action_kind {
#define WEFT_ACTION_ENUM(name, text, operand) WEFT_ACTION_##name,
    WEFT_ACTION_LIST(WEFT_ACTION_ENUM)
#undef WEFT_ACTION_ENUM
        WEFT_N_ACTIONS
} weft_action_kind;

/* What an action's operand numbers. */
typedef enum weft_operand {
    WEFT_OPERAND_NONE,
    WEFT_OPERAND_STAGE,
    WEFT_OPERAND_EDGE,
    WEFT_OPERAND_CHUNK
} weft_operand;

WEFT_API const char *weft_action_name(weft_action_kind kind); /* "?" for an unknown value */
WEFT_API weft_operand weft_action_operand(weft_action_kind kind);

/* The first four kinds are the passes, in the order of weft_pass. */
typedef struct weft_action {
    weft_action_kind kind;
    int32_t operand; /* 0 where the kind has none */
    int32_t group;   /* neighbours with the same number >= 0 are posted together; -1 = alone */
    int64_t start_ns, end_ns;
} weft_action;

typedef struct weft_rank_actions {
    weft_action *actions;
    int32_t n_actions;
} weft_rank_actions;

/* One replica: its problem as decided (each stage's `now`), and what each rank does. */
typedef struct weft_pipeline {
    int32_t replica;
    weft_problem problem;     /* chunks are the plan's */
    weft_rank_actions *ranks; /* problem.n_ranks */
    int64_t pipeline_ns, span_ns;
    int64_t lower_bound_ns, span_lower_bound_ns, work_bound_ns;
    int64_t *peak_bytes; /* per rank, static_bytes included */
} weft_pipeline;

/* A tensor that several chunks hold, such as a tied embedding. */
typedef struct weft_shared {
    const char *name;
    int32_t *chunks;
    int32_t n_chunks;
    int64_t bytes;
} weft_shared;

/* What a plan was made from. name "" = none. */
typedef struct weft_input {
    const char *name;
    const char *sha256; /* 64 hex digits or "" */
} weft_input;

typedef struct weft_prediction {
    int64_t step_ns;        /* slowest replica, reduction tail, optimizer */
    int64_t reduce_tail_ns; /* of the gradient reduction after the slowest replica's last pass */
    int64_t optimizer_ns;
    double bubble; /* 1 - busy / (dp * P * longest pipeline_ns), busy without recomputation */
    double mfu, hfu;
} weft_prediction;

typedef struct weft_plan {
    weft_input model, cluster, recipe, layout;
    weft_input batch;  /* its name is not in the file */
    int32_t n_samples; /* of the batch */
    uint64_t seed;     /* at most WEFT_INT_MAX */
    weft_objective objective;
    const char *method; /* "default", "paper", or the baseline's name */
    weft_parallel parallel;
    int32_t n_chunks, n_shared, n_pipelines;
    weft_chunk *chunks;
    weft_shared *shared;
    weft_pipeline *pipelines;
    weft_prediction predicted;
    int64_t post_ns; /* in "recipe" */
    void *owner;
} weft_plan;

/* One pipeline's part in weft_plan_build. */
typedef struct weft_pipeline_input {
    const weft_problem *problem; /* all with the same chunks */
    const weft_order *order;
    const int32_t *choices; /* candidate of each stage; NULL = `now` everywhere */
    int64_t lower_bound_ns, span_lower_bound_ns, work_bound_ns;
    bool reduce_at_end; /* no reduction beside passes: all after a rank's last one */
} weft_pipeline_input;

/* Compile orders into a plan: actions, times, memory, sums. Sends follow their producer; a receive
 * is posted a whole pass ahead of its consumer, or right after that pass where it has something to
 * send to the same rank first, in an order that cannot deadlock under either transport
 * (docs/plan_rules.md). With several replicas every rank reduces its chunks in one sequence common
 * to all. Everything is copied. INFEASIBLE when memory goes over a limit ("rank 2 needs 91.2 GiB
 * of 76.0"), FAILED when an order is not one, BAD_INPUT for a problem that breaks a rule
 * (weft_problem_check), USAGE for inputs that do not go together, a choice that is none, and an
 * optimizer_ns that is no time. It is predicted.optimizer_ns; `mfu` and `hfu` stay 0. Free
 * *out_plan. */
WEFT_API weft_status weft_plan_build(const weft_pipeline_input *inputs, int32_t n_inputs,
                                     int64_t optimizer_ns, weft_error *error, weft_plan **out_plan);

/* Read a weft.plan file ("-" = stdin): the form only (types, ranges, weft_problem_check of each
 * pipeline), not the rules (weft_plan_check). BAD_INPUT with file, line and path; IO; NO_MEMORY.
 * Free *out_plan. */
WEFT_API weft_status weft_plan_read(const char *file, weft_error *error, weft_plan **out_plan);

/* Write a plan ("-" = stdout), complete or not at all, as a stream: memory does not grow with the
 * plan. FAILED where a number has no place in JSON (a seed over WEFT_INT_MAX, a ratio that is not
 * finite); IO. The same plan gives the same bytes. */
WEFT_API weft_status weft_plan_write(const weft_plan *plan, const char *file, weft_error *error);

/* Where a plan breaks a rule. */
typedef struct weft_violation {
    int32_t replica, rank, action; /* -1 = not of one */
    const char *rule; /* "passes", "rank", "edges", "messages", "memory", "time", "collectives",
                         "deadlock-mpi", "deadlock-nccl", "form" */
} weft_violation;

/* Decide whether a plan keeps every rule of docs/formats.md, without trusting how it was made:
 * passes, ranks, edges, messages, memory at every moment, times, collectives, and no deadlock under
 * the mpi and the nccl transport. OK, or VIOLATION with the first one in `error` and *out_where
 * (may be NULL). O(actions log actions). Thread-safe. */
WEFT_API weft_status weft_plan_check(const weft_plan *plan, weft_error *error,
                                     weft_violation *out_where);

WEFT_API void weft_plan_free(weft_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
