/* tests/runtime/test_kernels.c - products, norms, activations, losses and attention against slow
 * ones in double that share nothing with them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "runtime/attend.h"
#include "runtime/gemm.h"
#include "runtime/kernels.h"
#include "runtime/lanes.h"

enum { MOST = 4096 };

static void fill(weft_i_rng *rng, float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)(2 * weft_i_rng_double(rng) - 1);
}

static void expect_near(float found, double expected, const char *what, int at)
{
    cr_assert(fabs((double)found - expected) < 2e-5 * (1 + fabs(expected)),
              "%s %d: %g, expected %g", what, at, (double)found, expected);
}

Test(kernels, products)
{
    static float a[MOST], b[MOST], out[MOST], before[MOST];
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 1);
    for (int round = 0; round < 40; round++) {
        int m = (int)weft_i_rng_below(&rng, 9), n = (int)weft_i_rng_below(&rng, 9);
        int k = (int)weft_i_rng_below(&rng, 9);
        bool ta = weft_i_rng_below(&rng, 2), tb = weft_i_rng_below(&rng, 2);
        int a_stride = (ta ? m : k) + 1, b_stride = (tb ? k : n) + 2;
        float keep = (float)weft_i_rng_below(&rng, 2);
        fill(&rng, a, MOST);
        fill(&rng, b, MOST);
        fill(&rng, out, MOST);
        memcpy(before, out, sizeof(out));
        weft_i_gemm(m, n, k, 0.5f, (weft_i_matrix){a, a_stride, ta},
                    (weft_i_matrix){b, b_stride, tb}, keep, out, n + 3);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n + 3; j++) {
                double sum = 0;
                for (int l = 0; l < k; l++)
                    sum += (double)(ta ? a[l * a_stride + i] : a[i * a_stride + l]) *
                           (double)(tb ? b[j * b_stride + l] : b[l * b_stride + j]);
                int at = i * (n + 3) + j;
                expect_near(out[at], j < n ? 0.5 * sum + keep * before[at] : before[at], "product",
                            at);
            }
    }
}

Test(kernels, norms)
{
    float x[21], gain[7], bias[7], out[21];
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 2);
    fill(&rng, x, 21);
    fill(&rng, gain, 7);
    fill(&rng, bias, 7);
    for (int kind = WEFT_NORM_LAYERNORM; kind <= WEFT_NORM_RMSNORM; kind++) {
        bool has_mean = kind == WEFT_NORM_LAYERNORM;
        weft_i_norm((weft_norm)kind, x, gain, has_mean ? bias : NULL, 3, 7, out);
        for (int r = 0; r < 3; r++) {
            double mean = 0, square = 0;
            for (int i = 0; i < 7; i++)
                mean += has_mean ? x[r * 7 + i] / 7.0 : 0;
            for (int i = 0; i < 7; i++)
                square += pow(x[r * 7 + i] - mean, 2) / 7;
            for (int i = 0; i < 7; i++)
                expect_near(out[r * 7 + i],
                            (x[r * 7 + i] - mean) / sqrt(square + 1e-5) * gain[i] +
                                (has_mean ? bias[i] : 0),
                            "norm", r * 7 + i);
        }
    }
}

Test(kernels, activations)
{
    for (int i = -60; i <= 60; i++) {
        float x = (float)i / 10, out, pair[2] = {x, 1.5f};
        weft_i_gelu(&x, 1, &out);
        /* The tanh form is within 5e-4 of the exact one. */
        cr_assert(fabs((double)out - 0.5 * x * (1 + erf(x / sqrt(2)))) < 5e-4);
        weft_i_swiglu(pair, 1, 1, &out);
        expect_near(out, 1.5 * x / (1 + exp(-(double)x)), "swiglu", i);
    }
}

Test(kernels, exponential)
{
    for (double x = -86.99; x < 88; x += 0.0137) {
        double expected = exp((double)(float)x), found = (double)weft_i_exp((float)x);
        cr_assert(fabs(found - expected) < 3e-7 * expected, "e^%g is %g, not %g", x, expected,
                  found);
    }
    cr_expect_eq(weft_i_exp(-1000), 0);
    cr_expect_eq(weft_i_exp(-INFINITY), 0);
    cr_expect(isfinite(weft_i_exp(1000)));
}

Test(kernels, losses)
{
    float x[12], want[12];
    const int32_t targets[3] = {2, -1, 0};
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 3);
    fill(&rng, x, 12);
    fill(&rng, want, 12);
    x[0] = 90; /* exp of it is no float */
    double entropy = 0, squares = 0;
    for (int r = 0; r < 3; r++) {
        double sum = 0;
        for (int i = 0; i < 4; i++) {
            sum += exp(x[r * 4 + i]);
            squares += pow((double)x[r * 4 + i] - want[r * 4 + i], 2) / 4;
        }
        if (targets[r] >= 0) entropy -= log(exp(x[r * 4 + targets[r]]) / sum);
    }
    expect_near((float)weft_i_cross_entropy(x, targets, 3, 4), entropy, "cross-entropy", 0);
    expect_near((float)weft_i_squared_error(x, want, 3, 4), squares, "squared error", 0);
}

