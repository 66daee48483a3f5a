/* runtime/outcome.h - what a run measured, printed. */
#ifndef WEFT_RUNTIME_OUTCOME_H
#define WEFT_RUNTIME_OUTCOME_H

#include <stdio.h>

#include "plan/measure.h"

/* What there is to print. steps_ns: each step's longest pipeline. */
typedef struct weft_i_outcome {
    const weft_timeline *timeline; /* of the median step */
    const weft_i_measure *measure; /* of the same */
    const int64_t *steps_ns;
} weft_i_outcome;

/* A screenful; and one JSON object on one line. */
void weft_i_outcome_text(const weft_i_outcome *outcome, FILE *stream);
void weft_i_outcome_json(const weft_i_outcome *outcome, FILE *stream);

#endif
