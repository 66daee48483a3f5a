/* partition/parallel.h - parallel sizes out of what options, recipe and number of devices say. */
#ifndef WEFT_PARTITION_PARALLEL_H
#define WEFT_PARTITION_PARALLEL_H

#include "weft/problem.h"

/* Each size from `wanted`, else from `said` (0 = not said there either: 1); with gpus > 0 the
 * replicas are gpus / (tp * cp * pp). USAGE where that does not come out even or `wanted` has
 * another dp. */
weft_status weft_i_parallel_resolve(const weft_parallel *wanted, const weft_parallel *said,
                                    int64_t gpus, weft_error *error, weft_parallel *out_parallel);

#endif
