/* runtime/gpu_ops.h - what each operation of a program asks of a GPU, and what it has of a sheet.
 * The context of all is a weft_i_gpu. */
#ifndef WEFT_RUNTIME_GPU_OPS_H
#define WEFT_RUNTIME_GPU_OPS_H

#include "runtime/gpu.h"
#include "runtime/kit.h"

/* Of a sheet, in the memory of the GPU. */
typedef struct weft_i_gpu_sheet {
    const int32_t *tokens, *targets, *merge_from; /* as in the sheet */
    const int32_t *spans, *places;                /* by row: its sequence, and its place in that */
    const int32_t *firsts;                        /* first row and end of each sequence */
    const int32_t *table_rows, *table_firsts;     /* rows by token, and where each token begins */
    int32_t n_tokens;                             /* that differ */
    int32_t *data;                                /* of all of these */
} weft_i_gpu_sheet;

/* In weft_i_sheet.copy. False when out of memory. */
bool weft_i_gpu_bind(void *context, weft_i_sheet *sheet);
void weft_i_gpu_unbind(void *context, weft_i_sheet *sheet);

/* See weft_i_kit. */
bool weft_i_gpu_forward(void *context, const weft_i_op *op, const weft_i_view *view);
bool weft_i_gpu_back_input(void *context, const weft_i_op *op, const weft_i_view *view);
bool weft_i_gpu_back_weights(void *context, const weft_i_op *op, const weft_i_view *view);

/* Attention (gpu_attend.c), forward or back. */
bool weft_i_gpu_attend(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *view,
                       bool back);

/* A kernel over so many blocks; none is fine. */
static inline void weft_i_gpu_run(const weft_i_gpu *gpu, weft_i_kernel kernel, int64_t n_blocks,
                                  const void *args)
{
    if (n_blocks > 0) gpu->launch(gpu->context, kernel, n_blocks, args);
}

#endif
