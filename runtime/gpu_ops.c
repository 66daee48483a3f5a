/* runtime/gpu_ops.c - see gpu_ops.h: operations bound to kernels and products. */
#include "runtime/gpu_ops.h"

static const weft_i_gpu_sheet *copy_of(const weft_i_view *v)
{
    return v->sheet->copy;
}

static void multiply(const weft_i_gpu *gpu, int64_t m, int64_t n, int64_t k, weft_i_operand a,
                     weft_i_operand b, float keep, void *out, bool out_is_float)
{
    const weft_i_product product = {.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .b = b,
                                    .scale = 1,
                                    .keep = keep,
                                    .out = out,
                                    .out_stride = n,
                                    .out_is_float = out_is_float,
                                    .n_batch = 1};
    if (m > 0 && n > 0) gpu->multiply(gpu->context, &product);
}

static weft_i_operand matrix(const void *data, int64_t stride, bool transposed)
{
    return (weft_i_operand){.data = data, .stride = stride, .transposed = transposed};
}

/* The bias is there before the product, so that their sum is rounded once. */
static void linear(const weft_i_gpu *gpu, const weft_i_view *v)
{
    const float *bias = v->parameters[1];
    int64_t n = v->rows * v->width;
    if (bias)
        weft_i_gpu_run(gpu, WEFT_I_KERNEL_SPREAD, weft_i_blocks_each(n),
                       &(weft_i_spread_args){NULL, bias, v->out, n, v->width});
    multiply(gpu, v->rows, v->width, v->in_width, matrix(v->x, v->in_width, false),
             matrix(v->operand, v->in_width, true), bias ? 1 : 0, v->out, false);
}

static void linear_back(const weft_i_gpu *gpu, const weft_i_view *v)
{
    if (v->d_x)
        multiply(gpu, v->rows, v->in_width, v->width, matrix(v->d_out, v->width, false),
                 matrix(v->operand, v->in_width, false), 1, v->d_x, false);
}

/* Sums of the rows of the output's gradient. */
static void columns(const weft_i_gpu *gpu, const weft_i_view *v, float *out)
{
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_COLUMNS, weft_i_blocks_columns(v->width),
                   &(weft_i_columns_args){v->d_out, out, v->rows, v->width});
}

static void linear_weights(const weft_i_gpu *gpu, const weft_i_view *v)
{
    multiply(gpu, v->width, v->in_width, v->rows, matrix(v->d_out, v->width, true),
             matrix(v->x, v->in_width, false), 1, v->d_parameters[0], true);
    if (v->d_parameters[1]) columns(gpu, v, v->d_parameters[1]);
}

static weft_i_norm_args norm_of(const weft_i_view *v)
{
    return (weft_i_norm_args){.x = v->x,
                              .gain = v->parameters[0],
                              .bias = v->parameters[1],
                              .width = v->width,
                              .has_mean = v->program->layer->norm == WEFT_NORM_LAYERNORM};
}

static void norm(const weft_i_gpu *gpu, const weft_i_view *v)
{
    weft_i_norm_args args = norm_of(v);
    args.out = v->out;
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_NORM, v->rows, &args);
}

static void norm_back(const weft_i_gpu *gpu, const weft_i_view *v)
{
    weft_i_norm_args args = norm_of(v);
    args.d_out = v->d_out;
    args.d_x = v->d_x;
    if (v->d_x) weft_i_gpu_run(gpu, WEFT_I_KERNEL_NORM_BACK, v->rows, &args);
}

static bool norm_weights(const weft_i_gpu *gpu, const weft_i_view *v)
{
    float *moments = weft_i_pool_take(v->pool, (size_t)(2 * v->rows + 1) * sizeof(float));
    if (!moments) return false;
    weft_i_norm_args args = norm_of(v);
    args.moments = moments;
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_NORM, v->rows, &args);
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_NORM_WEIGHTS, weft_i_blocks_columns(v->width),
                   &(weft_i_norm_weights_args){v->x, v->d_out, moments, v->d_parameters[0],
                                               v->d_parameters[1], v->rows, v->width});
    weft_i_pool_give(v->pool, moments);
    return true;
}

/* A kernel on all elements: out of x and y, or onto a gradient that somebody wants. */
static void each(const weft_i_gpu *gpu, weft_i_kernel kernel, const weft_i_view *v, const void *x,
                 const void *y, void *out)
{
    int64_t n = v->rows * v->width;
    if (out)
        weft_i_gpu_run(gpu, kernel, weft_i_blocks_each(n),
                       &(weft_i_each_args){x, y, out, n, v->width});
}

