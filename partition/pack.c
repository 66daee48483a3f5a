/* partition/pack.c - units into microbatches, and these onto replicas. */
#include "partition/pack.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "partition/bins.h"
#include "partition/replicas.h"
#include "partition/units.h"
#include "partition/weigh.h"

/* A microbatch in the making: a chain of units. */
typedef struct bin {
    int32_t replica; /* given by the caller, or -1 */
    int32_t first, last;
    int32_t n_samples;
} bin;

typedef struct packer {
    const weft_model *model;
    const weft_recipe *recipe;
    const weft_batch *batch;
    weft_i_emu *emu;
    weft_i_units units;
    weft_i_arena scratch;
    weft_i_arena *arena; /* of the result */
    weft_error *error;
    int32_t dp;
    int32_t *next; /* next unit of the same bin, or -1 */
    bin *bins;
    int32_t n_bins;
    weft_i_microbatch *made; /* of each bin */
} packer;

/* A unit where the caller wants it; -1 = anywhere. */
typedef struct place {
    int32_t replica, microbatch, unit;
} place;

static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->replica != y->replica) return x->replica < y->replica ? -1 : 1;
    if (x->microbatch != y->microbatch) return x->microbatch < y->microbatch ? -1 : 1;
    return x->unit < y->unit ? -1 : 1;
}

static void put(packer *p, int32_t b, const place *at)
{
    while (p->n_bins <= b)
        p->bins[p->n_bins++] = (bin){at->replica, -1, -1, 0};
    bin *to = &p->bins[b];
    const weft_i_unit *units = p->units.units;
    if (to->last < 0 || units[to->last].sample != units[at->unit].sample) to->n_samples++;
    if (to->last < 0)
        to->first = at->unit;
    else
        p->next[to->last] = at->unit;
    p->next[at->unit] = -1;
    to->last = at->unit;
}

/* Pack n units that have no microbatch, all with the same replica or all without. */
static weft_status fill_bins(packer *p, const place *places, int32_t n)
{
    weft_i_sizes *sizes = weft_i_new(&p->scratch, weft_i_sizes, n);
    int32_t *bins = weft_i_new(&p->scratch, int32_t, n), n_new, first = p->n_bins;
    if (!sizes || !bins) return weft_i_no_memory(p->error);
    for (int32_t i = 0; i < n; i++)
        sizes[i] = p->units.units[places[i].unit].sizes;
    weft_status status = weft_i_bins_fill(p->recipe->packing, sizes, n, weft_i_capacity(p->recipe),
                                          p->error, bins, &n_new);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n; i++)
        put(p, first + bins[i], &places[i]);
    return status;
}

static weft_status read_places(packer *p, int32_t n, place *out_places)
{
    for (int32_t u = 0; u < n; u++) {
        const weft_sample *sample = &p->batch->samples[p->units.units[u].sample];
        int32_t replica = sample->replica;
        if (replica < 0 && sample->microbatch >= 0 && p->dp == 1) replica = 0;
        if (replica >= p->dp)
            return weft_i_fail_at(p->error, WEFT_STATUS_BAD_INPUT, p->batch->name, sample->line,
                                  "$.replica", "found %d, but the replicas are 0 to %d", replica,
                                  p->dp - 1);
        out_places[u] = (place){replica, sample->microbatch, u};
    }
    qsort(out_places, (size_t)n, sizeof(*out_places), by_place);
    return WEFT_STATUS_OK;
}

static weft_status make_bins(packer *p)
{
    int32_t n = (int32_t)p->units.n_units;
    place *places = weft_i_new(&p->scratch, place, n);
    p->bins = weft_i_new(&p->scratch, bin, n);
    p->next = weft_i_new(&p->scratch, int32_t, n);
    if (!places || !p->bins || !p->next) return weft_i_no_memory(p->error);
    weft_status status = read_places(p, n, places);
    for (int32_t i = 0, end; status == WEFT_STATUS_OK && i < n; i = end) {
        end = i + 1;
        while (end < n && places[end].replica == places[i].replica &&
               places[end].microbatch == places[i].microbatch)
            end++;
        if (places[i].microbatch < 0) {
            status = fill_bins(p, &places[i], end - i);
            continue;
        }
        for (int32_t j = i, b = p->n_bins; j < end; j++)
            put(p, b, &places[j]);
    }
    return status;
}

/* Instances of one bin by module. The arrays of all bins and modules lie one behind the other. */
static weft_status fill_microbatch(packer *p, const bin *from, weft_i_microbatch *out)
{
    int32_t n_modules = p->model->n_modules;
    out->modules = weft_i_new(p->arena, weft_i_instances, n_modules);
    if (!out->modules) return weft_i_no_memory(p->error);
    for (int32_t u = from->first; u >= 0; u = p->next[u])
        for (int32_t i = 0; i < p->units.units[u].n; i++)
            out->modules[p->units.instances[p->units.units[u].first + i].module].n_items++;
    for (int32_t m = 0; m < n_modules; m++) {
        weft_i_instances *of = &out->modules[m];
        of->items = weft_i_new(p->arena, weft_item, of->n_items);
        of->out_tokens = weft_i_new(p->arena, int64_t, of->n_items);
        of->context_tokens = weft_i_new(p->arena, int64_t, of->n_items);
        if (!of->items || !of->out_tokens || !of->context_tokens) return weft_i_no_memory(p->error);
        of->n_items = 0;
    }
    for (int32_t u = from->first; u >= 0; u = p->next[u])
        for (int32_t i = 0; i < p->units.units[u].n; i++) {
            const weft_i_instance *at = &p->units.instances[p->units.units[u].first + i];
            weft_i_instances *of = &out->modules[at->module];
            of->items[of->n_items] = at->item;
            of->out_tokens[of->n_items] = at->out_tokens;
            of->context_tokens[of->n_items++] = at->context_tokens;
            of->tokens += at->item.tokens;
        }
    return WEFT_STATUS_OK;
}

