/* emu/parts.c - what layers are put together from. Not: which layer has what (emu/layers.c). */
#include "emu/parts.h"

#include <math.h>

#include "profiles/recompute.h"

weft_i_builder weft_i_builder_make(const weft_i_shape *shape, double tokens,
                                   weft_i_operators *graph)
{
    double rows = ceil(tokens / (double)shape->cp);
    bool spread = shape->sequence_parallel && shape->tp > 1;
    double shard = spread ? ceil(rows / (double)shape->tp) : rows;
    return (weft_i_builder){.shape = shape,
                            .graph = graph,
                            .rows = rows,
                            .shard = shard,
                            .entry = !shape->asked,
                            .names = WEFT_I_REDO_WHOLE};
}

bool weft_i_has_dropout(const weft_i_shape *shape)
{
    return shape->kind == WEFT_LAYER_TRANSFORMER && !shape->swiglu;
}

double weft_i_cut_over_tp(const weft_i_builder *b, double whole)
{
    return ceil(whole / (double)b->shape->tp);
}

int32_t weft_i_part_given(weft_i_builder *b, double values)
{
    return weft_i_operators_given(b->graph, WEFT_I_VALUE_BYTES * values);
}

void weft_i_part_read(weft_i_builder *b, int32_t tensor, unsigned need)
{
    weft_i_operators_read(b->graph, tensor, need);
}

int32_t weft_i_part_make(weft_i_builder *b, double values, unsigned own)
{
    return weft_i_operators_make(
        b->graph, (weft_i_tensor){.bytes = WEFT_I_VALUE_BYTES * values, .source = -1, .own = own});
}

int32_t weft_i_part_split(weft_i_builder *b, int32_t tensor, double values)
{
    int32_t rest = weft_i_part_make(b, values, 0);
    b->graph->tensors[tensor].bytes -= b->graph->tensors[rest].bytes;
    return rest;
}

static void traffic(weft_i_builder *b, weft_i_phase phase, double bytes, uint32_t names)
{
    weft_i_operators_add(b->graph,
                         (weft_i_operator){.kind = WEFT_I_OPERATOR_BANDWIDTH,
                                           .phase = phase,
                                           .names = b->names | names | WEFT_I_REDO_ELEMENTWISE,
                                           .bytes = bytes,
                                           .kernels = 1});
}

void weft_i_part_traffic(weft_i_builder *b, weft_i_phase phase, double bytes)
{
    traffic(b, phase, bytes, 0);
}

int32_t weft_i_part_norm(weft_i_builder *b, int32_t in, double rows, double width)
{
    double values = rows * width;
    traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values, WEFT_I_REDO_LAYERNORM);
    weft_i_part_read(b, in, WEFT_I_NEED_INPUT);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 3 * WEFT_I_VALUE_BYTES * values);
    return weft_i_part_make(b, values, 0);
}

static void gemm(weft_i_builder *b, weft_i_phase phase, double m, double n, double k, double count)
{
    weft_i_operators_add(b->graph, (weft_i_operator){.kind = WEFT_I_OPERATOR_GEMM,
                                                     .phase = phase,
                                                     .names = b->names,
                                                     .m = m,
                                                     .n = n,
                                                     .k = k,
                                                     .count = count,
                                                     .kernels = phase == WEFT_I_PHASE_BWW ? 3 : 1});
}

/* Low-rank adapters beside a frozen map: down to r values and up again, added to `whole`. */
static int32_t adapters(weft_i_builder *b, int32_t in, int32_t whole, double rows, double width,
                        double out, double count)
{
    double r = (double)b->shape->lora_rank;
    gemm(b, WEFT_I_PHASE_FW, rows, r, width, count);
    weft_i_part_read(b, in, WEFT_I_NEED_WEIGHT);
    int32_t narrow = weft_i_part_make(b, rows * r * count, 0);
    gemm(b, WEFT_I_PHASE_FW, rows, out, r, count);
    weft_i_part_read(b, narrow, WEFT_I_NEED_WEIGHT);
    weft_i_part_read(b, whole, 0);
    int32_t made = weft_i_part_make(b, rows * out * count, 0);
    gemm(b, WEFT_I_PHASE_BWI, rows, r, out, count);
    gemm(b, WEFT_I_PHASE_BWI, rows, width, r, count);
    gemm(b, WEFT_I_PHASE_BWW, width, r, rows, count);
    gemm(b, WEFT_I_PHASE_BWW, r, out, rows, count);
    return made;
}

int32_t weft_i_part_map(weft_i_builder *b, int32_t in, double rows, double width, double out,
                        weft_i_cut cut, double count)
{
    bool entry = b->entry, adapts = b->shape->lora_rank > 0;
    b->entry = false;
    if (rows <= 0 || width <= 0 || out <= 0) return -1;
    if (cut == WEFT_I_CUT_COLUMN) out = weft_i_cut_over_tp(b, out);
    if (cut == WEFT_I_CUT_ROW) width = weft_i_cut_over_tp(b, width);
    gemm(b, WEFT_I_PHASE_FW, rows, out, width, count);
    weft_i_part_read(b, in, adapts ? 0 : WEFT_I_NEED_WEIGHT);
    int32_t made = weft_i_part_make(b, rows * out * count, 0);
    if (!entry) gemm(b, WEFT_I_PHASE_BWI, rows, width, out, count);
    if (adapts)
        made = adapters(b, in, made, rows, width, out, count);
    else
        gemm(b, WEFT_I_PHASE_BWW, width, out, rows, count);
    bool sharded = cut == WEFT_I_CUT_ROW && b->shape->sequence_parallel;
    double kept_rows = sharded ? ceil(rows / (double)b->shape->tp) : rows;
    weft_i_operators_gradient(b->graph, WEFT_I_VALUE_BYTES * kept_rows * out * count);
    double inner = WEFT_I_VALUE_BYTES * rows * (width + out) * count;
    b->graph->inner_bytes = fmax(b->graph->inner_bytes, inner);
    return made;
}

