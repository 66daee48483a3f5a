/* emu/blocks.c - attention and MLP as parts. Not: which layer has them, nor the core of attention.
 */
#include "emu/blocks.h"

#include <math.h>

#include "profiles/recompute.h"

/* Fewer key heads than devices: each device holds a copy of one. */
static double key_width(const weft_i_shape *s)
{
    return fmax((double)s->kv_heads, (double)s->tp) * (double)s->head_size;
}

int32_t weft_i_block_self_attention(weft_i_builder *b, int32_t in)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, q = (double)(s->heads * s->head_size), kv = key_width(s);
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_QKV_PROJ;
    in = weft_i_part_gather(b, in, h);
    in = weft_i_part_map(b, in, b->rows, h, q + 2 * kv, WEFT_I_CUT_COLUMN, 1);
    /* Bias and split of all three, position embedding of query and key. */
    double values = b->rows * weft_i_cut_over_tp(b, 2 * q + 3 * kv);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_read(b, in, 0);
    int32_t qkv = weft_i_part_make(b, b->rows * weft_i_cut_over_tp(b, q + 2 * kv), 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    b->names = names;
    return weft_i_part_core_and_output(b, qkv, q);
}

int32_t weft_i_block_cross_attention(weft_i_builder *b, int32_t in, double context)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, q = (double)(s->heads * s->head_size), kv = key_width(s);
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_QKV_PROJ;
    /* All layers read one condition: its bytes count in the stage. */
    int32_t condition = weft_i_part_given(b, 0);
    in = weft_i_part_gather(b, in, h);
    in = weft_i_part_map(b, in, b->rows, h, q, WEFT_I_CUT_COLUMN, 1);
    b->entry = !s->condition_asked;
    condition = weft_i_part_map(b, condition, context, (double)s->cross_hidden, 2 * kv,
                                WEFT_I_CUT_COLUMN, 1);
    double values = b->rows * weft_i_cut_over_tp(b, q) + context * weft_i_cut_over_tp(b, 2 * kv);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_read(b, in, 0);
    weft_i_part_read(b, condition, 0);
    int32_t qkv = weft_i_part_make(b, values, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    b->names = names;
    return weft_i_part_core_and_output(b, qkv, q);
}

/* The two or three maps of an MLP, `count` experts of `rows` rows each. */
static int32_t mlp_maps(weft_i_builder *b, int32_t in, double rows, double ffn, double count,
                        uint32_t activation)
{
    bool gated = b->shape->swiglu;
    double h = (double)b->shape->hidden;
    in = weft_i_part_map(b, in, rows, h, gated ? 2 * ffn : ffn, WEFT_I_CUT_COLUMN, count);
    in = weft_i_part_activation(b, in, rows * count, ffn, gated, activation);
    return weft_i_part_map(b, in, rows, ffn, h, WEFT_I_CUT_ROW, count);
}

/* Routed rows of the device with the most tokens. */
typedef struct routing {
    double values, sent_bytes;
} routing;

/* To the devices of their experts, or back. */
static int32_t send(weft_i_builder *b, int32_t in, const routing *r)
{
    weft_i_collective all = WEFT_I_COLLECTIVE_ALL_TO_ALL;
    if (weft_i_part_collective(b, WEFT_I_PHASE_FW, WEFT_I_AXIS_EP, all, r->sent_bytes)) {
        weft_i_part_read(b, in, 0);
        in = weft_i_part_make(b, r->values, 0);
    }
    weft_i_part_collective(b, WEFT_I_PHASE_BWI, WEFT_I_AXIS_EP, all, r->sent_bytes);
    return in;
}

static int32_t permute(weft_i_builder *b, int32_t in, int32_t scores, const routing *r)
{
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * r->values);
    weft_i_part_read(b, in, 0);
    weft_i_part_read(b, scores, 0);
    in = weft_i_part_make(b, r->values, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * r->values);
    return in;
}

/* Rows that come back are weighed and added; they give the router its gradient. */
static int32_t combine(weft_i_builder *b, int32_t in, int32_t scores, int32_t shared,
                       const routing *r)
{
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * r->values);
    weft_i_part_read(b, in, WEFT_I_NEED_INPUT);
    weft_i_part_read(b, scores, 0);
    weft_i_part_read(b, shared, 0);
    in = weft_i_part_make(b, b->rows * (double)b->shape->hidden, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * r->values);
    return in;
}

/* Which experts each token goes to, and its weights for them. */
static int32_t router(weft_i_builder *b, int32_t in, double experts)
{
    double h = (double)b->shape->hidden;
    in = weft_i_part_map(b, in, b->shard, h, experts, WEFT_I_CUT_NOT, 1);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 4 * WEFT_I_VALUE_BYTES * b->shard * experts);
    weft_i_part_read(b, in, 0);
    return weft_i_part_make(b, b->shard * experts, 0);
}

/* Experts that every token goes through, beside those that it is sent to. */
static int32_t shared_experts(weft_i_builder *b, int32_t in)
{
    const weft_i_shape *s = b->shape;
    uint32_t names = b->names;
    if (s->shared_experts == 0) return -1;
    b->names |= WEFT_I_REDO_SHARED_EXPERTS;
    in = mlp_maps(b, in, b->rows, (double)(s->ffn * s->shared_experts), 1, WEFT_I_REDO_MLP_ACT);
    b->names = names;
    return in;
}

int32_t weft_i_block_experts(weft_i_builder *b, int32_t in)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, e = (double)s->experts, top = (double)s->experts_per_token;
    /* Of the devices that share the experts, the one with the most tokens decides. */
    double skew = fmin((double)s->imbalance_ppm / 1e6, (double)s->ep);
    double local = ceil(e / (double)s->ep), routed = b->rows * top * skew;
    const routing r = {routed * h, WEFT_I_VALUE_BYTES * b->shard * top * skew * h};
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_MOE;
    int32_t scores = router(b, in, e);
    in = weft_i_part_gather(b, in, h);
    int32_t out = send(b, permute(b, in, scores, &r), &r);
    out = mlp_maps(b, out, ceil(routed / local), (double)s->ffn, local, WEFT_I_REDO_MOE_ACT);
    out = send(b, out, &r);
    out = combine(b, out, scores, shared_experts(b, in), &r);
    out = weft_i_part_reduce(b, out, h);
    b->names = names;
    return out;
}

int32_t weft_i_block_mlp(weft_i_builder *b, int32_t in)
{
    double h = (double)b->shape->hidden;
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_MLP;
    in = weft_i_part_gather(b, in, h);
    in = mlp_maps(b, in, b->rows, (double)b->shape->ffn, 1, WEFT_I_REDO_MLP_ACT);
    in = weft_i_part_reduce(b, in, h);
    b->names = names;
    return in;
}
