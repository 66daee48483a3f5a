/* emu/strategies.h - memory strategies as sets of recomputed operators. Not: which of them a stage
 * gets (search/memory.h). */
#ifndef WEFT_EMU_STRATEGIES_H
#define WEFT_EMU_STRATEGIES_H

#include "emu/emulator.h"

/* Take the recipe's sets. BAD_INPUT for a set of names that are not known. */
weft_status weft_i_strategies_make(weft_i_emu *emu, weft_error *error);

/* What a strategy recomputes and offloads of a layer of the class (profiles/recompute.h). */
uint32_t weft_i_strategy_set(const weft_i_emu *emu, const weft_i_class *class,
                             weft_i_strategy strategy);

#endif
