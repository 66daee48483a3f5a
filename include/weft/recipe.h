/* weft/recipe.h - what a training run fixes besides model and cluster.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_RECIPE_H
#define WEFT_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/model.h"
#include "weft/problem.h"
#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weft_packing {
    WEFT_PACKING_FIRST_FIT, /* first microbatch that has room, in the order of the batch */
    WEFT_PACKING_NEXT_FIT,  /* only the last microbatch is open, as a streaming loader does */
    WEFT_PACKING_NONE       /* one sample a microbatch */
} weft_packing;

typedef enum weft_precision {
    WEFT_PRECISION_BF16,
    WEFT_PRECISION_FP8 /* linear maps in fp8, all else in bf16 */
} weft_precision;

typedef enum weft_tp_mode {
    WEFT_TP_MODE_TP,      /* tensors are cut over the TP group */
    WEFT_TP_MODE_DP_IN_TP /* the module is replicated over the TP group, its instances spread */
} weft_tp_mode;

/* How attention under context parallelism gets the keys of others: in a ring while it computes
 * (Liu et al. 2023), or all at once before (Llama 3). */
typedef enum weft_cp_mode { WEFT_CP_MODE_RING, WEFT_CP_MODE_ALL_GATHER } weft_cp_mode;

/* Named sets of recomputed operators that a recipe may have. */
enum { WEFT_MAX_RECOMPUTE_SETS = 4 };

/* What a recipe says of one module; the defaults where it says nothing. */
typedef struct weft_recipe_module {
    const char *module;
    weft_tp_mode tp_mode;
    int frozen; /* all layers of the module: -1 = as the model says, 0 = trained, 1 = frozen */
    int32_t segments;             /* K; 0 = by the rule */
    int64_t submicrobatch_tokens; /* B; 0 = by the rule */
} weft_recipe_module;

typedef struct weft_recipe {
    const char *name;
    const char *sha256; /* of the file's bytes, then of overrides; "" = defaults */
    /* packing of a microbatch */
    int64_t sequence;              /* tokens of the backbone */
    int32_t max_images, max_clips; /* 0 = no limit */
    double max_seconds;            /* of clips together; 0 = no limit */
    weft_packing packing;
    /* sizes that a sample leaves null */
    int32_t default_width, default_height;
    double default_seconds;
    int64_t default_text_tokens;
    /* training */
    weft_precision precision;
    int32_t parameter_bytes, gradient_bytes, optimizer_bytes; /* a parameter: 2, 4, 12 */
    int32_t zero; /* ZeRO stage: 1 cuts optimizer state over replicas (the distributed optimizer),
                     2 gradients, too, 3 parameters, too (FSDP) */
    weft_cp_mode cp_mode;
    bool sequence_parallel;
    bool flash_attention;
    bool allow_none, allow_selective, allow_full; /* memory strategies */
    bool allow_offload;                           /* to the host; not by default */
    /* memory strategies beside those, each a set of operators that the backward runs again or that
     * keep what they need on the host: "core_attn+offload.mlp" (docs/formats.md has the names) */
    const char *recompute_sets[WEFT_MAX_RECOMPUTE_SETS];
    int32_t n_recompute_sets;
    bool overlap_dp, overlap_tp;
    weft_objective objective;
    int64_t post_ns;
    weft_parallel parallel; /* 0 = not said */
    int32_t microbatches;   /* of one replica; 0 = as the batch gives */
    weft_recipe_module *modules;
    int32_t n_modules;
    void *owner;
} weft_recipe;

/* The defaults: bfloat16 with float32 master weights, Adam (18 bytes a parameter), sequence 8192,
 * 48 images, first fit, flash attention, sequence parallel, all memory strategies. The name of a
 * set-up's recipe is that of its model. A name may have overrides, "vlm-s:zero=1,tp=8". NULL name:
 * the recipe of defaults. USAGE for an unknown name and wrong overrides, IO, BAD_INPUT with file,
 * line and path, NO_MEMORY. Free *out_recipe with weft_recipe_free. */
WEFT_API weft_status weft_recipe_load(const char *name, weft_error *error,
                                      weft_recipe **out_recipe);
/* The recipe that goes with a model: the shipped one of its name, else the defaults with the
 * model's own sequence, where it says one. BAD_INPUT as weft_recipe_load. Free *out_recipe. */
WEFT_API weft_status weft_recipe_of_model(const weft_model *model, weft_error *error,
                                          weft_recipe **out_recipe);
WEFT_API void weft_recipe_free(weft_recipe *recipe);

/* Names of the shipped recipes; NULL past the last. */
WEFT_API const char *weft_recipe_shipped(size_t index);

/* A changed copy is made by loading, then changing fields; strings stay the caller's. `overrides`
 * is "key=value,key=value" with the JSON keys ("sequence=4096,tp=4,vision.frozen=true"). USAGE
 * names the word that is wrong, and the recipe is unchanged. */
WEFT_API weft_status weft_recipe_override(weft_recipe *recipe, const char *overrides,
                                          weft_error *error);

/* Allow a set of recomputed operators, names with ',' or '+' between them ("core_attn,layernorm"),
 * as one more memory strategy; *out_index is its place in recompute_sets, where it may have been
 * already. USAGE for an unknown name, one that comes twice, and for too many sets; NO_MEMORY. */
WEFT_API weft_status weft_recipe_add_recompute(weft_recipe *recipe, const char *operators,
                                               weft_error *error, int32_t *out_index);

/* Every module that the recipe mentions is one of the model's. USAGE names the first that is not.
 */
WEFT_API weft_status weft_recipe_check(const weft_recipe *recipe, const weft_model *model,
                                       weft_error *error);

/* What the recipe says of the module, the defaults where it says nothing. */
WEFT_API weft_recipe_module weft_recipe_of_module(const weft_recipe *recipe, const char *module);

#ifdef __cplusplus
}
#endif
#endif
