/* runtime/kernel_each.h - kernels in which no thread needs another: elements and copied rows. See
 * kernel_cell.h for how they are written, kernels.h for what they compute. Values are bfloat16,
 * parameters float; d_... are added to. */
#ifndef WEFT_RUNTIME_KERNEL_EACH_H
#define WEFT_RUNTIME_KERNEL_EACH_H

#include "runtime/kernel_cell.h"

WEFT_I_BOTH float weft_i_at(const weft_i_bf16 *x, int64_t i)
{
    return weft_i_bf16_float(x[i]);
}

WEFT_I_BOTH void weft_i_put(weft_i_bf16 *x, int64_t i, float value)
{
    x[i] = weft_i_bf16_of(value);
}

WEFT_I_BOTH void weft_i_onto(weft_i_bf16 *x, int64_t i, float value)
{
    x[i] = weft_i_bf16_of(weft_i_bf16_float(x[i]) + value);
}

WEFT_I_BOTH float weft_i_sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* n elements; two inputs, or an input and the gradient of the output. */
typedef struct weft_i_each_args {
    const weft_i_bf16 *x, *y;
    weft_i_bf16 *out;
    int64_t n, width;
} weft_i_each_args;

typedef weft_i_each_args weft_i_gelu_args;
typedef weft_i_each_args weft_i_gelu_back_args;
typedef weft_i_each_args weft_i_swiglu_args;
typedef weft_i_each_args weft_i_swiglu_back_args;
typedef weft_i_each_args weft_i_silu_args;
typedef weft_i_each_args weft_i_sum_args;
typedef weft_i_each_args weft_i_accumulate_args;

WEFT_I_BOTH void weft_i_gelu_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n) {
        float x = weft_i_at(a->x, i);
        float t = tanhf(0.7978845608f * (x + 0.044715f * x * x * x));
        weft_i_put(a->out, i, 0.5f * x * (1 + t));
    }
}

WEFT_I_BOTH void weft_i_gelu_back_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n) {
        float x = weft_i_at(a->x, i);
        float t = tanhf(0.7978845608f * (x + 0.044715f * x * x * x));
        float inner = 0.7978845608f * (1 + 3 * 0.044715f * x * x);
        float slope = 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * inner;
        weft_i_onto(a->out, i, weft_i_at(a->y, i) * slope);
    }
}

/* n and width are those of the output, whose inputs stand side by side. */
WEFT_I_BOTH void weft_i_swiglu_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n) {
        int64_t at = i / a->width * 2 * a->width + i % a->width;
        float x = weft_i_at(a->x, at);
        weft_i_put(a->out, i, x * weft_i_sigmoid(x) * weft_i_at(a->x, at + a->width));
    }
}

WEFT_I_BOTH void weft_i_swiglu_back_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n) {
        int64_t at = i / a->width * 2 * a->width + i % a->width;
        float x = weft_i_at(a->x, at), d = weft_i_at(a->y, i);
        float s = weft_i_sigmoid(x), silu = x * s;
        weft_i_onto(a->out, at, d * weft_i_at(a->x, at + a->width) * (s + silu * (1 - s)));
        weft_i_onto(a->out, at + a->width, d * silu);
    }
}

WEFT_I_BOTH void weft_i_silu_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n)
        weft_i_put(a->out, i, weft_i_at(a->x, i) * weft_i_sigmoid(weft_i_at(a->x, i)));
}

WEFT_I_BOTH void weft_i_sum_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n)
        weft_i_put(a->out, i, weft_i_at(a->x, i) + weft_i_at(a->y, i));
}

WEFT_I_BOTH void weft_i_accumulate_cell(const weft_i_each_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n)
        weft_i_onto(a->out, i, weft_i_at(a->x, i));
}

/* A row of floats to every row of `out`, with `x` where it is not NULL. */
typedef struct weft_i_spread_args {
    const weft_i_bf16 *x;
    const float *row;
    weft_i_bf16 *out;
    int64_t n, width;
} weft_i_spread_args;

WEFT_I_BOTH void weft_i_spread_cell(const weft_i_spread_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n)
        weft_i_put(a->out, i, a->row[i % a->width] + (a->x ? weft_i_at(a->x, i) : 0));
}

/* Floats as values. */
typedef struct weft_i_round_args {
    const float *x;
    weft_i_bf16 *out;
    int64_t n;
} weft_i_round_args;

WEFT_I_BOTH void weft_i_round_cell(const weft_i_round_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n)
        weft_i_put(a->out, i, a->x[i]);
}

/* A block has a row. Tokens as in weft_i_sheet. */
typedef struct weft_i_embed_args {
    const int32_t *tokens;
    const float *table;
    const weft_i_bf16 *media;
    weft_i_bf16 *out;
    int64_t width;
} weft_i_embed_args;