/* Every bin as a microbatch, and what spreads them: estimated work, and the caller's replica. */
static weft_status fill_microbatches(packer *p, double *work, int32_t *given)
{
    p->made = weft_i_new(&p->scratch, weft_i_microbatch, p->n_bins);
    if (!p->made) return weft_i_no_memory(p->error);
    for (int32_t b = 0; b < p->n_bins; b++) {
        weft_status status = fill_microbatch(p, &p->bins[b], &p->made[b]);
        if (status != WEFT_STATUS_OK) return status;
        given[b] = p->bins[b].replica;
    }
    if (p->dp == 1) return WEFT_STATUS_OK;
    return weft_i_weigh(p->model, p->recipe, p->emu, p->made, p->n_bins, p->error, work);
}

/* Samples in no microbatch, and in more than one by repetition. */
static weft_status count_samples(packer *p, const weft_i_shares *shares)
{
    int32_t *uses = weft_i_new(&p->scratch, int32_t, p->n_bins);
    bool *is_used = weft_i_new(&p->scratch, bool, p->batch->n_samples);
    bool *is_packed = weft_i_new(&p->scratch, bool, p->batch->n_samples);
    if (!uses || !is_used || !is_packed) return weft_i_no_memory(p->error);
    for (int32_t i = 0; i < shares->first[p->dp]; i++)
        uses[shares->number[i]]++;
    for (int32_t b = 0; b < p->n_bins; b++) {
        if (uses[b] > 1) p->units.notes.samples_repeated += (uses[b] - 1) * p->bins[b].n_samples;
        for (int32_t u = p->bins[b].first; u >= 0; u = p->next[u]) {
            is_packed[p->units.units[u].sample] = true;
            if (uses[b] > 0) is_used[p->units.units[u].sample] = true;
        }
    }
    for (int32_t s = 0; s < p->batch->n_samples; s++)
        if (is_packed[s] && !is_used[s]) p->units.notes.samples_left_out++;
    return WEFT_STATUS_OK;
}

static weft_status fill_replicas(packer *p, const weft_i_shares *shares, weft_i_packed *out)
{
    *out = (weft_i_packed){weft_i_new(p->arena, weft_i_replica, p->dp), p->dp, p->units.notes};
    if (!out->replicas) return weft_i_no_memory(p->error);
    for (int32_t r = 0; r < p->dp; r++) {
        int32_t first = shares->first[r], n = shares->first[r + 1] - first;
        weft_i_microbatch *microbatches = weft_i_new(p->arena, weft_i_microbatch, n);
        if (!microbatches) return weft_i_no_memory(p->error);
        for (int32_t i = 0; i < n; i++) {
            microbatches[i] = p->made[shares->number[first + i]];
            microbatches[i].number = i;
        }
        out->replicas[r] = (weft_i_replica){microbatches, n};
    }
    return WEFT_STATUS_OK;
}

static weft_status pack_units(packer *p, int32_t microbatches, weft_i_packed *out)
{
    weft_i_shares shares;
    weft_status status = make_bins(p);
    if (status != WEFT_STATUS_OK) return status;
    if (p->n_bins == 0)
        return weft_i_fail_at(p->error, WEFT_STATUS_BAD_INPUT, p->batch->name, 0, NULL,
                              "nothing to train on in %d samples", p->batch->n_samples);
    double *work = weft_i_new(&p->scratch, double, p->n_bins);
    int32_t *given = weft_i_new(&p->scratch, int32_t, p->n_bins);
    if (!work || !given) return weft_i_no_memory(p->error);
    status = fill_microbatches(p, work, given);
    if (status == WEFT_STATUS_OK)
        status = weft_i_replicas_share(work, given, p->n_bins, p->dp, microbatches, &p->scratch,
                                       p->error, &shares);
    if (status == WEFT_STATUS_OK) status = count_samples(p, &shares);
    return status == WEFT_STATUS_OK ? fill_replicas(p, &shares, out) : status;
}

weft_status weft_i_pack(const weft_model *model, const weft_recipe *recipe, weft_i_emu *emu,
                        const weft_batch *batch, int32_t dp, int32_t microbatches, bool strict,
                        weft_i_arena *arena, weft_error *error, weft_i_packed *out_packed)
{
    assert(dp >= 1);
    packer p = {.model = model,
                .recipe = recipe,
                .emu = emu,
                .batch = batch,
                .arena = arena,
                .error = error,
                .dp = dp};
    weft_i_packed packed;
    weft_status status = weft_i_units_make(model, recipe, batch, strict, error, &p.units);
    if (status == WEFT_STATUS_OK) status = pack_units(&p, microbatches, &packed);
    weft_i_units_free(&p.units);
    weft_i_arena_free(&p.scratch);
    if (status == WEFT_STATUS_OK) *out_packed = packed;
    return status;
}
