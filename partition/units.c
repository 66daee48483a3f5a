/* partition/units.c - what is in a sample becomes one document, or one unit a clip. */
#include "partition/units.h"

#include <stdlib.h>

#include "base/error.h"
#include "partition/media.h"
#include "partition/token_flow.h"

enum { TOKENS, IMAGES, CLIPS, MICROSECONDS };
enum { MAX_INSTANCES = 1 << 28 };

static int64_t or_none(int64_t limit)
{
    return limit > 0 ? limit : WEFT_INT_MAX;
}

weft_i_sizes weft_i_capacity(const weft_recipe *recipe)
{
    double microseconds = recipe->max_seconds * 1e6;
    return (weft_i_sizes){{
        [TOKENS] = or_none(recipe->sequence),
        [IMAGES] = or_none(recipe->max_images),
        [CLIPS] = or_none(recipe->max_clips),
        [MICROSECONDS] = microseconds < 1e15 ? or_none((int64_t)microseconds) : WEFT_INT_MAX,
    }};
}

void weft_i_units_free(weft_i_units *units)
{
    if (!units) return;
    free(units->units);
    free(units->instances);
    *units = (weft_i_units){0};
}

/* One sample being made into units. keep[i]: medium i is in the unit at hand. */
typedef struct maker {
    weft_i_view view;
    weft_i_sizes capacity;
    weft_i_units *units;
    weft_i_media media;
    bool *keep;
    size_t keep_cap;
} maker;

static weft_status add_instance(maker *mk, weft_i_instance instance)
{
    weft_i_units *units = mk->units;
    if (units->n_instances >= MAX_INSTANCES)
        return weft_i_fail(mk->view.error, WEFT_STATUS_BAD_INPUT,
                           "a batch of more than %d images, clips and documents", MAX_INSTANCES);
    if (weft_i_grow(&units->instances, &units->instances_cap, units->n_instances + 1,
                    sizeof(*units->instances)))
        return weft_i_no_memory(mk->view.error);
    int64_t *out = &mk->view.out_tokens[instance.module];
    *out = weft_i_add_tokens(*out, instance.out_tokens);
    units->instances[units->n_instances++] = instance;
    return WEFT_STATUS_OK;
}

/* The one document or caption of a text module. */
static weft_status add_text(maker *mk, int32_t m, int32_t sample, int32_t index, int64_t text)
{
    const weft_model *model = mk->view.model;
    const int64_t *out = mk->view.out_tokens;
    int32_t before = weft_i_flow_before(model, m);
    bool is_backbone = m == model->n_modules - 1;
    int64_t own = before >= 0 ? out[before] : text;
    int64_t tokens = weft_i_add_tokens(own, weft_i_flow_received(model, m, out));
    if (tokens == 0) return WEFT_STATUS_OK;
    weft_item item = {
        sample, is_backbone ? WEFT_ITEM_DOCUMENT : WEFT_ITEM_CAPTION, index, {0}, tokens};
    int64_t context = weft_i_flow_context(model, m, out, 0);
    return add_instance(mk, (weft_i_instance){item, m, tokens, context});
}

/* Module m's instances of the media that are kept. A backbone's also get what joins its sequence.
 */
static weft_status add_media(maker *mk, int32_t m, int64_t text)
{
    const weft_model *model = mk->view.model;
    int64_t context = weft_i_flow_context(model, m, mk->view.out_tokens, text);
    int64_t joined = weft_i_flow_received(model, m, mk->view.out_tokens);
    for (size_t i = 0; i < mk->media.n_media; i++) {
        const weft_i_medium *medium = &mk->media.media[i];
        if (!mk->keep[i] || medium->modality != model->modules[m].modality) continue;
        for (int32_t j = 0; j < medium->n; j++) {
            weft_i_instance instance = mk->media.instances[medium->first + (size_t)j];
            if (instance.module != m) continue;
            instance.item.tokens = weft_i_add_tokens(instance.item.tokens, joined);
            instance.out_tokens = weft_i_add_tokens(instance.out_tokens, joined);
            instance.context_tokens = context;
            weft_status status = add_instance(mk, instance);
            if (status != WEFT_STATUS_OK) return status;
        }
    }
    return WEFT_STATUS_OK;
}

static weft_i_sizes sizes_of(const maker *mk, int64_t tokens)
{
    weft_i_sizes sizes = {{tokens, 0, 0, 0}};
    for (size_t i = 0; i < mk->media.n_media; i++) {
        const weft_i_medium *medium = &mk->media.media[i];
        if (!mk->keep[i]) continue;
        if (medium->modality == WEFT_MODALITY_IMAGE) sizes.of[IMAGES]++;
        if (medium->modality == WEFT_MODALITY_VIDEO) sizes.of[CLIPS]++;
        sizes.of[MICROSECONDS] += medium->microseconds;
    }
    return sizes;
}

