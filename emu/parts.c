/* emu/parts.c - what layers are put together from. Not: which layer has what (emu/layers.c). */
#include "emu/parts.h"

#include <math.h>

weft_i_builder weft_i_builder_make(const weft_i_shape *shape, double tokens,
                                   weft_i_operators *graph)
{
    double rows = ceil(tokens / (double)shape->cp);
    bool spread = shape->sequence_parallel && shape->tp > 1;
    double shard = spread ? ceil(rows / (double)shape->tp) : rows;
    /* Nobody needs what comes out of these again. */
    bool again = shape->kind != WEFT_LAYER_EMBEDDING && shape->kind != WEFT_LAYER_PATCH;
    return (weft_i_builder){.shape = shape,
                            .graph = graph,
                            .rows = rows,
                            .shard = shard,
                            .entry = !shape->asked,
                            .again = again ? WEFT_I_UNDER_FULL : 0,
                            .lean = shape->flash ? WEFT_I_UNDER_SELECTIVE : 0};
}

bool weft_i_has_dropout(const weft_i_shape *shape)
{
    return shape->kind == WEFT_LAYER_TRANSFORMER && !shape->swiglu;
}

double weft_i_cut_over_tp(const weft_i_builder *b, double whole)
{
    return ceil(whole / (double)b->shape->tp);
}

static void traffic(weft_i_builder *b, weft_i_phase phase, double bytes, unsigned repeat)
{
    weft_i_operators_add(b->graph, (weft_i_operator){.kind = WEFT_I_OPERATOR_BANDWIDTH,
                                                     .phase = phase,
                                                     .repeat = repeat,
                                                     .bytes = bytes,
                                                     .kernels = 1});
}

void weft_i_part_traffic(weft_i_builder *b, weft_i_phase phase, double bytes)
{
    traffic(b, phase, bytes, phase == WEFT_I_PHASE_FW ? b->again : 0);
}

void weft_i_part_save(weft_i_builder *b, double values, unsigned need, unsigned kept)
{
    weft_i_operators_keep(
        b->graph,
        (weft_i_tensor){.bytes = WEFT_I_VALUE_BYTES * values, .need = need, .kept = kept});
}

void weft_i_part_norm(weft_i_builder *b, double rows, double width, bool first)
{
    double values = rows * width;
    traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values, b->again | b->lean);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 3 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_save(b, values, WEFT_I_NEED_INPUT, first ? WEFT_I_UNDER_ALL : WEFT_I_UNDER_KEPT);
    weft_i_part_save(b, values, WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_KEPT & ~b->lean);
}

static void gemm(weft_i_builder *b, weft_i_phase phase, double m, double n, double k, double count)
{
    weft_i_operators_add(b->graph,
                         (weft_i_operator){.kind = WEFT_I_OPERATOR_GEMM,
                                           .phase = phase,
                                           .repeat = phase == WEFT_I_PHASE_FW ? b->again : 0,
                                           .m = m,
                                           .n = n,
                                           .k = k,
                                           .count = count,
                                           .kernels = phase == WEFT_I_PHASE_BWW ? 3 : 1});
}

/* Low-rank adapters beside a frozen map: down to r values and up again. */
static void adapters(weft_i_builder *b, double rows, double in, double out, double count)
{
    double r = (double)b->shape->lora_rank;
    gemm(b, WEFT_I_PHASE_FW, rows, r, in, count);
    gemm(b, WEFT_I_PHASE_FW, rows, out, r, count);
    gemm(b, WEFT_I_PHASE_BWI, rows, r, out, count);
    gemm(b, WEFT_I_PHASE_BWI, rows, in, r, count);
    gemm(b, WEFT_I_PHASE_BWW, in, r, rows, count);
    gemm(b, WEFT_I_PHASE_BWW, r, out, rows, count);
    weft_i_part_save(b, rows * r * count, WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_KEPT);
}

