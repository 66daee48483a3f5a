/* profiles/cluster_own.h - what the files that make clusters share. */
#ifndef WEFT_PROFILES_CLUSTER_OWN_H
#define WEFT_PROFILES_CLUSTER_OWN_H

#include "base/arena.h"
#include "weft/cluster.h"

/* Fill a zeroed cluster from a weft.cluster text; levels that span everything have devices 0, and
 * gbs 0 where nics and nic_gbs say it, until weft_i_cluster_complete. */
weft_status weft_i_cluster_read_json(const char *name, const char *text, size_t n,
                                     weft_i_arena *arena, weft_error *error, weft_cluster *cluster);

/* Change fields by "nodes=4,nics=8" (docs/formats.md lists the keys). */
weft_status weft_i_cluster_override(weft_cluster *cluster, const char *text, weft_error *error);

/* Fill in what follows from other fields, and check how the levels fit the nodes. */
weft_status weft_i_cluster_complete(weft_cluster *cluster, weft_error *error);

#endif
