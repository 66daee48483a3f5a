/* plan/check_run.h - runs the actions of all ranks of all replicas, each rank as far as it can go,
 * until nothing moves. What an action waits for is the caller's: a transport, or the time rule. */
#ifndef WEFT_PLAN_CHECK_RUN_H
#define WEFT_PLAN_CHECK_RUN_H

#include "plan/check.h"

typedef enum weft_i_step {
    WEFT_I_STEP_DONE,
    WEFT_I_STEP_BLOCKED, /* until someone wakes the node */
    WEFT_I_STEP_BROKEN   /* a violation was told */
} weft_i_step;

/* A node is a rank of a replica: pipeline * n_ranks + rank. */
typedef struct weft_i_run {
    weft_i_verify *check;
    int32_t n_nodes;
    int32_t *next;  /* per node: its first action that is not done */
    int32_t *queue; /* nodes to look at, a ring; each is there at most once */
    bool *is_queued;
    int32_t head, n_queued;
    int32_t *n_reduces;    /* per chunk: replicas that have posted its reduction */
    int64_t *n_unshards;   /* per chunk: arrivals of all replicas at its unshards */
    int32_t *own_unshards; /* per pipeline and chunk: its arrivals */
    bool *is_at_unshard;   /* per node: has arrived at the unshard that is next */
} weft_i_run;

typedef weft_i_step (*weft_i_step_fn)(void *context, int32_t node, const weft_action *action);

/* Memory is the check's arena; false when it runs out. */
bool weft_i_run_begin(weft_i_verify *check, weft_i_run *run);

/* Look at a node again. */
void weft_i_run_wake(weft_i_run *run, int32_t node);

/* False when a step broke a rule. */
bool weft_i_run_all(weft_i_run *run, weft_i_step_fn step, void *context);

/* First node that has not come to its end; -1 when all have. */
int32_t weft_i_run_stuck(const weft_i_run *run);

/* Collectives under both transports: posting a reduce never blocks, its wait ends when all replicas
 * have posted it; an unshard may begin and end only when all have come to it. */
weft_i_step weft_i_run_collective(weft_i_run *run, int32_t node, const weft_action *action);

/* Tell that a node waits for ever, at the action it stands at. Always false. */
bool weft_i_run_tell_stuck(weft_i_run *run, const char *rule, int32_t node);

#endif
