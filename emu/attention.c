/* emu/attention.c - attention over the single sequences of a stage's work. */
#include "emu/attention.h"

#include <math.h>

#include "emu/parts.h"

enum { PLAIN_SOFTMAX_KERNELS = 5 };

weft_i_core weft_i_core_of(const weft_i_shape *shape, int64_t merge, int64_t spread)
{
    weft_i_core core = {.tp = shape->tp, .cp = shape->cp, .merge = merge, .spread = spread};
    if (shape->kind != WEFT_LAYER_TRANSFORMER && shape->kind != WEFT_LAYER_DIT) return core;
    core.heads = shape->heads;
    core.kv_heads = shape->kv_heads;
    core.head_size = shape->head_size;
    core.mask = shape->attention;
    core.window = shape->window;
    core.cross = shape->cross_hidden > 0;
    core.cross_only = core.cross && shape->kind == WEFT_LAYER_TRANSFORMER;
    core.gathers = shape->cp > 1 && shape->cp_gathers && !core.cross_only;
    if (shape->kv_rank > 0) {
        core.kv_heads = shape->heads;
        core.head_size = (shape->head_size + shape->rope_size + shape->value_size) / 2;
    }
    core.flash = shape->flash;
    core.dropout = weft_i_has_dropout(shape);
    return core;
}

double weft_i_core_keys(weft_attention mask, double window, double tokens)
{
    switch (mask) {
    case WEFT_ATTENTION_FULL:
        break;
    case WEFT_ATTENTION_CAUSAL:
        return tokens / 2;
    case WEFT_ATTENTION_WINDOWED:
        return tokens <= window ? tokens / 2 : window - window * window / (2 * tokens);
    }
    return tokens;
}

/* The first row of at least this head size, as kernels pad to the next, else the largest. */
static const weft_attention_row *row_of(const weft_device *device, int64_t head_size)
{
    int32_t i = 0;
    while (i + 1 < device->n_attention && device->attention[i].head_size < head_size)
        i++;
    return &device->attention[i];
}

/* One sequence on one device: queries x keys of `heads` heads. */
typedef struct rectangle {
    double queries, keys; /* keys that are there */
    double seen;          /* keys that a query sees on average */
    double length;        /* at which the kernel's efficiency is looked up */
    bool causal;
    double together; /* sequences that a kernel takes at once, all taken as like this one */
} rectangle;

static double rate_of(const weft_attention_row *row, const rectangle *r, bool backward)
{
    const weft_table *causal = backward ? &row->backward_causal : &row->forward_causal;
    const weft_table *full = backward ? &row->backward : &row->forward;
    return weft_table_at(r->causal && causal->n_points > 0 ? causal : full, r->length);
}

/* A fused kernel (Dao 2023): nothing of size queries x keys leaves the multiprocessors; the
 * backward has five products for the forward's two. */
static void add_fused(const weft_i_core *core, const weft_i_machine *machine, const rectangle *r,
                      weft_i_core_sums *sums)
{
    double heads = ceil((double)core->heads / (double)core->tp);
    const weft_attention_row *row = row_of(machine->device, core->head_size);
    double flop = 4 * r->queries * r->seen * (double)core->head_size * heads;
    sums->device_flop += flop;
    sums->fw_ns += flop / (machine->peak * rate_of(row, r, false));
    sums->bw_ns += 2.5 * flop / (machine->peak * rate_of(row, r, true));
    sums->saved_bytes += 4 * heads * r->queries; /* log of the sums of exponentials, float32 */
    sums->work_bw_bytes += 4 * heads * r->queries * (double)core->head_size; /* dQ in float32 */
}

/* Of a byte a score. */
static double score_rate(const weft_i_machine *machine)
{
    return machine->elementwise * machine->device->score_traffic / machine->memory;
}

/* Separate kernels: two products over the whole square of all heads and sequences, priced like
 * other GEMMs; between them scale, mask, softmax and dropout by bandwidth. */
