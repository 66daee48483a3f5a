/* runtime/tape.h - a layer's program at work on the tokens of a sub-microbatch: forward, backward,
 * the two halves of a backward, and making again what was not kept. Not: layers one after another
 * (worker_stage.h). */
#ifndef WEFT_RUNTIME_TAPE_H
#define WEFT_RUNTIME_TAPE_H

#include "profiles/recompute.h"
#include "runtime/kit.h"

/* What of a layer's backward is asked for. */
typedef struct weft_i_wants {
    bool input, media, context, weights;
} weft_i_wants;

/* What is computed again: a set of names of operations (profiles/recompute.h). The core of
 * attention keeps nothing but its output, which a linear map reads: its name changes nothing. */
enum {
    WEFT_I_REDO_NOTHING = 0,
    WEFT_I_REDO_SELECTIVE =
        WEFT_I_REDO_LAYERNORM | WEFT_I_REDO_MLP_ACT | WEFT_I_REDO_MOE_ACT | WEFT_I_REDO_MODULATION
};

/* What follows for each tensor of the program. */
typedef struct weft_i_rules {
    bool has_gradient[WEFT_I_MAX_TENSORS];
    bool read_by_input[WEFT_I_MAX_TENSORS];   /* by the gradients of inputs */
    bool read_by_weights[WEFT_I_MAX_TENSORS]; /* by those of the weights */
    bool kept[WEFT_I_MAX_TENSORS];            /* after the forward; of given ones: by the caller */
} weft_i_rules;

void weft_i_rules_make(const weft_i_program *program, weft_i_wants wants, uint32_t redo,
                       weft_i_rules *out);

/* A layer on one sub-microbatch. The caller sets the given values before a pass, and the gradient
 * of the output before a backward, which the tape frees; it takes the gradients of input and media
 * after it. The gradient of the context is the caller's and is added to. */
typedef struct weft_i_tape {
    const weft_i_program *program;
    const weft_i_rules *rules;
    const weft_i_sheet *sheet;
    const float *parameters;
    const void *operands; /* the parameters as matrix products read them */
    float *gradients;     /* of the parameters, added to; NULL = frozen */
    const weft_i_kit *kit;
    weft_i_pool *pool; /* of the kit's memory */
    void *values[WEFT_I_MAX_TENSORS];
    void *d_values[WEFT_I_MAX_TENSORS];
    double *loss; /* of a head, its sum over targets, added to */
} weft_i_tape;

/* Rows of a tensor. */
int64_t weft_i_tape_rows(const weft_i_tape *tape, int tensor);
/* Memory of a tensor's values or gradients, not cleared; NULL when out of memory. */
void *weft_i_tape_take(const weft_i_tape *tape, int tensor);

/* Which halves of the backward. */
enum { WEFT_I_BACK_INPUT = 1, WEFT_I_BACK_WEIGHTS = 2, WEFT_I_BACK_BOTH = 3 };

/* Each gives NO_MEMORY alone. Values and gradients that no later pass needs are freed, those of the
 * program at the end. */
weft_status weft_i_tape_forward(weft_i_tape *tape, weft_error *error);
weft_status weft_i_tape_back(weft_i_tape *tape, int halves, weft_error *error);

/* Free all that is the tape's. */
void weft_i_tape_clear(weft_i_tape *tape);

#endif
