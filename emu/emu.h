/* emu/emu.h - what a stage costs: times, bytes and flop of layers under a parallel layout.
 *
 * An emulator is bound to one model, cluster, recipe and parallel sizes. It answers for any run of
 * layers on any work. Results are kept and shared by all equal layers, ranks, replicas and
 * sub-microbatches (subgraph reuse); on or off, every number is identical. Not: schedules.
 * Thread-safe once created.
 */
#ifndef WEFT_EMU_EMU_H
#define WEFT_EMU_EMU_H

#include <stdbool.h>

#include "weft/cluster.h"
#include "weft/emulate.h"
#include "weft/model.h"
#include "weft/problem.h"
#include "weft/recipe.h"

typedef struct weft_i_emu weft_i_emu;

/* One sequence of a stage's work: attention is over its tokens alone. */
typedef struct weft_i_span {
    int64_t tokens;  /* at the module's input */
    int64_t context; /* tokens of the condition it reads by cross-attention; 0 = none */
} weft_i_span;

/* What a stage works on: tokens at the module's input, before any projector merges them. */
typedef struct weft_i_work {
    int64_t tokens; /* sum over the spans */
    const weft_i_span *spans;
    int32_t n_spans;
} weft_i_work;

/* Memory strategies of a layer: recompute nothing, some, all of it, or keep all on the host; from
 * WEFT_I_STRATEGY_SET on recompute the recipe's named sets. */
typedef enum weft_i_strategy {
    WEFT_I_STRATEGY_NONE,
    WEFT_I_STRATEGY_SELECTIVE,
    WEFT_I_STRATEGY_FULL,
    WEFT_I_STRATEGY_OFFLOAD,
    WEFT_I_STRATEGY_SET,
    WEFT_I_N_STRATEGIES = WEFT_I_STRATEGY_SET + WEFT_MAX_RECOMPUTE_SETS
} weft_i_strategy;

typedef struct weft_i_stage_cost {
    weft_cost cost;    /* per device */
    double model_flop; /* of forward and backward, all devices of the rank, no recomputation */
    double recompute_flop;
    int64_t host_bytes; /* of one device, on its host from the forward to the end of the backward */
} weft_i_stage_cost;

/* The model, cluster and recipe are borrowed and outlive the emulator. INFEASIBLE where the
 * parallel sizes do not divide heads or do not fit the cluster, with what is wrong. */
weft_status weft_i_emu_create(const weft_model *model, const weft_cluster *cluster,
                              const weft_recipe *recipe, const weft_parallel *parallel,
                              weft_reuse_mode reuse, weft_error *error, weft_i_emu **out_emu);
void weft_i_emu_free(weft_i_emu *emu);

/* Strategies that the emulator knows: the recipe's sets come last. */
int32_t weft_i_emu_strategies(const weft_i_emu *emu);
/* Name of one, as in plans; "?" of another. As long as the recipe. */
const char *weft_i_emu_strategy_name(const weft_i_emu *emu, weft_i_strategy strategy);

/* Backward that a stage of these layers needs: FULL where a layer in it trains, INPUT where only
 * something before it does, NONE where nothing needs its gradient. */
weft_backward weft_i_emu_backward(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n);

/* Cost of layers first..first+n-1 of a module on `work` under a strategy. BAD_INPUT for layers, a
 * work or a strategy that are not there. */
weft_status weft_i_emu_stage(weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                             const weft_i_work *work, weft_i_strategy strategy, weft_error *error,
                             weft_i_stage_cost *out_cost);

/* The same with a strategy for each layer, n of them. The two agree where all are equal. */
weft_status weft_i_emu_stage_mixed(weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                                   const weft_i_work *work, const weft_i_strategy *strategies,
                                   weft_error *error, weft_i_stage_cost *out_cost);

/* Whether layers a..a+n-1 of a module cost what layers b..b+n-1 do, one by one, on any work. */
bool weft_i_emu_layers_equal(const weft_i_emu *emu, int32_t module, int32_t a, int32_t b,
                             int32_t n);

/* What layers hold all the time, in bytes per device. A tied head counts as a copy where pp > 1: on
 * the embedding's own rank it costs nothing. */
typedef struct weft_i_state {
    int64_t parameter_bytes, gradient_bytes, optimizer_bytes;
} weft_i_state;
weft_i_state weft_i_emu_state(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n);

/* The sum of the three, and the bytes of the gradients to reduce. */
int64_t weft_i_emu_state_bytes(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n);
int64_t weft_i_emu_reduce_bytes(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n);

/* Bytes per device of a layer's output on `work`, as it is sent or kept. */
int64_t weft_i_emu_output_bytes(const weft_i_emu *emu, int32_t module, int32_t layer,
                                const weft_i_work *work);

/* Time of a message of so many bytes a device between two pipeline ranks of one replica. */
int64_t weft_i_emu_transfer_ns(const weft_i_emu *emu, int64_t bytes, int32_t from_rank,
                               int32_t to_rank);

/* What a pass of `ns` takes while messages are under way: the stack's message_slowdown times as
 * long where there are several ranks, unless the software waits for its messages. */
int64_t weft_i_emu_beside_messages_ns(const weft_i_emu *emu, int64_t ns);

/* Whether the software waits for its messages: no pass runs while one comes in or goes out. */
bool weft_i_emu_waits_for_messages(const weft_i_emu *emu);

/* Reduction of the gradients of layers that a rank holds: over the replicas, and over the TP group
 * where the module is replicated there; 0 where there is nothing to reduce. */
int64_t weft_i_emu_reduce_ns(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                             int32_t rank);

/* To add the gradients of a module's embedding and of the head that is tied to it on another rank,
 * by a message each way (Narayanan et al. 2021); 0 on one rank, and where one of them is frozen. */
int64_t weft_i_emu_share_ns(const weft_i_emu *emu, int32_t module, int32_t rank, int32_t other);

/* What of a collective over the replicas hides under passes that take `passes_ns`: the stack's
 * dp_overlap of it, less what it slows the passes down; 0 where the recipe switches overlap off. */
int64_t weft_i_emu_hidden_ns(const weft_i_emu *emu, int64_t ns, int64_t passes_ns);

/* Whether reductions run beside passes at all; if not, each rank's begin after its last one. */
bool weft_i_emu_hides_reductions(const weft_i_emu *emu);

/* Optimizer step of a rank whose trained chunks hold so many bytes of state; under ZeRO 1 it ends
 * with the gather of the parameters, which takes weft_i_emu_gather_ns of it. */
int64_t weft_i_emu_optimizer_ns(const weft_i_emu *emu, int64_t state_bytes);
int64_t weft_i_emu_gather_ns(const weft_i_emu *emu, int64_t state_bytes);

/* Device memory less the reserve, per rank. */
int64_t weft_i_emu_limit_bytes(const weft_i_emu *emu, int32_t rank);

/* Whether the hosts have room: rank_bytes, pp of them, are what a device of each rank keeps on its
 * host at most. INFEASIBLE names the first node that lacks memory. A cluster whose host_bytes are 0
 * does not say what there is. */
weft_status weft_i_emu_check_host(const weft_i_emu *emu, const int64_t *rank_bytes,
                                  weft_error *error);

/* Peak flop a second of all devices of the job, for MFU. */
double weft_i_emu_peak_flops(const weft_i_emu *emu);

weft_reuse weft_i_emu_reuse(const weft_i_emu *emu);

#endif
