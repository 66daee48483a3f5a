/* runtime/checkpoint.h - weights and moments in a folder, a file a layer, so that another plan of
 * the same model can go on from them.
 *
 * DIR/step-N/MODULE-LAYER holds a line and then the floats of one layer after step N; DIR/latest,
 * written when all of them are, says which N counts. */
#ifndef WEFT_RUNTIME_CHECKPOINT_H
#define WEFT_RUNTIME_CHECKPOINT_H

#include "runtime/worker.h"

/* Steps that the latest checkpoint has seen; 0 where there is none. BAD_INPUT where it is of
 * another model, IO. */
weft_status weft_i_checkpoint_find(const char *folder, const weft_model *model, weft_error *error,
                                   int64_t *out_step);

/* Read, or write, the layers of a device's chunks. */
weft_status weft_i_checkpoint_load(const char *folder, int64_t step, const weft_plan *plan,
                                   const weft_model *model, weft_i_worker *device,
                                   weft_error *error);
weft_status weft_i_checkpoint_save(const char *folder, int64_t step, const weft_plan *plan,
                                   const weft_model *model, const weft_i_worker *device,
                                   weft_error *error);

/* Every rank has saved: from now on this step counts. */
weft_status weft_i_checkpoint_commit(const char *folder, int64_t step, const weft_model *model,
                                     weft_error *error);

#endif