void weft_i_part_product(weft_i_builder *b, double m, double n, double k, double count)
{
    if (m <= 0 || n <= 0 || k <= 0 || count <= 0) return;
    gemm(b, WEFT_I_PHASE_FW, m, n, k, count);
    gemm(b, WEFT_I_PHASE_BWI, m, k, n, count);
    gemm(b, WEFT_I_PHASE_BWI, k, n, m, count);
}

static int64_t ways(const weft_i_shape *shape, weft_i_axis axis)
{
    switch (axis) {
    case WEFT_I_AXIS_TP:
        return shape->tp;
    case WEFT_I_AXIS_CP:
        return shape->cp;
    case WEFT_I_AXIS_EP:
        return shape->ep;
    case WEFT_I_AXIS_DP:
    case WEFT_I_N_AXES:
        break;
    }
    return 1;
}

bool weft_i_part_collective(weft_i_builder *b, weft_i_phase phase, weft_i_axis axis,
                            weft_i_collective kind, double bytes)
{
    if (ways(b->shape, axis) <= 1) return false;
    weft_i_operators_add(b->graph, (weft_i_operator){.kind = WEFT_I_OPERATOR_COLLECTIVE,
                                                     .phase = phase,
                                                     .names = b->names,
                                                     .bytes = bytes,
                                                     .kernels = 1,
                                                     .axis = axis,
                                                     .collective = kind});
    return true;
}

static bool over_tp(weft_i_builder *b, weft_i_phase phase, weft_i_collective kind, double bytes)
{
    return weft_i_part_collective(b, phase, WEFT_I_AXIS_TP, kind, bytes);
}

int32_t weft_i_part_gather(weft_i_builder *b, int32_t in, double width)
{
    double bytes = WEFT_I_VALUE_BYTES * b->rows * width;
    bool spread = b->shape->sequence_parallel;
    if (!b->entry)
        over_tp(b, WEFT_I_PHASE_BWI,
                spread ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE, bytes);
    if (!spread || !over_tp(b, WEFT_I_PHASE_FW, WEFT_I_COLLECTIVE_ALL_GATHER, bytes)) return in;
    weft_i_part_read(b, in, 0);
    /* Only the shard is saved, so the weight gradient gathers it again. */
    over_tp(b, WEFT_I_PHASE_BWW, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    b->graph->in_bytes = fmax(b->graph->in_bytes, bytes);
    return weft_i_operators_make(b->graph, (weft_i_tensor){.bytes = bytes, .source = in});
}

int32_t weft_i_part_reduce(weft_i_builder *b, int32_t in, double width)
{
    double bytes = WEFT_I_VALUE_BYTES * b->rows * width;
    bool spread = b->shape->sequence_parallel;
    b->graph->out_bytes = fmax(b->graph->out_bytes, bytes);
    if (!over_tp(b, WEFT_I_PHASE_FW,
                 spread ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE, bytes))
        return in;
    weft_i_part_read(b, in, 0);
    int32_t made = weft_i_part_make(b, b->shard * width, 0);
    if (!spread) return made;
    over_tp(b, WEFT_I_PHASE_BWI, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    /* The gathered gradient serves both gradients, but a split backward holds the shard alone. */
    over_tp(b, WEFT_I_PHASE_SPLIT, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    return made;
}

int32_t weft_i_part_add(weft_i_builder *b, int32_t in, int32_t residual)
{
    bool dropout = weft_i_has_dropout(b->shape);
    double values = b->shard * (double)b->shape->hidden;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, (dropout ? 7 : 6) * values);
    weft_i_part_read(b, in, 0);
    weft_i_part_read(b, residual, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, (dropout ? 5 : 4) * values);
    if (dropout) /* a mask of one byte a value */
        weft_i_part_make(b, values / WEFT_I_VALUE_BYTES, WEFT_I_NEED_INPUT);
    return weft_i_part_make(b, values, 0);
}

int32_t weft_i_part_core_and_output(weft_i_builder *b, int32_t qkv, double width)
{
    double h = (double)b->shape->hidden;
    weft_i_operators_add(b->graph, (weft_i_operator){.kind = WEFT_I_OPERATOR_CORE,
                                                     .names = b->names | WEFT_I_REDO_CORE_ATTN});
    weft_i_part_read(b, qkv, WEFT_I_NEED_INPUT);
    weft_i_operators_make(b->graph,
                          (weft_i_tensor){.source = -1, .own = WEFT_I_NEED_INPUT, .of_core = true});
    /* A fused backward of attention reads the output, too. */
    int32_t out = weft_i_part_make(b, b->rows * weft_i_cut_over_tp(b, width),
                                   b->shape->flash ? WEFT_I_NEED_INPUT : 0);
    out = weft_i_part_map(b, out, b->rows, width, h, WEFT_I_CUT_ROW, 1);
    return weft_i_part_reduce(b, out, h);
}

int32_t weft_i_part_activation(weft_i_builder *b, int32_t in, double rows, double ffn, bool gated,
                               uint32_t name)
{
    double values = rows * weft_i_cut_over_tp(b, ffn);
    traffic(b, WEFT_I_PHASE_FW, (gated ? 6 : 8) * values, name);
    weft_i_part_read(b, in, WEFT_I_NEED_INPUT);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, (gated ? 10 : 8) * values);
    return weft_i_part_make(b, values, 0);
}
