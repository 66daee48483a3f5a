/* runtime/lanes.h - exponentials, sums and maxima that a compiler can do several of at once,
 * without leave to reorder anything: eight lanes, written out. */
#ifndef WEFT_RUNTIME_LANES_H
#define WEFT_RUNTIME_LANES_H

#include <stdint.h>
#include <string.h>

enum { WEFT_I_LANES = 8 };

/* e^x within 3e-7 of its size; 0 below -87, and as of 88 above it. x = n ln 2 + r, |r| <= ln 2 / 2;
 * a Taylor polynomial of degree 7 for e^r, and n into the exponent's bits (Cody and Waite 1980). */
static inline float weft_i_exp(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves whole numbers */
    float bounded = x < 88 ? x : 88;
    bounded = bounded > -87 ? bounded : -87;
    float n = (bounded * 1.44269504f + round) - round;
    float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.98412698e-4f;
    p = p * r + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    uint32_t bits = ((uint32_t)(int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof(power));
    return x > -87 ? p * power : 0;
}

static inline float weft_i_lanes_max(const float *x, int64_t n)
{
    float most[WEFT_I_LANES], out = x[0];
    int64_t i = 0;
    for (int k = 0; k < WEFT_I_LANES; k++)
        most[k] = x[0];
    for (; i + WEFT_I_LANES <= n; i += WEFT_I_LANES)
        for (int k = 0; k < WEFT_I_LANES; k++)
            most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
    for (; i < n; i++)
        out = x[i] > out ? x[i] : out;
    for (int k = 0; k < WEFT_I_LANES; k++)
        out = most[k] > out ? most[k] : out;
    return out;
}

/* Lanes are added up in pairs. */
static inline float weft_i_lanes_total(const float *sum)
{
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* out = e^(x - shift), and the sum of it. */
static inline float weft_i_lanes_exp(const float *x, float shift, int64_t n, float *out)
{
    float sum[WEFT_I_LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + WEFT_I_LANES <= n; i += WEFT_I_LANES)
        for (int k = 0; k < WEFT_I_LANES; k++) {
            out[i + k] = weft_i_exp(x[i + k] - shift);
            sum[k] += out[i + k];
        }
    for (; i < n; i++)
        rest += out[i] = weft_i_exp(x[i] - shift);
    return weft_i_lanes_total(sum) + rest;
}

static inline float weft_i_lanes_dot(const float *a, const float *b, int64_t n)
{
    float sum[WEFT_I_LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + WEFT_I_LANES <= n; i += WEFT_I_LANES)
        for (int k = 0; k < WEFT_I_LANES; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        rest += a[i] * b[i];
    return weft_i_lanes_total(sum) + rest;
}

#endif
