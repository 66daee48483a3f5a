/* emu/timed.c - see timed.h. */
#include "emu/timed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { N_PASSES = 4, MOST_SPANS = 1 << 16 };

/* The work that a row was timed on. */
static weft_status work_of(const weft_layer_time *row, weft_i_arena *arena, weft_error *error,
                           weft_i_work *out)
{
    int64_t n = row->span > 0 ? (row->tokens + row->span - 1) / row->span : 0;
    if (n < 1 || n > MOST_SPANS)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "a layer timed on %lld tokens in sequences of %lld: expected 1 to %d",
                           (long long)row->tokens, (long long)row->span, MOST_SPANS);
    weft_i_span *spans = weft_i_new(arena, weft_i_span, n);
    if (!spans) return weft_i_no_memory(error);
    for (int64_t i = 0; i < n; i++) {
        int64_t left = row->tokens - i * row->span;
        spans[i] = (weft_i_span){left < row->span ? left : row->span, row->context};
    }
    *out = (weft_i_work){row->tokens, spans, (int32_t)n};
    return WEFT_STATUS_OK;
}

/* The length at which attention over as many sequences of one length is the same work. */
static double log_span(const weft_i_work *work)
{
    double squares = 0;
    for (int32_t i = 0; i < work->n_spans; i++)
        squares += (double)work->spans[i].tokens * (double)work->spans[i].tokens;
    return squares > 0 ? log(squares / (double)work->tokens) : log((double)work->tokens);
}

static weft_status make_row(weft_i_emu *emu, const weft_layer_time *time, weft_error *error,
                            weft_i_timed_row *out)
{
    weft_i_arena arena = {0};
    weft_i_work work;
    weft_i_stage_cost cost;
    weft_status status = work_of(time, &arena, error, &work);
    if (status == WEFT_STATUS_OK)
        status = weft_i_emu_stage(emu, time->module, time->layer, 1, &work, WEFT_I_STRATEGY_NONE,
                                  error, &cost);
    if (status == WEFT_STATUS_OK) {
        const int64_t took[] = {time->fw_ns, time->bw_ns, time->bwi_ns, time->bww_ns};
        const int64_t said[] = {cost.cost.fw_ns, cost.cost.bw_ns, cost.cost.bwi_ns,
                                cost.cost.bww_ns};
        *out = (weft_i_timed_row){.tokens = log((double)work.tokens), .span = log_span(&work)};
        for (int k = 0; k < N_PASSES; k++)
            if (took[k] > 0 && said[k] > 0) out->passes[k] = log((double)took[k] / (double)said[k]);
        /* All that an embedding's backward does is of its weights: it is not timed in halves. */
        if (took[3] == 0) out->passes[3] = out->passes[1];
    }
    weft_i_arena_free(&arena);
    return status;
}

static int compare(const void *a, const void *b)
{
    const weft_i_timed_row *x = a, *y = b;
    if (x->span != y->span) return x->span < y->span ? -1 : 1;
    return (x->tokens > y->tokens) - (x->tokens < y->tokens);
}

static bool is_of(const weft_i_emu *emu, const weft_layer_time *time, int32_t c)
{
    return time->module < emu->model->n_modules &&
           time->layer < emu->model->modules[time->module].n_layers &&
           emu->modules[time->module].classes[time->layer] == c;
}

static weft_status make_class(weft_i_emu *emu, const weft_layer_times *layers, int32_t c,
                              weft_error *error)
{
    int32_t n = 0;
    for (int32_t i = 0; i < layers->n_rows; i++)
        n += is_of(emu, &layers->rows[i], c);
    weft_i_timed made = {.rows = weft_i_new(&emu->arena, weft_i_timed_row, n)};
    if (!made.rows) return weft_i_no_memory(error);
    for (int32_t i = 0; i < layers->n_rows; i++) {
        if (!is_of(emu, &layers->rows[i], c)) continue;
        weft_status status = make_row(emu, &layers->rows[i], error, &made.rows[made.n_rows++]);
        if (status != WEFT_STATUS_OK) return status;
    }
    qsort(made.rows, (size_t)made.n_rows, sizeof(*made.rows), compare);
    emu->classes[c].timed = made;
    return WEFT_STATUS_OK;
}

