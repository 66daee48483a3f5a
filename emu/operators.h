/* emu/operators.h - one layer as operators and tensors, and what they cost on a device.
 *
 * An operator has a kind, a shape and a pass; a tensor has bytes and says what needs it and which
 * memory strategies keep it. A graph is the list of both for one layer on one device. Attention is
 * not in it: its cost depends on the single sequences (emu/attention.h).
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

/* Sets of memory strategies, as bits. */
enum { WEFT_I_UNDER_NONE = 1, WEFT_I_UNDER_SELECTIVE = 2, WEFT_I_UNDER_FULL = 4 };

typedef enum weft_i_operator_kind {
    WEFT_I_OPERATOR_GEMM,       /* count times m x k by k x n in one kernel */
    WEFT_I_OPERATOR_BANDWIDTH,  /* norms, activations, additions: `bytes` read and written */
    WEFT_I_OPERATOR_COLLECTIVE, /* of `bytes` along an axis */
    WEFT_I_OPERATOR_FIXED       /* measured: `bytes` ns */
} weft_i_operator_kind;

typedef struct weft_i_operator {
    weft_i_operator_kind kind;
    weft_i_phase phase;
    unsigned repeat; /* strategies under which the backward runs this forward operator again */
    double m, n, k, count;
    double bytes;
    int32_t kernels;
    weft_i_axis axis;
    weft_i_collective collective;
    bool never_fused; /* traffic that is the same under every stack */
    bool uncut_head;  /* the map of a head that TP does not cut */
} weft_i_operator;

/* What a tensor is needed for after the forward. */
enum { WEFT_I_NEED_INPUT = 1, WEFT_I_NEED_WEIGHT = 2 };

typedef struct weft_i_tensor {
    double bytes;
    unsigned need; /* by the gradient of the input, of the weights */
    unsigned kept; /* strategies under which it stays from forward to backward; else made again */
    bool gradient; /* of an output: made by the backward, needed by the weight gradient */
} weft_i_tensor;

enum { WEFT_I_MAX_OPERATORS = 96, WEFT_I_MAX_TENSORS = 48 };

typedef struct weft_i_operators {
    weft_i_operator operators[WEFT_I_MAX_OPERATORS];
    weft_i_tensor tensors[WEFT_I_MAX_TENSORS];
    int32_t n_operators, n_tensors;
    double in_bytes, out_bytes; /* largest gathered input, largest output before it is cut */
    double inner_bytes;         /* largest input and output together of one map inside the layer */
} weft_i_operators;

/* An empty graph; the arrays stay as they are. */
static inline void weft_i_operators_clear(weft_i_operators *graph)
{
    graph->n_operators = graph->n_tensors = 0;
    graph->in_bytes = graph->out_bytes = graph->inner_bytes = 0;
}

void weft_i_operators_add(weft_i_operators *graph, weft_i_operator op);
void weft_i_operators_keep(weft_i_operators *graph, weft_i_tensor tensor);

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

/* A layer's operators and tensors added up, attention left out. */
typedef struct weft_i_sums {
    double busy_ns[WEFT_I_N_PHASES]; /* compute, and communication that nothing can hide */
    double tp_ns[WEFT_I_N_PHASES];   /* communication of the TP group */
    double kernels[WEFT_I_N_PHASES];
    double repeat_ns[WEFT_I_N_STRATEGIES];
    double repeat_kernels[WEFT_I_N_STRATEGIES];
    double repeat_flop[WEFT_I_N_STRATEGIES]; /* of one device */
    double saved_bytes[WEFT_I_N_STRATEGIES];
    double held_bytes;                      /* from the end of BWI to the end of BWW */
    double held_saved[WEFT_I_N_STRATEGIES]; /* part of held_bytes that is saved as well */
    double edge_bytes;
    double work_bytes[WEFT_I_N_STRATEGIES][2]; /* in the forward, in the backward */
} weft_i_sums;

/* Price a graph for a layer whose backward is `backward`. */
void weft_i_operators_price(const weft_i_operators *graph, const weft_i_machine *machine,
                            weft_backward backward, weft_i_sums *out_sums);

#endif
