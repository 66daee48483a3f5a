/* emu/emulator.h - what an emulator holds: the layers of a model sorted into classes.
 *
 * Two layers of equal shape, shard, place in the token flow and backward are one class, whichever
 * module or rank has them. Not: costs (emu/stage.c).
 */
#ifndef WEFT_EMU_EMULATOR_H
#define WEFT_EMU_EMULATOR_H

#include "base/arena.h"
#include "emu/attention.h"
#include "emu/cache.h"

/* What a layer gathers and scatters over the replicas, in bytes of a device; experts, which are
 * alike on fewer replicas, apart (emu/shards.h). */
typedef struct weft_i_shard {
    int64_t gather, gather_experts;
    int64_t scatter, scatter_experts;
} weft_i_shard;

/* What layers took over what the formulas say, on one work: logarithms (emu/timed.h). */
typedef struct weft_i_timed_row {
    double tokens, span;
    double passes[4]; /* fw, bw, bwi, bww */
} weft_i_timed_row;

typedef struct weft_i_timed {
    weft_i_timed_row *rows; /* n_rows by span, then tokens */
    int32_t n_rows;
} weft_i_timed;

typedef struct weft_i_class {
    weft_i_shape shape;
    weft_i_shard shard;
    weft_i_core core;
    int32_t core_number;     /* equal for classes of equal core */
    const weft_layer *layer; /* one of them */
    weft_i_flop_rates flop;
    weft_i_timed timed; /* empty unless its layers were timed on the device */
} weft_i_class;

typedef struct weft_i_emu_module {
    int32_t *classes; /* of each layer */
    int32_t *run_end; /* of each layer: the first after it that is of another class */
    int64_t *merge;   /* module tokens that are one token at the layer's output */
    weft_tp_mode tp_mode;
    bool *trained; /* each layer, after the recipe's overrides */
    bool *asked;   /* each layer, for the gradient of its input */
} weft_i_emu_module;

struct weft_i_emu {
    const weft_model *model;
    const weft_cluster *cluster;
    const weft_recipe *recipe;
    weft_parallel parallel;
    weft_i_machine machine;
    weft_reuse_mode reuse;
    weft_i_cache *cache;  /* of subgraphs; NULL unless all is reused */
    weft_i_cache *stages; /* the same of stages */
    weft_i_arena arena;
    weft_i_emu_module *modules;
    weft_i_class *classes; /* n_classes of max_classes */
    int32_t n_classes, max_classes;
    int32_t n_strategies;
    uint32_t sets[WEFT_MAX_RECOMPUTE_SETS]; /* what the recipe's sets recompute */
    int64_t pass_ns; /* of each pass beside its layers, where layers were timed */
    bool spreads;    /* some module is replicated over the TP group */
};

/* Parameters of a layer on one device, before the replicas cut them. */
typedef struct weft_i_parameters {
    double all, experts;
    double trained, trained_experts;
} weft_i_parameters;
weft_i_parameters weft_i_layer_share(const weft_i_emu *emu, int32_t module, int32_t layer);

/* The one rounding of times: to the nearest ns, at least 1 where there is anything; and of bytes:
 * up. Both at most WEFT_INT_MAX. */
int64_t weft_i_whole_ns(double ns);
int64_t weft_i_whole_bytes(double bytes);

#endif
