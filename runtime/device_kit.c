/* runtime/device_kit.c - see device_kit.h. */
#include "runtime/device_kit.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/parse.h"
#include "runtime/cpu_kit.h"
#include "runtime/gpu_load.h"
#include "runtime/twin.h"

/* For tests: a twin of so little memory; 0 = as much as the host has. */
static size_t twin_bytes(void)
{
    const char *text = getenv("WEFT_RUN_TWIN_BYTES");
    int64_t n_bytes = 0;
    return text && weft_i_parse_int(text, 0, INT64_MAX, &n_bytes) ? (size_t)n_bytes : 0;
}

weft_status weft_i_device_kit(weft_i_device device, int32_t slot, weft_error *error,
                              weft_i_gpu_kit **out_gpu, const weft_i_kit **out_kit)
{
    weft_i_gpu gpu;
    weft_status status = WEFT_STATUS_OK;
    *out_gpu = NULL;
    if (device != WEFT_I_DEVICE_CUDA && device != WEFT_I_DEVICE_TWIN) {
        *out_kit = weft_i_cpu_kit();
        return status;
    }
    if (device == WEFT_I_DEVICE_CUDA)
        status = weft_i_gpu_load(slot, error, &gpu);
    else if (!weft_i_twin_open(twin_bytes(), &gpu))
        status = weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = weft_i_gpu_kit_create(&gpu, error, out_gpu);
    if (status == WEFT_STATUS_OK) *out_kit = weft_i_gpu_kit_table(*out_gpu);
    return status;
}
