/* partition/layout_make.c - chunks of modules, in order and checked. */
#include "partition/layout_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "partition/cut.h"
#include "plan/layout_own.h"

bool weft_i_is_block(const weft_layer *layer)
{
    return layer->kind == WEFT_LAYER_TRANSFORMER || layer->kind == WEFT_LAYER_DIT ||
           layer->kind == WEFT_LAYER_MAMBA || layer->kind == WEFT_LAYER_MEASURED;
}

int32_t weft_i_count_blocks(const weft_module *module)
{
    int32_t n = 0;
    for (int32_t l = 0; l < module->n_layers; l++)
        n += weft_i_is_block(&module->layers[l]);
    return n;
}

int32_t weft_i_layout_rank(int32_t direction, int32_t segment, int32_t place, int32_t n_ranks)
{
    bool back = direction < 0 || (direction == 0 && segment % 2 == 1);
    return back ? n_ranks - 1 - place : place;
}

int32_t weft_i_count_layers(const weft_model *model)
{
    int32_t n = 0;
    for (int32_t m = 0; m < model->n_modules; m++)
        n += model->modules[m].n_layers;
    return n;
}

/* Arrays for as many chunks as there are layers, the most there can be. */
static bool make_arrays(weft_i_layout_maker *maker, int32_t n_slots)
{
    const weft_model *model = maker->input->model;
    weft_layout *layout = maker->layout;
    int32_t n_layers = weft_i_count_layers(model);
    layout->modules = weft_i_new(maker->arena, weft_layout_module, model->n_modules);
    layout->chunks = weft_i_new(maker->arena, weft_chunk, n_layers);
    layout->shared = weft_i_new(maker->arena, weft_shared, model->n_modules);
    if (n_slots > 0) layout->slot_of_chunk = weft_i_new(maker->arena, int32_t, n_layers);
    maker->load = weft_i_new(&maker->scratch, double, layout->parallel.pp);
    return layout->modules && layout->chunks && layout->shared && maker->load &&
           (n_slots == 0 || layout->slot_of_chunk);
}

weft_status weft_i_layout_begin(const weft_i_layout_input *input, const char *name, int32_t n_slots,
                                weft_error *error, weft_i_layout_maker *out_maker)
{
    const weft_model *model = input->model;
    weft_i_layout_maker maker = {.input = input, .error = error};
    if (input->parallel.pp > weft_i_count_layers(model))
        return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                           "%d pipeline ranks for the %d layers of model '%.60s'",
                           input->parallel.pp, weft_i_count_layers(model), model->name);
    weft_layout *layout = maker.layout = weft_i_layout_create(&maker.arena);
    if (!layout) return weft_i_no_memory(error);
    layout->parallel = input->parallel;
    layout->n_slots = n_slots;
    layout->name = weft_i_arena_string(maker.arena, name);
    layout->model = weft_i_arena_string(maker.arena, model->name);
    bool ok = layout->name && layout->model && make_arrays(&maker, n_slots);
    for (int32_t m = 0; ok && m < model->n_modules; m++) {
        layout->modules[m] =
            (weft_layout_module){.module = weft_i_arena_string(maker.arena, model->modules[m].name),
                                 .segments = 1,
                                 .direction = 1,
                                 .submicrobatch_tokens = WEFT_INT_MAX,
                                 .microbatches = 1};
        layout->n_modules++;
        ok = layout->modules[m].module != NULL;
    }
    if (!ok) {
        weft_i_arena_free(&maker.scratch);
        weft_layout_free(layout);
        return weft_i_no_memory(error);
    }
    *out_maker = maker;
    return WEFT_STATUS_OK;
}

static void add_chunk(weft_i_layout_maker *maker, int32_t module, weft_chunk chunk, int32_t slot)
{
    weft_layout *layout = maker->layout;
    if (chunk.layers == 0) return;
    chunk.module = layout->modules[module].module;
    if (layout->slot_of_chunk) layout->slot_of_chunk[layout->n_chunks] = slot;
    layout->chunks[layout->n_chunks++] = chunk;
}

