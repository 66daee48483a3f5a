/* planner/evening.h - a layout evened out by what its problem says of its chunks, and by what a
 * schedule showed of the ranks. Not: moving layers (partition/layout_even.h). */
#ifndef WEFT_PLANNER_EVENING_H
#define WEFT_PLANNER_EVENING_H

#include "planner/attempt.h"

/* Move layers between the ranks of `layout`, which has the cut of `built`'s, by the times of its
 * problems at their fastest strategies. `solved` (NULL = none, may be the same) has a schedule for
 * the same ranks: how much each rank recomputed, and how long it had to wait before its first pass
 * and after its last, are taken to stay as they are. NO_MEMORY; what weft_i_layout_even says. */
weft_status weft_i_even_out(const weft_i_attempt *built, const weft_i_attempt *solved,
                            weft_error *error, weft_layout *layout);

#endif
