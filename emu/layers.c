/* emu/layers.c - each kind of layer as operators and tensors. Not: what they cost. */
#include "emu/layers.h"

#include <math.h>

#include "emu/blocks.h"

weft_i_shape weft_i_shape_of(const weft_layer *layer, const weft_recipe *recipe,
                             const weft_parallel *parallel, const weft_i_place *place)
{
    return (weft_i_shape){
        .kind = layer->kind,
        .lora_rank = layer->lora_rank,
        .hidden = layer->hidden,
        .ffn = layer->ffn,
        .heads = layer->heads,
        .kv_heads = layer->kv_heads,
        .head_size = layer->head_size,
        .swiglu = layer->mlp == WEFT_MLP_SWIGLU,
        .attention = layer->attention,
        .window = layer->window,
        .experts = layer->experts,
        .experts_per_token = layer->experts_per_token,
        .shared_experts = layer->shared_experts,
        .imbalance_ppm = layer->imbalance > 1 ? llround(layer->imbalance * 1e6) : 1000000,
        .kv_rank = layer->kv_rank,
        .q_rank = layer->q_rank,
        .rope_size = layer->rope_size,
        .value_size = layer->value_size,
        .cross_hidden = layer->cross_hidden,
        .adaln_shared = layer->adaln_shared,
        .vocab = layer->vocab,
        .in_features = layer->in_features,
        .merge = layer->merge > 1 ? layer->merge : 1,
        .state_size = layer->state_size,
        .expand = layer->expand,
        .conv_width = layer->conv_width,
        .tp = place->tp_mode == WEFT_TP_MODE_TP ? parallel->tp : 1,
        .cp = parallel->cp,
        .ep = parallel->ep,
        .sequence_parallel = recipe->sequence_parallel,
        .flash = recipe->flash_attention,
        .cp_gathers = recipe->cp_mode == WEFT_CP_MODE_ALL_GATHER,
        .backward = place->backward,
        .asked = place->asked,
        .condition_asked = place->condition_asked,
        .measured = -1,
    };
}

static void transformer(weft_i_builder *b, const weft_i_load *load)
{
    double h = (double)b->shape->hidden;
    weft_i_part_norm(b, b->shard, h, true);
    if (b->shape->cross_hidden > 0)
        weft_i_block_cross_attention(b, (double)load->context);
    else if (b->shape->kv_rank > 0)
        weft_i_block_latent_attention(b);
    else
        weft_i_block_self_attention(b);
    weft_i_part_add(b);
    weft_i_part_norm(b, b->shard, h, false);
    if (b->shape->experts > 0)
        weft_i_block_experts(b);
    else
        weft_i_block_mlp(b);
    weft_i_part_add(b);
}

/* adaLN (Peebles and Xie 2023): scale and shift after the norm, a gate on the block's output. */
static void modulation(weft_i_builder *b)
{
    double values = b->shard * (double)b->shape->hidden;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 4 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 5 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_save(b, values, WEFT_I_NEED_INPUT, WEFT_I_UNDER_KEPT);
}

static void dit(weft_i_builder *b, const weft_i_load *load)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden;
    weft_i_part_norm(b, b->shard, h, true);
    modulation(b);
    weft_i_block_self_attention(b);
    weft_i_part_add(b);
    if (s->cross_hidden > 0) {
        weft_i_part_norm(b, b->shard, h, false);
        weft_i_block_cross_attention(b, (double)load->context);
        weft_i_part_add(b);
    }
    weft_i_part_norm(b, b->shard, h, false);
    modulation(b);
    weft_i_block_mlp(b);
    weft_i_part_add(b);
    if (!s->adaln_shared) weft_i_part_map(b, (double)load->spans, h, 6 * h, WEFT_I_CUT_COLUMN, 1);
}

