/* runtime/attend.c - see attend.h. */
#include "runtime/attend.h"

#include <math.h>
#include <string.h>

#include "runtime/gemm.h"
#include "runtime/lanes.h"

enum { BLOCK = 64 }; /* queries at a time */

/* One head of one sequence, rotated copies in scratch: q and k [n x size]. */
typedef struct head {
    const weft_i_attend *attend;
    int64_t n, n_keys, size;
    float scale;
    const float *turns;       /* a row a place */
    float *q, *k, *d_q, *d_k; /* n or n_keys rows */
    float *scores, *d_scores; /* BLOCK x n_keys */
    weft_i_matrix v;
} head;

size_t weft_i_attend_scratch(const weft_i_attend *attend, int64_t n, int64_t n_keys)
{
    int64_t copies = 2 * (n + n_keys) * attend->head_size;
    int64_t turns = attend->crossed ? 0 : n * attend->head_size;
    return (size_t)(turns + copies + 2 * BLOCK * n_keys);
}

/* Cosine and sine of place * 10000^(-2i / size) for i < size / 2, a row a place. */
static void make_turns(int64_t n, int64_t size, float *out)
{
    int64_t half = size / 2;
    for (int64_t i = 0; i < half; i++) {
        double turn = pow(10000, -2.0 * (double)i / (double)size);
        for (int64_t r = 0; r < n; r++) {
            out[r * size + i] = (float)cos((double)r * turn);
            out[r * size + half + i] = (float)sin((double)r * turn);
        }
    }
}

/* Pairs (i, i + size / 2) turned; `sign` -1 turns back. */
static void rotate(float *x, const float *turns, int64_t size, float sign)
{
    int64_t half = size / 2;
    for (int64_t i = 0; i < half; i++) {
        float c = turns[i], s = sign * turns[half + i];
        float a = x[i], b = x[half + i];
        x[i] = a * c - b * s;
        x[half + i] = a * s + b * c;
    }
}

static void copy_in(const head *h, const float *from, int64_t stride, int64_t n, float *to)
{
    for (int64_t r = 0; r < n; r++) {
        memcpy(to + r * h->size, from + r * stride, (size_t)h->size * sizeof(float));
        if (!h->attend->crossed) rotate(to + r * h->size, h->turns + r * h->size, h->size, 1);
    }
}

static void add_out(const head *h, float *from, int64_t n, float *to, int64_t stride)
{
    for (int64_t r = 0; r < n; r++) {
        if (!h->attend->crossed) rotate(from + r * h->size, h->turns + r * h->size, h->size, -1);
        for (int64_t i = 0; i < h->size; i++)
            to[r * stride + i] += from[r * h->size + i];
    }
}

/* Keys begin..end-1 of those that query r sees. */
static void seen(const head *h, int64_t r, int64_t *begin, int64_t *end)
{
    const weft_i_attend *attend = h->attend;
    *end = attend->causal && !attend->crossed ? r + 1 : h->n_keys;
    *begin = attend->window > 0 && *end > attend->window ? *end - attend->window : 0;
}

/* Keys that any query of a block sees: up to this one. */
static int64_t last_seen(const head *h, int64_t last_row)
{
    int64_t begin, end;
    seen(h, last_row, &begin, &end);
    return end;
}

/* Probabilities of queries first..first+n-1. */
static void score(const head *h, int64_t first, int64_t n, int64_t n_keys)
{
    weft_i_matrix q = {h->q + first * h->size, h->size, false}, k = {h->k, h->size, true};
    weft_i_gemm(n, n_keys, h->size, h->scale, q, k, 0, h->scores, n_keys);
    for (int64_t r = 0; r < n; r++) {
        float *row = h->scores + r * n_keys;
        int64_t begin, end;
        seen(h, first + r, &begin, &end);
        float largest = weft_i_lanes_max(row + begin, end - begin);
        float part = 1 / weft_i_lanes_exp(row + begin, largest, end - begin, row + begin);
        memset(row, 0, (size_t)begin * sizeof(float));
        memset(row + end, 0, (size_t)(n_keys - end) * sizeof(float));
        for (int64_t i = begin; i < end; i++)
            row[i] *= part;
    }
}

static void head_forward(const head *h, float *out, int64_t out_stride)
{
    for (int64_t first = 0; first < h->n; first += BLOCK) {
        int64_t n = h->n - first < BLOCK ? h->n - first : BLOCK;
        int64_t n_keys = last_seen(h, first + n - 1);
        score(h, first, n, n_keys);
        weft_i_matrix p = {h->scores, n_keys, false};
        weft_i_gemm(n, h->size, n_keys, 1, p, h->v, 0, out + first * out_stride, out_stride);
    }
}

/* d_scores = p (d_p - sum of p d_p), with d_p there now. */
static void softmax_back(const head *h, int64_t n, int64_t n_keys)
{
    for (int64_t r = 0; r < n; r++) {
        const float *p = h->scores + r * n_keys;
        float *d = h->d_scores + r * n_keys;
        float dot = weft_i_lanes_dot(p, d, n_keys);
        for (int64_t i = 0; i < n_keys; i++)
            d[i] = p[i] * (d[i] - dot);
    }
}