void weft_i_part_map(weft_i_builder *b, double rows, double in, double out, weft_i_cut cut,
                     double count)
{
    bool entry = b->entry;
    b->entry = false;
    if (rows <= 0 || in <= 0 || out <= 0) return;
    if (cut == WEFT_I_CUT_COLUMN) out = weft_i_cut_over_tp(b, out);
    if (cut == WEFT_I_CUT_ROW) in = weft_i_cut_over_tp(b, in);
    gemm(b, WEFT_I_PHASE_FW, rows, out, in, count);
    if (!entry) gemm(b, WEFT_I_PHASE_BWI, rows, in, out, count);
    if (b->shape->lora_rank > 0)
        adapters(b, rows, in, out, count);
    else
        gemm(b, WEFT_I_PHASE_BWW, in, out, rows, count);
    bool sharded = cut == WEFT_I_CUT_ROW && b->shape->sequence_parallel;
    double kept_rows = sharded ? ceil(rows / (double)b->shape->tp) : rows;
    weft_i_operators_keep(b->graph,
                          (weft_i_tensor){.bytes = WEFT_I_VALUE_BYTES * kept_rows * out * count,
                                          .need = WEFT_I_NEED_WEIGHT,
                                          .gradient = true});
    double inner = WEFT_I_VALUE_BYTES * rows * (in + out) * count;
    b->graph->inner_bytes = fmax(b->graph->inner_bytes, inner);
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

void weft_i_part_collective(weft_i_builder *b, weft_i_phase phase, weft_i_axis axis,
                            weft_i_collective kind, double bytes)
{
    if (ways(b->shape, axis) > 1)
        weft_i_operators_add(b->graph,
                             (weft_i_operator){.kind = WEFT_I_OPERATOR_COLLECTIVE,
                                               .phase = phase,
                                               .repeat = phase == WEFT_I_PHASE_FW ? b->again : 0,
                                               .bytes = bytes,
                                               .kernels = 1,
                                               .axis = axis,
                                               .collective = kind});
}

static void over_tp(weft_i_builder *b, weft_i_phase phase, weft_i_collective kind, double bytes)
{
    weft_i_part_collective(b, phase, WEFT_I_AXIS_TP, kind, bytes);
}

void weft_i_part_gather(weft_i_builder *b, double width)
{
    double bytes = WEFT_I_VALUE_BYTES * b->rows * width;
    bool spread = b->shape->sequence_parallel;
    if (!b->entry)
        over_tp(b, WEFT_I_PHASE_BWI,
                spread ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE, bytes);
    if (!spread) return;
    over_tp(b, WEFT_I_PHASE_FW, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    /* Only the shard is saved, so the weight gradient gathers it again. */
    over_tp(b, WEFT_I_PHASE_BWW, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    if (b->shape->tp > 1) b->graph->in_bytes = fmax(b->graph->in_bytes, bytes);
}

void weft_i_part_reduce(weft_i_builder *b, double width)
{
    double bytes = WEFT_I_VALUE_BYTES * b->rows * width;
    b->graph->out_bytes = fmax(b->graph->out_bytes, bytes);
    if (!b->shape->sequence_parallel) {
        over_tp(b, WEFT_I_PHASE_FW, WEFT_I_COLLECTIVE_ALL_REDUCE, bytes);
        return;
    }
    over_tp(b, WEFT_I_PHASE_FW, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    over_tp(b, WEFT_I_PHASE_BWI, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
    /* The gathered gradient serves both gradients, but a split backward holds the shard alone. */
    over_tp(b, WEFT_I_PHASE_SPLIT, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
}

void weft_i_part_add(weft_i_builder *b)
{
    bool dropout = weft_i_has_dropout(b->shape);
    double values = b->shard * (double)b->shape->hidden;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, (dropout ? 7 : 6) * values);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, (dropout ? 5 : 4) * values);
    if (dropout) /* a mask of one byte a value */
        weft_i_part_save(b, values / WEFT_I_VALUE_BYTES, WEFT_I_NEED_INPUT, WEFT_I_UNDER_KEPT);
}

void weft_i_part_activation(weft_i_builder *b, double rows, double ffn, bool gated)
{
    double values = rows * weft_i_cut_over_tp(b, ffn);
    traffic(b, WEFT_I_PHASE_FW, (gated ? 6 : 8) * values, b->again | b->lean);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, (gated ? 10 : 8) * values);
    weft_i_part_save(b, (gated ? 2 : 1) * values, WEFT_I_NEED_INPUT, WEFT_I_UNDER_KEPT);
    weft_i_part_save(b, values, WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_KEPT & ~b->lean);
}