static void add_unfused(const weft_i_core *core, const weft_i_machine *machine, const rectangle *r,
                        weft_i_core_sums *sums)
{
    double heads = ceil((double)core->heads / (double)core->tp), size = (double)core->head_size;
    double scores = heads * r->queries * r->keys, count = heads * r->together;
    double flop = 4 * scores * size;
    double products = (weft_i_product_ns(machine, r->queries, r->keys, size, count) +
                       weft_i_product_ns(machine, r->queries, size, r->keys, count)) /
                      r->together;
    double score_ns = scores * score_rate(machine);
    sums->scores += scores;
    sums->device_flop += flop;
    sums->fw_ns += products + (core->dropout ? 9 : 4) * score_ns;
    sums->bw_ns += 2 * products + (core->dropout ? 11 : 6) * machine->backward_traffic * score_ns;
    sums->saved_bytes += (core->dropout ? 5 : 2) * scores;
    sums->work_fw_bytes += WEFT_I_VALUE_BYTES * 2 * scores;
    sums->work_bw_bytes += WEFT_I_VALUE_BYTES * 2 * scores;
}

static void add_rectangle(const weft_i_core *core, const weft_i_machine *machine,
                          const rectangle *r, weft_i_core_sums *sums)
{
    if (r->queries <= 0 || r->keys <= 0) return;
    if (core->flash)
        add_fused(core, machine, r, sums);
    else
        add_unfused(core, machine, r, sums);
}

static void add_span(const weft_i_core *core, const weft_i_machine *machine, double tokens,
                     double context, double together, weft_i_core_sums *sums)
{
    weft_attention mask = (weft_attention)core->mask;
    double cp = (double)core->cp, seen = weft_i_core_keys(mask, (double)core->window, tokens);
    /* Under CP the ring gives each device all keys in cp steps, the causal halves evenly. */
    rectangle self = {.queries = tokens / cp,
                      .keys = tokens,
                      .seen = seen,
                      .length = (mask == WEFT_ATTENTION_WINDOWED ? 2 * seen : tokens) / cp,
                      .causal = mask != WEFT_ATTENTION_FULL,
                      .together = together};
    if (!core->cross_only) add_rectangle(core, machine, &self, sums);
    if (core->cross) {
        rectangle cross = {tokens / cp, context, context, context, false, together};
        add_rectangle(core, machine, &cross, sums);
    }
}

static double merged(int64_t tokens, int64_t merge)
{
    return (double)((tokens + merge - 1) / merge);
}

/* Sequence i of a work; a work without any is one sequence of all its tokens. */
static weft_i_span span_of(const weft_i_work *work, int32_t i)
{
    return work->n_spans > 0 ? work->spans[i] : (weft_i_span){.tokens = work->tokens};
}

static int32_t n_spans_of(const weft_i_work *work)
{
    return work->n_spans > 0 ? work->n_spans : 1;
}

/* Tokens that each device was dealt so far. */
typedef struct dealt {
    int64_t tokens[WEFT_I_MAX_SPREAD];
} dealt;

/* The device that the next sequence goes to: the one with the fewest tokens. */
static int64_t deal(dealt *all, int64_t devices, int64_t tokens)
{
    int64_t best = 0;
    for (int64_t d = 1; d < devices; d++)
        if (all->tokens[d] < all->tokens[best]) best = d;
    all->tokens[best] += tokens;
    return best;
}

static int64_t heaviest(const weft_i_work *work, int64_t devices)
{
    dealt all = {{0}};
    for (int32_t i = 0; i < n_spans_of(work); i++)
        deal(&all, devices, span_of(work, i).tokens);
    int64_t most = 0;
    for (int64_t d = 1; d < devices; d++)
        if (all.tokens[d] > all.tokens[most]) most = d;
    return most;
}

/* Model flop of all sequences forward, whichever device they are on. */
static double flop_of(const weft_i_core *core, const weft_i_work *work)
{
    double flop = 0, width = (double)(core->heads * core->head_size);
    for (int32_t i = 0; i < n_spans_of(work); i++) {
        weft_i_span span = span_of(work, i);
        double tokens = merged(span.tokens, core->merge);
        double seen = weft_i_core_keys((weft_attention)core->mask, (double)core->window, tokens);
        flop += 4 * tokens * width *
                ((core->cross_only ? 0 : seen) + (core->cross ? (double)span.context : 0));
    }
    return flop;
}

/* All keys and values are gathered before the kernel, in the backward again, and their gradients
 * are scattered after it: exposed (Llama 3, arXiv 2407.21783, section 3.3.2). `bytes` of one
 * device. */
