/* emu/layers.c - each kind of layer as operators and tensors. Not: what they cost. */
#include "emu/layers.h"

#include <math.h>

#include "emu/blocks.h"
#include "profiles/recompute.h"

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

static int32_t attention(weft_i_builder *b, int32_t in, const weft_i_load *load)
{
    if (b->shape->cross_hidden > 0)
        return weft_i_block_cross_attention(b, in, (double)load->context);
    if (b->shape->kv_rank > 0) return weft_i_block_latent_attention(b, in);
    return weft_i_block_self_attention(b, in);
}

static void transformer(weft_i_builder *b, const weft_i_load *load)
{
    double h = (double)b->shape->hidden;
    int32_t in = weft_i_part_given(b, b->shard * h);
    int32_t out = attention(b, weft_i_part_norm(b, in, b->shard, h), load);
    int32_t residual = weft_i_part_add(b, out, in);
    out = weft_i_part_norm(b, residual, b->shard, h);
    if (b->shape->experts > 0)
        out = weft_i_block_experts(b, out);
    else
        out = weft_i_block_mlp(b, out);
    weft_i_part_add(b, out, residual);
}

/* adaLN (Peebles and Xie 2023): scale and shift after the norm, a gate on the block's output.
 * `scales`: where they are of the sequence's own. */
static int32_t modulation(weft_i_builder *b, int32_t in, int32_t scales)
{
    double values = b->shard * (double)b->shape->hidden;
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_MODULATION;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 4 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_read(b, in, WEFT_I_NEED_INPUT);
    weft_i_part_read(b, scales, 0);
    int32_t out = weft_i_part_make(b, values, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 5 * WEFT_I_VALUE_BYTES * values);
    b->names = names;
    return out;
}

static void dit(weft_i_builder *b, const weft_i_load *load)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden;
    int32_t residual = weft_i_part_given(b, b->shard * h), scales = -1;
    bool entry = b->entry;
    if (!s->adaln_shared) {
        b->entry = false;
        scales = weft_i_part_map(b, weft_i_part_given(b, 0), (double)load->spans, h, 6 * h,
                                 WEFT_I_CUT_COLUMN, 1);
        b->entry = entry;
    }
    int32_t out = weft_i_part_norm(b, residual, b->shard, h);
    out = weft_i_block_self_attention(b, modulation(b, out, scales));
    residual = weft_i_part_add(b, out, residual);
    if (s->cross_hidden > 0) {
        out = weft_i_part_norm(b, residual, b->shard, h);
        out = weft_i_block_cross_attention(b, out, (double)load->context);
        residual = weft_i_part_add(b, out, residual);
    }
    out = weft_i_part_norm(b, residual, b->shard, h);
    out = weft_i_block_mlp(b, modulation(b, out, scales));
    weft_i_part_add(b, out, residual);
}

/* A table cut by rows of the vocabulary: each device adds what it has. */
static void embedding(weft_i_builder *b)
{
    bool spread = b->shape->sequence_parallel;
    weft_i_collective all = spread ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE;
    double values = b->rows * (double)b->shape->hidden;
    const double id_values = 8.0 / WEFT_I_VALUE_BYTES;
    int32_t ids = weft_i_part_given(b, id_values * b->rows);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_read(b, ids, WEFT_I_NEED_WEIGHT);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWW, 3 * WEFT_I_VALUE_BYTES * values);
    weft_i_part_collective(b, WEFT_I_PHASE_FW, WEFT_I_AXIS_TP, all, WEFT_I_VALUE_BYTES * values);
    if (spread)
        weft_i_part_collective(b, WEFT_I_PHASE_BWW, WEFT_I_AXIS_TP, all,
                               WEFT_I_VALUE_BYTES * values);
    if (b->shape->asked) /* by rows that other modules put in */
        weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 2 * WEFT_I_VALUE_BYTES * values);
    b->graph->out_bytes = WEFT_I_VALUE_BYTES * values;
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
    const double float_values = 4.0 / WEFT_I_VALUE_BYTES;
    int32_t out = weft_i_part_norm(b, weft_i_part_given(b, b->shard * h), b->shard, h);
    out = weft_i_part_gather(b, out, h);
    out = weft_i_part_map(b, out, b->rows, h, (double)s->vocab, WEFT_I_CUT_COLUMN, 1);
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 18 * logits);
    weft_i_part_read(b, out, 0);
    weft_i_part_make(b, float_values * logits, WEFT_I_NEED_INPUT);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 10 * logits);
    mark_head(b);
    for (int i = 0; i < 3; i++)
        weft_i_part_collective(b, WEFT_I_PHASE_FW, WEFT_I_AXIS_TP, WEFT_I_COLLECTIVE_ALL_REDUCE,
                               4 * b->rows);
    b->graph->inner_bytes = fmax(b->graph->inner_bytes, 4 * logits);
    b->graph->out_bytes = WEFT_I_VALUE_BYTES * logits;
}

static void patch_embedding(weft_i_builder *b)
{
    double h = (double)b->shape->hidden, width = (double)b->shape->in_features;
    int32_t patches = weft_i_part_given(b, b->shard * width);
    int32_t out = weft_i_part_map(b, patches, b->shard, width, h, WEFT_I_CUT_NOT, 1);
    /* Bias and position embedding. */
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 6 * b->shard * h);
    weft_i_part_read(b, out, 0);
}

static void projector(weft_i_builder *b)
{
    double h = (double)b->shape->hidden, width = (double)b->shape->in_features;
    int32_t out = weft_i_part_given(b, b->shard * width);
    out = weft_i_part_norm(b, out, b->shard, width);
    out = weft_i_part_gather(b, out, width);
    out = weft_i_part_map(b, out, b->rows, width, h, WEFT_I_CUT_COLUMN, 1);
    out = weft_i_part_activation(b, out, b->rows, h, false, WEFT_I_REDO_MLP_ACT);
    out = weft_i_part_map(b, out, b->rows, h, h, WEFT_I_CUT_ROW, 1);
    weft_i_part_reduce(b, out, h);
}