static void merge(const weft_i_gpu *gpu, weft_i_kernel kernel, const weft_i_view *v, const void *x,
                  void *out)
{
    if (out)
        weft_i_gpu_run(gpu, kernel, v->rows * v->sheet->merge,
                       &(weft_i_merge_args){copy_of(v)->merge_from, x, out, v->in_width});
}

static void modulate(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *v)
{
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_MODULATE, v->rows,
                   &(weft_i_adaln_args){.spans = copy_of(v)->spans,
                                        .x = v->x,
                                        .vectors = v->y,
                                        .out = v->out,
                                        .width = v->width,
                                        .part = op->part});
}

static void gate(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *v)
{
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_GATE, v->rows,
                   &(weft_i_adaln_args){.spans = copy_of(v)->spans,
                                        .x = v->x,
                                        .y = v->y,
                                        .vectors = v->z,
                                        .out = v->out,
                                        .width = v->width,
                                        .part = op->part});
}

/* Onto the gradient of the vectors; see weft_i_adaln_vectors_args. */
static void vectors_back(const weft_i_gpu *gpu, const weft_i_view *v, const void *x,
                         void *d_vectors, int plain, int times_x)
{
    if (d_vectors)
        weft_i_gpu_run(gpu, WEFT_I_KERNEL_ADALN_VECTORS,
                       v->sheet->n_spans * weft_i_blocks_columns(v->width),
                       &(weft_i_adaln_vectors_args){copy_of(v)->firsts, x, v->d_out, d_vectors,
                                                    v->width, plain, times_x});
}

static void modulate_back(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *v)
{
    const weft_i_adaln_args args = {.spans = copy_of(v)->spans,
                                    .vectors = v->y,
                                    .d_out = v->d_out,
                                    .d_x = v->d_x,
                                    .width = v->width,
                                    .part = op->part};
    if (v->d_x) weft_i_gpu_run(gpu, WEFT_I_KERNEL_MODULATE_BACK, v->rows, &args);
    vectors_back(gpu, v, v->x, v->d_y, op->part, op->part + 1);
}

static void gate_back(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *v)
{
    const weft_i_adaln_args args = {.spans = copy_of(v)->spans,
                                    .vectors = v->z,
                                    .d_out = v->d_out,
                                    .d_x = v->d_x,
                                    .d_y = v->d_y,
                                    .width = v->width,
                                    .part = op->part};
    if (v->d_x || v->d_y) weft_i_gpu_run(gpu, WEFT_I_KERNEL_GATE_BACK, v->rows, &args);
    vectors_back(gpu, v, v->y, v->d_z, -1, op->part);
}

static void entropy(const weft_i_gpu *gpu, const weft_i_view *v, float *losses, void *d_x)
{
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_ENTROPY, v->rows,
                   &(weft_i_entropy_args){v->x, copy_of(v)->targets, losses, d_x, v->width,
                                          v->sheet->loss_weight});
}

static void squares(const weft_i_gpu *gpu, const weft_i_view *v, float *losses, void *d_x)
{
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_SQUARES, v->rows,
                   &(weft_i_squares_args){v->x, v->sheet->velocities, losses, d_x, v->width,
                                          v->sheet->loss_weight});
}

static bool add_loss(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *v)
{
    float *losses = weft_i_pool_take(v->pool, (size_t)(v->rows + 1) * sizeof(float));
    if (!losses) return false;
    if (op->kind == WEFT_I_OP_CROSS_ENTROPY)
        entropy(gpu, v, losses, NULL);
    else
        squares(gpu, v, losses, NULL);
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_TOTAL, 1, &(weft_i_total_args){losses, v->loss, v->rows});
    weft_i_pool_give(v->pool, losses);
    return true;
}

static void embed(const weft_i_gpu *gpu, const weft_i_view *v)
{
    weft_i_gpu_run(
        gpu, WEFT_I_KERNEL_EMBED, v->rows,
        &(weft_i_embed_args){copy_of(v)->tokens, v->parameters[0], v->x, v->out, v->width});
}

static void spread(const weft_i_gpu *gpu, const weft_i_view *v)
{
    int64_t n = v->rows * v->width;
    weft_i_gpu_run(gpu, WEFT_I_KERNEL_SPREAD, weft_i_blocks_each(n),
                   &(weft_i_spread_args){v->x, v->parameters[0], v->out, n, v->width});
}

