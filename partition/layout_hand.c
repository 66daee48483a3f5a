/* partition/layout_hand.c - a cut that a person wrote: "vision=32,0,0,0;language=1,10,10,7". */
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/words.h"
#include "partition/layout_make.h"

enum { MAX_PIECES = 65536 };

typedef struct hand {
    weft_i_layout_maker *maker;
    int32_t *counts; /* n_pieces of each module */
    int32_t n_pieces;
} hand;

static int32_t count_of(const char *text, char mark)
{
    int32_t n = 0;
    for (; *text; text++)
        n += *text == mark;
    return n;
}

/* Number of pieces, which all modules must have in common: that of the first. */
static weft_status count_pieces(const char *text, int32_t n_ranks, weft_error *error, int32_t *out)
{
    size_t length = strcspn(text, ";");
    int32_t n = 1;
    for (size_t i = 0; i < length; i++)
        n += text[i] == ',';
    if (n % n_ranks != 0 || n > MAX_PIECES)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "a cut by hand: found %d numbers for the first module, expected one for "
                           "each of %d ranks, or a multiple",
                           n, n_ranks);
    *out = n;
    return WEFT_STATUS_OK;
}

static weft_status read_numbers(const hand *h, const char *module, char *text, int32_t *out_counts,
                                int64_t *out_sum)
{
    weft_error *error = h->maker->error;
    int32_t n = count_of(text, ',') + 1;
    char quote[WEFT_I_QUOTE_SIZE];
    if (n != h->n_pieces)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "a cut by hand: found %d numbers for module '%s', expected %d", n,
                           module, h->n_pieces);
    for (int32_t i = 0; i < n; i++) {
        char *end = text + strcspn(text, ",");
        int64_t value;
        bool is_last = *end == '\0';
        *end = '\0';
        if (!weft_i_parse_int(text, 0, INT32_MAX, &value))
            return weft_i_fail(error, WEFT_STATUS_USAGE,
                               "a cut by hand: found %s for module '%s', expected a number of "
                               "layers",
                               weft_i_words_quote(text, quote), module);
        out_counts[i] = (int32_t)value;
        *out_sum += value;
        text = is_last ? end : end + 1;
    }
    return WEFT_STATUS_OK;
}

/* The numbers were of blocks: what stands before the first block goes with it, what stands behind
 * the last with that. */
static void add_others(const weft_module *module, int32_t *counts, int32_t n_pieces)
{
    int32_t before = 0, blocks = weft_i_count_blocks(module), first = 0, last = n_pieces - 1;
    while (!weft_i_is_block(&module->layers[before]))
        before++;
    while (counts[first] == 0)
        first++;
    while (counts[last] == 0)
        last--;
    counts[first] += before;
    counts[last] += module->n_layers - blocks - before;
}

/* "vision=32,0,0,0" */
static weft_status read_module(const hand *h, char *text)
{
    weft_i_layout_maker *maker = h->maker;
    const weft_model *model = maker->input->model;
    char quote[WEFT_I_QUOTE_SIZE], *numbers = strchr(text, '=');
    int32_t m = 0;
    int64_t sum = 0;
    if (numbers) *numbers++ = '\0';
    while (m < model->n_modules && strcmp(model->modules[m].name, text) != 0)
        m++;
    if (!numbers || m == model->n_modules)
        return weft_i_fail(maker->error, WEFT_STATUS_USAGE,
                           "a cut by hand: found %s, expected MODULE=LAYERS,LAYERS,... with a "
                           "module of '%.40s'",
                           weft_i_words_quote(text, quote), model->name);
    const weft_module *module = &model->modules[m];
    int32_t *counts = &h->counts[m * h->n_pieces];
    weft_status status = read_numbers(h, module->name, numbers, counts, &sum);
    if (status != WEFT_STATUS_OK || sum == module->n_layers) return status;
    int32_t blocks = weft_i_count_blocks(module);
    if (sum != blocks || blocks == 0)
        return weft_i_fail(maker->error, WEFT_STATUS_USAGE,
                           "a cut by hand: found %lld layers of module '%s', expected %d, or the "
                           "%d that are no embedding, head, patch or projector",
                           (long long)sum, module->name, module->n_layers, blocks);
    add_others(module, counts, h->n_pieces);
    return WEFT_STATUS_OK;
}

static weft_status read_all(const hand *h, char *text)
{
    const weft_model *model = h->maker->input->model;
    weft_status status = WEFT_STATUS_OK;
    for (bool is_last = false; status == WEFT_STATUS_OK && !is_last;) {
        char *end = text + strcspn(text, ";");
        is_last = *end == '\0';
        *end = '\0';
        status = read_module(h, text);
        text = end + 1;
    }
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < model->n_modules; m++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < h->n_pieces; k++)
            sum += h->counts[m * h->n_pieces + k];
        if (sum != model->modules[m].n_layers)
            return weft_i_fail(h->maker->error, WEFT_STATUS_USAGE,
                               "a cut by hand: module '%s' is missing", model->modules[m].name);
    }
    return status;
}

weft_status weft_i_layout_hand(const weft_i_layout_input *input, const char *text,
                               weft_error *error, weft_layout **out_layout)
{
    int32_t n_pieces = 0, n_ranks = input->parallel.pp;
    weft_i_layout_maker maker;
    weft_status status = count_pieces(text, n_ranks, error, &n_pieces);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_layout_begin(input, "hand", n_pieces / n_ranks, error, &maker);
    if (status != WEFT_STATUS_OK) return status;
    hand h = {&maker, NULL, n_pieces};
    h.counts =
        weft_i_new(&maker.scratch, int32_t, (size_t)input->model->n_modules * (size_t)n_pieces);
    char *copy = weft_i_arena_string(&maker.scratch, text);
    status = h.counts && copy ? read_all(&h, copy) : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) weft_i_layout_place_counts(&maker, h.counts, n_pieces, false);
    return weft_i_layout_end(&maker, status, out_layout);
}