/* A unit of the media kept and `text` tokens; `index` numbers the captions of a sample. Without an
 * instance of the backbone there is nothing to train on: then no unit is made. */
static weft_status add_unit(maker *mk, int32_t sample, int32_t index, int64_t text)
{
    const weft_model *model = mk->view.model;
    weft_i_units *units = mk->units;
    weft_i_unit unit = {.sample = sample, .first = (int32_t)units->n_instances};
    weft_status status = WEFT_STATUS_OK;
    for (int32_t m = 0; m < model->n_modules; m++)
        mk->view.out_tokens[m] = 0;
    for (int32_t m = 0; status == WEFT_STATUS_OK && m < model->n_modules; m++)
        status = model->modules[m].modality == WEFT_MODALITY_TEXT
                     ? add_text(mk, m, sample, index, text)
                     : add_media(mk, m, text);
    if (status != WEFT_STATUS_OK) return status;
    int64_t tokens = mk->view.out_tokens[model->n_modules - 1];
    if (tokens == 0) {
        units->n_instances = (size_t)unit.first;
        return WEFT_STATUS_OK;
    }
    unit.n = (int32_t)units->n_instances - unit.first;
    unit.sizes = sizes_of(mk, tokens);
    if (weft_i_grow(&units->units, &units->units_cap, units->n_units + 1, sizeof(*units->units)))
        return weft_i_no_memory(mk->view.error);
    units->units[units->n_units++] = unit;
    return WEFT_STATUS_OK;
}

/* Note that a medium is left out of its document. */
static weft_status drop(maker *mk, int32_t sample, size_t i, const char *why)
{
    mk->keep[i] = false;
    mk->units->notes.images_dropped++;
    mk->units->notes.tokens_cut =
        weft_i_add_tokens(mk->units->notes.tokens_cut, mk->media.media[i].received);
    if (!mk->view.strict) return WEFT_STATUS_OK;
    return weft_i_sample_fail(&mk->view, sample, "$", "an image, clip or piece of audio %s", why);
}

/* Leave out what no microbatch could hold: media longer than the sequence, too many of them. */
static weft_status drop_misfits(maker *mk, int32_t sample)
{
    weft_i_sizes used = {{0}};
    for (size_t i = 0; i < mk->media.n_media; i++) {
        const weft_i_medium *medium = &mk->media.media[i];
        weft_i_sizes more = used;
        more.of[IMAGES] += medium->modality == WEFT_MODALITY_IMAGE;
        more.of[CLIPS] += medium->modality == WEFT_MODALITY_VIDEO;
        more.of[MICROSECONDS] += medium->microseconds;
        const char *why = NULL;
        if (medium->received > mk->view.sequence) why = "is longer than the sequence";
        for (int d = IMAGES; d < WEFT_I_N_SIZES; d++)
            if (more.of[d] > mk->capacity.of[d]) why = "is more than a microbatch holds";
        weft_status status = why ? drop(mk, sample, i, why) : WEFT_STATUS_OK;
        if (status != WEFT_STATUS_OK) return status;
        if (!why) used = more;
    }
    return WEFT_STATUS_OK;
}

/* Walk through a document that is too long, text and media in turn, to the end of the sequence.
 * Returns the text tokens up to there; media behind it are no longer kept. */
static int64_t cut_document(maker *mk, int64_t n_kept)
{
    int64_t left = mk->view.sequence, text = mk->media.text_tokens, kept_text = 0, place = 0;
    bool is_full = false;
    for (size_t i = 0; i <= mk->media.n_media; i++) {
        bool is_medium = i < mk->media.n_media;
        if (is_medium && !mk->keep[i]) continue;
        if (!is_full) {
            /* The text comes in n_kept + 1 pieces, the longer ones first. */
            int64_t piece = text / (n_kept + 1) + (place < text % (n_kept + 1) ? 1 : 0);
            is_full = piece > left;
            kept_text += is_full ? left : piece;
            left -= is_full ? left : piece;
        }
        place++;
        if (!is_medium) break;
        is_full = is_full || mk->media.media[i].received > left;
        if (is_full) {
            mk->keep[i] = false;
            mk->units->notes.images_dropped++;
        } else {
            left -= mk->media.media[i].received;
        }
    }
    return kept_text;
}

