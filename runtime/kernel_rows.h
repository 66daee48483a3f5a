/* runtime/kernel_rows.h - kernels with sums or maxima over rows, or down columns. See kernel_cell.h
 * for how they are written, kernels.h and attend.h for what they compute. Values are bfloat16,
 * parameters and their gradients float; d_... are added to. */
#ifndef WEFT_RUNTIME_KERNEL_ROWS_H
#define WEFT_RUNTIME_KERNEL_ROWS_H

#include "runtime/kernel_each.h"

/* Norms; a block has a row. Mean and 1 / deviation go to `moments` where it is not NULL, and d_x is
 * added to instead of `out` being made where there is one. */
typedef struct weft_i_norm_args {
    const weft_i_bf16 *x, *d_out;
    const float *gain, *bias; /* NULL = none */
    weft_i_bf16 *out, *d_x;
    float *moments;
    int64_t width;
    int32_t has_mean; /* LayerNorm */
} weft_i_norm_args;

/* In phases 0 to 4: then both moments are there. */
WEFT_I_BOTH void weft_i_find_moments(const weft_i_norm_args *a, weft_i_cell cell, int phase)
{
    float *part = &cell.shared[cell.thread], width = (float)a->width, mean;
    const weft_i_bf16 *x = a->x + cell.block * a->width;
    if (phase == 1) weft_i_fold(cell, 0, 0);
    if (phase == 3) weft_i_fold(cell, 0, 1);
    if (phase != 0 && phase != 2) return;
    mean = phase == 2 && a->has_mean ? weft_i_folded(cell, 0) / width : 0;
    *part = 0;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float value = weft_i_at(x, i) - mean;
        *part += phase == 0 ? value : value * value;
    }
}

WEFT_I_BOTH void weft_i_moments_of(const weft_i_norm_args *a, weft_i_cell cell, float *mean,
                                   float *scale)
{
    float width = (float)a->width;
    *mean = a->has_mean ? weft_i_folded(cell, 0) / width : 0;
    *scale = 1 / sqrtf(weft_i_folded(cell, 1) / width + 1e-5f);
}

enum { WEFT_I_NORM_PHASES = 5, WEFT_I_NORM_BACK_PHASES = 7 };

WEFT_I_BOTH void weft_i_norm_cell(const weft_i_norm_args *a, weft_i_cell cell, int phase)
{
    float mean, scale;
    int64_t row = cell.block * a->width;
    if (phase < 4) {
        weft_i_find_moments(a, cell, phase);
        return;
    }
    weft_i_moments_of(a, cell, &mean, &scale);
    if (a->moments && cell.thread == 0) {
        a->moments[2 * cell.block] = mean;
        a->moments[2 * cell.block + 1] = scale;
    }
    if (!a->out) return;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float y = (weft_i_at(a->x, row + i) - mean) * scale;
        weft_i_put(a->out, row + i, (a->gain ? y * a->gain[i] : y) + (a->bias ? a->bias[i] : 0));
    }
}

typedef weft_i_norm_args weft_i_norm_back_args;

WEFT_I_BOTH void weft_i_norm_back_cell(const weft_i_norm_args *a, weft_i_cell cell, int phase)
{
    float mean, scale, sum = 0, dot = 0;
    int64_t row = cell.block * a->width;
    if (phase < 4) {
        weft_i_find_moments(a, cell, phase);
        return;
    }
    if (phase == 5) {
        weft_i_fold(cell, 0, 2);
        weft_i_fold(cell, WEFT_I_SECOND, 3);
        return;
    }
    weft_i_moments_of(a, cell, &mean, &scale);
    if (phase == 6) {
        sum = a->has_mean ? weft_i_folded(cell, 2) / (float)a->width : 0;
        dot = weft_i_folded(cell, 3) / (float)a->width;
    }
    float part = 0, part_dot = 0;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float d = weft_i_at(a->d_out, row + i) * (a->gain ? a->gain[i] : 1);
        float y = (weft_i_at(a->x, row + i) - mean) * scale;
        part += d;
        part_dot += d * y;
        if (phase == 6) weft_i_onto(a->d_x, row + i, scale * (d - sum - y * dot));
    }
    if (phase == 6) return;
    cell.shared[cell.thread] = part;
    cell.shared[WEFT_I_SECOND + cell.thread] = part_dot;
}

/* Gradients of gain and bias; a block has some columns. */
typedef struct weft_i_norm_weights_args {
    const weft_i_bf16 *x, *d_out;
    const float *moments;
    float *d_gain, *d_bias; /* d_bias may be NULL */
    int64_t rows, width;
} weft_i_norm_weights_args;