/* A table cut by rows of the vocabulary: each device adds what it has. */
static void embedding(weft_i_builder *b)
{
    bool spread = b->shape->sequence_parallel;
    weft_i_collective all = spread ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE;
    double values = b->rows * (double)b->shape->hidden;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWW, 3 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_collective(b, WEFT_I_PHASE_FW, WEFT_I_AXIS_TP, all, WEFT_I_VALUE_BYTES * values);
    if (spread)
        weft_i_part_collective(b, WEFT_I_PHASE_BWW, WEFT_I_AXIS_TP, all,
                               WEFT_I_VALUE_BYTES * values);
    if (b->shape->asked) /* by rows that other modules put in */
        weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    b->graph->out_bytes = WEFT_I_VALUE_BYTES * values;
    const double id_values = 8.0 / WEFT_I_VALUE_BYTES;
    weft_i_part_save(b, id_values * b->rows, WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_ALL);
}

enum { CROSS_ENTROPY_KERNELS = 8 }; /* and as many back */

/* What a stack says of layers' kernels is not true of the loss's. */
static void mark_head(weft_i_builder *b)
{
    for (int32_t i = 0; i < b->graph->n_operators; i++) {
        weft_i_operator *op = &b->graph->operators[i];
        op->never_fused = op->kind == WEFT_I_OPERATOR_BANDWIDTH;
        op->uncut_head = op->kind == WEFT_I_OPERATOR_GEMM && b->shape->tp == 1;
    }
    weft_i_operator *last = &b->graph->operators[b->graph->n_operators];
    last[-1].kernels = last[-2].kernels = CROSS_ENTROPY_KERNELS;
}

/* Cross-entropy over a vocabulary that is cut (Shoeybi et al. 2019, section 3): logits become
 * float32, largest, sum of exponentials and the target's logit are reduced over the TP group. The
 * softmax stays in float32 (Korthikanti et al. 2022, section 4.3). */
static void head(weft_i_builder *b)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, logits = b->rows * weft_i_cut_over_tp(b, (double)s->vocab);
    weft_i_part_norm(b, b->shard, h, true);
    weft_i_part_gather(b, h);
    weft_i_part_map(b, b->rows, h, (double)s->vocab, WEFT_I_CUT_COLUMN, 1);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 18 * logits);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 10 * logits);
    mark_head(b);
    for (int i = 0; i < 3; i++)
        weft_i_part_collective(b, WEFT_I_PHASE_FW, WEFT_I_AXIS_TP, WEFT_I_COLLECTIVE_ALL_REDUCE,
                               4 * b->rows);
    const double float_values = 4.0 / WEFT_I_VALUE_BYTES;
    weft_i_part_save(b, float_values * logits, WEFT_I_NEED_INPUT, WEFT_I_UNDER_KEPT);
    b->graph->inner_bytes = fmax(b->graph->inner_bytes, 4 * logits);
    b->graph->out_bytes = WEFT_I_VALUE_BYTES * logits;
}

static void patch_embedding(weft_i_builder *b)
{
    double h = (double)b->shape->hidden, in = (double)b->shape->in_features;
    weft_i_part_map(b, b->shard, in, h, WEFT_I_CUT_NOT, 1);
    weft_i_part_save(b, b->shard * in, WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_ALL);
    /* Bias and position embedding. */
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 6 * b->shard * h);
}

static void projector(weft_i_builder *b)
{
    double h = (double)b->shape->hidden, in = (double)b->shape->in_features;
    weft_i_part_norm(b, b->shard, in, true);
    weft_i_part_gather(b, in);
    weft_i_part_map(b, b->rows, in, h, WEFT_I_CUT_COLUMN, 1);
    weft_i_part_activation(b, b->rows, h, false);
    weft_i_part_map(b, b->rows, h, h, WEFT_I_CUT_ROW, 1);
    weft_i_part_reduce(b, h);
}

