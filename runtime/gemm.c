/* runtime/gemm.c - see gemm.h. The only file that knows the BLAS. */
#include "runtime/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>

static CBLAS_TRANSPOSE order_of(weft_i_matrix matrix)
{
    return matrix.transposed ? CblasTrans : CblasNoTrans;
}

/* OpenBLAS keeps nothing of an out that is not to be kept, but does nothing at all where k is 0. */
void weft_i_gemm(int64_t m, int64_t n, int64_t k, float scale, weft_i_matrix a, weft_i_matrix b,
                 float keep, float *out, int64_t out_stride)
{
    if (m == 0 || n == 0) return;
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    assert(a.stride <= INT_MAX && b.stride <= INT_MAX && out_stride <= INT_MAX);
    cblas_sgemm(CblasRowMajor, order_of(a), order_of(b), (int)m, (int)n, (int)k, scale, a.data,
                (int)a.stride, b.data, (int)b.stride, keep, out, (int)out_stride);
}

void weft_i_gemm_threads(int n)
{
    openblas_set_num_threads(n < 1 ? 1 : n);
}
