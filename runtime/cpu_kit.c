/* runtime/cpu_kit.c - see cpu_kit.h: operations bound to kernels. */
#include "runtime/cpu_kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/gemm.h"
#include "runtime/kernels.h"
#include "runtime/lanes.h"

/* A view of floats. */
typedef struct view {
    const weft_i_sheet *sheet;
    float *x, *y, *z;
    float *d_x, *d_y, *d_z;
    const float *d_out;
    float *out;
    int64_t rows, width, in_width;
} view;

static view floats_of(const weft_i_view *v)
{
    return (view){v->sheet, v->x,     v->y,   v->z,    v->d_x,   v->d_y,
                  v->d_z,   v->d_out, v->out, v->rows, v->width, v->in_width};
}

static void linear(const view *v, const float *weight, const float *bias)
{
    weft_i_gemm(v->rows, v->width, v->in_width, 1, (weft_i_matrix){v->x, v->in_width, false},
                (weft_i_matrix){weight, v->in_width, true}, 0, v->out, v->width);
    if (bias) weft_i_bias(bias, v->rows, v->width, v->out);
}

static void linear_back(const view *v, const float *weight)
{
    if (!v->d_x) return;
    weft_i_gemm(v->rows, v->in_width, v->width, 1, (weft_i_matrix){v->d_out, v->width, false},
                (weft_i_matrix){weight, v->in_width, false}, 1, v->d_x, v->in_width);
}

static void linear_weights(const view *v, float *d_weight, float *d_bias)
{
    weft_i_gemm(v->width, v->in_width, v->rows, 1, (weft_i_matrix){v->d_out, v->width, true},
                (weft_i_matrix){v->x, v->in_width, false}, 1, d_weight, v->in_width);
    if (d_bias) weft_i_bias_weights(v->d_out, v->rows, v->width, d_bias);
}

static void embed(const view *v, const float *table)
{
    for (int64_t r = 0; r < v->rows; r++) {
        int32_t token = v->sheet->tokens[r];
        const float *from = token >= 0 ? table + token * v->width : v->x + (-1 - token) * v->width;
        memcpy(v->out + r * v->width, from, (size_t)v->width * sizeof(float));
    }
}

/* To the media's gradient, or to the table's. */
static void embed_back(const view *v, float *d_media, float *d_table)
{
    for (int64_t r = 0; r < v->rows; r++) {
        int32_t token = v->sheet->tokens[r];
        float *to = token >= 0 ? d_table : d_media;
        int64_t row = token >= 0 ? token : -1 - token;
        if (to) weft_i_accumulate(v->d_out + r * v->width, v->width, to + row * v->width);
    }
}

static void merge(const view *v)
{
    for (int64_t i = 0; i < v->rows * v->sheet->merge; i++) {
        int32_t from = v->sheet->merge_from[i];
        size_t n_bytes = (size_t)v->in_width * sizeof(float);
        float *to = v->out + i * v->in_width;
        if (from >= 0)
            memcpy(to, v->x + from * v->in_width, n_bytes);
        else
            memset(to, 0, n_bytes);
    }
}

static void merge_back(const view *v)
{
    for (int64_t i = 0; v->d_x && i < v->rows * v->sheet->merge; i++) {
        int32_t from = v->sheet->merge_from[i];
        if (from >= 0)
            weft_i_accumulate(v->d_out + i * v->in_width, v->in_width, v->d_x + from * v->in_width);
    }
}

static void silu(const view *v)
{
    for (int64_t i = 0; i < v->rows * v->width; i++)
        v->out[i] = v->x[i] / (1 + weft_i_exp(-v->x[i]));
}

/* Each sequence has a row of six vectors; the sequence's rows are modulated by two of them. */
static void modulate(const view *v, const weft_i_op *op)
{
    for (int32_t s = 0; s < v->sheet->n_spans; s++) {
        const weft_i_stretch *span = &v->sheet->spans[s];
        int64_t at = span->first * v->width, part = (6 * (int64_t)s + op->part) * v->width;
        weft_i_modulate(v->x + at, v->y + part, v->y + part + v->width, span->n, v->width,
                        v->out + at);
    }
}

static void modulate_back(const view *v, const weft_i_op *op)
{
    for (int32_t s = 0; s < v->sheet->n_spans; s++) {
        const weft_i_stretch *span = &v->sheet->spans[s];
        int64_t at = span->first * v->width, part = (6 * (int64_t)s + op->part) * v->width;
        weft_i_modulate_back(v->x ? v->x + at : NULL, v->y ? v->y + part + v->width : NULL,
                             v->d_out + at, span->n, v->width, v->d_x ? v->d_x + at : NULL,
                             v->d_y ? v->d_y + part : NULL,
                             v->d_y ? v->d_y + part + v->width : NULL);
    }
}

static void gate(const view *v, const weft_i_op *op)
{
    for (int32_t s = 0; s < v->sheet->n_spans; s++) {
        const weft_i_stretch *span = &v->sheet->spans[s];
        int64_t at = span->first * v->width, part = (6 * (int64_t)s + op->part) * v->width;
        weft_i_gate(v->x + at, v->y + at, v->z + part, span->n, v->width, v->out + at);
    }
}

