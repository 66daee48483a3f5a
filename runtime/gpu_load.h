/* runtime/gpu_load.h - the module of a GPU, loaded when it is asked for: weft-run itself is linked
 * with nothing of CUDA, and starts where there is none. */
#ifndef WEFT_RUNTIME_GPU_LOAD_H
#define WEFT_RUNTIME_GPU_LOAD_H

#include "runtime/gpu.h"
#include "weft/status.h"

/* USAGE where there is no module, beside the program or where it is installed. */
weft_status weft_i_gpu_find(weft_error *error);

/* Device number `index` modulo those that are there. USAGE as above, FAILED where the module or a
 * GPU cannot be had. */
weft_status weft_i_gpu_load(int index, weft_error *error, weft_i_gpu *out);

#endif