WEFT_I_BOTH void weft_i_norm_weights_cell(const weft_i_norm_weights_args *a, weft_i_cell cell,
                                          int phase)
{
    weft_i_down at = weft_i_down_of(cell, cell.block);
    float gain = 0, bias = 0;
    if (phase == 0) {
        for (int64_t r = at.first; at.column < a->width && r < a->rows; r += at.step) {
            float d = weft_i_at(a->d_out, r * a->width + at.column);
            float x = weft_i_at(a->x, r * a->width + at.column);
            gain += d * (x - a->moments[2 * r]) * a->moments[2 * r + 1];
            bias += d;
        }
        cell.shared[cell.thread] = gain;
        cell.shared[WEFT_I_SECOND + cell.thread] = bias;
    } else if (at.first == 0 && at.column < a->width) {
        a->d_gain[at.column] += weft_i_column_sum(cell, 0);
        if (a->d_bias) a->d_bias[at.column] += weft_i_column_sum(cell, WEFT_I_SECOND);
    }
}

/* Sums down the columns, onto floats; a block has some columns. */
typedef struct weft_i_columns_args {
    const weft_i_bf16 *x;
    float *out;
    int64_t rows, width;
} weft_i_columns_args;

WEFT_I_BOTH void weft_i_columns_cell(const weft_i_columns_args *a, weft_i_cell cell, int phase)
{
    weft_i_down at = weft_i_down_of(cell, cell.block);
    float sum = 0;
    if (phase == 0) {
        for (int64_t r = at.first; at.column < a->width && r < a->rows; r += at.step)
            sum += weft_i_at(a->x, r * a->width + at.column);
        cell.shared[cell.thread] = sum;
    } else if (at.first == 0 && at.column < a->width) {
        a->out[at.column] += weft_i_column_sum(cell, 0);
    }
}

/* The gradients of adaLN's vectors: sums over the rows of a sequence of d_out and of d_out x. A
 * block has some columns of a sequence. */
typedef struct weft_i_adaln_vectors_args {
    const int32_t *firsts; /* row of each sequence, and the end of it: two a sequence */
    const weft_i_bf16 *x, *d_out;
    weft_i_bf16 *d_vectors;
    int64_t width;
    int32_t plain, times_x; /* part that gets either sum; -1 = none */
} weft_i_adaln_vectors_args;

WEFT_I_BOTH void weft_i_adaln_vectors_cell(const weft_i_adaln_vectors_args *a, weft_i_cell cell,
                                           int phase)
{
    int64_t blocks = weft_i_blocks_columns(a->width), span = cell.block / blocks;
    weft_i_down at = weft_i_down_of(cell, cell.block % blocks);
    int64_t first = a->firsts[2 * span], end = a->firsts[2 * span + 1];
    int64_t to = 6 * span * a->width + at.column;
    float sum = 0, dot = 0;
    if (phase == 0) {
        for (int64_t r = first + at.first; at.column < a->width && r < end; r += at.step) {
            float d = weft_i_at(a->d_out, r * a->width + at.column);
            sum += d;
            if (a->times_x >= 0) dot += d * weft_i_at(a->x, r * a->width + at.column);
        }
        cell.shared[cell.thread] = sum;
        cell.shared[WEFT_I_SECOND + cell.thread] = dot;
    } else if (at.first == 0 && at.column < a->width) {
        if (a->plain >= 0)
            weft_i_onto(a->d_vectors, to + a->plain * a->width, weft_i_column_sum(cell, 0));
        if (a->times_x >= 0)
            weft_i_onto(a->d_vectors, to + a->times_x * a->width,
                        weft_i_column_sum(cell, WEFT_I_SECOND));
    }
}

/* Cross-entropy; a block has a row. The row's loss goes to `losses`, or d_x is added to. */
typedef struct weft_i_entropy_args {
    const weft_i_bf16 *x;
    const int32_t *targets;
    float *losses;
    weft_i_bf16 *d_x;
    int64_t width;
    float weight;
} weft_i_entropy_args;

WEFT_I_BOTH void weft_i_entropy_cell(const weft_i_entropy_args *a, weft_i_cell cell, int phase)
{
    int32_t target = a->targets[cell.block];
    int64_t row = cell.block * a->width;
    float *part = &cell.shared[cell.thread], most;
    if (phase == 1) weft_i_fold_max(cell, 0, 0);
    if (phase == 3) weft_i_fold(cell, 0, 1);
    if (phase == 0) {
        *part = -INFINITY;
        WEFT_I_FOR_ROW (i, cell, a->width)
            *part = fmaxf(*part, weft_i_at(a->x, row + i));
    }
    if (phase % 2 == 1 || phase == 0) return;
    most = weft_i_folded_max(cell, 0);
    if (phase == 2) {
        *part = 0;
        WEFT_I_FOR_ROW (i, cell, a->width)
            *part += expf(weft_i_at(a->x, row + i) - most);
        return;
    }
    float norm = most + logf(weft_i_folded(cell, 1));
    if (a->losses && cell.thread == 0)
        a->losses[cell.block] = target < 0 ? 0 : norm - weft_i_at(a->x, row + target);
    if (!a->d_x || target < 0) return;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float share = expf(weft_i_at(a->x, row + i) - norm) - (i == target ? 1.0f : 0.0f);
        weft_i_onto(a->d_x, row + i, a->weight * share);
    }
}