/* Cutting one module: prefix sums of time and state over its layers, what the rank of each piece
 * has already, and the most state of a piece. */
typedef struct place_cost {
    double *time, *state, *extra;
    double most_state;
} place_cost;

/* Time is evened out, but not at the price of memory: a text encoder has much state and little
 * work, and would fill one gap with all its layers. */
static double piece_cost(const void *context, int32_t piece, int32_t first, int32_t end)
{
    const place_cost *p = context;
    if (p->state[end] - p->state[first] > p->most_state) return INFINITY;
    return p->time[end] - p->time[first] + p->extra[piece];
}

/* A piece may have the mean state and one layer more: pieces filled one after the other show that
 * such a cut exists. A module that the samples leave without work is cut by number of layers. */
static weft_status fill_place_cost(weft_i_layout_maker *maker, const weft_i_module_cost *cost,
                                   const weft_layout_module *of, place_cost *out)
{
    int32_t n_ranks = maker->layout->parallel.pp, n_pieces = n_ranks * of->segments;
    double largest = 0;
    *out = (place_cost){weft_i_new(&maker->scratch, double, cost->n_layers + 1),
                        weft_i_new(&maker->scratch, double, cost->n_layers + 1),
                        weft_i_new(&maker->scratch, double, n_pieces), 0};
    if (!out->time || !out->state || !out->extra) return weft_i_no_memory(maker->error);
    for (int32_t l = 0; l < cost->n_layers; l++) {
        const weft_i_layer_cost *layer = &cost->layers[l];
        out->time[l + 1] = out->time[l] + (cost->ns > 0 ? layer->best_ns : 1);
        out->state[l + 1] = out->state[l] + layer->state_bytes;
        largest = fmax(largest, layer->state_bytes);
    }
    out->most_state = out->state[cost->n_layers] / n_pieces + largest;
    for (int32_t k = 0; cost->ns > 0 && k < n_pieces; k++) {
        int32_t rank = weft_i_layout_rank(of->direction, k / n_ranks, k % n_ranks, n_ranks);
        out->extra[k] = maker->load[rank] / of->segments;
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_layout_place(weft_i_layout_maker *maker, const weft_i_module_cost *cost,
                                int32_t module, int32_t slot)
{
    const weft_layout_module *of = &maker->layout->modules[module];
    int32_t n_ranks = maker->layout->parallel.pp, n_pieces = n_ranks * of->segments;
    int32_t *cut = weft_i_new(&maker->scratch, int32_t, n_pieces + 1);
    place_cost sums;
    weft_status status =
        cut ? fill_place_cost(maker, cost, of, &sums) : weft_i_no_memory(maker->error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_cut_line_by(piece_cost, &sums, cost->n_layers, n_pieces, false,
                                    maker->error, cut);
    for (int32_t k = 0; status == WEFT_STATUS_OK && k < n_pieces; k++) {
        int32_t rank = weft_i_layout_rank(of->direction, k / n_ranks, k % n_ranks, n_ranks);
        weft_chunk chunk = {.segment = k / n_ranks,
                            .rank = rank,
                            .first_layer = cut[k],
                            .layers = cut[k + 1] - cut[k]};
        add_chunk(maker, module, chunk, slot);
        if (cost->ns > 0) maker->load[rank] += sums.time[cut[k + 1]] - sums.time[cut[k]];
    }
    return status;
}

void weft_i_layout_place_counts(weft_i_layout_maker *maker, const int32_t *counts, int32_t n_pieces,
                                bool is_folded)
{
    weft_layout *layout = maker->layout;
    int32_t n_ranks = layout->parallel.pp;
    for (int32_t m = 0; m < layout->n_modules; m++) {
        int32_t last_slot = -1, segment = -1, layer = 0;
        for (int32_t k = 0; k < n_pieces; k++) {
            int32_t n = counts[m * n_pieces + k], slot = k / n_ranks, step = k % n_ranks;
            if (n == 0) continue;
            if (slot != last_slot) segment++;
            last_slot = slot;
            weft_chunk chunk = {.segment = segment,
                                .rank = is_folded && slot % 2 == 1 ? n_ranks - 1 - step : step,
                                .first_layer = layer,
                                .layers = n};
            add_chunk(maker, m, chunk, slot);
            layout->modules[m].segments = segment + 1;
            layer += n;
        }
        if (is_folded) layout->modules[m].direction = segment > 0 ? 0 : last_slot % 2 == 1 ? -1 : 1;
    }
}

static int32_t chunk_of(const weft_layout *layout, const char *module, int32_t layer)
{
    int32_t c = 0;
    while (strcmp(layout->chunks[c].module, module) != 0 || layer < layout->chunks[c].first_layer ||
           layer >= layout->chunks[c].first_layer + layout->chunks[c].layers)
        c++;
    return c;
}

/* A tied head has the embedding's matrix too. */
static weft_status add_shared(weft_i_layout_maker *maker)
{
    const weft_model *model = maker->input->model;
    weft_layout *layout = maker->layout;
    for (int32_t m = 0; m < model->n_modules; m++) {
        const weft_module *module = &model->modules[m];
        int32_t last = module->n_layers - 1;
        if (module->layers[last].kind != WEFT_LAYER_HEAD || !module->layers[last].tied) continue;
        int32_t *chunks = weft_i_new(maker->arena, int32_t, 2);
        char *name = weft_i_arena_string(maker->arena, "embedding");
        if (!chunks || !name) return weft_i_no_memory(maker->error);
        chunks[0] = chunk_of(layout, module->name, 0);
        chunks[1] = chunk_of(layout, module->name, last);
        if (chunks[0] == chunks[1]) continue;
        int64_t bytes = weft_i_emu_state_bytes(maker->input->emu, m, 0, 1);
        layout->shared[layout->n_shared++] = (weft_shared){name, chunks, 2, bytes};
    }
    return WEFT_STATUS_OK;
}

typedef struct ordered {
    weft_chunk chunk;
    int32_t module, slot;
} ordered;

static int by_layer(const void *a, const void *b)
{
    const ordered *x = a, *y = b;
    if (x->module != y->module) return x->module < y->module ? -1 : 1;
    return x->chunk.first_layer < y->chunk.first_layer ? -1 : 1;
}

/* Modules may have been placed in any order. */
static weft_status sort_chunks(weft_i_layout_maker *maker)
{
    weft_layout *layout = maker->layout;
    ordered *all = weft_i_new(&maker->scratch, ordered, layout->n_chunks);
    if (!all) return weft_i_no_memory(maker->error);
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        int32_t m = 0;
        while (strcmp(layout->modules[m].module, layout->chunks[c].module) != 0)
            m++;
        all[c] =
            (ordered){layout->chunks[c], m, layout->slot_of_chunk ? layout->slot_of_chunk[c] : 0};
    }
    qsort(all, (size_t)layout->n_chunks, sizeof(*all), by_layer);
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        layout->chunks[c] = all[c].chunk;
        if (layout->slot_of_chunk) layout->slot_of_chunk[c] = all[c].slot;
    }
    return WEFT_STATUS_OK;
}

static weft_status check(weft_i_layout_maker *maker)
{
    const weft_model *model = maker->input->model;
    int32_t *n_layers = weft_i_new(&maker->scratch, int32_t, model->n_modules);
    if (!n_layers) return weft_i_no_memory(maker->error);
    for (int32_t m = 0; m < model->n_modules; m++)
        n_layers[m] = model->modules[m].n_layers;
    return weft_layout_check(maker->layout, n_layers, maker->error);
}

weft_status weft_i_layout_end(weft_i_layout_maker *maker, weft_status status,
                              weft_layout **out_layout)
{
    if (status == WEFT_STATUS_OK) status = sort_chunks(maker);
    if (status == WEFT_STATUS_OK) status = add_shared(maker);
    if (status == WEFT_STATUS_OK) status = check(maker);
    weft_i_arena_free(&maker->scratch);
    if (status == WEFT_STATUS_OK)
        *out_layout = maker->layout;
    else
        weft_layout_free(maker->layout);
    return status;
}
