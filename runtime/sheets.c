/* runtime/sheets.c - what layers must know of a sub-microbatch's tokens: sequences, where media
 * stand in the text, token numbers and targets, which rows a projector puts side by side. */
#include "base/error.h"
#include "base/rng.h"
#include "runtime/rows.h"

/* Places of a document in the order in which they stand. */
typedef struct writer {
    const weft_i_rows *rows;
    const weft_i_piece *piece;
    weft_i_rng rng;
    int32_t *tokens, *targets; /* of the sub-microbatch; targets NULL = no head */
    int32_t row, token, vocab;
    int64_t text, n_text, first_target; /* next token of the text, all, first that counts */
    int64_t n_targets;
} writer;

/* Text that can be learnt: mostly the next token follows from the one before. */
static int32_t next_token(writer *w)
{
    uint64_t vocab = (uint64_t)w->vocab;
    bool is_free = w->text == 0 || weft_i_rng_below(&w->rng, 8) == 0;
    uint64_t token =
        is_free ? weft_i_rng_below(&w->rng, vocab) : (5 * (uint64_t)w->token + 17) % vocab;
    return (int32_t)token;
}

/* Every row but the first of a document is foretold by the row before. */
static void write_text(writer *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++, w->row++, w->text++) {
        w->token = next_token(w);
        w->tokens[w->row] = w->token;
        if (!w->targets || w->row == w->piece->levels[0].first || w->text < w->first_target)
            continue;
        w->targets[w->row - 1] = w->token;
        w->n_targets++;
    }
}

static void write_media(writer *w, const weft_i_link *link)
{
    for (int32_t i = 0; i < link->n; i++)
        w->tokens[w->row++] = -1 - (link->to_row + i);
}

/* Media stand in the text at even distances: n + 1 pieces of text, the longer ones first. */
static void write_document(writer *w)
{
    const weft_i_piece *piece = w->piece;
    int32_t n_gaps = piece->n_tokens + 1;
    w->row = piece->levels[0].first;
    for (int32_t i = 0; i < n_gaps; i++) {
        write_text(w, w->n_text / n_gaps + (i < w->n_text % n_gaps ? 1 : 0));
        if (i < piece->n_tokens) write_media(w, &w->rows->links[piece->first_link + i]);
    }
}

static int64_t link_rows(const weft_i_rows *rows, const weft_i_piece *piece, int first, int n)
{
    int64_t sum = 0;
    for (int i = first; i < first + n; i++)
        sum += rows->links[piece->first_link + i].n;
    return sum;
}

static int64_t loss_tokens_of(const weft_i_trainee *trainee, int32_t sample)
{
    if (!trainee->batch || sample >= trainee->batch->n_samples) return -1;
    return trainee->batch->samples[sample].loss_tokens;
}

/* Tokens and targets of a sub-microbatch of a module that begins with an embedding. */
static weft_status write_tokens(weft_i_rows *rows, int32_t sub, weft_i_sheet *sheet,
                                weft_error *error)
{
    const weft_i_trainee *trainee = rows->trainee;
    const weft_module *module = trainee->modules[rows->pieces[rows->sub_first[sub]].module].module;
    bool has_head = module->layers[module->n_layers - 1].kind == WEFT_LAYER_HEAD;
    int32_t *tokens = weft_i_new(&rows->arena, int32_t, sheet->n_rows);
    int32_t *targets = weft_i_new(&rows->arena, int32_t, sheet->n_rows);
    if (!tokens || !targets) return weft_i_no_memory(error);
    for (int32_t r = 0; r < sheet->n_rows; r++)
        targets[r] = -1;
    for (int32_t p = rows->sub_first[sub]; p < rows->sub_first[sub + 1]; p++) {
        const weft_i_piece *piece = &rows->pieces[p];
        writer w = {.rows = rows,
                    .piece = piece,
                    .tokens = tokens,
                    .targets = has_head ? targets : NULL,
                    .vocab = module->layers[0].vocab};
        w.n_text = piece->levels[0].n - link_rows(rows, piece, 0, piece->n_tokens);
        if (w.n_text < 0)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                               "a document of sample %d has %d tokens, its media alone %lld",
                               piece->item->sample, piece->levels[0].n,
                               (long long)(piece->levels[0].n - w.n_text));
        int64_t counted = loss_tokens_of(trainee, piece->item->sample);
        w.first_target = counted >= 0 && counted < w.n_text ? w.n_text - counted : 0;
        weft_i_rng_seed(&w.rng, weft_i_trainee_seed(trainee, WEFT_I_SEED_TEXT,
                                                    (uint64_t)piece->item->sample, 0, 0));
        write_document(&w);
        rows->n_targets += w.n_targets;
    }
    sheet->tokens = tokens;
    sheet->targets = targets;
    return WEFT_STATUS_OK;
}

