/* emu/operators.h - one layer as operators and tensors, and what they cost on a device.
 *
 * An operator has a kind, a shape and a pass; those of the forward read tensors and make others,
 * and say which of what they read their backward needs. A graph is both lists for one layer on one
 * device, every operator behind those that it reads from. Who is kept under a memory strategy
 * follows (emu/lifetimes.h). The core of attention is an operator that costs nothing here: its cost
 * depends on the single sequences (emu/attention.h).
 */
#ifndef WEFT_EMU_OPERATORS_H
#define WEFT_EMU_OPERATORS_H

#include "emu/emu.h"
#include "emu/network.h"

enum { WEFT_I_VALUE_BYTES = 2 }; /* of one activation: bfloat16 */

/* When an operator runs. SPLIT: only in the weight gradient pass of a split backward. */
typedef enum weft_i_phase {
    WEFT_I_PHASE_FW,
    WEFT_I_PHASE_BWI,
    WEFT_I_PHASE_BWW,
    WEFT_I_PHASE_SPLIT,
    WEFT_I_N_PHASES
} weft_i_phase;

/* Whether operators of a phase run in a layer whose backward is `backward`. */
bool weft_i_phase_runs(weft_i_phase phase, weft_backward backward);

typedef enum weft_i_operator_kind {
    WEFT_I_OPERATOR_GEMM,       /* count times m x k by k x n in one kernel */
    WEFT_I_OPERATOR_BANDWIDTH,  /* norms, activations, additions: `bytes` read and written */
    WEFT_I_OPERATOR_COLLECTIVE, /* of `bytes` along an axis */
    WEFT_I_OPERATOR_FIXED,      /* measured: `bytes` ns */
    WEFT_I_OPERATOR_CORE        /* of attention: priced apart */
} weft_i_operator_kind;

/* What a tensor is needed for after the forward: by the gradient of the input, of the weights. */
enum { WEFT_I_NEED_INPUT = 1, WEFT_I_NEED_WEIGHT = 2 };

/* An operator of the forward reads a tensor, and its backward needs it for `need`. */
typedef struct weft_i_read {
    int32_t tensor;
    unsigned need;
} weft_i_read;

enum { WEFT_I_MAX_READS = 3, WEFT_I_MAX_MADE = 2 };

typedef struct weft_i_operator {
    weft_i_operator_kind kind;
    weft_i_phase phase;
    uint32_t names; /* under which it can be recomputed (profiles/recompute.h) */
    double m, n, k, count;
    double bytes;
    int32_t kernels;
    weft_i_axis axis;
    weft_i_collective collective;
    bool never_fused; /* traffic that is the same under every stack */
    bool uncut_head;  /* the map of a head that TP does not cut */
    int32_t n_reads, n_made;
    weft_i_read reads[WEFT_I_MAX_READS];
    int32_t made[WEFT_I_MAX_MADE]; /* tensors */
} weft_i_operator;

typedef struct weft_i_tensor {
    double bytes;
    int32_t maker;  /* an operator of the forward; -1 = it comes from outside of the layer */
    int32_t source; /* >= 0: it is gathered from that tensor and never kept; the weight gradient
                       gathers it once more */
    unsigned own;   /* what its maker's backward needs it for */
    unsigned need;  /* what any backward needs it for */
    bool gradient;  /* of an output: made by the backward, needed by the weight gradient */
    bool of_core;   /* what the core of attention keeps; its bytes are priced apart */
} weft_i_tensor;

enum { WEFT_I_MAX_OPERATORS = 96, WEFT_I_MAX_TENSORS = 64 };

typedef struct weft_i_operators {
    weft_i_operator operators[WEFT_I_MAX_OPERATORS];
    weft_i_tensor tensors[WEFT_I_MAX_TENSORS];
    int32_t n_operators, n_tensors;
    int32_t last;               /* the last operator of the forward; -1 = none yet */
    double in_bytes, out_bytes; /* largest gathered input, largest output before it is cut */
    double inner_bytes;         /* largest input and output together of one map inside the layer */
} weft_i_operators;

