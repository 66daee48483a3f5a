/* emu/blocks.c - attention and MLP as parts. Not: which layer has them, nor the core of attention.
 */
#include "emu/blocks.h"

#include <math.h>

/* Fewer key heads than devices: each device holds a copy of one. */
static double key_width(const weft_i_shape *s)
{
    return fmax((double)s->kv_heads, (double)s->tp) * (double)s->head_size;
}

void weft_i_block_self_attention(weft_i_builder *b)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, q = (double)(s->heads * s->head_size), kv = key_width(s);
    weft_i_part_gather(b, h);
    weft_i_part_map(b, b->rows, h, q + 2 * kv, WEFT_I_CUT_COLUMN, 1);
    /* Bias and split of all three, position embedding of query and key. */
    double values = b->rows * weft_i_cut_over_tp(b, 2 * q + 3 * kv);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_save(b, b->rows * weft_i_cut_over_tp(b, q + 2 * kv), WEFT_I_NEED_INPUT,
                     WEFT_I_UNDER_KEPT);
    /* The output map's input; a fused backward of attention reads it too. */
    unsigned reads = s->flash ? WEFT_I_NEED_INPUT : 0;
    weft_i_part_save(b, b->rows * weft_i_cut_over_tp(b, q), WEFT_I_NEED_WEIGHT | reads,
                     WEFT_I_UNDER_KEPT);
    weft_i_part_map(b, b->rows, q, h, WEFT_I_CUT_ROW, 1);
    weft_i_part_reduce(b, h);
}

void weft_i_block_cross_attention(weft_i_builder *b, double context)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, q = (double)(s->heads * s->head_size), kv = key_width(s);
    weft_i_part_gather(b, h);
    weft_i_part_map(b, b->rows, h, q, WEFT_I_CUT_COLUMN, 1);
    b->entry = !s->condition_asked;
    weft_i_part_map(b, context, (double)s->cross_hidden, 2 * kv, WEFT_I_CUT_COLUMN, 1);
    double values = b->rows * weft_i_cut_over_tp(b, q) + context * weft_i_cut_over_tp(b, 2 * kv);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_save(b, values, WEFT_I_NEED_INPUT, WEFT_I_UNDER_KEPT);
    unsigned reads = s->flash ? WEFT_I_NEED_INPUT : 0;
    weft_i_part_save(b, b->rows * weft_i_cut_over_tp(b, q), WEFT_I_NEED_WEIGHT | reads,
                     WEFT_I_UNDER_KEPT);
    weft_i_part_map(b, b->rows, q, h, WEFT_I_CUT_ROW, 1);
    weft_i_part_reduce(b, h);
}

/* The two or three maps of an MLP, `count` experts of `rows` rows each. */
static void mlp_maps(weft_i_builder *b, double rows, double ffn, double count)
{
    bool gated = b->shape->swiglu;
    double h = (double)b->shape->hidden;
    weft_i_part_map(b, rows, h, gated ? 2 * ffn : ffn, WEFT_I_CUT_COLUMN, count);
    weft_i_part_activation(b, rows * count, ffn, gated);
    weft_i_part_map(b, rows, ffn, h, WEFT_I_CUT_ROW, count);
}

void weft_i_block_experts(weft_i_builder *b)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, e = (double)s->experts, top = (double)s->experts_per_token;
    /* Of the devices that share the experts, the one with the most tokens decides. */
    double skew = fmin((double)s->imbalance_ppm / 1e6, (double)s->ep);
    double local = ceil(e / (double)s->ep), routed = b->rows * top * skew;
    weft_i_part_map(b, b->shard, h, e, WEFT_I_CUT_NOT, 1);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 4 * WEFT_I_VALUE_BYTES * b->shard * e);
    weft_i_part_gather(b, h);
    for (int i = 0; i < 2; i++) { /* out and back: permute and send */
        double values = routed * h;
        weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
        weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
        double sent = WEFT_I_VALUE_BYTES * b->shard * top * skew * h;
        weft_i_part_collective(b, WEFT_I_PHASE_FW, WEFT_I_AXIS_EP, WEFT_I_COLLECTIVE_ALL_TO_ALL,
                               sent);
        weft_i_part_collective(b, WEFT_I_PHASE_BWI, WEFT_I_AXIS_EP, WEFT_I_COLLECTIVE_ALL_TO_ALL,
                               sent);
        /* Sent rows are the maps' input; those that come back give the router its gradient. */
        weft_i_part_save(b, values, i == 0 ? WEFT_I_NEED_WEIGHT : WEFT_I_NEED_INPUT,
                         WEFT_I_UNDER_KEPT);
    }
    mlp_maps(b, ceil(routed / local), (double)s->ffn, local);
    if (s->shared_experts > 0) mlp_maps(b, b->rows, (double)(s->ffn * s->shared_experts), 1);
    weft_i_part_reduce(b, h);
}

void weft_i_block_mlp(weft_i_builder *b)
{
    double h = (double)b->shape->hidden;
    weft_i_part_gather(b, h);
    mlp_maps(b, b->rows, (double)b->shape->ffn, 1);
    weft_i_part_reduce(b, h);
}