/* The rows that a projector puts side by side: squares of a grid, or so many in a row. */
static void merge_piece(const weft_i_block *in, const weft_i_block *out, int32_t merge, int32_t *to)
{
    int32_t side = 1;
    while (side * side < merge)
        side++;
    for (int32_t i = 0; i < out->n; i++)
        for (int32_t k = 0; k < merge; k++) {
            int32_t from = i * merge + k;
            if (out->grid[1] > 0) {
                int32_t t = i / (out->grid[1] * out->grid[2]);
                int32_t h = i / out->grid[2] % out->grid[1] * side + k / side;
                int32_t w = i % out->grid[2] * side + k % side;
                bool is_inside = h < in->grid[1] && w < in->grid[2];
                from = is_inside ? (t * in->grid[1] + h) * in->grid[2] + w : in->n;
            }
            to[(int64_t)(out->first + i) * merge + k] = from < in->n ? in->first + from : -1;
        }
}

static weft_status write_merges(weft_i_rows *rows, int32_t sub, int32_t level, int32_t merge,
                                weft_i_sheet *sheet, weft_error *error)
{
    int32_t *from = weft_i_new(&rows->arena, int32_t, (int64_t)sheet->n_out_rows * merge);
    if (!from) return weft_i_no_memory(error);
    for (int32_t p = rows->sub_first[sub]; p < rows->sub_first[sub + 1]; p++) {
        const weft_i_block *levels = rows->pieces[p].levels;
        merge_piece(&levels[level], &levels[level + 1], merge, from);
    }
    sheet->merge_from = from;
    sheet->merge = merge;
    return WEFT_STATUS_OK;
}

/* The projector that ends a level. */
static const weft_layer *projector_of(const weft_i_trained_module *module, int32_t level)
{
    for (int32_t l = 0; l < module->module->n_layers; l++)
        if (module->levels[l] == level && module->module->layers[l].kind == WEFT_LAYER_PROJECTOR)
            return &module->module->layers[l];
    return NULL;
}

static weft_status make_sheet(weft_i_rows *rows, int32_t sub, int32_t level, weft_i_sheet *out,
                              weft_error *error)
{
    int32_t first = rows->sub_first[sub], n = rows->sub_first[sub + 1] - first;
    const weft_i_trained_module *module = &rows->trainee->modules[rows->pieces[first].module];
    const weft_layer *projector = projector_of(module, level);
    weft_i_stretch *spans = weft_i_new(&rows->arena, weft_i_stretch, n);
    if (!spans) return weft_i_no_memory(error);
    weft_i_sheet sheet = {.n_spans = n, .spans = spans};
    for (int32_t i = 0; i < n; i++) {
        const weft_i_piece *piece = &rows->pieces[first + i];
        int64_t context = link_rows(rows, piece, piece->n_tokens, piece->n_conditions);
        spans[i] = (weft_i_stretch){piece->levels[level].first, piece->levels[level].n,
                                    sheet.n_context, (int32_t)context};
        sheet.n_rows += piece->levels[level].n;
        sheet.n_out_rows += piece->levels[level + (projector ? 1 : 0)].n;
        sheet.n_media += (int32_t)link_rows(rows, piece, 0, piece->n_tokens);
        sheet.n_context += (int32_t)context;
    }
    if (rows->trainee->n_targets > 0) sheet.loss_weight = 1 / (float)rows->trainee->n_targets;
    weft_status status = WEFT_STATUS_OK;
    if (projector) status = write_merges(rows, sub, level, projector->merge, &sheet, error);
    if (status == WEFT_STATUS_OK) *out = sheet;
    return status;
}

/* A module fed by tokens without an embedding takes them as they come: no more, no less. */
static weft_status check_input(const weft_i_trained_module *module, const weft_i_sheet *sheet,
                               weft_error *error)
{
    weft_layer_kind kind = module->module->layers[0].kind;
    if (kind == WEFT_LAYER_PATCH || kind == WEFT_LAYER_EMBEDDING || sheet->n_media == sheet->n_rows)
        return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                       "module %.80s begins with a %s: it takes %d tokens and is fed %d",
                       module->module->name, weft_layer_name(kind), sheet->n_rows, sheet->n_media);
}

static weft_status make_sub(weft_i_rows *rows, int32_t sub, weft_error *error)
{
    const weft_i_trained_module *module =
        &rows->trainee->modules[rows->pieces[rows->sub_first[sub]].module];
    const weft_module *of = module->module;
    weft_i_sheet *sheets = weft_i_new(&rows->arena, weft_i_sheet, module->n_levels);
    if (!sheets) return weft_i_no_memory(error);
    rows->sheets[sub] = sheets;
    for (int32_t k = 0; k < module->n_levels; k++) {
        weft_status status = make_sheet(rows, sub, k, &sheets[k], error);
        if (status != WEFT_STATUS_OK) return status;
    }
    if (of->layers[0].kind == WEFT_LAYER_EMBEDDING)
        return write_tokens(rows, sub, &sheets[0], error);
    if (of->layers[of->n_layers - 1].kind == WEFT_LAYER_HEAD) rows->n_targets += sheets[0].n_rows;
    return check_input(module, &sheets[0], error);
}

weft_status weft_i_rows_make_sheets(weft_i_rows *rows, weft_error *error)
{
    int32_t n = rows->problem->n_submicrobatches;
    rows->sheets = weft_i_new(&rows->arena, weft_i_sheet *, n);
    if (!rows->sheets) return weft_i_no_memory(error);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < n; s++)
        status = make_sub(rows, s, error);
    return status;
}