static weft_status add_document(maker *mk, int32_t sample)
{
    int64_t text = mk->media.text_tokens, tokens = text, n_kept = 0;
    for (size_t i = 0; i < mk->media.n_media; i++)
        mk->keep[i] = true;
    weft_status status = drop_misfits(mk, sample);
    for (size_t i = 0; i < mk->media.n_media; i++)
        if (mk->keep[i]) {
            tokens = weft_i_add_tokens(tokens, mk->media.media[i].received);
            n_kept++;
        }
    if (status == WEFT_STATUS_OK && tokens > mk->view.sequence) {
        weft_i_pack_notes *notes = &mk->units->notes;
        int64_t kept = text = cut_document(mk, n_kept);
        for (size_t i = 0; i < mk->media.n_media; i++)
            if (mk->keep[i]) kept += mk->media.media[i].received;
        notes->documents_cut++;
        notes->tokens_cut = weft_i_add_tokens(notes->tokens_cut, tokens - kept);
        if (mk->view.strict)
            status = weft_i_sample_fail(&mk->view, sample, "$",
                                        "a document of %lld tokens is longer than the sequence "
                                        "of %lld",
                                        (long long)tokens, (long long)mk->view.sequence);
    }
    return status == WEFT_STATUS_OK ? add_unit(mk, sample, 0, text) : status;
}

/* A unit for each medium of the backbone's modality, with all else of the sample. */
static weft_status add_clips(maker *mk, int32_t sample)
{
    const weft_model *model = mk->view.model;
    weft_modality modality = model->modules[model->n_modules - 1].modality;
    int64_t text = mk->media.text_tokens;
    int32_t index = 0;
    weft_status status = WEFT_STATUS_OK;
    if (text > mk->view.sequence) {
        weft_i_pack_notes *notes = &mk->units->notes;
        notes->documents_cut++;
        notes->tokens_cut = weft_i_add_tokens(notes->tokens_cut, text - mk->view.sequence);
        text = mk->view.sequence;
        if (mk->view.strict)
            status = weft_i_sample_fail(&mk->view, sample, "$.text_chars",
                                        "a caption of %lld tokens is longer than the sequence of "
                                        "%lld",
                                        (long long)mk->media.text_tokens, (long long)text);
    }
    for (size_t at = 0; status == WEFT_STATUS_OK && at < mk->media.n_media; at++) {
        const weft_i_medium *own = &mk->media.media[at];
        if (own->modality != modality) continue;
        if (mk->media.instances[own->first + (size_t)own->n - 1].out_tokens > mk->view.sequence) {
            status = drop(mk, sample, at, "is longer than the sequence");
            continue;
        }
        for (size_t i = 0; i < mk->media.n_media; i++)
            mk->keep[i] = i == at || mk->media.media[i].modality != modality;
        status = add_unit(mk, sample, index++, text);
    }
    return status;
}

static weft_status add_sample(maker *mk, int32_t sample)
{
    const weft_model *model = mk->view.model;
    size_t n_before = mk->units->n_units;
    weft_status status = weft_i_media_read(&mk->view, sample, &mk->units->notes, &mk->media);
    if (status != WEFT_STATUS_OK) return status;
    if (weft_i_grow(&mk->keep, &mk->keep_cap, mk->media.n_media + 1, sizeof(*mk->keep)))
        return weft_i_no_memory(mk->view.error);
    status = model->modules[model->n_modules - 1].modality == WEFT_MODALITY_TEXT
                 ? add_document(mk, sample)
                 : add_clips(mk, sample);
    if (status == WEFT_STATUS_OK && mk->units->n_units == n_before)
        mk->units->notes.samples_empty++;
    return status;
}

weft_status weft_i_units_make(const weft_model *model, const weft_recipe *recipe,
                              const weft_batch *batch, bool strict, weft_error *error,
                              weft_i_units *out_units)
{
    weft_i_units units = {0};
    weft_i_arena arena = {0};
    int64_t *out_tokens = weft_i_new(&arena, int64_t, model->n_modules);
    maker mk = {
        .view = {model, recipe, batch, strict, error, or_none(recipe->sequence), out_tokens},
        .capacity = weft_i_capacity(recipe),
        .units = &units,
    };
    weft_status status = out_tokens ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < batch->n_samples; s++)
        status = add_sample(&mk, s);
    weft_i_media_free(&mk.media);
    free(mk.keep);
    weft_i_arena_free(&arena);
    if (status == WEFT_STATUS_OK)
        *out_units = units;
    else
        weft_i_units_free(&units);
    return status;
}
