/* runtime/kernels.c - see kernels.h. */
#include "runtime/kernels.h"

#include <math.h>

#include "runtime/lanes.h"

static const double NORM_EPSILON = 1e-5;

/* Mean (RMSNorm: 0) and 1 / deviation of a row. */
typedef struct moments {
    double mean, scale;
} moments;

static moments moments_of(weft_norm kind, const float *x, int64_t width)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; kind == WEFT_NORM_LAYERNORM && i < width; i++)
        mean += x[i];
    mean /= (double)width;
    for (int64_t i = 0; i < width; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return (moments){mean, 1 / sqrt(square / (double)width + NORM_EPSILON)};
}

void weft_i_norm(weft_norm kind, const float *x, const float *gain, const float *bias, int64_t rows,
                 int64_t width, float *out)
{
    for (int64_t r = 0; r < rows; r++, x += width, out += width) {
        moments of = moments_of(kind, x, width);
        for (int64_t i = 0; i < width; i++) {
            float y = (float)((x[i] - of.mean) * of.scale);
            out[i] = (gain ? y * gain[i] : y) + (bias ? bias[i] : 0);
        }
    }
}

void weft_i_norm_back(weft_norm kind, const float *x, const float *gain, const float *d_out,
                      int64_t rows, int64_t width, float *d_x)
{
    for (int64_t r = 0; r < rows; r++, x += width, d_out += width, d_x += width) {
        moments of = moments_of(kind, x, width);
        double sum = 0, dot = 0;
        for (int64_t i = 0; i < width; i++) {
            double d = (double)d_out[i] * (gain ? gain[i] : 1);
            sum += d;
            dot += d * (x[i] - of.mean) * of.scale;
        }
        double mean = kind == WEFT_NORM_LAYERNORM ? sum / (double)width : 0;
        dot /= (double)width;
        for (int64_t i = 0; i < width; i++) {
            double d = (double)d_out[i] * (gain ? gain[i] : 1), y = (x[i] - of.mean) * of.scale;
            d_x[i] += (float)(of.scale * (d - mean - y * dot));
        }
    }
}

void weft_i_norm_weights(weft_norm kind, const float *x, const float *d_out, int64_t rows,
                         int64_t width, float *d_gain, float *d_bias)
{
    for (int64_t r = 0; r < rows; r++, x += width, d_out += width) {
        moments of = moments_of(kind, x, width);
        for (int64_t i = 0; i < width; i++) {
            d_gain[i] += (float)(d_out[i] * (x[i] - of.mean) * of.scale);
            if (d_bias) d_bias[i] += d_out[i];
        }
    }
}

/* tanh of this is the GELU's; and its derivative. */
static float gelu_inner(float x)
{
    return 0.7978845608f * (x + 0.044715f * x * x * x);
}

/* tanh x = 1 - 2 / (e^2x + 1). */
static float tanh_of(float x)
{
    return 1 - 2 / (weft_i_exp(2 * x) + 1);
}

void weft_i_gelu(const float *x, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = 0.5f * x[i] * (1 + tanh_of(gelu_inner(x[i])));
}

void weft_i_gelu_back(const float *x, const float *d_out, int64_t n, float *d_x)
{
    for (int64_t i = 0; i < n; i++) {
        float t = tanh_of(gelu_inner(x[i]));
        float inner = 0.7978845608f * (1 + 3 * 0.044715f * x[i] * x[i]);
        d_x[i] += d_out[i] * (0.5f * (1 + t) + 0.5f * x[i] * (1 - t * t) * inner);
    }
}

static float sigmoid(float x)
{
    return 1 / (1 + weft_i_exp(-x));
}

void weft_i_swiglu(const float *x, int64_t rows, int64_t width, float *out)
{
    for (int64_t r = 0; r < rows; r++, x += 2 * width, out += width)
        for (int64_t i = 0; i < width; i++)
            out[i] = x[i] * sigmoid(x[i]) * x[width + i];
}

