/* runtime/device_kit.h - the kit of a device of weft-run that trains. */
#ifndef WEFT_RUNTIME_DEVICE_KIT_H
#define WEFT_RUNTIME_DEVICE_KIT_H

#include "runtime/gpu_kit.h"
#include "runtime/launch.h"

/* Of the process that is number `slot` of its machine: ranks of a machine share its GPUs. *out_gpu
 * is to be freed after the kit's last use; NULL for the processor. USAGE, FAILED or NO_MEMORY where
 * the device cannot be had. */
weft_status weft_i_device_kit(weft_i_device device, int32_t slot, weft_error *error,
                              weft_i_gpu_kit **out_gpu, const weft_i_kit **out_kit);

#endif