static void head_back(const head *h, const float *d_out, int64_t out_stride, float *d_v,
                      int64_t v_stride)
{
    for (int64_t first = 0; first < h->n; first += BLOCK) {
        int64_t n = h->n - first < BLOCK ? h->n - first : BLOCK;
        int64_t n_keys = last_seen(h, first + n - 1);
        score(h, first, n, n_keys);
        weft_i_matrix d_o = {d_out + first * out_stride, out_stride, false};
        weft_i_matrix p_t = {h->scores, n_keys, true}, v_t = h->v;
        if (d_v) weft_i_gemm(n_keys, h->size, n, 1, p_t, d_o, 1, d_v, v_stride);
        v_t.transposed = true;
        weft_i_gemm(n, n_keys, h->size, 1, d_o, v_t, 0, h->d_scores, n_keys);
        softmax_back(h, n, n_keys);
        weft_i_matrix d_s = {h->d_scores, n_keys, false}, d_s_t = {h->d_scores, n_keys, true};
        weft_i_matrix q = {h->q + first * h->size, h->size, false}, k = {h->k, h->size, false};
        weft_i_gemm(n, h->size, n_keys, h->scale, d_s, k, 0, h->d_q + first * h->size, h->size);
        weft_i_gemm(n_keys, h->size, n, h->scale, d_s_t, q, 1, h->d_k, h->size);
    }
}

/* Where a head of a sequence begins. */
typedef struct place {
    int64_t q, kv, out; /* offsets */
} place;

static place place_of(const weft_i_attend *attend, const weft_i_stretch *at, const weft_i_qkv *in,
                      int32_t i)
{
    int64_t group = attend->heads / attend->kv_heads, size = attend->head_size;
    int64_t key_row = attend->crossed ? at->context_first : at->first;
    return (place){.q = at->first * in->q_stride + i * size,
                   .kv = key_row * in->kv_stride + i / group * size,
                   .out = (int64_t)at->first * attend->heads * size + i * size};
}

/* Scratch begins with the turns of the longest sequence. */
static float *begin_turns(const weft_i_attend *attend, const weft_i_stretch *stretches,
                          int32_t n_stretches, float *scratch)
{
    int64_t longest = 0;
    if (attend->crossed) return scratch;
    for (int32_t s = 0; s < n_stretches; s++)
        if (stretches[s].n > longest) longest = stretches[s].n;
    make_turns(longest, attend->head_size, scratch);
    return scratch + longest * attend->head_size;
}

static head begin_head(const weft_i_attend *attend, const weft_i_stretch *at, const weft_i_qkv *in,
                       place where, const float *turns, float *scratch)
{
    head h = {.attend = attend,
              .n = at->n,
              .n_keys = attend->crossed ? at->n_context : at->n,
              .size = attend->head_size,
              .scale = 1 / sqrtf((float)attend->head_size),
              .turns = turns,
              .v = {in->v + where.kv, in->kv_stride, false}};
    h.q = scratch;
    h.k = h.q + h.n * h.size;
    h.d_q = h.k + h.n_keys * h.size;
    h.d_k = h.d_q + h.n * h.size;
    h.scores = h.d_k + h.n_keys * h.size;
    h.d_scores = h.scores + BLOCK * h.n_keys;
    copy_in(&h, in->q + where.q, in->q_stride, h.n, h.q);
    copy_in(&h, in->k + where.kv, in->kv_stride, h.n_keys, h.k);
    return h;
}

/* A sequence without keys attends to nothing. */
static void clear(float *out, int64_t stride, int64_t n, int64_t width)
{
    for (int64_t r = 0; r < n; r++)
        memset(out + r * stride, 0, (size_t)width * sizeof(float));
}

void weft_i_attend_forward(const weft_i_attend *attend, const weft_i_stretch *stretches,
                           int32_t n_stretches, weft_i_qkv in, float *scratch, float *out)
{
    int64_t out_stride = (int64_t)attend->heads * attend->head_size;
    float *rest = begin_turns(attend, stretches, n_stretches, scratch);
    for (int32_t s = 0; s < n_stretches; s++)
        for (int32_t i = 0; i < attend->heads; i++) {
            place where = place_of(attend, &stretches[s], &in, i);
            head h = begin_head(attend, &stretches[s], &in, where, scratch, rest);
            if (h.n_keys > 0)
                head_forward(&h, out + where.out, out_stride);
            else
                clear(out + where.out, out_stride, h.n, h.size);
        }
}

void weft_i_attend_back(const weft_i_attend *attend, const weft_i_stretch *stretches,
                        int32_t n_stretches, weft_i_qkv in, const float *d_out, float *scratch,
                        weft_i_qkv d)
{
    int64_t out_stride = (int64_t)attend->heads * attend->head_size;
    float *rest = begin_turns(attend, stretches, n_stretches, scratch);
    for (int32_t s = 0; s < n_stretches; s++)
        for (int32_t i = 0; i < attend->heads; i++) {
            place where = place_of(attend, &stretches[s], &in, i);
            place to = place_of(attend, &stretches[s], &d, i);
            head h = begin_head(attend, &stretches[s], &in, where, scratch, rest);
            if (h.n_keys == 0) continue;
            memset(h.d_k, 0, (size_t)(h.n_keys * h.size) * sizeof(float));
            head_back(&h, d_out + where.out, out_stride, d.v ? d.v + to.kv : NULL, d.kv_stride);
            if (d.q) add_out(&h, h.d_q, h.n, d.q + to.q, d.q_stride);
            if (d.k) add_out(&h, h.d_k, h.n_keys, d.k + to.kv, d.kv_stride);
        }
}
