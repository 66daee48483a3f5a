/* plan/check.h - what the parts of weft_plan_check share: the plan, where each action stands, and
 * how a violation is told. Each part answers true, or false when it has told a violation or memory
 * ran out. The check trusts neither compile nor timeline nor graph and uses none of them; of the
 * rest of plan/ it uses the gate that every problem passes (problem_own.h). */
#ifndef WEFT_PLAN_CHECK_H
#define WEFT_PLAN_CHECK_H

#include <stdbool.h>

#include "base/arena.h"
#include "weft/plan.h"

typedef struct weft_i_verify_pipeline {
    const weft_pipeline *pipeline;
    const weft_problem *problem;
    int32_t *rank; /* of each stage */
    /* Place of the action of a kind among those of its rank, by operand; -1 = there is none. Not
     * for unshard and reshard, which may come several times. */
    int32_t *at[WEFT_N_ACTIONS];
} weft_i_verify_pipeline;

typedef struct weft_i_verify {
    const weft_plan *plan;
    weft_error *error;
    weft_status status; /* VIOLATION or NO_MEMORY once told */
    weft_violation where;
    weft_i_arena arena;
    int32_t n_ranks;                   /* of every pipeline */
    weft_i_verify_pipeline *pipelines; /* plan->n_pipelines */
} weft_i_verify;

/* Tell a violation at an action of a rank of a pipeline (places, -1 = not of one). Always false. */
bool weft_i_violate(weft_i_verify *check, const char *rule, int32_t pipeline, int32_t rank,
                    int32_t action, const char *fmt, ...) WEFT_PRINTF(6, 7);
/* Tell that memory ran out. Always false. */
bool weft_i_verify_no_memory(weft_i_verify *check);

/* Rank that an action of this kind and operand belongs to. */
int32_t weft_i_verify_rank_of(const weft_i_verify *check, int32_t pipeline, weft_action_kind kind,
                              int32_t operand);

/* How many stages, edges or chunks (ranks, where there is no operand) a kind's operand numbers. */
int32_t weft_i_verify_n_operands(const weft_plan *plan, const weft_problem *problem,
                                 weft_action_kind kind);

/* The actions of a rank; the i-th rank of all pipelines, one after another, is a node. */
const weft_rank_actions *weft_i_verify_actions(const weft_i_verify *check, int32_t node);

/* Place of the backward that backward edges speak of: bwi where the stage is split, else bw. */
int32_t weft_i_verify_backward_at(const weft_i_verify_pipeline *in, int32_t stage);

/* a + b for values from 0 to WEFT_INT_MAX + 1, no more than WEFT_INT_MAX + 1. */
int64_t weft_i_add_capped(int64_t a, int64_t b);

/* The parts, in the order in which they run; each may rely on those before it. */
bool weft_i_verify_form(weft_i_verify *check);        /* check_form.c */
bool weft_i_verify_index(weft_i_verify *check);       /* check_index.c */
bool weft_i_verify_passes(weft_i_verify *check);      /* check_passes.c */
bool weft_i_verify_messages(weft_i_verify *check);    /* check_messages.c */
bool weft_i_verify_collectives(weft_i_verify *check); /* check_collectives.c */
bool weft_i_verify_mpi(weft_i_verify *check);         /* check_mpi.c */
bool weft_i_verify_nccl(weft_i_verify *check);        /* check_nccl.c */
bool weft_i_verify_memory(weft_i_verify *check);      /* check_memory.c */
bool weft_i_verify_time(weft_i_verify *check);        /* check_time.c */
bool weft_i_verify_sums(weft_i_verify *check);        /* check_sums.c */

#endif