static void add_gather(const weft_i_core *core, const weft_i_machine *machine, double bytes,
                       weft_i_core_sums *sums)
{
    double whole = bytes * (double)core->cp;
    double ns =
        weft_i_network_collective_ns(&machine->network, &machine->network.groups[WEFT_I_AXIS_CP],
                                     WEFT_I_COLLECTIVE_ALL_GATHER, whole);
    sums->fw_ns += ns;
    sums->bw_ns += 2 * ns;
    sums->work_fw_bytes += whole;
    sums->work_bw_bytes += 2 * whole;
}

/* Megatron-LM's kernel of scale, mask and softmax wants a multiple of four heads x sequences; else
 * there is a kernel for each step, and the softmax is in float32: 24 and 26 bytes a score more. */
static void add_plain_softmax(const weft_i_core *core, const weft_i_machine *machine,
                              weft_i_core_sums *sums)
{
    int64_t heads = (core->heads + core->tp - 1) / core->tp;
    if (heads * sums->load.spans % 4 == 0) return;
    double score_ns = sums->scores * score_rate(machine);
    sums->fw_ns += 24 * score_ns;
    sums->bw_ns += 26 * machine->backward_traffic * score_ns;
    sums->fw_kernels += PLAIN_SOFTMAX_KERNELS;
    sums->bw_kernels += PLAIN_SOFTMAX_KERNELS;
}

/* A kernel is launched once for all sequences, reads and writes at least its tensors, and under CP
 * takes at least as long as the keys and values need around the ring (the backward sends their
 * gradients too). */
static void bound_times(const weft_i_core *core, const weft_i_machine *machine,
                        weft_i_core_sums *sums)
{
    double tp = (double)core->tp, size = (double)core->head_size;
    double tokens = ceil((double)sums->load.tokens / (double)core->cp);
    double query = ceil((double)core->heads / tp) * size;
    double key = fmax(1, ceil((double)core->kv_heads / tp)) * size;
    double tensors_ns = WEFT_I_VALUE_BYTES * 2 * tokens * (query + key) / machine->memory;
    double step_ns = weft_i_network_ring_step_ns(&machine->network, WEFT_I_AXIS_CP,
                                                 WEFT_I_VALUE_BYTES * 2 * tokens * key);
    double ring_ns = core->gathers || core->cross_only ? 0 : (double)(core->cp - 1) * step_ns;
    int kinds = (core->cross_only ? 0 : 1) + (core->cross ? 1 : 0);
    sums->fw_kernels = kinds * (core->flash ? 1 : 4);
    sums->bw_kernels = kinds * (core->flash ? 1 : 7);
    if (sums->scores > 0) add_plain_softmax(core, machine, sums);
    sums->fw_ns = fmax(fmax(sums->fw_ns, tensors_ns), ring_ns);
    sums->bw_ns = fmax(fmax(sums->bw_ns, 2 * tensors_ns), 2 * ring_ns);
    if (core->gathers) add_gather(core, machine, WEFT_I_VALUE_BYTES * 2 * tokens * key, sums);
    sums->fw_ns += sums->fw_kernels * machine->launch_ns;
    sums->bw_ns += sums->bw_kernels * machine->launch_ns;
}

void weft_i_core_price(const weft_i_core *core, const weft_i_machine *machine,
                       const weft_i_work *work, weft_i_core_sums *out_sums)
{
    weft_i_core_sums sums = {.flop = flop_of(core, work)};
    int64_t mine = core->spread > 1 ? heaviest(work, core->spread) : 0;
    double together = ceil(n_spans_of(work) / fmax(1, (double)core->spread));
    dealt all = {{0}};
    for (int32_t i = 0; i < n_spans_of(work); i++) {
        weft_i_span span = span_of(work, i);
        if (core->spread > 1 && deal(&all, core->spread, span.tokens) != mine) continue;
        double tokens = merged(span.tokens, core->merge);
        sums.load.tokens += (int64_t)tokens;
        sums.load.context += span.context;
        sums.load.spans++;
        if (core->heads > 0) add_span(core, machine, tokens, (double)span.context, together, &sums);
    }
    if (core->heads > 0 && sums.load.tokens > 0) bound_times(core, machine, &sums);
    *out_sums = sums;
}
