/* runtime/kernels.h - what layers are made of beside matrix products and attention, in float32.
 *
 * A matrix x[rows x width] is row-major without gaps. Backward kernels ADD to what they give; an
 * output that nobody wants is NULL. Sums over a row are taken in double. */
#ifndef WEFT_RUNTIME_KERNELS_H
#define WEFT_RUNTIME_KERNELS_H

#include <stdint.h>

#include "weft/model.h"

/* Norm over each row, times gain[width], plus bias[width]: LayerNorm (Ba et al. 2016), or RMSNorm
 * (Zhang and Sennrich 2019), which has no mean and no bias. gain NULL: neither. */
void weft_i_norm(weft_norm kind, const float *x, const float *gain, const float *bias, int64_t rows,
                 int64_t width, float *out);
void weft_i_norm_back(weft_norm kind, const float *x, const float *gain, const float *d_out,
                      int64_t rows, int64_t width, float *d_x);
void weft_i_norm_weights(weft_norm kind, const float *x, const float *d_out, int64_t rows,
                         int64_t width, float *d_gain, float *d_bias);

/* GELU by its tanh form (Hendrycks and Gimpel 2016) of n values. */
void weft_i_gelu(const float *x, int64_t n, float *out);
void weft_i_gelu_back(const float *x, const float *d_out, int64_t n, float *d_x);

/* SwiGLU (Shazeer 2020): x[rows x 2 width], its halves g and u, out = g sigmoid(g) u. */
void weft_i_swiglu(const float *x, int64_t rows, int64_t width, float *out);
void weft_i_swiglu_back(const float *x, const float *d_out, int64_t rows, int64_t width,
                        float *d_x);

/* Add: out = a + b, and d += d_out. */
void weft_i_sum(const float *a, const float *b, int64_t n, float *out);
void weft_i_accumulate(const float *d_out, int64_t n, float *d);

/* Bias of a linear map: to every row; its gradient is the sum of the rows. */
void weft_i_bias(const float *bias, int64_t rows, int64_t width, float *x);
void weft_i_bias_weights(const float *d_out, int64_t rows, int64_t width, float *d_bias);

/* adaLN (Peebles and Xie 2023) over a run of rows with one modulation: out = x (1 + scale) + shift,
 * and out = x + gate y; the vectors are `width` long. */
void weft_i_modulate(const float *x, const float *shift, const float *scale, int64_t rows,
                     int64_t width, float *out);
void weft_i_modulate_back(const float *x, const float *scale, const float *d_out, int64_t rows,
                          int64_t width, float *d_x, float *d_shift, float *d_scale);
void weft_i_gate(const float *x, const float *y, const float *gate, int64_t rows, int64_t width,
                 float *out);
void weft_i_gate_back(const float *y, const float *gate, const float *d_out, int64_t rows,
                      int64_t width, float *d_x, float *d_y, float *d_gate);

/* Sum over rows with target >= 0 of -log softmax(x)[target]. The gradient is that of `weight` times
 * the loss. */
double weft_i_cross_entropy(const float *x, const int32_t *targets, int64_t rows, int64_t width);
void weft_i_cross_entropy_back(const float *x, const int32_t *targets, float weight, int64_t rows,
                               int64_t width, float *d_x);

/* Sum over rows of the mean of (x - target)^2 over the row: flow matching (Lipman et al. 2023). */
double weft_i_squared_error(const float *x, const float *targets, int64_t rows, int64_t width);
void weft_i_squared_error_back(const float *x, const float *targets, float weight, int64_t rows,
                               int64_t width, float *d_x);

#endif