/* The convolution, and state space by the chunked algorithm of Dao and Gu 2024, section 6, one
 * group of B and C. `in`: what is convolved, `steps`: the step sizes; gives what the heads make. */
static int32_t state_space(weft_i_builder *b, int32_t in, int32_t groups, int32_t steps)
{
    const weft_i_shape *s = b->shape;
    enum { CHUNK = 256 };
    double n = (double)s->state_size, inner = (double)(s->expand * s->hidden);
    double size = s->head_size > 0 ? (double)s->head_size : 64;
    double heads = weft_i_cut_over_tp(b, ceil(inner / size));
    double chunks = ceil(b->rows / CHUNK), conv = weft_i_cut_over_tp(b, inner) + 2 * n;
    weft_i_part_traffic(b, WEFT_I_PHASE_FW, 2 * WEFT_I_VALUE_BYTES * b->rows * conv);
    weft_i_part_read(b, in, WEFT_I_NEED_INPUT);
    weft_i_part_read(b, groups, WEFT_I_NEED_INPUT);
    int32_t convolved = weft_i_part_make(b, b->rows * conv, 0);
    weft_i_part_traffic(b, WEFT_I_PHASE_BWI, 3 * WEFT_I_VALUE_BYTES * b->rows * conv);
    weft_i_part_product(b, CHUNK, CHUNK, n, chunks);
    weft_i_part_read(b, convolved, WEFT_I_NEED_INPUT);
    weft_i_part_read(b, steps, 0);
    int32_t mixed = weft_i_part_make(b, 0, 0);
    weft_i_part_product(b, CHUNK, size, CHUNK, chunks * heads);
    weft_i_part_read(b, mixed, 0);
    int32_t inside = weft_i_part_make(b, 0, 0);
    weft_i_part_product(b, n, size, CHUNK, chunks * heads);
    weft_i_part_read(b, convolved, 0);
    int32_t states = weft_i_part_make(b, chunks * heads * n * size, 0);
    weft_i_part_product(b, CHUNK, size, n, chunks * heads);
    weft_i_part_read(b, states, WEFT_I_NEED_INPUT);
    weft_i_part_read(b, inside, 0);
    return weft_i_part_make(b, b->rows * weft_i_cut_over_tp(b, inner), 0);
}

static void mamba(weft_i_builder *b)
{
    const weft_i_shape *s = b->shape;
    double h = (double)s->hidden, n = (double)s->state_size,
           inner = (double)(s->expand * s->hidden);
    double size = s->head_size > 0 ? (double)s->head_size : 64;
    int32_t residual = weft_i_part_given(b, b->shard * h);
    int32_t in = weft_i_part_norm(b, residual, b->shard, h);
    in = weft_i_part_gather(b, in, h);
    int32_t wide = weft_i_part_map(b, in, b->rows, h, 2 * inner, WEFT_I_CUT_COLUMN, 1);
    int32_t gate = weft_i_part_split(b, wide, b->rows * weft_i_cut_over_tp(b, inner));
    int32_t groups = weft_i_part_map(b, in, b->rows, h, 2 * n, WEFT_I_CUT_NOT, 1);
    int32_t steps = weft_i_part_map(b, in, b->rows, h, ceil(inner / size), WEFT_I_CUT_COLUMN, 1);
    uint32_t names = b->names;
    b->names |= WEFT_I_REDO_SSM;
    int32_t out = state_space(b, wide, groups, steps);
    b->names = names;
    /* Gate and norm. */
    out = weft_i_part_activation(b, out, b->rows, inner, true, WEFT_I_REDO_MLP_ACT);
    weft_i_part_read(b, gate, WEFT_I_NEED_INPUT);
    out = weft_i_part_map(b, out, b->rows, inner, h, WEFT_I_CUT_ROW, 1);
    out = weft_i_part_reduce(b, out, h);
    weft_i_part_add(b, out, residual);
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
    weft_i_operators_add(b->graph, (weft_i_operator){.kind = WEFT_I_OPERATOR_FIXED,
                                                     .phase = phase,
                                                     .names = b->names,
                                                     .bytes = ns});
}

/* The rows are of one device: a measured layer is not cut over the TP group. */
static void measured(weft_i_builder *b, const weft_layer *layer)
{
    measured_row row = measured_at(layer, b->rows);
    bool split = row.bww_ns > 0;
    /* The input is saved whatever the strategy; what it and the held bytes share counts once. */
    double saved = row.saved_bytes / WEFT_I_VALUE_BYTES;
    double held = fmin(row.held_bytes / WEFT_I_VALUE_BYTES, saved);
    double input = fmin(b->rows * (double)b->shape->hidden, saved);
    double shared = fmax(0, held + input - saved);
    int32_t both = weft_i_part_given(b, shared), rest = weft_i_part_given(b, input - shared);
    fixed(b, WEFT_I_PHASE_FW, row.fw_ns);
    weft_i_part_read(b, both, WEFT_I_NEED_INPUT | WEFT_I_NEED_WEIGHT);
    weft_i_part_read(b, rest, WEFT_I_NEED_INPUT);
    weft_i_part_make(b, held - shared, WEFT_I_NEED_WEIGHT);
    weft_i_part_make(b, saved - input - held + shared, WEFT_I_NEED_INPUT);
    fixed(b, WEFT_I_PHASE_BWI, split ? row.bwi_ns : row.bw_ns);
    if (split) fixed(b, WEFT_I_PHASE_BWW, row.bww_ns);
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