WEFT_I_BOTH void weft_i_embed_cell(const weft_i_embed_args *a, weft_i_cell cell, int phase)
{
    int64_t token = a->tokens[cell.block], to = cell.block * a->width;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        if (token >= 0)
            weft_i_put(a->out, to + i, a->table[token * a->width + i]);
        else
            a->out[to + i] = a->media[(-1 - token) * a->width + i];
    }
}

/* The media's part of an embedding's gradient; each of their rows stands in one place. */
typedef struct weft_i_embed_media_args {
    const int32_t *tokens;
    const weft_i_bf16 *d_out;
    weft_i_bf16 *d_media;
    int64_t width;
} weft_i_embed_media_args;

WEFT_I_BOTH void weft_i_embed_media_cell(const weft_i_embed_media_args *a, weft_i_cell cell,
                                         int phase)
{
    int64_t token = a->tokens[cell.block], from = cell.block * a->width;
    (void)phase;
    if (token >= 0) return;
    WEFT_I_FOR_ROW (i, cell, a->width)
        weft_i_onto(a->d_media, (-1 - token) * a->width + i, weft_i_at(a->d_out, from + i));
}

/* The table's: a block has a token, whose rows are rows[firsts[block]] and on to the next first, so
 * that the order of the sum is always the same. */
typedef struct weft_i_embed_table_args {
    const int32_t *tokens, *rows, *firsts;
    const weft_i_bf16 *d_out;
    float *d_table;
    int64_t width;
} weft_i_embed_table_args;

WEFT_I_BOTH void weft_i_embed_table_cell(const weft_i_embed_table_args *a, weft_i_cell cell,
                                         int phase)
{
    int32_t first = a->firsts[cell.block], end = a->firsts[cell.block + 1];
    int64_t to = (int64_t)a->tokens[a->rows[first]] * a->width;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float sum = 0;
        for (int32_t r = first; r < end; r++)
            sum += weft_i_at(a->d_out, a->rows[r] * a->width + i);
        a->d_table[to + i] += sum;
    }
}

/* A block has a place of a merged row, which comes from row from[block], or from none. */
typedef struct weft_i_merge_args {
    const int32_t *from;
    const weft_i_bf16 *x;
    weft_i_bf16 *out;
    int64_t width;
} weft_i_merge_args;
typedef weft_i_merge_args weft_i_merge_back_args; /* x is the output's gradient, out the input's */

WEFT_I_BOTH void weft_i_merge_cell(const weft_i_merge_args *a, weft_i_cell cell, int phase)
{
    int64_t from = a->from[cell.block], to = cell.block * a->width;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width)
        weft_i_put(a->out, to + i, from < 0 ? 0 : weft_i_at(a->x, from * a->width + i));
}

WEFT_I_BOTH void weft_i_merge_back_cell(const weft_i_merge_args *a, weft_i_cell cell, int phase)
{
    int64_t to = a->from[cell.block], from = cell.block * a->width;
    (void)phase;
    if (to < 0) return;
    WEFT_I_FOR_ROW (i, cell, a->width)
        weft_i_onto(a->out, to * a->width + i, weft_i_at(a->x, from + i));
}

/* adaLN. A block has a row of sequence spans[block], whose vectors are those of `part` in its row
 * of six. A gradient that nobody wants is NULL. */
typedef struct weft_i_adaln_args {
    const int32_t *spans;
    const weft_i_bf16 *x, *y, *vectors, *d_out;
    weft_i_bf16 *out, *d_x, *d_y;
    int64_t width;
    int32_t part;
} weft_i_adaln_args;
typedef weft_i_adaln_args weft_i_modulate_args;
typedef weft_i_adaln_args weft_i_modulate_back_args;
typedef weft_i_adaln_args weft_i_gate_args;
typedef weft_i_adaln_args weft_i_gate_back_args;

WEFT_I_BOTH int64_t weft_i_part_of(const weft_i_adaln_args *a, weft_i_cell cell)
{
    return (6 * (int64_t)a->spans[cell.block] + a->part) * a->width;
}

WEFT_I_BOTH void weft_i_modulate_cell(const weft_i_adaln_args *a, weft_i_cell cell, int phase)
{
    int64_t row = cell.block * a->width, shift = weft_i_part_of(a, cell);
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float scale = weft_i_at(a->vectors, shift + a->width + i);
        float y = weft_i_at(a->x, row + i) * (1 + scale) + weft_i_at(a->vectors, shift + i);
        weft_i_put(a->out, row + i, y);
    }
}

WEFT_I_BOTH void weft_i_modulate_back_cell(const weft_i_adaln_args *a, weft_i_cell cell, int phase)
{
    int64_t row = cell.block * a->width, scale = weft_i_part_of(a, cell) + a->width;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width)
        weft_i_onto(a->d_x, row + i,
                    weft_i_at(a->d_out, row + i) * (1 + weft_i_at(a->vectors, scale + i)));
}

