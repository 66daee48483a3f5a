/* runtime/mpi_world.h - the processes of a run: who is which rank, and what they do together
 * between steps. MPI is known to runtime/mpi_*.c alone.
 *
 * Nothing here blocks for ever: a wait ends with LIMIT when it takes too long, and with INTERRUPTED
 * when a signal has come or another process breaks off. After a failure call
 * weft_i_world_farewell. */
#ifndef WEFT_RUNTIME_MPI_WORLD_H
#define WEFT_RUNTIME_MPI_WORLD_H

#include "weft/run.h"

typedef struct weft_i_world weft_i_world;

/* Start MPI, unless the program has. FAILED or NO_MEMORY where that cannot be. */
weft_status weft_i_world_begin(int *argc, char ***argv, weft_error *error,
                               weft_i_world **out_world);
/* Stop MPI if it was started here, after all went well, or wrong everywhere alike. */
void weft_i_world_end(weft_i_world *world);

int32_t weft_i_world_size(const weft_i_world *world);
int32_t weft_i_world_process(const weft_i_world *world); /* this one, from 0 */
int32_t weft_i_world_slot(const weft_i_world *world);    /* among those of its machine */

/* After a failure all processes end within timeout_ns. A part of it is kept for finding out what
 * went wrong; the rest is the patience of a wait. */
void weft_i_world_set_timeout(weft_i_world *world, int64_t timeout_ns);
int64_t weft_i_world_patience_ns(const weft_i_world *world);

/* Process p is rank p / n_replicas of replica p % n_replicas: neighbours in a pipeline are as far
 * apart as the layout has them (docs/formats.md, weft.layout). */
weft_status weft_i_world_split(weft_i_world *world, int32_t n_replicas, weft_error *error);
int32_t weft_i_world_rank(const weft_i_world *world);
int32_t weft_i_world_replica(const weft_i_world *world);

/* Everybody gets process 0's bytes. */
weft_status weft_i_world_broadcast(weft_i_world *world, void *data, int32_t n_bytes,
                                   weft_error *error);
/* Everybody gets the largest of all. */
weft_status weft_i_world_largest(weft_i_world *world, int64_t *values, int32_t n,
                                 weft_error *error);
/* The sum over the processes of this machine. */
weft_status weft_i_world_machine_sum(weft_i_world *world, int64_t value, weft_error *error,
                                     int64_t *out_sum);
/* The sum over the ranks of this replica, in place. */
weft_status weft_i_world_add_up(weft_i_world *world, float *values, int64_t n, weft_error *error);
/* Process 0 gets everybody's n bytes, counts[p] from process p, one after another; `counts` and
 * `all` are NULL elsewhere. */
weft_status weft_i_world_gather(weft_i_world *world, const void *data, int32_t n_bytes,
                                const int32_t *counts, weft_error *error, void *all);

/* Of this process's clock less process 0's, by ping-pong; the true one is within *out_error_ns. */
weft_status weft_i_world_clock(weft_i_world *world, weft_error *error, int64_t *out_offset_ns,
                               int64_t *out_error_ns);

/* Sleep until another process of this machine rings, for at most ns. Ring for a rank of this
 * replica, or for this rank of the other replicas, as far as they are on this machine. */
void weft_i_world_sleep(weft_i_world *world, int64_t ns);
void weft_i_world_ring_rank(const weft_i_world *world, int32_t rank);
void weft_i_world_ring_replicas(const weft_i_world *world);

/* Whether all processes are on one machine. */
bool weft_i_world_is_one_machine(const weft_i_world *world);

/* Whether this machine has a processor for each of its processes. */
bool weft_i_world_has_processors(const weft_i_world *world);

/* Whether MPI takes memory of a GPU, asked of it at run time: one built with CUDA may run where
 * there is none. False where this MPI cannot be asked. */
bool weft_i_world_takes_device_memory(void);

/* Name of this process's machine. */
const char *weft_i_world_host(const weft_i_world *world);

/* A weft_run_options.watch with the world as context. */
bool weft_i_world_watch(void *world, const weft_run_action *action, int64_t since_ns);

/* Tell the others what went wrong here, hear what they know, have one process print the line that
 * says it, and end. Does not return. */
_Noreturn void weft_i_world_farewell(weft_i_world *world, weft_status status,
                                     const weft_error *error);

#endif
