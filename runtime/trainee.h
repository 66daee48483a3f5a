/* runtime/trainee.h - a model as a plan trains it: its layers as programs, which of them learn, and
 * how many target tokens the loss is divided by. Not: which rank has what. */
#ifndef WEFT_RUNTIME_TRAINEE_H
#define WEFT_RUNTIME_TRAINEE_H

#include "base/arena.h"
#include "runtime/program.h"
#include "weft/batch.h"
#include "weft/plan.h"

/* A module, with what holds for all its sub-microbatches. Its tokens change their number at
 * projectors: level 0 is the input, each projector ends a level. */
typedef struct weft_i_trained_module {
    const weft_module *module;
    weft_i_program *programs; /* by layer */
    bool *learns;             /* by layer */
    int32_t *levels;          /* by layer, of its input */
    int32_t n_levels;
    bool is_text;
} weft_i_trained_module;

typedef struct weft_i_trainee {
    const weft_model *model;
    const weft_batch *batch;
    uint64_t seed;
    weft_i_trained_module *modules;
    int64_t n_targets; /* of the whole plan, at least 1 */
    weft_i_arena arena;
} weft_i_trainee;

/* Bind a plan to the model and batch that it was made from; all three are borrowed. A layer learns
 * if the model says so and the plan has its chunk's backward in full; where the model freezes a
 * whole chunk that the plan trains, its layers all learn (a recipe can say so). USAGE for a plan of
 * tp, cp or ep over 1; BAD_INPUT where model or batch are not those of the plan, and for layers and
 * edges that cannot be trained here. Free with weft_i_trainee_free. */
weft_status weft_i_trainee_create(const weft_plan *plan, const weft_model *model,
                                  const weft_batch *batch, uint64_t seed, weft_error *error,
                                  weft_i_trainee **out_trainee);
void weft_i_trainee_free(weft_i_trainee *trainee);

/* Number of a module by its name, -1 = none. */
int32_t weft_i_trainee_module(const weft_i_trainee *trainee, const char *name);

/* Level and width of a layer's output. */
int32_t weft_i_trainee_level_after(const weft_i_trained_module *module, int32_t layer);
int32_t weft_i_trainee_width_after(const weft_i_trained_module *module, int32_t layer);

/* A seed for one thing of its own among all that is drawn in a run. */
uint64_t weft_i_trainee_seed(const weft_i_trainee *trainee, uint64_t what, uint64_t a, uint64_t b,
                             uint64_t c);

/* What seeds are for. */
enum { WEFT_I_SEED_WEIGHTS = 1, WEFT_I_SEED_TEXT, WEFT_I_SEED_PIXELS, WEFT_I_SEED_NOISE };

#endif
