/* weft/cluster.h - what it is trained on: devices, nodes, links, and the software's constants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_CLUSTER_H
#define WEFT_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A point of a table of efficiencies. */
typedef struct weft_point {
    double x, y;
} weft_point;

/* Between points interpolation is linear in log(x). */
typedef struct weft_table {
    weft_point *points; /* n_points, x > 0 and ascending, y > 0 */
    int32_t n_points;
} weft_table;

/* Value of a table at x: the first point's below it, the last point's above it. The table has at
 * least one point. */
WEFT_API double weft_table_at(const weft_table *table, double x);

/* Attention efficiency of one head size: fraction of the bf16 peak by sequence length, of a fused
 * kernel. Flop are counted 4 length^2 head_size a head forward, 2.5 times that backward, and half
 * of both under a causal mask. A causal table without points: the one of full attention. */
typedef struct weft_attention_row {
    int32_t head_size;
    weft_table forward, backward, forward_causal, backward_causal;
} weft_attention_row;

/* Times of one layer on `tokens` tokens in sequences of `span` each (the last may be shorter), each
 * of which reads `context` tokens by cross-attention. 0 = not measured, or there is no such pass.
 */
typedef struct weft_layer_time {
    int32_t module, layer; /* of the model */
    int64_t tokens, span, context;
    int64_t fw_ns, bw_ns, bwi_ns, bww_ns;
} weft_layer_time;

/* What the layers of one model took on a device, without recomputation and at tp 1: plans of that
 * model at tp = cp = ep = 1 go by these times, and by formulas in between. */
typedef struct weft_layer_times {
    const char *model; /* its sha256; NULL = no layer was timed */
    weft_layer_time *rows;
    int32_t n_rows;
    int64_t pass_ns; /* of a pass beside its layers: a message in and one out posted and ended */
} weft_layer_times;

typedef struct weft_device {
    const char *name;
    double bf16_tflops, fp8_tflops; /* dense peaks; fp8 0 = none */
    int64_t memory_bytes, reserved_bytes;
    double memory_gbs;             /* 1e9 bytes a second */
    double memory_efficiency;      /* part of memory_gbs that elementwise kernels reach */
    int32_t multiprocessors;       /* SMs or CUs: what the tiles of a GEMM are spread over; 0 = a
                                      processor, no tiles */
    weft_table gemm;               /* best fraction of the peak by flop of one device's GEMM,
                                      launch and idle multiprocessors not counted */
    weft_attention_row *attention; /* n_attention, head_size ascending */
    int32_t n_attention;
    int64_t launch_ns; /* least time of one kernel on the device */
    /* What fits of training runs found (docs/emulator.md); the defaults of a file in brackets. */
    double tile_overhead;    /* steps of a GEMM's inner dimension that filling and draining a tile
                                takes (90) */
    double score_traffic;    /* multiplies the traffic of softmax and dropout where no fused kernel
                                does attention (1) */
    double backward_traffic; /* multiplies elementwise traffic of the backward (1) */
    double host_growth; /* the host takes this part longer for each further device of the TP group
                           (0) */
    weft_layer_times layers; /* of weft-run --profile */
} weft_device;

/* All-reduce in a group of so many devices: bus bandwidth as a fraction of the level's gbs, by
 * bytes of the whole buffer. Time = 2 (n - 1) / n * bytes / (fraction * gbs), the NCCL tests'
 * definition. Below the first point the time, above the last the fraction is constant. */
typedef struct weft_collective_row {
    int32_t devices;
    weft_table fraction;
} weft_collective_row;

/* How a collective goes about it. MEASURED: what the table of collectives says. The others are
 * formulas (docs/emulator.md has them and their sources), out of the latency of a hop and the rate
 * that the table ends with; LEAST is the one of RING, TREE and SWITCH that takes least, as NCCL
 * chooses. SWITCH: switches that add up and multicast (NVLink SHARP). DIRECT: each device with all
 * others at once. */
typedef enum weft_algorithm {
    WEFT_ALGORITHM_MEASURED,
    WEFT_ALGORITHM_LEAST,
    WEFT_ALGORITHM_RING,
    WEFT_ALGORITHM_TREE,
    WEFT_ALGORITHM_SWITCH,
    WEFT_ALGORITHM_DIRECT
} weft_algorithm;

/* The same of an all-to-all. MEASURED: all at once at the rate of the table for as many bytes.
 * PAIRWISE: one partner after the other; BRUCK: half of the bytes in each of log2 n steps. */
typedef enum weft_all_to_all {
    WEFT_ALL_TO_ALL_MEASURED,
    WEFT_ALL_TO_ALL_LEAST,
    WEFT_ALL_TO_ALL_DIRECT,
    WEFT_ALL_TO_ALL_PAIRWISE,
    WEFT_ALL_TO_ALL_BRUCK
} weft_all_to_all;