/* One score after the other, in double. */
static void slow_attention(const weft_i_attend *how, const weft_i_stretch *at, weft_i_qkv in,
                           double *out)
{
    int size = how->head_size, n_keys = how->crossed ? at->n_context : at->n;
    int key_first = how->crossed ? at->context_first : at->first;
    for (int h = 0; h < how->heads; h++)
        for (int r = 0; r < at->n; r++) {
            double p[64], sum = 0;
            int g = h / (how->heads / how->kv_heads);
            for (int k = 0; k < n_keys; k++) {
                const float *q = in.q + (at->first + r) * in.q_stride + h * size;
                const float *key = in.k + (key_first + k) * in.kv_stride + g * size;
                double dot = 0;
                for (int i = 0; i < size / 2; i++) {
                    /* The product of two turned pairs depends on how far apart they stand. */
                    double turn = how->crossed ? 0 : (r - k) * pow(10000, -2.0 * i / size);
                    int j = i + size / 2;
                    dot += cos(turn) * ((double)q[i] * key[i] + (double)q[j] * key[j]) +
                           sin(turn) * ((double)q[i] * key[j] - (double)q[j] * key[i]);
                }
                bool hidden = how->causal && (k > r || (how->window > 0 && k <= r - how->window));
                p[k] = hidden ? 0 : exp(dot / sqrt(size));
                sum += p[k];
            }
            for (int i = 0; i < size; i++) {
                double value = 0;
                for (int k = 0; k < n_keys; k++)
                    value += p[k] / sum * in.v[(key_first + k) * in.kv_stride + g * size + i];
                out[((at->first + r) * how->heads + h) * size + i] = value;
            }
        }
}

/* Sequences longer than a block of queries, side by side in one matrix. */
Test(kernels, attention)
{
    static float x[130 * 24], kv[50 * 16], out[130 * 16], scratch[1 << 16];
    static double expected[130 * 16];
    const weft_i_stretch stretches[] = {{0, 3, 0, 7}, {3, 60, 7, 1}, {63, 1, 8, 30}};
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 4);
    fill(&rng, x, 130 * 24);
    fill(&rng, kv, 50 * 16);
    for (int kind = 0; kind < 4; kind++) {
        weft_i_attend how = {.heads = 4, .kv_heads = kind == 0 ? 4 : 1, .head_size = 4};
        how.causal = kind == 1 || kind == 2;
        how.window = kind == 2 ? 5 : 0;
        how.crossed = kind == 3;
        int key = how.kv_heads * 4;
        weft_i_qkv in = {x, x + 16, x + 16 + key, 16 + 2 * key, 16 + 2 * key};
        if (how.crossed) in = (weft_i_qkv){x, kv, kv + key, 16, 2 * key};
        if (kind == 0) in = (weft_i_qkv){x, x, x, 24, 24};
        cr_assert_lt(weft_i_attend_scratch(&how, 130, 130), sizeof(scratch) / sizeof(float));
        weft_i_attend_forward(&how, stretches, 3, in, scratch, out);
        for (int s = 0; s < 3; s++)
            slow_attention(&how, &stretches[s], in, expected);
        for (int i = 0; i < 64 * 16; i++)
            expect_near(out[i], expected[i], "attention", i);
    }
}

/* Longer than a block; a longest row of keys. */
Test(kernels, long_attention)
{
    static float x[130 * 24], out[130 * 16], scratch[1 << 16];
    static double expected[130 * 16];
    const weft_i_stretch all = {0, 63, 0, 0}, late = {63, 64, 0, 0};
    const weft_i_stretch both[] = {all, late};
    weft_i_attend how = {.heads = 4, .kv_heads = 1, .head_size = 4, .causal = true};
    weft_i_qkv in = {x, x + 16, x + 20, 24, 24};
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 5);
    fill(&rng, x, 130 * 24);
    weft_i_attend_forward(&how, both, 2, in, scratch, out);
    slow_attention(&how, &all, in, expected);
    slow_attention(&how, &late, in, expected);
    for (int i = 0; i < 127 * 16; i++)
        expect_near(out[i], expected[i], "attention", i);
    /* A whole block and a bit: its last rows are those of the same sequence seen from row 0. */
    const weft_i_stretch whole = {0, 130, 0, 0};
    weft_i_attend_forward(&how, &whole, 1, in, scratch, out);
    slow_attention(&how, &all, in, expected);
    for (int i = 0; i < 63 * 16; i++)
        expect_near(out[i], expected[i], "attention", i);
}
