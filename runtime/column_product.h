/* runtime/column_product.h - a product of gpu.h as a BLAS that has its matrices by columns wants
 * it: out^T = b^T a^T, for rows of ours are columns of its. C and C++. */
#ifndef WEFT_RUNTIME_COLUMN_PRODUCT_H
#define WEFT_RUNTIME_COLUMN_PRODUCT_H

#include "runtime/gpu.h"

/* out[m x n] = first[m x k] second[k x n], each by columns, transposed where it says so: what it
 * has then is [k x m] or [n x k]. */
typedef struct weft_i_column_product {
    int m, n, k;
    const weft_i_operand *first, *second;
} weft_i_column_product;

/* False where a size is over what such a BLAS counts to. */
WEFT_I_BOTH bool weft_i_by_columns(const weft_i_product *product, weft_i_column_product *out)
{
    const int64_t most = 0x7fffffff;
    if (product->m > most || product->n > most || product->k > most || product->a.stride > most ||
        product->b.stride > most || product->out_stride > most)
        return false;
    out->m = (int)product->n;
    out->n = (int)product->m;
    out->k = (int)product->k;
    out->first = &product->b;
    out->second = &product->a;
    return true;
}

#endif
