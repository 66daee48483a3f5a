/* runtime/attend.h - attention over packed sequences, in float32: scores are made block by block of
 * queries and again in the backward, never kept (as in Dao et al. 2022).
 *
 * Query heads share key heads in groups (GQA, Ainslie et al. 2023). Query and key of self-attention
 * are rotated by their place in the sequence (RoPE, Su et al. 2021). */
#ifndef WEFT_RUNTIME_ATTEND_H
#define WEFT_RUNTIME_ATTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sequence: rows first..first+n-1, and what cross-attention reads: context_first.. of another
 * matrix. */
typedef struct weft_i_stretch {
    int32_t first, n;
    int32_t context_first, n_context;
} weft_i_stretch;

typedef struct weft_i_attend {
    int32_t heads, kv_heads, head_size;
    bool causal, crossed;
    int32_t window; /* causal over the last so many; 0 = all */
} weft_i_attend;

/* Query, key, value inside of wider matrices, or the gradients of them. */
typedef struct weft_i_qkv {
    float *q, *k, *v;
    int64_t q_stride, kv_stride;
} weft_i_qkv;

/* Floats of scratch that either function needs for a longest sequence of n rows and n_keys keys. */
size_t weft_i_attend_scratch(const weft_i_attend *attend, int64_t n, int64_t n_keys);

/* out[rows x heads head_size] for each of the sequences. */
void weft_i_attend_forward(const weft_i_attend *attend, const weft_i_stretch *stretches,
                           int32_t n_stretches, weft_i_qkv in, float *scratch, float *out);

/* Adds to `d`, q, k, v of which may be NULL: nobody wants it. */
void weft_i_attend_back(const weft_i_attend *attend, const weft_i_stretch *stretches,
                        int32_t n_stretches, weft_i_qkv in, const float *d_out, float *scratch,
                        weft_i_qkv d);

#endif