static void gate_back(const view *v, const weft_i_op *op)
{
    for (int32_t s = 0; s < v->sheet->n_spans; s++) {
        const weft_i_stretch *span = &v->sheet->spans[s];
        int64_t at = span->first * v->width, part = (6 * (int64_t)s + op->part) * v->width;
        weft_i_gate_back(v->y ? v->y + at : NULL, v->z ? v->z + part : NULL, v->d_out + at, span->n,
                         v->width, v->d_x ? v->d_x + at : NULL, v->d_y ? v->d_y + at : NULL,
                         v->d_z ? v->d_z + part : NULL);
    }
}

/* Attention's inputs, or the gradients of them, out of the matrices they stand side by side in. */
static weft_i_qkv qkv_of(const weft_i_attend *attend, float *first, float *second)
{
    int64_t query = attend->heads * attend->head_size, key = attend->kv_heads * attend->head_size;
    if (attend->crossed)
        return (weft_i_qkv){first, second, second ? second + key : NULL, query, 2 * key};
    if (!first) return (weft_i_qkv){NULL, NULL, NULL, 0, 0};
    return (weft_i_qkv){first, first + query, first + query + key, query + 2 * key,
                        query + 2 * key};
}

static float *take_scratch(const weft_i_view *v, const weft_i_attend *attend)
{
    int64_t n = 0, n_keys = 0;
    for (int32_t s = 0; s < v->sheet->n_spans; s++) {
        const weft_i_stretch *span = &v->sheet->spans[s];
        int64_t keys = attend->crossed ? span->n_context : span->n;
        if (span->n > n) n = span->n;
        if (keys > n_keys) n_keys = keys;
    }
    size_t n_floats = weft_i_attend_scratch(attend, n, n_keys) + 1;
    return weft_i_pool_take(v->pool, n_floats * sizeof(float));
}

static bool attend(const weft_i_view *v, const weft_i_op *op, bool back)
{
    bool crossed = op->kind == WEFT_I_OP_CROSS_ATTEND;
    const weft_i_attend *how = crossed ? &v->program->cross : &v->program->self;
    float *scratch = take_scratch(v, how);
    if (!scratch) return false;
    const weft_i_sheet *sheet = v->sheet;
    weft_i_qkv in = qkv_of(how, v->x, v->y);
    if (back)
        weft_i_attend_back(how, sheet->spans, sheet->n_spans, in, v->d_out, scratch,
                           qkv_of(how, v->d_x, v->d_y));
    else
        weft_i_attend_forward(how, sheet->spans, sheet->n_spans, in, scratch, v->out);
    weft_i_pool_give(v->pool, scratch);
    return true;
}

static void table(const view *v, const float *row)
{
    memcpy(v->out, v->x, (size_t)(v->rows * v->width) * sizeof(float));
    weft_i_bias(row, v->rows, v->width, v->out);
}

static bool forward(void *context, const weft_i_op *op, const weft_i_view *of)
{
    const view v = floats_of(of);
    (void)context;
    const float *first = of->parameters[0], *second = of->parameters[1];
    switch (op->kind) {
    case WEFT_I_OP_EMBED:
        embed(&v, first);
        break;
    case WEFT_I_OP_LINEAR:
        linear(&v, of->operand, second);
        break;
    case WEFT_I_OP_NORM:
        weft_i_norm(of->program->layer->norm, v.x, first, second, v.rows, v.width, v.out);
        break;
    case WEFT_I_OP_GELU:
        weft_i_gelu(v.x, v.rows * v.width, v.out);
        break;
    case WEFT_I_OP_SWIGLU:
        weft_i_swiglu(v.x, v.rows, v.width, v.out);
        break;
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
        return attend(of, op, false);
    case WEFT_I_OP_ADD:
        weft_i_sum(v.x, v.y, v.rows * v.width, v.out);
        break;
    case WEFT_I_OP_MERGE:
        merge(&v);
        break;
    case WEFT_I_OP_TABLE:
        table(&v, first);
        break;
    case WEFT_I_OP_SILU:
        silu(&v);
        break;
    case WEFT_I_OP_MODULATE:
        modulate(&v, op);
        break;
    case WEFT_I_OP_GATE:
        gate(&v, op);
        break;
    case WEFT_I_OP_CROSS_ENTROPY:
        *of->loss += weft_i_cross_entropy(v.x, v.sheet->targets, v.rows, v.width);
        break;
    case WEFT_I_OP_SQUARED_ERROR:
        *of->loss += weft_i_squared_error(v.x, v.sheet->velocities, v.rows, v.width);
        break;
    }
    return true;
}

