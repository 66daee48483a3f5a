/* weft/run_mpi.h - the processes of an MPI program as the ranks of a plan, and the transport that
 * weft-run has. The library is libweft-run (pkg-config weft-run); no types of MPI are needed here.
 *
 *     weft_run_mpi_begin    all processes meet
 *     weft_run_mpi_plan     all get the plan that one of them reads
 *     weft_run_mpi_join     each becomes a rank of a replica
 *     weft_run_rank         (weft/run.h) with one's own device, once a step
 *     weft_run_mpi_end
 *
 * Each of the functions that can fail is called by all processes, as one does with MPI; what a
 * plan asks of a rank is in weft/run.h. After a failure of any of them, or of weft_run_rank, a
 * process calls weft_run_mpi_break: then all processes end, whatever they were doing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_RUN_MPI_H
#define WEFT_RUN_MPI_H

#include "weft/run.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_run_mpi weft_run_mpi;

/* Let the processes of MPI_COMM_WORLD meet, and start MPI unless the program has. A process that
 * waits for another, or an action, ends the run after timeout_ns. From now on SIGTERM and SIGINT
 * end the run by weft_run_mpi_break. FAILED in MPI's own words, USAGE for a timeout that is not
 * over 0, NO_MEMORY. End with weft_run_mpi_end. */
WEFT_API weft_status weft_run_mpi_begin(int *argc, char ***argv, int64_t timeout_ns,
                                        weft_error *error, weft_run_mpi **out_mpi);

WEFT_API int32_t weft_run_mpi_process(const weft_run_mpi *mpi); /* this one, from 0 */

/* Process 0 reads a plan ("-" = stdin), checks every rule and that there are as many processes as
 * it has ranks; all get it, each to free. BAD_INPUT, VIOLATION, USAGE, IO, where process 0 alone
 * has the text; FAILED, LIMIT and INTERRUPTED where another process is in trouble. */
WEFT_API weft_status weft_run_mpi_plan(weft_run_mpi *mpi, const char *file, weft_error *error,
                                       weft_plan **out_plan);

/* Become rank process / replicas of replica process % replicas, and connect to the ranks that there
 * are messages with. The plan is borrowed. Once for each `mpi`. FAILED, LIMIT, INTERRUPTED,
 * NO_MEMORY; BAD_INPUT for more messages than MPI has tags. */
WEFT_API weft_status weft_run_mpi_join(weft_run_mpi *mpi, const weft_plan *plan, weft_error *error);

/* After weft_run_mpi_join: what this process is to weft_run_rank. */
WEFT_API int32_t weft_run_mpi_rank(const weft_run_mpi *mpi);
WEFT_API int32_t weft_run_mpi_replica(const weft_run_mpi *mpi); /* the pipeline */

/* Whether MPI says that it takes messages in memory of a GPU (MPIX_Query_cuda_support), which a
 * device marks as weft_run_buffer.is_far; false where it says nothing. Reductions are of the host's
 * memory always. After weft_run_mpi_begin. */
WEFT_API bool weft_run_mpi_takes_device_memory(const weft_run_mpi *mpi);

/* After weft_run_mpi_join: the transport, valid until weft_run_mpi_end; and options for
 * weft_run_rank with which a rank hears at once of a message of its own machine, and of a process
 * that breaks off. */
WEFT_API weft_run_transport weft_run_mpi_transport(weft_run_mpi *mpi);
WEFT_API void weft_run_mpi_options(weft_run_mpi *mpi, weft_run_options *out_options);

/* Say what went wrong here, have one process print the one line that names the rank at fault, its
 * action and who waited for it, and end all processes. Does not return. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
WEFT_API void
weft_run_mpi_break(weft_run_mpi *mpi, weft_status status, const weft_error *error);

/* After all steps went well: waits until what was sent has been taken (and releases it: the device
 * is to live so long), which breaks the run off as
 * weft_run_mpi_break does where it takes longer than the timeout; ends MPI if weft_run_mpi_begin
 * has started it. NULL is allowed. */
WEFT_API void weft_run_mpi_end(weft_run_mpi *mpi);

#ifdef __cplusplus
}
#endif
#endif