void weft_i_swiglu_back(const float *x, const float *d_out, int64_t rows, int64_t width, float *d_x)
{
    for (int64_t r = 0; r < rows; r++, x += 2 * width, d_x += 2 * width, d_out += width)
        for (int64_t i = 0; i < width; i++) {
            float s = sigmoid(x[i]), silu = x[i] * s;
            d_x[i] += d_out[i] * x[width + i] * (s + silu * (1 - s));
            d_x[width + i] += d_out[i] * silu;
        }
}

void weft_i_sum(const float *a, const float *b, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

void weft_i_accumulate(const float *d_out, int64_t n, float *d)
{
    for (int64_t i = 0; i < n; i++)
        d[i] += d_out[i];
}

void weft_i_bias(const float *bias, int64_t rows, int64_t width, float *x)
{
    for (int64_t r = 0; r < rows; r++)
        weft_i_accumulate(bias, width, x + r * width);
}

void weft_i_bias_weights(const float *d_out, int64_t rows, int64_t width, float *d_bias)
{
    for (int64_t r = 0; r < rows; r++)
        weft_i_accumulate(d_out + r * width, width, d_bias);
}

void weft_i_modulate(const float *x, const float *shift, const float *scale, int64_t rows,
                     int64_t width, float *out)
{
    for (int64_t r = 0; r < rows; r++, x += width, out += width)
        for (int64_t i = 0; i < width; i++)
            out[i] = x[i] * (1 + scale[i]) + shift[i];
}

void weft_i_modulate_back(const float *x, const float *scale, const float *d_out, int64_t rows,
                          int64_t width, float *d_x, float *d_shift, float *d_scale)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) {
            float d = d_out[r * width + i];
            if (d_x) d_x[r * width + i] += d * (1 + scale[i]);
            if (d_shift) d_shift[i] += d;
            if (d_scale) d_scale[i] += d * x[r * width + i];
        }
}

void weft_i_gate(const float *x, const float *y, const float *gate, int64_t rows, int64_t width,
                 float *out)
{
    for (int64_t r = 0; r < rows; r++, x += width, y += width, out += width)
        for (int64_t i = 0; i < width; i++)
            out[i] = x[i] + gate[i] * y[i];
}

void weft_i_gate_back(const float *y, const float *gate, const float *d_out, int64_t rows,
                      int64_t width, float *d_x, float *d_y, float *d_gate)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) {
            float d = d_out[r * width + i];
            if (d_x) d_x[r * width + i] += d;
            if (d_y) d_y[r * width + i] += d * gate[i];
            if (d_gate) d_gate[i] += d * y[r * width + i];
        }
}

/* log of the sum of exp(x) of a row. */
static double log_sum(const float *x, int64_t width)
{
    float largest = weft_i_lanes_max(x, width), part[64];
    double sum = 0;
    for (int64_t i = 0; i < width; i += 64)
        sum += weft_i_lanes_exp(x + i, largest, width - i < 64 ? width - i : 64, part);
    return largest + log(sum);
}

double weft_i_cross_entropy(const float *x, const int32_t *targets, int64_t rows, int64_t width)
{
    double loss = 0;
    for (int64_t r = 0; r < rows; r++, x += width)
        if (targets[r] >= 0) loss += log_sum(x, width) - x[targets[r]];
    return loss;
}

void weft_i_cross_entropy_back(const float *x, const int32_t *targets, float weight, int64_t rows,
                               int64_t width, float *d_x)
{
    for (int64_t r = 0; r < rows; r++, x += width, d_x += width) {
        if (targets[r] < 0) continue;
        float norm = (float)log_sum(x, width);
        for (int64_t i = 0; i < width; i++)
            d_x[i] += weight * weft_i_exp(x[i] - norm);
        d_x[targets[r]] -= weight;
    }
}

double weft_i_squared_error(const float *x, const float *targets, int64_t rows, int64_t width)
{
    double loss = 0;
    for (int64_t i = 0; i < rows * width; i++) {
        double error = (double)x[i] - targets[i];
        loss += error * error;
    }
    return loss / (double)width;
}

void weft_i_squared_error_back(const float *x, const float *targets, float weight, int64_t rows,
                               int64_t width, float *d_x)
{
    float slope = 2 * weight / (float)width;
    for (int64_t i = 0; i < rows * width; i++)
        d_x[i] += slope * (x[i] - targets[i]);
}
