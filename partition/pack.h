/* partition/pack.h - from a batch to microbatches: sizes become tokens, documents are packed, long
 * ones cut, work is spread over the replicas. Not: sub-microbatches, which depend on the layout. */
#ifndef WEFT_PARTITION_PACK_H
#define WEFT_PARTITION_PACK_H

#include <stdbool.h>

#include "base/arena.h"
#include "weft/batch.h"
#include "weft/model.h"
#include "weft/recipe.h"

/* Instances of one module in one microbatch. */
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
    int32_t n_microbatches;
} weft_i_replica;

/* What was done to the batch, for one line on stderr each; `strict` makes the cuts an error. */
typedef struct weft_i_pack_notes {
    int32_t documents_cut; /* longer than the sequence */
    int64_t tokens_cut;
    int32_t videos_split;     /* longer than a clip */
    int32_t sizes_filled;     /* null sizes that the recipe's defaults replaced */
    int32_t images_dropped;   /* of a document with more than a microbatch holds */
    int32_t samples_left_out; /* that --microbatches cut off */
    int32_t samples_repeated;
} weft_i_pack_notes;

typedef struct weft_i_packed {
    weft_i_replica *replicas;
    int32_t n_replicas;
    weft_i_pack_notes notes;
} weft_i_packed;

/* Pack a batch for `dp` replicas. microbatches > 0: each replica gets exactly so many, the batch
 * repeated or cut. Samples with replica and microbatch given stay where the caller put them.
 * Replicas are balanced by estimated work where the caller has not placed the samples.
 * BAD_INPUT for a sample of a modality that the model lacks (naming both), and with `strict` for
 * the first cut. Deterministic. */
weft_status weft_i_pack(const weft_model *model, const weft_recipe *recipe, const weft_batch *batch,
                        int32_t dp, int32_t microbatches, bool strict, weft_i_arena *arena,
                        weft_error *error, weft_i_packed *out_packed);

#endif
