/* runtime/gemm.h - products of float32 matrices, by the BLAS. Not: anything else of it. */
#ifndef WEFT_RUNTIME_GEMM_H
#define WEFT_RUNTIME_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* A row-major matrix inside a larger one: row i begins at data + i * stride. */
typedef struct weft_i_matrix {
    const float *data;
    int64_t stride;
    bool transposed; /* columns of `data` are meant as rows */
} weft_i_matrix;

/* out[m x n] = scale * a[m x k] b[k x n] + keep * out. Sizes may be 0. */
void weft_i_gemm(int64_t m, int64_t n, int64_t k, float scale, weft_i_matrix a, weft_i_matrix b,
                 float keep, float *out, int64_t out_stride);

/* Threads of the BLAS in this process, at least 1. A rank has one unless it is told otherwise. */
void weft_i_gemm_threads(int n);

#endif
