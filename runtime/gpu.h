/* runtime/gpu.h - all that is known of a GPU: memory, copies, matrix products, and kernels by name.
 *
 * Filled by cuda_module.cu, a module of its own that is loaded where it is asked for (gpu_load.h),
 * and by twin.c, which does it all on the host. Plain C, so that either side can do without the
 * other's headers. What is asked for is done later, in order. */
#ifndef WEFT_RUNTIME_GPU_H
#define WEFT_RUNTIME_GPU_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/kernel_rows.h"

/* Every kernel, with its number of phases. */
#define WEFT_I_GPU_KERNELS(K)                                                                      \
    K(GELU, gelu, 1)                                                                               \
    K(GELU_BACK, gelu_back, 1)                                                                     \
    K(SWIGLU, swiglu, 1)                                                                           \
    K(SWIGLU_BACK, swiglu_back, 1)                                                                 \
    K(SILU, silu, 1)                                                                               \
    K(SUM, sum, 1)                                                                                 \
    K(ACCUMULATE, accumulate, 1)                                                                   \
    K(SPREAD, spread, 1)                                                                           \
    K(ROUND, round, 1)                                                                             \
    K(EMBED, embed, 1)                                                                             \
    K(EMBED_MEDIA, embed_media, 1)                                                                 \
    K(EMBED_TABLE, embed_table, 1)                                                                 \
    K(MERGE, merge, 1)                                                                             \
    K(MERGE_BACK, merge_back, 1)                                                                   \
    K(MODULATE, modulate, 1)                                                                       \
    K(MODULATE_BACK, modulate_back, 1)                                                             \
    K(GATE, gate, 1)                                                                               \
    K(GATE_BACK, gate_back, 1)                                                                     \
    K(ADAMW, adamw, 1)                                                                             \
    K(TURNS, turns, 1)                                                                             \
    K(ROTATE, rotate, 1)                                                                           \
    K(ROTATE_BACK, rotate_back, 1)                                                                 \
    K(NORM, norm, 5)                                                                               \
    K(NORM_BACK, norm_back, 7)                                                                     \
    K(NORM_WEIGHTS, norm_weights, 2)                                                               \
    K(COLUMNS, columns, 2)                                                                         \
    K(ADALN_VECTORS, adaln_vectors, 2)                                                             \
    K(ENTROPY, entropy, 5)                                                                         \
    K(SQUARES, squares, 3)                                                                         \
    K(TOTAL, total, 3)                                                                             \
    K(SOFTMAX, softmax, 5)                                                                         \
    K(SOFTMAX_BACK, softmax_back, 3)

#define WEFT_I_KERNEL_NAME(NAME, name, phases) WEFT_I_KERNEL_##NAME,
typedef enum weft_i_kernel {
    WEFT_I_GPU_KERNELS(WEFT_I_KERNEL_NAME) WEFT_I_N_KERNELS
} weft_i_kernel;
#undef WEFT_I_KERNEL_NAME

enum { WEFT_I_ARGS_BYTES = 128 }; /* of any kernel, at most */

/* A row-major matrix of bfloat16 inside of a larger one, and where the next of a batch begins. */
typedef struct weft_i_operand {
    const weft_i_bf16 *data;
    int64_t stride, next;
    bool transposed; /* columns of `data` are meant as rows */
} weft_i_operand;

/* out[m x n] = scale * a[m x k] b[k x n] + keep * out, in float; rounded where out is bfloat16. For
 * n_batch of them. Sizes may be 0. */
typedef struct weft_i_product {
    int64_t m, n, k;
    weft_i_operand a, b;
    float scale, keep;
    void *out;
    int64_t out_stride, out_next;
    bool out_is_float;
    int32_t n_batch;
} weft_i_product;

typedef enum weft_i_gpu_state {
    WEFT_I_GPU_DONE,
    WEFT_I_GPU_BUSY,
    WEFT_I_GPU_FAILED /* `fault` has the words, and all later work is lost */
} weft_i_gpu_state;

typedef struct weft_i_gpu {
    void *context;
    char name[64];
    int64_t memory_bytes;

    /* Zeroed; NULL when out of memory, and `shortage` says of what. Host memory is pinned. */
    void *(*allocate)(void *context, size_t n_bytes);
    void (*release)(void *context, void *data);
    void *(*allocate_host)(void *context, size_t n_bytes);
    void (*release_host)(void *context, void *data);

    void (*copy)(void *context, void *to, const void *from, size_t n_bytes); /* any direction */
    /* Beside all else: begins when what was asked for before is done. Its number, from 1. */
    int64_t (*copy_beside)(void *context, void *to, const void *from, size_t n_bytes);
    void (*clear)(void *context, void *data, size_t n_bytes);
    void (*multiply)(void *context, const weft_i_product *product);
    void (*launch)(void *context, weft_i_kernel kernel, int64_t n_blocks, const void *args);

    /* How far it is, and how far with the copies beside, up to one; finish waits for all. */
    weft_i_gpu_state (*reached)(void *context);
    weft_i_gpu_state (*copied)(void *context, int64_t copy);
    weft_i_gpu_state (*finish)(void *context);
    const char *(*fault)(void *context);
    const char *(*shortage)(void *context);
    void (*close)(void *context);
} weft_i_gpu;

/* What a module exports as WEFT_I_GPU_OPEN: device number `index` modulo their number. `n_bytes` of
 * the table that the caller knows. False with one line in `words`. */
typedef bool weft_i_gpu_open(int index, size_t n_bytes, weft_i_gpu *out, char *words,
                             size_t n_words);
#define WEFT_I_GPU_OPEN "weft_i_cuda_open"

#endif
