/* partition/stage_costs.h - costs of a layout's chunks on sub-microbatches, each distinct work
 * asked of the emulator once. Not: costs at the mean (partition/layer_costs.h). */
#ifndef WEFT_PARTITION_STAGE_COSTS_H
#define WEFT_PARTITION_STAGE_COSTS_H

#include "partition/split.h"
#include "partition/work.h"

/* A chunk as the costs see it. */
typedef struct weft_i_chunk_of {
    int32_t module, local; /* place among the chunks of its module */
    weft_backward backward;
} weft_i_chunk_of;

/* What a chunk costs on a work. */
typedef struct weft_i_choice {
    weft_candidate *candidates; /* by saved bytes, most first; one where there is no backward */
    int32_t n;                  /* 0 = not asked yet */
    double *recompute_flop;     /* of each candidate */
    int64_t *host_bytes;        /* of each candidate: offloaded */
    double model_flop;
    int64_t best_ns;      /* of the quickest candidate */
    int64_t output_bytes; /* of the chunk's last layer */
} weft_i_choice;

typedef struct weft_i_stage_costs weft_i_stage_costs;

/* Candidates and their flop live in `arena`, all else in `scratch`. `chunks` are those of the
 * layout; all that is given is borrowed. NULL when out of memory. */
weft_i_stage_costs *weft_i_stage_costs_create(const weft_model *model, const weft_recipe *recipe,
                                              weft_i_emu *emu, const weft_layout *layout,
                                              const weft_i_chunk_of *chunks, weft_i_arena *arena,
                                              weft_i_arena *scratch);

/* The number of a work of a module; equal works have equal numbers. The spans are copied. */
weft_status weft_i_stage_costs_work(weft_i_stage_costs *costs, int32_t module, weft_i_work work,
                                    weft_error *error, int32_t *out_number);

/* Cost of chunk c on a work of its module. */
weft_status weft_i_stage_costs_get(weft_i_stage_costs *costs, int32_t number, int32_t c,
                                   weft_error *error, const weft_i_choice **out_choice);

/* The quickest that all of the module at once takes on a work. */
weft_status weft_i_stage_costs_module_ns(weft_i_stage_costs *costs, int32_t module,
                                         const weft_i_work *work, weft_error *error,
                                         int64_t *out_ns);

#endif
