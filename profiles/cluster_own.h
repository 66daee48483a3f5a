/* profiles/cluster_own.h - what the files that make clusters share. */
#ifndef WEFT_PROFILES_CLUSTER_OWN_H
#define WEFT_PROFILES_CLUSTER_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/json_in.h"
#include "weft/cluster.h"

/* Words of weft_algorithm and weft_all_to_all. */
#define WEFT_I_ALGORITHMS  "measured|least|ring|tree|switch|direct"
#define WEFT_I_ALL_TO_ALLS "measured|least|direct|pairwise|bruck"

/* Fill a zeroed cluster from a weft.cluster text, change it by `overrides` unless NULL, complete
 * it. */
weft_status weft_i_cluster_read_json(const char *name, const char *text, size_t n,
                                     const char *overrides, weft_i_arena *arena, weft_error *error,
                                     weft_cluster *cluster);

/* Read a device's `layers`. */
weft_status weft_i_layer_times_read(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                                    weft_layer_times *out);

/* Change fields by "nodes=4,nics=8" (docs/formats.md lists the keys). USAGE names a wrong word. */
weft_status weft_i_cluster_override(weft_cluster *cluster, const char *text, weft_error *error);

/* How the levels do not fit the nodes; level -1 = of the nodes themselves. */
typedef struct weft_i_cluster_fault {
    int32_t level;
    char text[160];
} weft_i_cluster_fault;

/* Fill in what follows from other fields: devices 0 of a level, gbs of a level with NICs. */
bool weft_i_cluster_complete(weft_cluster *cluster, weft_i_cluster_fault *out_fault);

#endif
