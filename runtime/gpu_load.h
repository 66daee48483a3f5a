/* runtime/gpu_load.h - the module of a GPU, loaded when it is asked for: weft-run itself is linked
 * with nothing of CUDA, and starts where there is none. */
#ifndef WEFT_RUNTIME_GPU_LOAD_H
#define WEFT_RUNTIME_GPU_LOAD_H

#include "runtime/gpu.h"
#include "weft/status.h"

/* Device number `index` modulo those that are there. Looks for the module beside the program, then
 * where it is installed. USAGE where there is no module, FAILED where it or a GPU cannot be had. */
weft_status weft_i_gpu_load(int index, weft_error *error, weft_i_gpu *out);

#endif