/* Mamba-2 by the chunked algorithm of Dao and Gu 2024, section 6, one group of B and C. */
static void mamba(weft_i_builder *b)
{
    const weft_i_shape *s = b->shape;
    enum { CHUNK = 256 };
    double h = (double)s->hidden, n = (double)s->state_size,
           inner = (double)(s->expand * s->hidden);
    double size = s->head_size > 0 ? (double)s->head_size : 64;
    double heads = weft_i_cut_over_tp(b, ceil(inner / size));
    double chunks = ceil(b->rows / CHUNK), conv = weft_i_cut_over_tp(b, inner) + 2 * n;
    weft_i_part_norm(b, b->shard, h, true);
    weft_i_part_gather(b, h);
    weft_i_part_map(b, b->rows, h, 2 * inner, WEFT_I_CUT_COLUMN, 1);
    weft_i_part_map(b, b->rows, h, 2 * n, WEFT_I_CUT_NOT, 1);
    weft_i_part_map(b, b->rows, h, ceil(inner / size), WEFT_I_CUT_COLUMN, 1);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * b->rows * conv);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 3 * WEFT_I_VALUE_BYTES * b->rows * conv);
    weft_i_part_product(b, CHUNK, CHUNK, n, chunks);
    weft_i_part_product(b, CHUNK, size, CHUNK, chunks * heads);
    weft_i_part_product(b, n, size, CHUNK, chunks * heads);
    weft_i_part_product(b, CHUNK, size, n, chunks * heads);
    /* Before and after the convolution, the states between chunks; then gate and norm. */
    weft_i_part_save(b, b->rows * 2 * conv + chunks * heads * n * size, WEFT_I_NEED_INPUT,
                     WEFT_I_UNDER_KEPT);
    weft_i_part_activation(b, b->rows, inner, true);
    weft_i_part_map(b, b->rows, inner, h, WEFT_I_CUT_ROW, 1);
    weft_i_part_reduce(b, h);
    weft_i_part_add(b);
}

/* A measured layer's row at `tokens`: linear between rows, proportional beyond them. */
typedef struct measured_row {
    double fw_ns, bw_ns, bwi_ns, bww_ns;
    double saved_bytes, held_bytes, work_bytes;
} measured_row;

static measured_row measured_at(const weft_layer *layer, double tokens)
{
    int32_t i = 0, last = layer->n_rows - 1;
    while (i < last && (double)layer->rows[i + 1].tokens < tokens)
        i++;
    const weft_measured_row *low = &layer->rows[i], *high = &layer->rows[i < last ? i + 1 : i];
    double x0 = (double)low->tokens, x1 = (double)high->tokens;
    double from_high = x1 > x0 ? (tokens - x0) / (x1 - x0) : 0, from_low = 1 - from_high;
    if (tokens < x0 || x1 == x0 || tokens > x1) {
        from_low = tokens < x0 ? tokens / x0 : 0;
        from_high = tokens < x0 ? 0 : tokens / x1;
    }
#define WEFT_MIX(field) (from_low * (double)low->field + from_high * (double)high->field)
    return (measured_row){WEFT_MIX(fw_ns),     WEFT_MIX(bw_ns),       WEFT_MIX(bwi_ns),
                          WEFT_MIX(bww_ns),    WEFT_MIX(saved_bytes), WEFT_MIX(held_bytes),
                          WEFT_MIX(work_bytes)};
#undef WEFT_MIX
}

static void fixed(weft_i_builder *b, weft_i_phase phase, double ns)
{
    weft_i_operators_add(b->graph,
                         (weft_i_operator){.kind = WEFT_I_OPERATOR_FIXED,
                                           .phase = phase,
                                           .repeat = phase == WEFT_I_PHASE_FW ? b->again : 0,
                                           .bytes = ns});
}

