/* runtime/outcome.h - what a run measured, printed. */
#ifndef WEFT_RUNTIME_OUTCOME_H
#define WEFT_RUNTIME_OUTCOME_H

#include <stdbool.h>
#include <stdio.h>

#include "plan/measure.h"

/* What training came to. */
typedef struct weft_i_lesson {
    const double *losses; /* of each step */
    int32_t n_steps;
    int64_t first_step;          /* of these, from 0: what came before was in a checkpoint */
    bool is_checked, has_passed; /* against the serial run: */
    double serial_loss;
    double whole_error;    /* of all gradients together */
    double gradient_error; /* of the parameter that is farthest off: */
    int64_t n_gradients;   /* compared */
    char worst[128];
    const char *messages; /* how they left the memory of a GPU, "staged" or "direct"; NULL = it was
                             the host's */
} weft_i_lesson;

/* What there is to print. steps_ns: each step's longest pipeline. */
typedef struct weft_i_outcome {
    const weft_timeline *timeline; /* of the median step */
    const weft_i_measure *measure; /* of the same */
    const int64_t *steps_ns;
    const weft_i_lesson *lesson; /* NULL = nothing was trained */
} weft_i_outcome;

/* A screenful; and one JSON object on one line. */
void weft_i_outcome_text(const weft_i_outcome *outcome, FILE *stream);
void weft_i_outcome_json(const weft_i_outcome *outcome, FILE *stream);

#endif
