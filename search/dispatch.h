/* search/dispatch.h - list scheduling: one simulated step in which every free rank starts the best
 * pass that it could start, by keys and a rule, within its memory. The paper's level 2 is one of
 * the rules. Not: making keys (keys.h), choosing rules (dual_queue.h), improving an order. */
#ifndef WEFT_SEARCH_DISPATCH_H
#define WEFT_SEARCH_DISPATCH_H

#include "search/flow.h"
#include "search/net.h"

/* Which queue a free rank serves when a forward and a backward could both start now. KEY: that with
 * the lower key. */
typedef enum weft_i_prefer {
    WEFT_I_PREFER_BACKWARD,
    WEFT_I_PREFER_FORWARD,
    WEFT_I_PREFER_ALTERNATE,
    WEFT_I_PREFER_KEY
} weft_i_prefer;

/* When weight gradients run. IDLE: when nothing else can start. EAGER: before everything else.
 * KEY: in turn, by their keys. */
typedef enum weft_i_weights {
    WEFT_I_WEIGHTS_IDLE,
    WEFT_I_WEIGHTS_EAGER,
    WEFT_I_WEIGHTS_KEY
} weft_i_weights;

typedef struct weft_i_rule {
    weft_i_prefer prefer;
    weft_i_weights weights;
    int32_t patience; /* percent: an idle rank starts no weight gradient when an input arrives
                         before that part of it is done; 0 = it always does */
    int32_t reserve;  /* percent of a microbatch's need that counts as taken once it has begun
                         (room.h); 0 = only what it holds */
    int64_t wait_ns; /* how long a rank may idle for a pass with a lower key on its way to it; where
                        backwards are preferred, a forward waits for any of them */
} weft_i_rule;

/* Memory is that of the passes (saved, held, work) and of edges: at the sender from the start of
 * the producer to the start of the consumer, at the receiver while the consumer runs. The plan's
 * compiler holds messages a little longer; callers leave a margin. */
typedef struct weft_i_dispatcher weft_i_dispatcher;

/* A dispatcher for a net and a flow, which are borrowed; it lives in the arena, its order does not:
 * free it with weft_i_dispatcher_free. NO_MEMORY or OK. */
weft_status weft_i_dispatcher_create(const weft_i_net *net, const weft_i_flow *flow,
                                     weft_i_arena *arena, weft_error *error,
                                     weft_i_dispatcher **out_dispatcher);
void weft_i_dispatcher_free(weft_i_dispatcher *dispatcher);

/* Take the microbatches in another order: microbatch m of the flow comes turn[m]-th. That order
 * decides who may take memory that others need, and nothing else. */
void weft_i_dispatcher_set_turns(weft_i_dispatcher *dispatcher, const int32_t *turn);

/* Turns of the stages' forwards and backwards, by stage; they are the dispatcher's. */
const int32_t *weft_i_dispatcher_fw_turns(const weft_i_dispatcher *dispatcher);
const int32_t *weft_i_dispatcher_bw_turns(const weft_i_dispatcher *dispatcher);

/* What a rank needs at least to take every microbatch through alone. */
int64_t weft_i_dispatcher_need(const weft_i_dispatcher *dispatcher, int32_t rank);

typedef struct weft_i_dispatched {
    const weft_order *order; /* the dispatcher's, until its next run */
    const int64_t *start_ns; /* by task; only of tasks that run */
    int64_t pipeline_ns, span_ns;
} weft_i_dispatched;

/* Schedule the whole net. key: by task, the lower is served first. limit_bytes: by rank, for
 * passes and edges alone. soft_bytes: by rank, a lower limit that only the oldest unfinished
 * microbatch may pass; NULL = none. False when the ranks lock up, which happens only where some
 * rank's limit is below its need. O(passes x queue length + edges). */
bool weft_i_dispatch(weft_i_dispatcher *dispatcher, const weft_i_rule *rule, const int64_t *key,
                     const int64_t *limit_bytes, const int64_t *soft_bytes,
                     weft_i_dispatched *out_dispatched);

#endif