WEFT_I_BOTH void weft_i_gate_cell(const weft_i_adaln_args *a, weft_i_cell cell, int phase)
{
    int64_t row = cell.block * a->width, gate = weft_i_part_of(a, cell);
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width)
        weft_i_put(a->out, row + i,
                   weft_i_at(a->x, row + i) +
                       weft_i_at(a->vectors, gate + i) * weft_i_at(a->y, row + i));
}

WEFT_I_BOTH void weft_i_gate_back_cell(const weft_i_adaln_args *a, weft_i_cell cell, int phase)
{
    int64_t row = cell.block * a->width, gate = weft_i_part_of(a, cell);
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->width) {
        float d = weft_i_at(a->d_out, row + i);
        if (a->d_x) weft_i_onto(a->d_x, row + i, d);
        if (a->d_y) weft_i_onto(a->d_y, row + i, d * weft_i_at(a->vectors, gate + i));
    }
}

/* Rate and so on as in weft_i_adamw_step. */
typedef struct weft_i_adamw_args {
    float *values, *means, *squares;
    const float *gradients;
    weft_i_bf16 *operands;
    int64_t n;
    float beta1, beta2, rate, correction, kept, epsilon;
} weft_i_adamw_args;

WEFT_I_BOTH void weft_i_adamw_cell(const weft_i_adamw_args *a, weft_i_cell cell, int phase)
{
    (void)phase;
    WEFT_I_FOR_EACH (i, cell, a->n) {
        float g = a->gradients[i];
        float mean = a->beta1 * a->means[i] + (1 - a->beta1) * g;
        float square = a->beta2 * a->squares[i] + (1 - a->beta2) * g * g;
        float step = a->rate * mean / (sqrtf(square * a->correction) + a->epsilon);
        a->means[i] = mean;
        a->squares[i] = square;
        a->values[i] = a->kept * a->values[i] - step;
        weft_i_put(a->operands, i, a->values[i]);
    }
}

/* Cosine and sine of place * 10000^(-2i / size), i < size / 2; a block has a place. */
typedef struct weft_i_turns_args {
    float *turns;
    int64_t size;
} weft_i_turns_args;

WEFT_I_BOTH void weft_i_turns_cell(const weft_i_turns_args *a, weft_i_cell cell, int phase)
{
    int64_t half = a->size / 2;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, half) {
        double turn = (double)cell.block * pow(10000.0, -2.0 * (double)i / (double)a->size);
        a->turns[cell.block * a->size + i] = (float)cos(turn);
        a->turns[cell.block * a->size + half + i] = (float)sin(turn);
    }
}

/* Heads of a row turned by its place: in, out of a wider matrix; back, onto one. A block has a row.
 * turns NULL: not turned. */
typedef struct weft_i_rotate_args {
    const weft_i_bf16 *x; /* in */
    const float *d_x;     /* back */
    const float *turns;
    const int32_t *places;
    weft_i_bf16 *out;
    int64_t heads, size;
    int64_t stride; /* of the wider matrix */
} weft_i_rotate_args;
typedef weft_i_rotate_args weft_i_rotate_back_args;

WEFT_I_BOTH void weft_i_rotate_cell(const weft_i_rotate_args *a, weft_i_cell cell, int phase)
{
    int64_t half = a->size / 2, from = cell.block * a->stride;
    int64_t to = cell.block * a->heads * a->size;
    const float *turns = a->turns + a->places[cell.block] * a->size;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->heads * half) {
        int64_t k = i % half, at = i / half * a->size + k;
        float x = weft_i_at(a->x, from + at), y = weft_i_at(a->x, from + at + half);
        weft_i_put(a->out, to + at, x * turns[k] - y * turns[half + k]);
        weft_i_put(a->out, to + at + half, x * turns[half + k] + y * turns[k]);
    }
    WEFT_I_FOR_ROW (i, cell, a->size % 2 == 0 ? 0 : a->heads)
        a->out[to + (i + 1) * a->size - 1] = a->x[from + (i + 1) * a->size - 1];
}

WEFT_I_BOTH void weft_i_rotate_back_cell(const weft_i_rotate_args *a, weft_i_cell cell, int phase)
{
    int64_t half = a->turns ? a->size / 2 : 0, to = cell.block * a->stride;
    const float *d_x = a->d_x + cell.block * a->heads * a->size;
    const float *turns = a->turns ? a->turns + a->places[cell.block] * a->size : d_x;
    (void)phase;
    WEFT_I_FOR_ROW (i, cell, a->heads * half) {
        int64_t k = i % half, at = i / half * a->size + k;
        float x = d_x[at], y = d_x[at + half];
        weft_i_onto(a->out, to + at, x * turns[k] + y * turns[half + k]);
        weft_i_onto(a->out, to + at + half, y * turns[k] - x * turns[half + k]);
    }
    WEFT_I_FOR_ROW (i, cell, a->heads * (a->size - 2 * half)) {
        int64_t rest = a->size - 2 * half, at = i / rest * a->size + 2 * half + i % rest;
        weft_i_onto(a->out, to + at, d_x[at]);
    }
}

#endif
