/* runtime/gpu_kit.h - bfloat16 in the memory of a GPU: float32 for parameters, their gradients and
 * moments, and for every sum. */
#ifndef WEFT_RUNTIME_GPU_KIT_H
#define WEFT_RUNTIME_GPU_KIT_H

#include "runtime/gpu.h"
#include "runtime/kit.h"

typedef struct weft_i_gpu_kit weft_i_gpu_kit;

/* The GPU becomes the kit's, also where this fails with NO_MEMORY. Free with weft_i_gpu_kit_free,
 * after all that works with it. */
weft_status weft_i_gpu_kit_create(const weft_i_gpu *gpu, weft_error *error,
                                  weft_i_gpu_kit **out_kit);
void weft_i_gpu_kit_free(weft_i_gpu_kit *kit);

/* Valid as long as it. */
const weft_i_kit *weft_i_gpu_kit_table(const weft_i_gpu_kit *kit);

#endif
