/* emu/latent.c - multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1) as parts,
 * as it is trained: keys and values are made from the latent for every head. */
#include "emu/blocks.h"

void weft_i_block_latent_attention(weft_i_builder *b)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, heads = (double)s->heads, latent = (double)s->kv_rank;
    double rope = (double)s->rope_size, value = heads * (double)s->value_size;
    double query = heads * ((double)s->head_size + rope), key = query;
    weft_i_part_gather(b, h);
    if (s->q_rank > 0) {
        weft_i_part_map(b, b->rows, h, (double)s->q_rank, WEFT_I_CUT_NOT, 1);
        weft_i_part_norm(b, b->rows, (double)s->q_rank, false);
        weft_i_part_map(b, b->rows, (double)s->q_rank, query, WEFT_I_CUT_COLUMN, 1);
    } else {
        weft_i_part_map(b, b->rows, h, query, WEFT_I_CUT_COLUMN, 1);
    }
    weft_i_part_map(b, b->rows, h, latent + rope, WEFT_I_CUT_NOT, 1);
    weft_i_part_norm(b, b->rows, latent, false);
    weft_i_part_map(b, b->rows, latent, heads * (double)s->head_size + value, WEFT_I_CUT_COLUMN, 1);
    /* Query and key are put together from a part that is rotated and one that is not. */
    double made = weft_i_cut_over_tp(b, query + key + value + heads * rope) + rope;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * b->rows * made);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * b->rows * made);
    weft_i_part_save(b, b->rows * weft_i_cut_over_tp(b, query + key + value), WEFT_I_NEED_INPUT,
                     WEFT_I_UNDER_KEPT);
    unsigned reads = s->flash ? WEFT_I_NEED_INPUT : 0;
    weft_i_part_save(b, b->rows * weft_i_cut_over_tp(b, value), WEFT_I_NEED_WEIGHT | reads,
                     WEFT_I_UNDER_KEPT);
    weft_i_part_map(b, b->rows, value, h, WEFT_I_CUT_ROW, 1);
    weft_i_part_reduce(b, h);
}
