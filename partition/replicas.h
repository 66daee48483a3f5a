/* partition/replicas.h - spreading microbatches over replicas, and making their number what is
 * wanted. Not: what is in a microbatch. */
#ifndef WEFT_PARTITION_REPLICAS_H
#define WEFT_PARTITION_REPLICAS_H

#include <stdint.h>

#include "base/arena.h"
#include "weft/status.h"

/* Microbatches of replica r: number[first[r]] .. number[first[r + 1] - 1], ascending but for
 * repetitions. */
typedef struct weft_i_shares {
    int32_t *first, *number;
} weft_i_shares;

/* Spread n microbatches of estimated work over dp replicas: given[i] >= 0 is fixed, the others go
 * where least work is, in equal numbers (to one) as far as the fixed ones allow, and are exchanged
 * one for one as long as that takes work off the replica that has most. wanted > 0: each
 * replica gets exactly so many; the list is repeated from its start or cut, that of each replica
 * where some are fixed, else that of all before it is spread. BAD_INPUT where a replica has none.
 * The arrays live in the arena. */
weft_status weft_i_replicas_share(const double *work, const int32_t *given, int32_t n, int32_t dp,
                                  int32_t wanted, weft_i_arena *arena, weft_error *error,
                                  weft_i_shares *out_shares);

#endif
