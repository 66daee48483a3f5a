/* runtime/machine.h - this machine as a weft.cluster: what its matrix products, attention and
 * messages reach. Not: layers of a model (layer_times.h). */
#ifndef WEFT_RUNTIME_MACHINE_H
#define WEFT_RUNTIME_MACHINE_H

#include "base/arena.h"
#include "runtime/kit.h"
#include "weft/cluster.h"
#include "weft/model.h"

/* Messages and reductions between the processes of a run, by size. */
enum { WEFT_I_N_MESSAGES = 3 };
typedef struct weft_i_link_times {
    int64_t n_bytes[WEFT_I_N_MESSAGES]; /* ascending */
    int64_t message_ns[WEFT_I_N_MESSAGES], reduce_ns[WEFT_I_N_MESSAGES];
    int64_t exchange_ns; /* of a processor that sends and receives one: posting, and taking in */
} weft_i_link_times;

/* A cluster of one node with `processes` devices, each a process's share of this machine, or its
 * GPU: that which the kit computes with, and for which tables are measured for the head sizes of
 * the model. `links` NULL: one process. Everything lives in the arena. NO_MEMORY, and FAILED where
 * the kit's device does. */
weft_status weft_i_machine_measure(const weft_model *model, const weft_i_kit *kit,
                                   int32_t processes, const weft_i_link_times *links,
                                   weft_i_arena *arena, weft_error *error,
                                   weft_cluster **out_cluster);

#endif
