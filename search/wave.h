/* search/wave.h - the pattern for V-shaped courses, there and back over all ranks once or several
 * times: the V-shaped zero bubble schedule, taken further. Not: other shapes, which the patterns of
 * modulo.h serve. */
#ifndef WEFT_SEARCH_WAVE_H
#define WEFT_SEARCH_WAVE_H

#include "search/budget.h"
#include "search/workbench.h"

/* Whether a problem has a number of slots and chunks that a wave can go over. */
bool weft_i_wave_suits(const weft_problem *problem, const weft_i_slots *slots);

/* Run the wave with some patiences for weight gradients and offer the orders; nothing is offered
 * where the course is no V, or where memory is too low for the wave: it needs what a rank's passes
 * take for as many microbatches as there are ranks. NO_MEMORY or OK.
 *
 * A lap is once there and back: two slots. Of a microbatch of n laps each lap is an item, and items
 * go over the ranks as the microbatches of ZB-V do (Qi et al. 2023, arXiv 2401.10241, section 6):
 * in every beat, the n-th part of a period, each rank has one forward and one backward that lead
 * away from the first rank and one each that lead home, all ranks in the same order, and the next
 * rank earlier by the time of one hop home. Hops home take that time, hops away the rest of a beat.
 * As many microbatches as there are ranks go together lap by lap, so that a lap ends just when the
 * next of its microbatches is to begin. */
weft_status weft_i_wave(weft_i_workbench *workbench, weft_i_budget *budget,
                        weft_i_incumbent *incumbent, weft_error *error);

#endif