/* An empty graph; the arrays stay as they are. */
static inline void weft_i_operators_clear(weft_i_operators *graph)
{
    graph->n_operators = graph->n_tensors = 0;
    graph->last = -1;
    graph->in_bytes = graph->out_bytes = graph->inner_bytes = 0;
}

void weft_i_operators_add(weft_i_operators *graph, weft_i_operator op);

/* The last operator of the forward reads a tensor; -1 = nothing. */
void weft_i_operators_read(weft_i_operators *graph, int32_t tensor, unsigned need);

/* A new tensor, by its number: from outside, or made by the last operator of the forward. */
int32_t weft_i_operators_given(weft_i_operators *graph, double bytes);
int32_t weft_i_operators_make(weft_i_operators *graph, weft_i_tensor tensor);

/* The gradient of a map's output, which the weight gradient needs. */
void weft_i_operators_gradient(weft_i_operators *graph, double bytes);

/* The device that decides, its constants in flop a ns, bytes a ns and ns. */
typedef struct weft_i_machine {
    const weft_device *device;
    double peak;        /* of attention and all that is bf16 */
    double linear_peak; /* of linear maps: fp8 where the recipe says so */
    double memory;      /* what kernels bound by bandwidth reach */
    double launch_ns;
    double host_kernel_ns;
    double collective_wait_ns; /* for each doubling of the group */
    double elementwise;        /* multiplies the traffic of norms, activations and additions */
    double backward_traffic;   /* the same of the backward, again */
    double uncut_head;         /* part of a GEMM's rate that the map of a head reaches without TP */
    double tp_overlap;         /* 0 where the recipe switches overlap off */
    bool forward_overlap;      /* the forward's TP communication hides in that part, too */
    bool gather_overlap; /* the gather for the weight gradient runs under the input gradient */
    double slowdown;
    weft_i_network network;
} weft_i_machine;

/* The slowest device type among the first `devices`; the machine borrows the cluster. */
weft_i_machine weft_i_machine_make(const weft_cluster *cluster, const weft_recipe *recipe,
                                   const weft_parallel *parallel);

/* Smallest work / value(work') over all ways not to do less: x / table(x), but never less than for
 * a smaller x, so that more work never takes less time where a table is steep. */
double weft_i_table_cost(const weft_table *table, double x);

double weft_i_operator_ns(const weft_i_machine *machine, const weft_i_operator *op);
/* `count` products m x k by k x n in one kernel at the bfloat16 rate, its launch left out. */
double weft_i_product_ns(const weft_i_machine *machine, double m, double n, double k, double count);
/* Flop of a GEMM, 0 of all else. */
double weft_i_operator_flop(const weft_i_operator *op);

/* What a memory strategy changes. */
typedef struct weft_i_strategy_sums {
    double repeat_ns, repeat_kernels;
    double repeat_flop;             /* of one device */
    double saved_bytes, host_bytes; /* on the device, on its host */
    double held_saved;              /* part of held_bytes that is saved on the device as well */
    double fw_work_bytes, bw_work_bytes;
    bool core_again; /* the core of attention runs in the backward again */
    bool core_saved; /* what it keeps stays from forward to backward */
    bool core_sent;  /* on the host */
} weft_i_strategy_sums;

/* A layer's operators and tensors added up, attention left out. */
typedef struct weft_i_sums {
    double busy_ns[WEFT_I_N_PHASES]; /* compute, and communication that nothing can hide */
    double tp_ns[WEFT_I_N_PHASES];   /* communication of the TP group */
    double kernels[WEFT_I_N_PHASES];
    double held_bytes; /* from the end of BWI to the end of BWW */
    double edge_bytes;
    weft_i_strategy_sums under[WEFT_I_N_STRATEGIES];
} weft_i_sums;

/* Price a graph for a layer whose backward is `backward`, under `n_sets` strategies, each the set
 * of names whose operators are recomputed. */
void weft_i_operators_price(const weft_i_operators *graph, const weft_i_machine *machine,
                            weft_backward backward, const uint32_t *sets, int32_t n_sets,
                            weft_i_sums *out_sums);

#endif
