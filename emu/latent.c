/* emu/latent.c - multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1) as parts,
 * as it is trained: keys and values are made from the latent for every head. */
#include "emu/blocks.h"
#include "profiles/recompute.h"

/* Up to what each head has of its own. */
static int32_t up(weft_i_builder *b, int32_t in, double rank, double width)
{
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_MLA_UP_PROJ;
    in = weft_i_part_map(b, in, b->rows, rank, width, WEFT_I_CUT_COLUMN, 1);
    b->names = names;
    return in;
}

/* Query and key are put together from a part that is rotated and one that is not. `values` are
 * moved, `made` are what comes out. */
static int32_t put_together(weft_i_builder *b, int32_t query, int32_t keys, int32_t rope,
                            double values, double made)
{
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_MLA_UP_PROJ;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_read(b, query, 0);
    weft_i_part_read(b, keys, 0);
    weft_i_part_read(b, rope, 0);
    int32_t qkv = weft_i_part_make(b, made, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    b->names = names;
    return qkv;
}

int32_t weft_i_block_latent_attention(weft_i_builder *b, int32_t in)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, heads = (double)s->heads, latent = (double)s->kv_rank;
    double rope = (double)s->rope_size, value = heads * (double)s->value_size;
    double query = heads * ((double)s->head_size + rope), key = query;
    in = weft_i_part_gather(b, in, h);
    int32_t q = in;
    if (s->q_rank > 0) {
        q = weft_i_part_map(b, in, b->rows, h, (double)s->q_rank, WEFT_I_CUT_NOT, 1);
        q = weft_i_part_norm(b, q, b->rows, (double)s->q_rank);
    }
    q = up(b, q, s->q_rank > 0 ? (double)s->q_rank : h, query);
    int32_t kv = weft_i_part_map(b, in, b->rows, h, latent + rope, WEFT_I_CUT_NOT, 1);
    int32_t rotated = weft_i_part_split(b, kv, b->rows * rope);
    kv = weft_i_part_norm(b, kv, b->rows, latent);
    kv = up(b, kv, latent, heads * (double)s->head_size + value);
    double moved = weft_i_cut_over_tp(b, query + key + value + heads * rope) + rope;
    int32_t qkv = put_together(b, q, kv, rotated, b->rows * moved,
                               b->rows * weft_i_cut_over_tp(b, query + key + value));
    return weft_i_part_core_and_output(b, qkv, value);
}
