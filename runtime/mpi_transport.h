/* runtime/mpi_transport.h - messages and reductions of a plan over MPI. */
#ifndef WEFT_RUNTIME_MPI_TRANSPORT_H
#define WEFT_RUNTIME_MPI_TRANSPORT_H

#include "runtime/mpi_world.h"

typedef struct weft_i_mpi_transport weft_i_mpi_transport;

/* The transport of this process's rank, connected to all that it exchanges messages with. The world
 * is split by the plan's replicas; it and the plan are borrowed. BAD_INPUT where there are too few
 * tags; else as weft_i_world_wait. Free with weft_i_mpi_transport_free. */
weft_status weft_i_mpi_transport_create(weft_i_world *world, const weft_plan *plan,
                                        weft_error *error, weft_i_mpi_transport **out_transport);

/* What the interpreter calls; valid as long as the transport. */
weft_run_transport weft_i_mpi_transport_callbacks(weft_i_mpi_transport *transport);

/* After the last action of a run: wait until all that was sent has been taken. Else as
 * weft_i_world_wait. */
weft_status weft_i_mpi_transport_drain(weft_i_mpi_transport *transport, weft_error *error);

/* Nothing may be under way. */
void weft_i_mpi_transport_free(weft_i_mpi_transport *transport);

#endif
