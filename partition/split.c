/* partition/split.c - instances dealt to sub-microbatches, longest first. */
#include "partition/split.h"

#include "base/error.h"
#include "partition/bins.h"

const weft_item *weft_i_ref_item(const weft_i_replica *replica, int32_t module, weft_i_ref ref)
{
    return &replica->microbatches[ref.microbatch].modules[module].items[ref.item];
}

typedef struct splitter {
    const weft_i_replica *replica;
    const weft_layout *layout;
    weft_i_arena scratch;
    weft_error *error;
    weft_i_split split;
    int32_t n_refs;
    /* The instances of one group. */
    weft_i_ref *refs;
    double *weights, *load;
    int32_t *heaps, *of_small; /* heap of each; which of them are no larger than B */
} splitter;

static bool make_arrays(splitter *sp, weft_i_arena *arena)
{
    weft_i_split *split = &sp->split;
    size_t n_instances = 0, n_groups = (size_t)split->n_modules * (size_t)split->n_microbatches;
    for (int32_t k = 0; k < split->n_microbatches; k++)
        for (int32_t m = 0; m < split->n_modules; m++)
            n_instances += (size_t)sp->replica->microbatches[k].modules[m].n_items;
    split->parts = weft_i_new(arena, weft_i_part, n_instances);
    split->refs = weft_i_new(arena, weft_i_ref, n_instances);
    split->group_first = weft_i_new(arena, int32_t, n_groups);
    split->group_n = weft_i_new(arena, int32_t, n_groups);
    split->spans = weft_i_new(arena, int32_t, split->n_modules);
    sp->refs = weft_i_new(&sp->scratch, weft_i_ref, n_instances);
    sp->weights = weft_i_new(&sp->scratch, double, n_instances);
    sp->load = weft_i_new(&sp->scratch, double, n_instances);
    sp->heaps = weft_i_new(&sp->scratch, int32_t, n_instances);
    sp->of_small = weft_i_new(&sp->scratch, int32_t, n_instances);
    return split->parts && split->refs && split->group_first && split->group_n && split->spans &&
           sp->refs && sp->weights && sp->load && sp->heaps && sp->of_small;
}

static int32_t collect(splitter *sp, int32_t module, int32_t first, int32_t end)
{
    int32_t n = 0;
    for (int32_t k = first; k < end; k++)
        for (int32_t i = 0; i < sp->replica->microbatches[k].modules[module].n_items; i++)
            sp->refs[n++] = (weft_i_ref){k, i};
    return n;
}

/* Deal n_small weights to the fewest heaps, numbered from `base`, of which none is over B. */
static weft_status deal_small(splitter *sp, int32_t n_small, int64_t sum, int64_t most,
                              int32_t base, int32_t *out_n_heaps)
{
    int32_t n_heaps = (int32_t)((sum - 1) / most + 1);
    /* One more at a time while they are few, so that there are as few as possible. */
    for (;; n_heaps += 1 + n_heaps / 16) {
        if (n_heaps > n_small) n_heaps = n_small;
        bool fits = true;
        for (int32_t h = 0; h < n_heaps; h++)
            sp->load[h] = 0;
        weft_status status = weft_i_bins_spread(sp->weights, n_small, n_heaps, NULL, sp->error,
                                                sp->load, sp->of_small);
        if (status != WEFT_STATUS_OK) return status;
        for (int32_t h = 0; h < n_heaps; h++)
            fits = fits && sp->load[h] <= (double)most;
        if (fits || n_heaps >= n_small) break;
    }
    for (int32_t i = 0; i < n_small; i++)
        sp->of_small[i] += base;
    *out_n_heaps = n_heaps;
    return WEFT_STATUS_OK;
}

/* Heap of each of the group's n instances. */
static weft_status deal(splitter *sp, int32_t module, int32_t n, int32_t *out_n_heaps)
{
    int64_t most = sp->layout->modules[module].submicrobatch_tokens, sum = 0;
    int32_t n_large = 0, n_small = 0, n_heaps = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t tokens = weft_i_ref_item(sp->replica, module, sp->refs[i])->tokens;
        if (tokens > most) {
            sp->heaps[i] = n_large++;
            continue;
        }
        sp->heaps[i] = -1;
        sp->weights[n_small++] = (double)tokens;
        sum += tokens;
    }
    weft_status status =
        n_small > 0 ? deal_small(sp, n_small, sum, most, n_large, &n_heaps) : WEFT_STATUS_OK;
    for (int32_t i = 0, k = 0; status == WEFT_STATUS_OK && i < n; i++)
        if (sp->heaps[i] < 0) sp->heaps[i] = sp->of_small[k++];
    *out_n_heaps = n_large + n_heaps;
    return status;
}

/* Heaps are numbered by their first instance, so that parts are in the order of the batch. */
static void add_parts(splitter *sp, int32_t module, int32_t group, int32_t n, int32_t n_heaps)
{
    weft_i_split *split = &sp->split;
    int32_t at = module * split->n_microbatches + group;
    split->group_first[at] = split->n_parts;
    split->group_n[at] = n_heaps;
    for (int32_t first = 0, index = 0; index < n_heaps; index++) {
        while (sp->heaps[first] < 0)
            first++;
        int32_t heap = sp->heaps[first];
        weft_i_part part = {module, group, index, sp->n_refs, 0, 0};
        for (int32_t i = first; i < n; i++)
            if (sp->heaps[i] == heap) {
                sp->heaps[i] = -1;
                split->refs[sp->n_refs++] = sp->refs[i];
                part.tokens += weft_i_ref_item(sp->replica, module, sp->refs[i])->tokens;
                part.n++;
            }
        split->parts[split->n_parts++] = part;
    }
}

static weft_status split_group(splitter *sp, int32_t module, int32_t first)
{
    int32_t span = sp->split.spans[module], n_heaps, left = sp->split.n_microbatches - first;
    int32_t n = collect(sp, module, first, first + (span < left ? span : left));
    if (n == 0) return WEFT_STATUS_OK;
    weft_status status = deal(sp, module, n, &n_heaps);
    if (status == WEFT_STATUS_OK) add_parts(sp, module, first / span, n, n_heaps);
    return status;
}

weft_status weft_i_split_make(const weft_i_replica *replica, const weft_layout *layout,
                              weft_i_arena *arena, weft_error *error, weft_i_split *out_split)
{
    splitter sp = {.replica = replica, .layout = layout, .error = error};
    sp.split.n_modules = layout->n_modules;
    sp.split.n_microbatches = replica->n_microbatches;
    weft_status status = make_arrays(&sp, arena) ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < layout->n_modules; m++)
        sp.split.spans[m] = layout->modules[m].microbatches;
    for (int32_t k = 0; k < replica->n_microbatches; k++)
        for (int32_t m = 0; status == WEFT_STATUS_OK && m < layout->n_modules; m++)
            if (k % sp.split.spans[m] == 0) status = split_group(&sp, m, k);
    weft_i_arena_free(&sp.scratch);
    if (status == WEFT_STATUS_OK) *out_split = sp.split;
    return status;
}
