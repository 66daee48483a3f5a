/* runtime/gpu_sheet.c - what a GPU has of a sheet: see gpu_ops.h. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/gpu_ops.h"

/* Lists of whole numbers, one after another in one piece of memory. */
typedef struct packer {
    int32_t *host;
    const int32_t *far; /* where `host` will be */
    int64_t n;
} packer;

static int32_t *add(packer *p, int64_t n, const int32_t **out_far)
{
    int32_t *at = p->host + p->n;
    *out_far = p->far + p->n;
    p->n += n;
    return at;
}

static const int32_t *add_copy(packer *p, const int32_t *from, int64_t n)
{
    const int32_t *far = NULL;
    if (!from) return NULL;
    memcpy(add(p, n, &far), from, (size_t)n * sizeof(*from));
    return far;
}

static void add_spans(packer *p, const weft_i_sheet *sheet, weft_i_gpu_sheet *out)
{
    int32_t *spans = add(p, sheet->n_rows, &out->spans);
    int32_t *places = add(p, sheet->n_rows, &out->places);
    int32_t *firsts = add(p, 2 * (int64_t)sheet->n_spans, &out->firsts);
    for (int32_t s = 0; s < sheet->n_spans; s++) {
        const weft_i_stretch *span = &sheet->spans[s];
        firsts[2 * s] = span->first;
        firsts[2 * s + 1] = span->first + span->n;
        for (int32_t i = 0; i < span->n; i++) {
            spans[span->first + i] = s;
            places[span->first + i] = i;
        }
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Rows by token, those of a token in their order. */
static bool add_table(packer *p, const weft_i_sheet *sheet, weft_i_gpu_sheet *out)
{
    int64_t *keys = weft_i_alloc((size_t)sheet->n_rows + 1, sizeof(*keys));
    int32_t n = 0;
    if (!keys) return false;
    for (int32_t r = 0; sheet->tokens && r < sheet->n_rows; r++)
        if (sheet->tokens[r] >= 0) keys[n++] = (int64_t)sheet->tokens[r] << 32 | r;
    qsort(keys, (size_t)n, sizeof(*keys), compare);
    int32_t *rows = add(p, n, &out->table_rows);
    int32_t *firsts = add(p, (int64_t)n + 1, &out->table_firsts);
    for (int32_t i = 0; i < n; i++) {
        rows[i] = (int32_t)(keys[i] & INT32_MAX);
        if (i == 0 || keys[i] >> 32 != keys[i - 1] >> 32) firsts[out->n_tokens++] = i;
    }
    firsts[out->n_tokens] = n;
    free(keys);
    return true;
}

static bool fill(packer *p, const weft_i_sheet *sheet, weft_i_gpu_sheet *out)
{
    out->tokens = add_copy(p, sheet->tokens, sheet->n_rows);
    out->targets = add_copy(p, sheet->targets, sheet->n_rows);
    out->merge_from = add_copy(p, sheet->merge_from, (int64_t)sheet->n_out_rows * sheet->merge);
    add_spans(p, sheet, out);
    return add_table(p, sheet, out);
}

bool weft_i_gpu_bind(void *context, weft_i_sheet *sheet)
{
    const weft_i_gpu *gpu = context;
    int64_t n = 6 * (int64_t)sheet->n_rows + (int64_t)sheet->n_out_rows * sheet->merge +
                2 * (int64_t)sheet->n_spans + 1;
    weft_i_gpu_sheet *made = weft_i_alloc(1, sizeof(*made));
    packer p = {.host = weft_i_alloc((size_t)n, sizeof(int32_t))};
    if (made) made->data = gpu->allocate(gpu->context, (size_t)n * sizeof(int32_t));
    bool good = made && made->data && p.host;
    if (good) {
        p.far = made->data;
        good = fill(&p, sheet, made);
        gpu->copy(gpu->context, made->data, p.host, (size_t)n * sizeof(int32_t));
        gpu->finish(gpu->context); /* a failure is told at the next look */
    }
    free(p.host);
    sheet->copy = made;
    if (!good) weft_i_gpu_unbind(context, sheet);
    return good;
}

void weft_i_gpu_unbind(void *context, weft_i_sheet *sheet)
{
    const weft_i_gpu *gpu = context;
    weft_i_gpu_sheet *copy = sheet->copy;
    if (copy) gpu->release(gpu->context, copy->data);
    free(copy);
    sheet->copy = NULL;
}
