/* runtime/rows.c - items as pieces: their microbatch, and their rows at each level. */
#include "runtime/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int32_t up(int32_t a, int32_t b)
{
    return (a + b - 1) / b;
}

/* A square's side where `merge` tokens make one. */
static int32_t side_of(int32_t merge)
{
    int32_t side = 1;
    while (side * side < merge)
        side++;
    return side * side == merge ? side : 0;
}

/* Tokens after a projector: squares of a grid, or so many in a row. */
static weft_i_block merged(weft_i_block in, int32_t merge, int32_t first)
{
    int32_t side = side_of(merge);
    if (in.grid[1] > 0 && side > 0) {
        weft_i_block out = {first, 0, {in.grid[0], up(in.grid[1], side), up(in.grid[2], side)}};
        out.n = out.grid[0] * out.grid[1] * out.grid[2];
        return out;
    }
    return (weft_i_block){first, up(in.n, merge), {0}};
}

/* The item's own rows: a grid counts where it accounts for all tokens. */
static weft_i_block block_of(const weft_item *item, int32_t first)
{
    const int32_t *g = item->grid;
    weft_i_block block = {first, (int32_t)item->tokens, {g[0], g[1], g[2]}};
    if ((int64_t)g[0] * g[1] * g[2] != item->tokens) memset(block.grid, 0, sizeof(block.grid));
    return block;
}

static weft_status fill_levels(weft_i_rows *rows, int32_t p, int32_t *ends, weft_error *error)
{
    weft_i_piece *piece = &rows->pieces[p];
    const weft_i_trained_module *module = &rows->trainee->modules[piece->module];
    piece->levels = weft_i_new(&rows->arena, weft_i_block, module->n_levels);
    if (!piece->levels) return weft_i_no_memory(error);
    piece->levels[0] = block_of(piece->item, ends[0]);
    for (int32_t l = 0; l < module->module->n_layers; l++) {
        const weft_layer *layer = &module->module->layers[l];
        int32_t level = module->levels[l];
        if (layer->kind != WEFT_LAYER_PROJECTOR) continue;
        piece->levels[level + 1] = merged(piece->levels[level], layer->merge, ends[level + 1]);
    }
    for (int32_t k = 0; k < module->n_levels; k++)
        ends[k] += piece->levels[k].n;
    return WEFT_STATUS_OK;
}

/* A sub-microbatch of several microbatches does not say which of them an item is of: that is where
 * the backbone has its sample. */
static weft_status find_microbatch(const weft_i_rows *rows, const weft_submicrobatch *sub,
                                   const weft_item *item, weft_error *error, int32_t *out)
{
    const weft_problem *problem = rows->problem;
    const weft_model *model = rows->trainee->model;
    const char *backbone = model->modules[model->n_modules - 1].name;
    int32_t found = -1;
    for (int32_t i = 0; i < sub->n_microbatches; i++)
        for (int32_t s = 0; s < problem->n_submicrobatches; s++) {
            const weft_submicrobatch *at = &problem->submicrobatches[s];
            if (at->n_microbatches != 1 || at->microbatches[0] != sub->microbatches[i] ||
                strcmp(at->module, backbone) != 0)
                continue;
            for (int32_t k = 0; k < at->n_items; k++) {
                if (at->items[k].sample != item->sample || found == at->microbatches[0]) continue;
                if (found >= 0)
                    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                                       "sample %d is in several microbatches of one sub-microbatch "
                                       "of module %.80s: they cannot be told apart",
                                       item->sample, sub->module);
                found = at->microbatches[0];
            }
        }
    if (found < 0)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "sample %d is in module %.80s and not in %.80s, which reads it",
                           item->sample, sub->module, backbone);
    *out = found;
    return WEFT_STATUS_OK;
}

static weft_status fill_sub(weft_i_rows *rows, int32_t s, weft_error *error)
{
    const weft_submicrobatch *sub = &rows->problem->submicrobatches[s];
    int32_t m = weft_i_trainee_module(rows->trainee, sub->module);
    if (m < 0)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "model %.80s has no module %.80s",
                           rows->trainee->model->name, sub->module);
    int32_t *ends = weft_i_new(&rows->arena, int32_t, rows->trainee->modules[m].n_levels);
    if (!ends) return weft_i_no_memory(error);
    weft_status status = WEFT_STATUS_OK;
    if (sub->n_items == 0 || sub->tokens > INT32_MAX)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "sub-microbatch %d has %d items and %lld tokens, expected some and at "
                           "most %d tokens",
                           s, sub->n_items, (long long)sub->tokens, INT32_MAX);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < sub->n_items; i++) {
        int32_t p = rows->n_pieces++;
        rows->pieces[p] = (weft_i_piece){
            .item = &sub->items[i], .sub = s, .module = m, .microbatch = sub->microbatches[0]};
        if (sub->n_microbatches > 1)
            status = find_microbatch(rows, sub, &sub->items[i], error, &rows->pieces[p].microbatch);
        if (status == WEFT_STATUS_OK) status = fill_levels(rows, p, ends, error);
    }
    return status;
}

/* Sums of rows stay within what sub-microbatches say they have. */
static weft_status check_tokens(const weft_problem *problem, weft_error *error)
{
    for (int32_t s = 0; s < problem->n_submicrobatches; s++) {
        const weft_submicrobatch *sub = &problem->submicrobatches[s];
        int64_t left = sub->tokens;
        for (int32_t i = 0; i < sub->n_items && left >= 0; i++)
            left = sub->items[i].tokens > left ? -1 : left - sub->items[i].tokens;
        if (left != 0)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                               "sub-microbatch %d has %lld tokens, expected the sum of its items",
                               s, (long long)sub->tokens);
    }
    return WEFT_STATUS_OK;
}

static weft_status fill(weft_i_rows *rows, weft_error *error)
{
    const weft_problem *problem = rows->problem;
    size_t n = 0;
    weft_status status = check_tokens(problem, error);
    if (status != WEFT_STATUS_OK) return status;
    for (int32_t s = 0; s < problem->n_submicrobatches; s++)
        n += (size_t)problem->submicrobatches[s].n_items;
    rows->pieces = weft_i_new(&rows->arena, weft_i_piece, n);
    rows->sub_first = weft_i_new(&rows->arena, int32_t, problem->n_submicrobatches + 1);
    if (!rows->pieces || !rows->sub_first) return weft_i_no_memory(error);
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < problem->n_submicrobatches; s++) {
        status = fill_sub(rows, s, error);
        rows->sub_first[s + 1] = rows->n_pieces;
    }
    if (status == WEFT_STATUS_OK) status = weft_i_rows_link(rows, error);
    return status == WEFT_STATUS_OK ? weft_i_rows_make_sheets(rows, error) : status;
}

weft_status weft_i_rows_create(const weft_i_trainee *trainee, const weft_problem *problem,
                               weft_error *error, weft_i_rows **out_rows)
{
    weft_i_rows *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return weft_i_no_memory(error);
    made->trainee = trainee;
    made->problem = problem;
    weft_status status = fill(made, error);
    if (status == WEFT_STATUS_OK)
        *out_rows = made;
    else
        weft_i_rows_free(made);
    return status;
}

void weft_i_rows_free(weft_i_rows *rows)
{
    if (!rows) return;
    weft_i_arena_free(&rows->arena);
    free(rows);
}