/* Squared error; a block has a row. The mean over it goes to `losses`, or d_x is added to. */
typedef struct weft_i_squares_args {
    const weft_i_bf16 *x;
    const float *targets;
    float *losses;
    weft_i_bf16 *d_x;
    int64_t width;
    float weight;
} weft_i_squares_args;

WEFT_I_BOTH void weft_i_squares_cell(const weft_i_squares_args *a, weft_i_cell cell, int phase)
{
    int64_t row = cell.block * a->width;
    float part = 0, slope = 2 * a->weight / (float)a->width;
    if (phase == 0) {
        WEFT_I_FOR_ROW (i, cell, a->width) {
            float error = weft_i_at(a->x, row + i) - a->targets[row + i];
            part += error * error;
            if (a->d_x) weft_i_onto(a->d_x, row + i, slope * error);
        }
        cell.shared[cell.thread] = part;
    }
    if (phase == 1) weft_i_fold(cell, 0, 0);
    if (phase == 2 && cell.thread == 0 && a->losses)
        a->losses[cell.block] = weft_i_folded(cell, 0) / (float)a->width;
}

/* The sum of n losses onto the whole; one block. */
typedef struct weft_i_total_args {
    const float *losses;
    double *out;
    int64_t n;
} weft_i_total_args;

WEFT_I_BOTH void weft_i_total_cell(const weft_i_total_args *a, weft_i_cell cell, int phase)
{
    float part = 0;
    if (phase == 0) {
        WEFT_I_FOR_ROW (i, cell, a->n)
            part += a->losses[i];
        cell.shared[cell.thread] = part;
    }
    if (phase == 1) weft_i_fold(cell, 0, 0);
    if (phase == 2 && cell.thread == 0) *a->out += (double)weft_i_folded(cell, 0);
}

/* Probabilities of some queries, or the gradients of their scores; a block has a query of a head.
 * Query i of a head, the first of which is `first` in its sequence, sees the keys up to its own
 * where `causal`, of those the last `window` where that is not 0. */
typedef struct weft_i_softmax_args {
    const float *scores; /* [heads x queries x keys], or the gradients of the probabilities */
    weft_i_bf16 *shares; /* probabilities: out, or in: d_scores go in their place */
    int64_t queries, keys, first;
    int32_t causal, window;
} weft_i_softmax_args;
typedef weft_i_softmax_args weft_i_softmax_back_args;

WEFT_I_BOTH void weft_i_softmax_cell(const weft_i_softmax_args *a, weft_i_cell cell, int phase)
{
    const float *x = a->scores + cell.block * a->keys;
    int64_t end = a->causal ? a->first + cell.block % a->queries + 1 : a->keys;
    int64_t begin = a->window > 0 && end > a->window ? end - a->window : 0;
    float *part = &cell.shared[cell.thread], most;
    if (phase == 1) weft_i_fold_max(cell, 0, 0);
    if (phase == 3) weft_i_fold(cell, 0, 1);
    if (phase == 0) {
        *part = -INFINITY;
        WEFT_I_FOR_ROW (i, cell, a->keys)
            if (i >= begin && i < end) *part = fmaxf(*part, x[i]);
    }
    if (phase % 2 == 1 || phase == 0) return;
    most = weft_i_folded_max(cell, 0);
    if (phase == 2) {
        *part = 0;
        WEFT_I_FOR_ROW (i, cell, a->keys)
            if (i >= begin && i < end) *part += expf(x[i] - most);
        return;
    }
    float scale = 1 / weft_i_folded(cell, 1);
    WEFT_I_FOR_ROW (i, cell, a->keys)
        weft_i_put(a->shares, cell.block * a->keys + i,
                   i >= begin && i < end ? expf(x[i] - most) * scale : 0);
}

/* d_scores = p (d_p - sum of p d_p). */
WEFT_I_BOTH void weft_i_softmax_back_cell(const weft_i_softmax_args *a, weft_i_cell cell, int phase)
{
    const float *d = a->scores + cell.block * a->keys;
    weft_i_bf16 *p = a->shares + cell.block * a->keys;
    float part = 0, dot;
    if (phase == 0) {
        WEFT_I_FOR_ROW (i, cell, a->keys)
            part += weft_i_at(p, i) * d[i];
        cell.shared[cell.thread] = part;
    }
    if (phase == 1) weft_i_fold(cell, 0, 0);
    if (phase != 2) return;
    dot = weft_i_folded(cell, 0);
    WEFT_I_FOR_ROW (i, cell, a->keys)
        weft_i_put(p, i, weft_i_at(p, i) * (d[i] - dot));
}

#endif
