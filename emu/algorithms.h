/* emu/algorithms.h - time of a collective by the algorithm that does it, from latencies of hops and
 * rates of links. Not: measured tables, nor which level a group reaches (emu/network.h). */
#ifndef WEFT_EMU_ALGORITHMS_H
#define WEFT_EMU_ALGORITHMS_H

#include "emu/network.h"

/* A group of nodes x node_devices devices. */
typedef struct weft_i_reach {
    int32_t nodes, node_devices;
    double near_ns, far_ns;     /* a hop inside a node, between nodes */
    double near_rate, far_rate; /* bytes a ns of one device, one direction; a node's devices have
                                   node_devices x far_rate together */
    bool multicast;             /* all switches on the way add up and multicast */
} weft_i_reach;

/* All-reduce, or all-gather (reduce-scatter takes as long), of `bytes` in all. SWITCH without
 * multicast is a ring; not MEASURED. */
double weft_i_algorithm_ns(weft_algorithm algorithm, weft_i_collective kind,
                           const weft_i_reach *reach, double bytes);

/* All-to-all of `bytes` that each device holds; not MEASURED. */
double weft_i_all_to_all_ns(weft_all_to_all algorithm, const weft_i_reach *reach, double bytes);

#endif