/* A level of the network, innermost first: groups of `devices` devices reach each other at
 * `gbs` (1e9 bytes a second, one direction, per device; on levels over a node the node's NICs
 * are shared by its devices: gbs = nics * nic_gbs / devices of a node). The last level spans the
 * cluster. */
typedef struct weft_level {
    const char *name;
    int32_t devices;
    double gbs;
    int32_t nics;   /* of a node; 0 = a level inside a node */
    double nic_gbs; /* of one NIC, one direction */
    int64_t latency_ns;
    double oversubscription;          /* 1 = none; what all use at once is gbs / oversubscription */
    weft_collective_row *collectives; /* n_collectives >= 1, group size ascending */
    int32_t n_collectives;
    weft_algorithm algorithm; /* of groups that reach up to this level */
    weft_all_to_all all_to_all;
    bool multicast; /* its switches add up and multicast */
} weft_level;

/* The software: constants that are fitted to measurements, at most five of which are not at their
 * neutral value, then facts about it. */
typedef struct weft_stack {
    const char *name;
    double elementwise; /* multiplies elementwise traffic: 1 = unfused, less = fused */
    double tp_overlap;  /* part of the backward's TP communication hidden under weight gradients */
    double dp_overlap;  /* part of the gradient reduction that can hide under backward passes */
    double slowdown;    /* of compute while communication overlaps it, 1 = none */
    int64_t host_kernel_ns;  /* time of the host for issuing one kernel; 0 = hidden */
    int64_t message_ns;      /* of a message, beside the link's latency and its bytes; 0 = none */
    double message_slowdown; /* of passes while messages overlap them; 0 = none */
    double uncut_head; /* part of a GEMM's rate that the map of a head reaches where TP does not cut
                          it; 0 = all */
    int64_t collective_wait_ns; /* a collective of a layer waits for the last device of its group,
                                   so long for each doubling of the group; 0 = none */
    bool forward_overlap;       /* tp_overlap is true of the forward, too: maps cut in pieces */
    bool unfused_attention;     /* it has no fused attention kernel */
    bool separate_clipping; /* gradients are unscaled, measured, clipped and zeroed by kernels of
                               their own */
    bool blocking_messages; /* a rank computes nothing while it sends or receives */
    int32_t gradient_bytes; /* of a parameter; 0 = the recipe's */
} weft_stack;

/* Several node types may be mixed; shipped clusters have one. Ranks fill nodes in order. */
typedef struct weft_node_type {
    weft_device device;
    int32_t devices; /* in a node */
    int32_t nodes;
    double host_gbs; /* host link of a device */
    int64_t host_bytes;
    double host_total_gbs; /* what the links of a node's devices reach together; 0 = each its own */
} weft_node_type;

typedef struct weft_cluster {
    const char *name;
    const char *sha256; /* of the file's bytes and the overrides */
    weft_node_type *node_types;
    int32_t n_node_types;
    weft_level *levels;
    int32_t n_levels;
    weft_stack stack;   /* in force */
    weft_stack *stacks; /* n_stacks others by name: "a100:stack=megatron-2022" */
    int32_t n_stacks;
    void *owner;
} weft_cluster;

/* Load a shipped cluster ("h800"), or a weft.cluster file, with overrides after the last colon:
 * "h800:nodes=4,nics=8". A name that is also a file means the file. docs/formats.md has the keys of
 * both. USAGE for an unknown name and a wrong override, IO, BAD_INPUT with file, line and path,
 * NO_MEMORY. Free *out_cluster with weft_cluster_free. Thread-safe. */
WEFT_API weft_status weft_cluster_load(const char *name, weft_error *error,
                                       weft_cluster **out_cluster);
WEFT_API void weft_cluster_free(weft_cluster *cluster);

/* Write a cluster as a weft.cluster file, which reads back as the same; "-" is stdout. Overrides
 * are in it; meta is not. IO, NO_MEMORY. */
WEFT_API weft_status weft_cluster_write(const weft_cluster *cluster, const char *file,
                                        weft_error *error);

/* Names of the shipped clusters; NULL past the last. */
WEFT_API const char *weft_cluster_shipped(size_t index);

/* Put the stack of that name in force; the one that was takes its place among the others. USAGE
 * where the cluster has none, with those it has. */
WEFT_API weft_status weft_cluster_set_stack(weft_cluster *cluster, const char *name,
                                            weft_error *error);

/* Devices in all. */
WEFT_API int32_t weft_cluster_devices(const weft_cluster *cluster);

#ifdef __cplusplus
}
#endif
#endif
