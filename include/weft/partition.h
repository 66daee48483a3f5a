/* weft/partition.h - a layout for a run by the paper's rules alone, out of sample batches: what
 * goes on which rank, in how many segments, in sub-microbatches of what size. No search,
 * milliseconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_PARTITION_H
#define WEFT_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/batch.h"
#include "weft/cluster.h"
#include "weft/layout.h"
#include "weft/model.h"
#include "weft/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed fields take the default. */
typedef struct weft_partition_options {
    size_t struct_size;
    int64_t tp, pp, dp, cp, ep; /* 0 = the recipe's, or 1; dp from gpus */
    int64_t gpus;               /* 0 = tp * pp * cp * dp */
    bool strict;                /* a batch that must be cut is BAD_INPUT */
} weft_partition_options;

WEFT_API void weft_partition_options_init(weft_partition_options *options);

/* Make a layout at the mean of n_batches >= 1 sample batches (PipeWeaver, arXiv 2504.14145,
 * partitioner before training; the limits of its rules are ours): the largest sub-microbatch B of a
 * module is the smallest that keeps 95 % of the best efficiency, its segments K go by the ratio of
 * latencies, its layers are cut by time within what memory allows. recipe NULL: the defaults;
 * options NULL: all by the recipe. USAGE for sizes that do not go together, INFEASIBLE where they
 * do not suit the cluster or the model, BAD_INPUT for a batch that does not suit the model. Free
 * *out_layout. Thread-safe. */
WEFT_API weft_status weft_partition_make(const weft_model *model, const weft_cluster *cluster,
                                         const weft_recipe *recipe,
                                         const weft_batch *const *batches, int32_t n_batches,
                                         const weft_partition_options *options, weft_error *error,
                                         weft_layout **out_layout);

/* Sizes of a run: each from `wanted`, else from `said` (0 = not said there either: 1); with gpus >
 * 0 the replicas are gpus / (tp * cp * pp). USAGE where that does not come out even or `wanted` has
 * another dp. */
WEFT_API weft_status weft_parallel_resolve(const weft_parallel *wanted, const weft_parallel *said,
                                           int64_t gpus, weft_error *error,
                                           weft_parallel *out_parallel);

#ifdef __cplusplus
}
#endif
#endif
