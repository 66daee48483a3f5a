/* plan/reduce.h - the reduction of gradients over replicas: one sequence for all, and its times.
 *
 * Time rule of collectives: posting a reduce takes post_ns. The reductions of a rank run one after
 * another, each over all replicas: one begins when every replica has posted it and the one before
 * it in the rank's sequence has ended, and takes the chunk's reduce_ns and share_ns. wait_reduce
 * ends when it has ended. The optimizer takes no time among the actions; predicted.optimizer_ns
 * stands for it. pipeline_ns and span_ns count passes only, so what is left of the reductions after
 * the slowest replica's last pass is predicted.reduce_tail_ns. */
#ifndef WEFT_PLAN_REDUCE_H
#define WEFT_PLAN_REDUCE_H

#include "plan/sequence.h"
#include "weft/plan.h"

/* Whether a task adds to the weight gradients of its chunk. */
bool weft_i_task_has_weight_gradient(const weft_problem *problem, weft_task task);

/* Whether a plan reduces a chunk: over the replicas, where there are several, or with the chunk of
 * another rank that holds the same tensor. */
bool weft_i_chunk_is_reduced(const weft_chunk *chunk, bool has_replicas);

/* Time of a chunk's reduction. */
int64_t weft_i_chunk_reduction_ns(const weft_chunk *chunk);

/* Raise last_ns[chunk] (per chunk, begun as 0) to the end of its last weight gradient in this
 * replica's sequence. */
void weft_i_reduce_note(const weft_i_sequence *sequence, int64_t *last_ns);

/* The chunks that have something to reduce, in the order in which their gradients are complete in
 * all replicas. No other sequence ends the reductions of a rank earlier (earliest release first).
 * out_sequence has room for n_chunks. NO_MEMORY or OK. */
weft_status weft_i_reduce_sequence(const weft_chunk *chunks, int32_t n_chunks, bool has_replicas,
                                   const int64_t *last_ns, weft_error *error, int32_t *out_sequence,
                                   int32_t *out_n);

/* Set the times of wait_reduce and optimizer, the tail of each rank of compiled pipelines that have
 * the same reductions. ends_ns has room for n_chunks. Returns the latest end of a wait_reduce, 0
 * where there is none. */
int64_t weft_i_reduce_times(weft_pipeline *pipelines, int32_t n_pipelines, const weft_chunk *chunks,
                            int64_t *ends_ns);

#endif
