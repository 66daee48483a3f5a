/* runtime/bfloat16.h - bfloat16: the upper half of a float, for the host and for kernels of a GPU.
 * Arithmetic is done in float. */
#ifndef WEFT_RUNTIME_BFLOAT16_H
#define WEFT_RUNTIME_BFLOAT16_H

#include <stdint.h>
#include <string.h>

/* Before functions that run on both sides. */
#ifdef __CUDACC__
#define WEFT_I_BOTH static __host__ __device__ inline
#else
#define WEFT_I_BOTH static inline
#endif

/* In a struct, so that none is taken for a number. */
typedef struct weft_i_bf16 {
    uint16_t bits;
} weft_i_bf16;

WEFT_I_BOTH float weft_i_bf16_float(weft_i_bf16 x)
{
    uint32_t bits = (uint32_t)x.bits << 16;
    float out;
    memcpy(&out, &bits, sizeof(out));
    return out;
}

/* To the nearest, a tie to the even one; what is not a number stays none. */
WEFT_I_BOTH weft_i_bf16 weft_i_bf16_of(float x)
{
    uint32_t bits;
    weft_i_bf16 out;
    memcpy(&bits, &x, sizeof(bits));
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        bits |= 0x400000u;
    else
        bits += 0x7fffu + ((bits >> 16) & 1u);
    out.bits = (uint16_t)(bits >> 16);
    return out;
}

#endif
