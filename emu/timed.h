/* emu/timed.h - layers that were timed on the device go by their times, and where nothing was timed
 * by the formulas between what was.
 *
 * Formulas know how a time grows, and constants for a whole device are far off for a small layer:
 * so what is interpolated, in the logarithms of tokens and of the length of sequences, is the
 * logarithm of measured over formula. Not: constants fitted to such times (emu/calibrate.c). */
#ifndef WEFT_EMU_TIMED_H
#define WEFT_EMU_TIMED_H

#include "emu/layer_price.h"

/* Give each class of an emulator the rows of the device that are of its layers; none where they are
 * of another model or devices share layers. The emulator has no caches yet. BAD_INPUT for a row of
 * no layer, NO_MEMORY. */
weft_status weft_i_timed_make(weft_i_emu *emu, weft_error *error);

/* From the formulas' times to what was timed. */
void weft_i_timed_apply(const weft_i_class *class, const weft_i_work *work,
                        weft_i_layer_price *price);

/* What each pass of a stage takes beside its layers. */
void weft_i_timed_add_pass(const weft_i_emu *emu, weft_cost *cost);

#endif