static bool back_input(void *context, const weft_i_op *op, const weft_i_view *of)
{
    const view v = floats_of(of);
    (void)context;
    const float *first = of->parameters[0];
    switch (op->kind) {
    case WEFT_I_OP_EMBED:
        embed_back(&v, v.d_x, NULL);
        break;
    case WEFT_I_OP_LINEAR:
        linear_back(&v, of->operand);
        break;
    case WEFT_I_OP_NORM:
        if (v.d_x)
            weft_i_norm_back(of->program->layer->norm, v.x, first, v.d_out, v.rows, v.width, v.d_x);
        break;
    case WEFT_I_OP_GELU:
        if (v.d_x) weft_i_gelu_back(v.x, v.d_out, v.rows * v.width, v.d_x);
        break;
    case WEFT_I_OP_SWIGLU:
        if (v.d_x) weft_i_swiglu_back(v.x, v.d_out, v.rows, v.width, v.d_x);
        break;
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
        return attend(of, op, true);
    case WEFT_I_OP_ADD:
        if (v.d_x) weft_i_accumulate(v.d_out, v.rows * v.width, v.d_x);
        if (v.d_y) weft_i_accumulate(v.d_out, v.rows * v.width, v.d_y);
        break;
    case WEFT_I_OP_MERGE:
        merge_back(&v);
        break;
    case WEFT_I_OP_TABLE: /* of the time, which is nobody's to learn */
    case WEFT_I_OP_SILU:
        break;
    case WEFT_I_OP_MODULATE:
        modulate_back(&v, op);
        break;
    case WEFT_I_OP_GATE:
        gate_back(&v, op);
        break;
    case WEFT_I_OP_CROSS_ENTROPY:
        if (v.d_x)
            weft_i_cross_entropy_back(v.x, v.sheet->targets, v.sheet->loss_weight, v.rows, v.width,
                                      v.d_x);
        break;
    case WEFT_I_OP_SQUARED_ERROR:
        if (v.d_x)
            weft_i_squared_error_back(v.x, v.sheet->velocities, v.sheet->loss_weight, v.rows,
                                      v.width, v.d_x);
        break;
    }
    return true;
}

static bool back_weights(void *context, const weft_i_op *op, const weft_i_view *of)
{
    const view v = floats_of(of);
    (void)context;
    float *first = of->d_parameters[0], *second = of->d_parameters[1];
    if (op->kind == WEFT_I_OP_EMBED)
        embed_back(&v, NULL, first);
    else if (op->kind == WEFT_I_OP_LINEAR)
        linear_weights(&v, first, second);
    else if (op->kind == WEFT_I_OP_NORM)
        weft_i_norm_weights(of->program->layer->norm, v.x, v.d_out, v.rows, v.width, first, second);
    else if (op->kind == WEFT_I_OP_TABLE)
        weft_i_bias_weights(v.d_out, v.rows, v.width, first);
    return true;
}

static void clear(void *context, void *data, size_t n_bytes)
{
    (void)context;
    memset(data, 0, n_bytes);
}

static void copy(void *context, void *to, const void *from, size_t n_bytes)
{
    (void)context;
    memcpy(to, from, n_bytes);
}

static bool import(void *context, const float *from, int64_t n, void *to)
{
    (void)context;
    memcpy(to, from, (size_t)n * sizeof(float));
    return true;
}

static void add(void *context, const void *from, int64_t n, void *to)
{
    (void)context;
    weft_i_accumulate(from, n, to);
}

static void update(void *context, const weft_i_shelf *shelf, int64_t first, int64_t n,
                   const weft_i_adamw_step *step)
{
    const float beta1 = step->beta1, beta2 = step->beta2;
    const float *gradients = shelf->gradients + first;
    float *values = shelf->values + first, *means = shelf->means + first;
    float *squares = shelf->squares + first;
    (void)context;
    for (int64_t i = 0; i < n; i++) {
        means[i] = beta1 * means[i] + (1 - beta1) * gradients[i];
        squares[i] = beta2 * squares[i] + (1 - beta2) * gradients[i] * gradients[i];
        values[i] = step->kept * values[i] -
                    step->rate * means[i] / (sqrtf(squares[i] * step->correction) + step->epsilon);
    }
}

/* The values themselves are what products read. */
static void make_operands(void *context, const weft_i_shelf *shelf, int64_t n)
{
    (void)context;
    (void)shelf;
    (void)n;
}

/* All is done when it has been asked for. */
static weft_status reached(void *context, weft_error *error, bool *out_done)
{
    (void)context;
    (void)error;
    *out_done = true;
    return WEFT_STATUS_OK;
}

static weft_status finish(void *context, weft_error *error)
{
    (void)context;
    (void)error;
    return WEFT_STATUS_OK;
}

const weft_i_kit *weft_i_cpu_kit(void)
{
    static const weft_i_kit kit = {.name = "processor",
                                   .value_bytes = sizeof(float),
                                   .memory = &weft_i_heap,
                                   .host = &weft_i_heap,
                                   .clear = clear,
                                   .copy = copy,
                                   .import = import,
                                   .add = add,
                                   .forward = forward,
                                   .back_input = back_input,
                                   .back_weights = back_weights,
                                   .update = update,
                                   .make_operands = make_operands,
                                   .reached = reached,
                                   .finish = finish};
    return &kit;
}
