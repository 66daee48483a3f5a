/* weft/export.h - plans in the formats of other tools.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_EXPORT_H
#define WEFT_EXPORT_H

#include "weft/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Write a plan as Chrome trace events in JSON, for Perfetto (ui.perfetto.dev) and chrome://tracing:
 * a process a replica; of each rank its passes and waits, its messages while they are on their way,
 * arrows from the pass that makes a message to the one that needs it, and the bytes of its memory.
 * `file` is complete or not there; "-" = stdout. VIOLATION for a plan that breaks a rule
 * (weft_plan_check), IO, NO_MEMORY. */
WEFT_API weft_status weft_export_chrome(const weft_plan *plan, const char *file, weft_error *error);

/* Write one replica's order as a schedule of torch.distributed.pipelining, in CSV and in its
 * compute-only form: what _PipelineScheduleRuntime._load_csv(file, format="compute_only") reads. A
 * row a rank, an action a cell: <stage><F|I|W|B><microbatch>. A weight gradient that follows its
 * input gradient directly becomes one B with it. Stages are the plan's chunks in data order,
 * microbatches the first chunk's sub-microbatches. Memory strategies have no place in the format.
 *
 * `replica` is its number, -1 = the only one (USAGE where there are more, or none of that number).
 * FAILED names what such a schedule cannot say: chunks that are no single line, sub-microbatches
 * that are joined, split or skip a chunk, passes without a backward, a rank without passes, data
 * offloaded. Else as weft_export_chrome. */
WEFT_API weft_status weft_export_torch_csv(const weft_plan *plan, int32_t replica, const char *file,
                                           weft_error *error);

/* The same in the form with communication, which _load_csv(file, format="compute_comms") reads:
 * sends and receives (<stage>SEND_F<microbatch>, RECV_F, SEND_B, RECV_B) stand where the plan posts
 * them, in an order that does not deadlock between pairs of ranks (weft_plan_check); UNSHARD of
 * all stages first, REDUCE_GRAD and RESHARD where the plan reduces or after the last pass. Input
 * and weight gradients stay apart. Of torch 2.9 or later, whose runtime knows REDUCE_GRAD. Statuses
 * as weft_export_torch_csv.
 */
WEFT_API weft_status weft_export_torch_comms(const weft_plan *plan, int32_t replica,
                                             const char *file, weft_error *error);

#ifdef __cplusplus
}
#endif
#endif
