/* runtime/rows_links.c - pieces of one module joined to pieces of another: those of the same sample
 * in the same microbatch. Where a sample comes there several times, as a video cut into clips does
 * with its captions, they are joined in order. */
#include <stdlib.h>

#include "base/error.h"
#include "runtime/rows.h"

/* A piece of one module among those of the same sample. */
typedef struct entry {
    int32_t microbatch, sample, index, piece;
} entry;

static int compare(const int32_t *a, const int32_t *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int by_sample(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    const int32_t left[] = {a->microbatch, a->sample, a->index, a->piece};
    const int32_t right[] = {b->microbatch, b->sample, b->index, b->piece};
    return compare(left, right, 4);
}

/* A link with what it is sorted by: where it leads, tokens before conditions, then as they stand.
 */
typedef struct ordered {
    int32_t to, kind, modality, index, module, from, edge;
} ordered;

static int by_place(const void *x, const void *y)
{
    const ordered *a = x, *b = y;
    const int32_t left[] = {a->to, a->kind, a->modality, a->index, a->module, a->from, a->edge};
    const int32_t right[] = {b->to, b->kind, b->modality, b->index, b->module, b->from, b->edge};
    return compare(left, right, 7);
}

typedef struct linker {
    weft_i_rows *rows;
    entry *from, *to; /* pieces of the two modules of an edge */
    ordered *found;
    size_t n_found, cap;
    weft_error *error;
} linker;

static int32_t collect(const linker *lk, int32_t module, entry *out)
{
    int32_t n = 0;
    for (int32_t p = 0; p < lk->rows->n_pieces; p++) {
        const weft_i_piece *piece = &lk->rows->pieces[p];
        if (piece->module == module)
            out[n++] = (entry){piece->microbatch, piece->item->sample, piece->item->index, p};
    }
    qsort(out, (size_t)n, sizeof(*out), by_sample);
    return n;
}

static bool is_same(const entry *a, const entry *b)
{
    return a->microbatch == b->microbatch && a->sample == b->sample;
}

static weft_status add(linker *lk, int32_t e, const entry *from, const entry *to)
{
    const weft_model *model = lk->rows->trainee->model;
    const weft_model_edge *edge = &model->edges[e];
    if (weft_i_grow(&lk->found, &lk->cap, lk->n_found + 1, sizeof(*lk->found)))
        return weft_i_no_memory(lk->error);
    lk->found[lk->n_found++] =
        (ordered){.to = to->piece,
                  .kind = (int32_t)edge->kind,
                  .modality = (int32_t)model->modules[edge->from_module].modality,
                  .index = from->index,
                  .module = edge->from_module,
                  .from = from->piece,
                  .edge = e};
    return WEFT_STATUS_OK;
}

/* n_from sources of a sample and its n_to targets: an equal share each, else everything to all. */
static weft_status join(linker *lk, int32_t e, const entry *from, int32_t n_from, const entry *to,
                        int32_t n_to)
{
    bool shares = n_from % n_to == 0;
    int32_t share = shares ? n_from / n_to : n_from;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t t = 0; t < n_to; t++)
        for (int32_t i = 0; status == WEFT_STATUS_OK && i < share; i++)
            status = add(lk, e, &from[(shares ? t * share : 0) + i], &to[t]);
    return status;
}

static weft_status link_edge(linker *lk, int32_t e)
{
    const weft_model_edge *edge = &lk->rows->trainee->model->edges[e];
    int32_t n_from = collect(lk, edge->from_module, lk->from);
    int32_t n_to = collect(lk, edge->to_module, lk->to), t = 0;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t f = 0, f_end, t_end; status == WEFT_STATUS_OK && f < n_from; f = f_end) {
        for (f_end = f + 1; f_end < n_from && is_same(&lk->from[f], &lk->from[f_end]);)
            f_end++;
        while (t < n_to && !is_same(&lk->to[t], &lk->from[f]) &&
               by_sample(&lk->to[t], &lk->from[f]) < 0)
            t++;
        for (t_end = t; t_end < n_to && is_same(&lk->to[t_end], &lk->from[f]);)
            t_end++;
        if (t_end > t) status = join(lk, e, &lk->from[f], f_end - f, &lk->to[t], t_end - t);
        t = t_end;
    }
    return status;
}

/* Rows of the media and of the context of a sub-microbatch are numbered as the links stand. */
static weft_status keep_links(linker *lk)
{
    weft_i_rows *rows = lk->rows;
    int32_t ends[2] = {0, 0}, sub = -1;
    rows->links = weft_i_new(&rows->arena, weft_i_link, lk->n_found);
    if (!rows->links) return weft_i_no_memory(lk->error);
    if (lk->n_found > 0) qsort(lk->found, lk->n_found, sizeof(*lk->found), by_place);
    for (size_t i = 0; i < lk->n_found; i++) {
        const ordered *at = &lk->found[i];
        const weft_model_edge *edge = &rows->trainee->model->edges[at->edge];
        const weft_i_piece *from = &rows->pieces[at->from];
        weft_i_piece *to = &rows->pieces[at->to];
        int32_t level =
            weft_i_trainee_level_after(&rows->trainee->modules[from->module], edge->from_layer);
        bool is_condition = edge->kind == WEFT_EDGE_CONDITION;
        if (to->sub != sub) ends[0] = ends[1] = 0;
        sub = to->sub;
        if (to->n_tokens + to->n_conditions == 0) to->first_link = (int32_t)i;
        *(is_condition ? &to->n_conditions : &to->n_tokens) += 1;
        int32_t n = from->levels[level].n;
        rows->links[i] = (weft_i_link){at->edge, at->from, at->to, n, ends[is_condition]};
        ends[is_condition] += n;
    }
    rows->n_links = (int32_t)lk->n_found;
    return WEFT_STATUS_OK;
}

weft_status weft_i_rows_link(weft_i_rows *rows, weft_error *error)
{
    weft_i_arena scratch = {0};
    linker lk = {.rows = rows, .error = error};
    lk.from = weft_i_new(&scratch, entry, rows->n_pieces);
    lk.to = weft_i_new(&scratch, entry, rows->n_pieces);
    weft_status status = lk.from && lk.to ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t e = 0; status == WEFT_STATUS_OK && e < rows->trainee->model->n_edges; e++)
        status = link_edge(&lk, e);
    if (status == WEFT_STATUS_OK) status = keep_links(&lk);
    free(lk.found);
    weft_i_arena_free(&scratch);
    return status;
}