weft_status weft_i_timed_make(weft_i_emu *emu, weft_error *error)
{
    const weft_layer_times *layers = &emu->machine.device->layers;
    const weft_parallel *p = &emu->parallel;
    weft_status status = WEFT_STATUS_OK;
    if (!layers->model || strcmp(layers->model, emu->model->sha256) != 0) return status;
    if (p->tp * p->cp * p->ep != 1) return status;
    for (int32_t i = 0; i < layers->n_rows; i++) {
        const weft_layer_time *row = &layers->rows[i];
        if (row->module < emu->model->n_modules &&
            row->layer < emu->model->modules[row->module].n_layers)
            continue;
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "device %s was timed on layer %d of module %d, which model %s lacks",
                           emu->machine.device->name, row->layer, row->module, emu->model->name);
    }
    for (int32_t c = 0; c < emu->n_classes && status == WEFT_STATUS_OK; c++)
        status = make_class(emu, layers, c, error);
    emu->pass_ns = layers->pass_ns;
    return status;
}

/* Part of the way from a to b at which x is, within 0 and 1. */
static double part_of(double a, double b, double x)
{
    return b > a ? fmin(fmax((x - a) / (b - a), 0), 1) : 0;
}

/* Rows first..end-1 are of one span. */
static void along_tokens(const weft_i_timed *timed, int32_t first, int32_t end, double tokens,
                         double out[N_PASSES])
{
    int32_t low = first;
    while (low + 1 < end && timed->rows[low + 1].tokens <= tokens)
        low++;
    const weft_i_timed_row *a = &timed->rows[low], *b = low + 1 < end ? a + 1 : a;
    double part = part_of(a->tokens, b->tokens, tokens);
    for (int k = 0; k < N_PASSES; k++)
        out[k] = a->passes[k] + part * (b->passes[k] - a->passes[k]);
}

static int32_t end_of_span(const weft_i_timed *timed, int32_t first)
{
    int32_t end = first;
    while (end < timed->n_rows && timed->rows[end].span == timed->rows[first].span)
        end++;
    return end;
}

/* Measured over formula: between the spans on both sides, along the tokens in each. */
static void find_ratios(const weft_i_timed *timed, const weft_i_work *work, double out[N_PASSES])
{
    double tokens = log((double)work->tokens), span = log_span(work), below[N_PASSES],
           above[N_PASSES];
    int32_t low = 0, end = end_of_span(timed, 0);
    while (end < timed->n_rows && timed->rows[end].span <= span) {
        low = end;
        end = end_of_span(timed, low);
    }
    int32_t high = end < timed->n_rows ? end : low;
    along_tokens(timed, low, end, tokens, below);
    along_tokens(timed, high, end_of_span(timed, high), tokens, above);
    double part = part_of(timed->rows[low].span, timed->rows[high].span, span);
    for (int k = 0; k < N_PASSES; k++)
        out[k] = exp(below[k] + part * (above[k] - below[k]));
}

/* What is made again is forward work. A backward without weight gradients was timed as the first
 * half of a whole one. */
void weft_i_timed_apply(const weft_i_class *class, const weft_i_work *work,
                        weft_i_layer_price *price)
{
    enum { FW, BW, BWI, BWW };
    double ratios[N_PASSES];
    if (class->timed.n_rows == 0 || work->tokens <= 0) return;
    find_ratios(&class->timed, work, ratios);
    bool is_full = class->shape.backward == WEFT_BACKWARD_FULL;
    double again = (double)price->recompute_ns * ratios[FW];
    double fused = (double)(price->bw_ns - price->recompute_ns) * ratios[is_full ? BW : BWI];
    double first = (double)(price->bwi_ns - price->recompute_ns) * ratios[BWI];
    price->fw_ns = weft_i_whole_ns((double)price->fw_ns * ratios[FW]);
    if (price->bw_ns > 0) price->bw_ns = weft_i_whole_ns(again + fused);
    if (price->bwi_ns > 0) price->bwi_ns = weft_i_whole_ns(again + first);
    price->bww_ns = weft_i_whole_ns((double)price->bww_ns * ratios[BWW]);
    price->recompute_ns = weft_i_whole_ns(again);
    if (price->bww_ns > 0 && price->bw_ns > price->bwi_ns + price->bww_ns)
        price->bw_ns = price->bwi_ns + price->bww_ns;
}

void weft_i_timed_add_pass(const weft_i_emu *emu, weft_cost *cost)
{
    int64_t *const passes[] = {&cost->fw_ns, &cost->bw_ns, &cost->bwi_ns, &cost->bww_ns};
    for (int k = 0; k < N_PASSES; k++)
        if (*passes[k] > 0) *passes[k] += emu->pass_ns;
}