/* The rows are of one device: a measured layer is not cut over the TP group. */
static void measured(weft_i_builder *b, const weft_layer *layer)
{
    measured_row row = measured_at(layer, b->rows);
    bool split = row.bww_ns > 0;
    fixed(b, WEFT_I_PHASE_FW, row.fw_ns);
    fixed(b, WEFT_I_PHASE_BWI, split ? row.bwi_ns : row.bw_ns);
    if (split) fixed(b, WEFT_I_PHASE_BWW, row.bww_ns);
    /* The input is saved whatever the strategy; what it and the held bytes share counts once. */
    double saved = row.saved_bytes / WEFT_I_VALUE_BYTES;
    double held = fmin(row.held_bytes / WEFT_I_VALUE_BYTES, saved);
    double input = fmin(b->rows * (double)b->shape->hidden, saved);
    double shared = fmax(0, held + input - saved);
    weft_i_part_save(b, shared, WEFT_I_NEED_INPUT | WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_ALL);
    weft_i_part_save(b, input - shared, WEFT_I_NEED_INPUT, WEFT_I_UNDER_ALL);
    weft_i_part_save(b, held - shared, WEFT_I_NEED_WEIGHT, WEFT_I_UNDER_KEPT);
    weft_i_part_save(b, saved - input - held + shared, WEFT_I_NEED_INPUT, WEFT_I_UNDER_KEPT);
    b->graph->inner_bytes = row.work_bytes;
}

void weft_i_layer_operators(const weft_i_shape *shape, const weft_layer *layer,
                            const weft_i_load *load, weft_i_operators *out_graph)
{
    double tokens = ceil((double)load->tokens / (double)shape->merge);
    weft_i_builder b = weft_i_builder_make(shape, tokens, out_graph);
    switch ((weft_layer_kind)shape->kind) {
    case WEFT_LAYER_TRANSFORMER:
        transformer(&b, load);
        break;
    case WEFT_LAYER_DIT:
        dit(&b, load);
        break;
    case WEFT_LAYER_EMBEDDING:
        embedding(&b);
        break;
    case WEFT_LAYER_HEAD:
        head(&b);
        break;
    case WEFT_LAYER_PATCH:
        patch_embedding(&b);
        break;
    case WEFT_LAYER_PROJECTOR:
        projector(&b);
        break;
    case WEFT_LAYER_MAMBA:
        mamba(&b);
        break;
    case WEFT_LAYER_MEASURED:
        measured(&b, layer);
        break;
    case WEFT_N_LAYERS:
        break;
    }
}

static double flop_of(const weft_i_shape *shape, const weft_layer *layer, const weft_i_load *load)
{
    weft_i_operators graph;
    weft_i_operators_clear(&graph);
    weft_i_layer_operators(shape, layer, load, &graph);
    double flop = 0;
    for (int32_t i = 0; i < graph.n_operators; i++)
        if (weft_i_phase_runs(graph.operators[i].phase, (weft_backward)shape->backward))
            flop += weft_i_operator_flop(&graph.operators[i]);
    return flop;
}

weft_i_flop_rates weft_i_layer_flop_rates(const weft_i_shape *shape, const weft_layer *layer)
{
    /* Whole chunks of a Mamba and of an expert's tokens, so that nothing is rounded up. */
    const int64_t tokens = INT64_C(1) << 20;
    weft_i_shape whole = *shape;
    whole.tp = whole.cp = whole.ep = 1;
    whole.sequence_parallel = 0;
    whole.imbalance_ppm = 1000000;
    if (whole.kind == WEFT_LAYER_MEASURED) {
        int passes = shape->backward == WEFT_BACKWARD_FULL ? 3 : 1 + (int)shape->backward;
        return (weft_i_flop_rates){.token = 2.0 * passes * (double)layer->parameters};
    }
    weft_i_load load = {.tokens = tokens * whole.merge};
    weft_i_flop_rates rates = {.token = flop_of(&whole, layer, &load) / (double)load.tokens};
    if (shape->cross_hidden > 0)
        rates.context = flop_of(&whole, layer, &(weft_i_load){.context = 1});
    if (shape->kind == WEFT_LAYER_DIT)
        rates.span = flop_of(&whole, layer, &(weft_i_load){.spans = 1});
    return rates;
}
