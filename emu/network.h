/* emu/network.h - time of collectives and messages between the devices of a job.
 *
 * Devices are numbered as Megatron does: tensor parallel fastest, then context, expert and data
 * parallel, pipeline slowest. Expert groups lie inside the replicas (dp is a multiple of ep).
 * Not: what is sent, nor what hides it.
 */
#ifndef WEFT_EMU_NETWORK_H
#define WEFT_EMU_NETWORK_H

#include <stdbool.h>

#include "weft/cluster.h"
#include "weft/problem.h"

typedef enum weft_i_axis {
    WEFT_I_AXIS_TP,
    WEFT_I_AXIS_CP,
    WEFT_I_AXIS_EP,
    WEFT_I_AXIS_DP,
    WEFT_I_N_AXES
} weft_i_axis;

typedef enum weft_i_collective {
    WEFT_I_COLLECTIVE_ALL_REDUCE,
    WEFT_I_COLLECTIVE_ALL_GATHER, /* of `bytes` in all; reduce-scatter takes as long */
    WEFT_I_COLLECTIVE_ALL_TO_ALL  /* each device holds `bytes` and sends all but its own part */
} weft_i_collective;

/* A group of devices that reaches up to level `level`. */
typedef struct weft_i_group {
    int32_t devices;
    int32_t level;
    int32_t node_devices; /* of it in one innermost group */
} weft_i_group;

typedef struct weft_i_network {
    const weft_cluster *cluster;
    weft_parallel parallel;
    weft_i_group groups[WEFT_I_N_AXES]; /* the farthest-reaching group of each axis */
} weft_i_network;

weft_i_network weft_i_network_make(const weft_cluster *cluster, const weft_parallel *parallel);

/* The replicas of each device of a pipeline rank; of `ep` > 1 those with the same experts. */
weft_i_group weft_i_network_replicas(const weft_i_network *network, int32_t rank, int32_t ep);

/* Devices of the job. */
int32_t weft_i_network_devices(const weft_parallel *parallel);

/* Time of a collective on `bytes`, the whole buffer; 0 in a group of one. By the table of the level
 * the time is a ring's: the slowest level that the group crosses decides, and where k of its
 * devices share a node, the ring uses the NIC shares of all k. A level may say another algorithm
 * (emu/algorithms.h). */
double weft_i_network_collective_ns(const weft_i_network *network, const weft_i_group *group,
                                    weft_i_collective kind, double bytes);

/* One message of `bytes` from each device of rank `from` to its partner of rank `to`, in the
 * replica whose devices are farthest apart, with what the software takes beside; `scatter`: the TP
 * group holds the same bytes, so that each device sends a part and the receivers gather (Narayanan
 * et al. 2021, section 4.1). */
double weft_i_network_message_ns(const weft_i_network *network, double bytes, int32_t from,
                                 int32_t to, bool scatter);

/* One step of a ring along an axis: each device sends `bytes` to the next. */
double weft_i_network_ring_step_ns(const weft_i_network *network, weft_i_axis axis, double bytes);

#endif
