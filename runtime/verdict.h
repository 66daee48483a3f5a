/* runtime/verdict.h - how far the gradients of a run are from those of the serial step. */
#ifndef WEFT_RUNTIME_VERDICT_H
#define WEFT_RUNTIME_VERDICT_H

#include "runtime/serial.h"

/* The farthest parameter so far. */
typedef struct weft_i_verdict {
    double error;  /* |found - serial| / |serial| over one parameter's gradient */
    int32_t chunk; /* -1 = none looked at */
    int32_t layer; /* of its module */
    const char *parameter;
    int64_t n;        /* values compared */
    double off, size; /* sums of squares over all of them */
} weft_i_verdict;

/* Nothing looked at yet. */
weft_i_verdict weft_i_verdict_begin(void);

/* |found - serial| / |serial| over all that was compared. */
double weft_i_verdict_whole(const weft_i_verdict *verdict);

/* Compare the gradients of a chunk of the plan, all its layers one after the other. A parameter's
 * own size is what its error is measured by, but no less than a thousandth of the size that it
 * would have if all gradients of the model were alike: some are 0 but for rounding. */
void weft_i_verdict_add(weft_i_verdict *verdict, const weft_i_serial *serial,
                        const weft_i_trainee *trainee, const weft_plan *plan, int32_t chunk,
                        const float *gradients);

/* Floats of a chunk's gradients; 0 where none of its layers learns. */
int64_t weft_i_verdict_floats(const weft_i_trainee *trainee, const weft_plan *plan, int32_t chunk);

#endif
