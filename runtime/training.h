/* runtime/training.h - weft-run with a device that trains: its inputs, its steps, what came of
 * them, and the comparison with a serial run. */
#ifndef WEFT_RUNTIME_TRAINING_H
#define WEFT_RUNTIME_TRAINING_H

#include "runtime/launch.h"
#include "runtime/mpi_world.h"
#include "runtime/outcome.h"

typedef struct weft_i_training weft_i_training;

/* Read model and batch and bind the plan to them, alike on all processes: USAGE and BAD_INPUT where
 * they do not belong together, and USAGE where weft-run was built without a BLAS. Free with
 * weft_i_training_free. */
weft_status weft_i_training_load(const weft_i_launch *launch, const weft_plan *plan,
                                 weft_error *error, weft_i_training **out_training);
void weft_i_training_free(weft_i_training *training);

/* Make this rank's device; the world has been split. */
weft_status weft_i_training_begin(weft_i_training *training, weft_i_world *world, weft_error *error,
                                  weft_run_device *out_callbacks);

/* Before and after each step. */
void weft_i_training_step(weft_i_training *training, int32_t step);
weft_status weft_i_training_end_step(weft_i_training *training, int32_t step, weft_error *error);

/* What came of it, for process 0 and valid as long as the training; NULL elsewhere. With --check
 * process 0 runs the serial step now. */
weft_status weft_i_training_gather(weft_i_training *training, weft_error *error,
                                   const weft_i_lesson **out_lesson);

#endif