bool weft_i_gpu_forward(void *context, const weft_i_op *op, const weft_i_view *v)
{
    const weft_i_gpu *gpu = context;
    switch (op->kind) {
    case WEFT_I_OP_EMBED:
        embed(gpu, v);
        break;
    case WEFT_I_OP_LINEAR:
        linear(gpu, v);
        break;
    case WEFT_I_OP_NORM:
        norm(gpu, v);
        break;
    case WEFT_I_OP_GELU:
        each(gpu, WEFT_I_KERNEL_GELU, v, v->x, NULL, v->out);
        break;
    case WEFT_I_OP_SWIGLU:
        each(gpu, WEFT_I_KERNEL_SWIGLU, v, v->x, NULL, v->out);
        break;
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
        return weft_i_gpu_attend(gpu, op, v, false);
    case WEFT_I_OP_ADD:
        each(gpu, WEFT_I_KERNEL_SUM, v, v->x, v->y, v->out);
        break;
    case WEFT_I_OP_MERGE:
        merge(gpu, WEFT_I_KERNEL_MERGE, v, v->x, v->out);
        break;
    case WEFT_I_OP_TABLE:
        spread(gpu, v);
        break;
    case WEFT_I_OP_SILU:
        each(gpu, WEFT_I_KERNEL_SILU, v, v->x, NULL, v->out);
        break;
    case WEFT_I_OP_MODULATE:
        modulate(gpu, op, v);
        break;
    case WEFT_I_OP_GATE:
        gate(gpu, op, v);
        break;
    case WEFT_I_OP_CROSS_ENTROPY:
    case WEFT_I_OP_SQUARED_ERROR:
        return add_loss(gpu, op, v);
    }
    return true;
}

static void embed_media(const weft_i_gpu *gpu, const weft_i_view *v)
{
    if (v->d_x)
        weft_i_gpu_run(gpu, WEFT_I_KERNEL_EMBED_MEDIA, v->rows,
                       &(weft_i_embed_media_args){copy_of(v)->tokens, v->d_out, v->d_x, v->width});
}

bool weft_i_gpu_back_input(void *context, const weft_i_op *op, const weft_i_view *v)
{
    const weft_i_gpu *gpu = context;
    switch (op->kind) {
    case WEFT_I_OP_EMBED:
        embed_media(gpu, v);
        break;
    case WEFT_I_OP_LINEAR:
        linear_back(gpu, v);
        break;
    case WEFT_I_OP_NORM:
        norm_back(gpu, v);
        break;
    case WEFT_I_OP_GELU:
        each(gpu, WEFT_I_KERNEL_GELU_BACK, v, v->x, v->d_out, v->d_x);
        break;
    case WEFT_I_OP_SWIGLU:
        each(gpu, WEFT_I_KERNEL_SWIGLU_BACK, v, v->x, v->d_out, v->d_x);
        break;
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
        return weft_i_gpu_attend(gpu, op, v, true);
    case WEFT_I_OP_ADD:
        each(gpu, WEFT_I_KERNEL_ACCUMULATE, v, v->d_out, NULL, v->d_x);
        each(gpu, WEFT_I_KERNEL_ACCUMULATE, v, v->d_out, NULL, v->d_y);
        break;
    case WEFT_I_OP_MERGE:
        merge(gpu, WEFT_I_KERNEL_MERGE_BACK, v, v->d_out, v->d_x);
        break;
    case WEFT_I_OP_TABLE: /* of the time, which is nobody's to learn */
    case WEFT_I_OP_SILU:
        break;
    case WEFT_I_OP_MODULATE:
        modulate_back(gpu, op, v);
        break;
    case WEFT_I_OP_GATE:
        gate_back(gpu, op, v);
        break;
    case WEFT_I_OP_CROSS_ENTROPY:
        if (v->d_x) entropy(gpu, v, NULL, v->d_x);
        break;
    case WEFT_I_OP_SQUARED_ERROR:
        if (v->d_x) squares(gpu, v, NULL, v->d_x);
        break;
    }
    return true;
}

bool weft_i_gpu_back_weights(void *context, const weft_i_op *op, const weft_i_view *v)
{
    const weft_i_gpu *gpu = context;
    const weft_i_gpu_sheet *sheet = copy_of(v);
    if (op->kind == WEFT_I_OP_EMBED)
        weft_i_gpu_run(gpu, WEFT_I_KERNEL_EMBED_TABLE, sheet->n_tokens,
                       &(weft_i_embed_table_args){sheet->tokens, sheet->table_rows,
                                                  sheet->table_firsts, v->d_out, v->d_parameters[0],
                                                  v->width});
    else if (op->kind == WEFT_I_OP_LINEAR)
        linear_weights(gpu, v);
    else if (op->kind == WEFT_I_OP_NORM)
        return norm_weights(gpu, v);
    else if (op->kind == WEFT_I_OP_TABLE)
        columns(gpu, v, v->d_parameters[0]);
    return true;
}
