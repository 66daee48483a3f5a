/* emu/fit_constants.h - the constants of a cluster that a fit may change, by number. Not: how. */
#ifndef WEFT_EMU_FIT_CONSTANTS_H
#define WEFT_EMU_FIT_CONSTANTS_H

#include "weft/fit.h"

enum { WEFT_I_MAX_CONSTANTS = 256 };

/* A constant of the device (stack NULL) or of a stack; `kind` numbers those of its owner. */
typedef struct weft_i_constant {
    weft_stack *stack;
    int32_t kind;
    double low, high;
} weft_i_constant;

/* Fill out_constants (room for `room`), those of the device, if wanted, first; returns how many. */
int32_t weft_i_constants_of(const weft_cluster *cluster, const weft_measurement *rows,
                            int32_t n_rows, bool device, weft_i_constant *out_constants,
                            int32_t room);

const char *weft_i_constant_name(const weft_i_constant *constant);
double weft_i_constant_get(const weft_cluster *cluster, const weft_i_constant *constant);
void weft_i_constant_set(weft_cluster *cluster, const weft_i_constant *constant, double value);

/* The stack of that name, the one in force first; NULL where there is none. */
weft_stack *weft_i_stack_named(const weft_cluster *cluster, const char *name);

#endif
