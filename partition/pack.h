/* partition/pack.h - from a batch to microbatches: sizes become tokens, documents are packed, long
 * ones cut, work is spread over the replicas. Not: sub-microbatches, which depend on the layout. */
#ifndef WEFT_PARTITION_PACK_H
#define WEFT_PARTITION_PACK_H

#include <stdbool.h>

#include "base/arena.h"
#include "emu/emu.h"
#include "weft/batch.h"
#include "weft/model.h"
#include "weft/recipe.h"

/* Instances of one module in one microbatch, in the order of the batch. A text backbone's are
 * documents (text and the tokens of what is in it), another text module's captions; the others' are
 * images, clips, pieces of audio. */
typedef struct weft_i_instances {
    weft_item *items;        /* tokens at the module's input */
    int64_t *out_tokens;     /* of each item at the module's output (after merging) */
    int64_t *context_tokens; /* of each item: condition tokens read by cross-attention, or 0 */
    int32_t n_items;
    int64_t tokens;
} weft_i_instances;

typedef struct weft_i_microbatch {
    weft_i_instances *modules; /* by the model's modules; n_items 0 = nothing to do there */
    int32_t number;            /* in its replica */
} weft_i_microbatch;

typedef struct weft_i_replica {
    weft_i_microbatch *microbatches;
    int32_t n_microbatches; /* at least 1 */
} weft_i_replica;

/* What was done to the batch, for one line on stderr each; `strict` makes the first three an
 * error. */
typedef struct weft_i_pack_notes {
    int32_t documents_cut;  /* longer than the sequence; captions too */
    int32_t images_dropped; /* also clips and audio: past the cut, over what a microbatch holds, or
                               one alone longer than the sequence */
    int32_t videos_split;   /* longer than a clip; audio too */
    int64_t tokens_cut;     /* of the sequence, by the first two */
    int32_t sizes_filled;   /* null sizes that the recipe's defaults replaced, where they matter */
    int32_t samples_empty;  /* nothing in them to train on: left out */
    int32_t samples_left_out; /* that --microbatches cut off */
    int32_t samples_repeated;
} weft_i_pack_notes;

typedef struct weft_i_packed {
    weft_i_replica *replicas;
    int32_t n_replicas;
    weft_i_pack_notes notes;
} weft_i_packed;

/* Pack a batch for `dp` replicas; all arrays live in the arena. microbatches > 0: each replica gets
 * exactly so many, the batch repeated or cut. Samples with replica and microbatch given stay where
 * the caller put them, whatever the capacity; those with a microbatch alone stay together.
 * Replicas are balanced by work (weft_i_weigh; emu may be NULL), with equal numbers of
 * microbatches, where the caller has not placed the samples. The images, clips and audio of a
 * document are taken to stand in it at even distances, in this order: those past the cut go with
 * it. A clip of a video backbone goes with all else of its sample: its caption is encoded once for
 * each clip. BAD_INPUT, with the sample's line, for a modality that the model lacks (naming both),
 * and with `strict` for the first cut; BAD_INPUT for fewer microbatches than replicas.
 * Deterministic. */
weft_status weft_i_pack(const weft_model *model, const weft_recipe *recipe, weft_i_emu *emu,
                        const weft_batch *batch, int32_t dp, int32_t microbatches, bool strict,
                        weft_i_arena *arena, weft_error *error, weft_i_packed *out_packed);

#endif
