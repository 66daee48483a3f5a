/* runtime/tape_ops.c - see tape_ops.h: operations bound to kernels. */
#include "runtime/tape_ops.h"

#include <math.h>
#include <string.h>

#include "runtime/gemm.h"
#include "runtime/kernels.h"
#include "runtime/lanes.h"

/* An operation's tensors, and rows and width of its output, or of its input after a loss. */
typedef struct view {
    const weft_i_sheet *sheet;
    const float *x, *y, *z; /* inputs */
    float *d_x, *d_y, *d_z; /* gradients, NULL where nobody wants them */
    const float *d_out;
    float *out;
    int64_t rows, width, in_width;
} view;

static const float *value_of(const weft_i_tape *tape, int tensor)
{
    return tensor == WEFT_I_NOTHING ? NULL : tape->values[tensor];
}

static float *gradient_of(const weft_i_tape *tape, int tensor)
{
    if (tensor == WEFT_I_NOTHING || !tape->rules->has_gradient[tensor]) return NULL;
    return tape->d_values[tensor];
}

static view view_of(const weft_i_tape *tape, const weft_i_op *op)
{
    int t = op->out == WEFT_I_NOTHING ? op->in[0] : op->out;
    return (view){.sheet = tape->sheet,
                  .x = value_of(tape, op->in[0]),
                  .y = value_of(tape, op->in[1]),
                  .z = value_of(tape, op->in[2]),
                  .d_x = gradient_of(tape, op->in[0]),
                  .d_y = gradient_of(tape, op->in[1]),
                  .d_z = gradient_of(tape, op->in[2]),
                  .d_out = op->out == WEFT_I_NOTHING ? NULL : tape->d_values[op->out],
                  .out = op->out == WEFT_I_NOTHING ? NULL : tape->values[op->out],
                  .rows = weft_i_tape_rows(tape, t),
                  .width = tape->program->tensors[t].width,
                  .in_width = tape->program->tensors[op->in[0]].width};
}

/* Values, or gradients, of an operation's parameter; NULL where it has none. */
static const float *parameter(const weft_i_tape *tape, const weft_i_op *op, int which)
{
    int p = op->parameters[which];
    return p == WEFT_I_NOTHING ? NULL : tape->parameters + tape->program->parameters[p].first;
}

static float *d_parameter(const weft_i_tape *tape, const weft_i_op *op, int which)
{
    int p = op->parameters[which];
    return p == WEFT_I_NOTHING ? NULL : tape->gradients + tape->program->parameters[p].first;
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

static float *take_scratch(const weft_i_tape *tape, const weft_i_attend *attend)
{
    int64_t n = 0, n_keys = 0;
    for (int32_t s = 0; s < tape->sheet->n_spans; s++) {
        const weft_i_stretch *span = &tape->sheet->spans[s];
        int64_t keys = attend->crossed ? span->n_context : span->n;
        if (span->n > n) n = span->n;
        if (keys > n_keys) n_keys = keys;
    }
    size_t n_floats = weft_i_attend_scratch(attend, n, n_keys) + 1;
    return weft_i_pool_take(tape->pool, n_floats * sizeof(float));
}

static bool attend(weft_i_tape *tape, const weft_i_op *op, bool back)
{
    const weft_i_attend *how =
        op->kind == WEFT_I_OP_CROSS_ATTEND ? &tape->program->cross : &tape->program->self;
    bool crossed = how->crossed;
    float *scratch = take_scratch(tape, how);
    if (!scratch) return false;
    float *second = crossed ? tape->values[op->in[1]] : NULL;
    weft_i_qkv in = qkv_of(how, tape->values[op->in[0]], second);
    const weft_i_sheet *sheet = tape->sheet;
    if (back) {
        float *d_second = crossed ? gradient_of(tape, op->in[1]) : NULL;
        weft_i_attend_back(how, sheet->spans, sheet->n_spans, in, tape->d_values[op->out], scratch,
                           qkv_of(how, gradient_of(tape, op->in[0]), d_second));
    } else {
        weft_i_attend_forward(how, sheet->spans, sheet->n_spans, in, scratch,
                              tape->values[op->out]);
    }
    weft_i_pool_give(tape->pool, scratch);
    return true;
}

static void table(const view *v, const float *row)
{
    memcpy(v->out, v->x, (size_t)(v->rows * v->width) * sizeof(float));
    weft_i_bias(row, v->rows, v->width, v->out);
}

bool weft_i_op_forward(weft_i_tape *tape, const weft_i_op *op)
{
    const view v = view_of(tape, op);
    const float *first = parameter(tape, op, 0), *second = parameter(tape, op, 1);
    switch (op->kind) {
    case WEFT_I_OP_EMBED:
        embed(&v, first);
        break;
    case WEFT_I_OP_LINEAR:
        linear(&v, first, second);
        break;
    case WEFT_I_OP_NORM:
        weft_i_norm(tape->program->layer->norm, v.x, first, second, v.rows, v.width, v.out);
        break;
    case WEFT_I_OP_GELU:
        weft_i_gelu(v.x, v.rows * v.width, v.out);
        break;
    case WEFT_I_OP_SWIGLU:
        weft_i_swiglu(v.x, v.rows, v.width, v.out);
        break;
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
        return attend(tape, op, false);
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
        tape->loss = weft_i_cross_entropy(v.x, v.sheet->targets, v.rows, v.width);
        break;
    case WEFT_I_OP_SQUARED_ERROR:
        tape->loss = weft_i_squared_error(v.x, v.sheet->velocities, v.rows, v.width);
        break;
    }
    return true;
}

bool weft_i_op_back_input(weft_i_tape *tape, const weft_i_op *op)
{
    const view v = view_of(tape, op);
    const float *first = parameter(tape, op, 0);
    switch (op->kind) {
    case WEFT_I_OP_EMBED:
        embed_back(&v, v.d_x, NULL);
        break;
    case WEFT_I_OP_LINEAR:
        linear_back(&v, first);
        break;
    case WEFT_I_OP_NORM:
        if (v.d_x)
            weft_i_norm_back(tape->program->layer->norm, v.x, first, v.d_out, v.rows, v.width,
                             v.d_x);
        break;
    case WEFT_I_OP_GELU:
        if (v.d_x) weft_i_gelu_back(v.x, v.d_out, v.rows * v.width, v.d_x);
        break;
    case WEFT_I_OP_SWIGLU:
        if (v.d_x) weft_i_swiglu_back(v.x, v.d_out, v.rows, v.width, v.d_x);
        break;
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
        return attend(tape, op, true);
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

void weft_i_op_back_weights(weft_i_tape *tape, const weft_i_op *op)
{
    const view v = view_of(tape, op);
    float *first = d_parameter(tape, op, 0), *second = d_parameter(tape, op, 1);
    if (op->kind == WEFT_I_OP_EMBED)
        embed_back(&v, NULL, first);
    else if (op->kind == WEFT_I_OP_LINEAR)
        linear_weights(&v, first, second);
    else if (op->kind == WEFT_I_OP_NORM)
        weft_i_norm_weights(tape->program->layer->norm, v.x, v.d_out, v.rows, v.width, first,
                            second);
    else if (op->kind == WEFT_I_OP_TABLE)
        weft_i_bias_weights(v.d_out, v.rows, v.width, first);
}
