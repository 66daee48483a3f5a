/* runtime/self_profile.h - weft-run --profile: all processes measure at once, as they would
 * compute, and process 0 writes what the emulator needs to predict this machine. */
#ifndef WEFT_RUNTIME_SELF_PROFILE_H
#define WEFT_RUNTIME_SELF_PROFILE_H

#include "runtime/launch.h"
#include "runtime/machine.h"
#include "runtime/mpi_world.h"

/* Measure the layers of launch->model and write launch->profile. USAGE without a model or a BLAS.
 * After another failure call weft_i_world_farewell. Process 0 prints a line. */
weft_status weft_i_profile_run(weft_i_world *world, const weft_i_launch *launch, weft_error *error);

/* How long messages between the first and the last process take, and reductions over all: the
 * median of some. Two processes at least. */
weft_status weft_i_world_link_times(weft_i_world *world, weft_error *error,
                                    weft_i_link_times *out_times);

#endif
