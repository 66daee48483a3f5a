/* runtime/layer_times.h - how long this machine takes for the layers of a model, by running them.
 */
#ifndef WEFT_RUNTIME_LAYER_TIMES_H
#define WEFT_RUNTIME_LAYER_TIMES_H

#include "base/arena.h"
#include "runtime/kit.h"
#include "weft/calibrate.h"

/* Time every kind of layer of the model by a kit, on a few numbers of tokens in shorter and longer
 * sequences: equal layers once, the median of many passes, in a step's state of the caches, which
 * so many processes share. What this process does not get through in about two seconds a layer is
 * left out. BAD_INPUT for a layer that cannot be trained here, NO_MEMORY. The rows live in the
 * arena. */
weft_status weft_i_layer_times(const weft_model *model, const weft_i_kit *kit, int32_t n_processes,
                               weft_i_arena *arena, weft_error *error, weft_layer_time **out_rows,
                               int32_t *out_n_rows);

#endif
