/* search/wave.h - the pattern for V-shaped courses, there and back over all ranks once or several
 * times: the V-shaped zero bubble schedule, taken further. Not: other shapes, which the patterns of
 * modulo.h serve. */
#ifndef WEFT_SEARCH_WAVE_H
#define WEFT_SEARCH_WAVE_H

#include "search/budget.h"
#include "search/workbench.h"

/* Whether a problem has a number of slots and chunks that a wave can go over. */
bool weft_i_wave_suits(const weft_problem *problem, const weft_i_slots *slots);

/* Run waves and offer their orders, until `until` of the budget is used; nothing is offered where
 * the course is no V, or where memory is too low for any. NO_MEMORY or OK.
 *
 * A lap is once there and back: two slots. Of a microbatch of several laps each lap is an item, and
 * items go over the ranks as the microbatches of ZB-V do (Qi et al. 2023, arXiv 2401.10241, section
 * 6): every rank does the same in every round, one forward and one backward that lead away from the
 * first rank and one each that lead home, and the next rank does it earlier by the time of one hop
 * home. Hops home take that time, hops away the rest of a beat, of which a round has one or more.
 * As many microbatches as a lap takes rounds go together lap by lap, so that a lap ends just when
 * the next of its microbatches is to begin. */
weft_status weft_i_wave(weft_i_workbench *workbench, weft_i_budget *budget, double until,
                        weft_i_incumbent *incumbent, weft_error *error);

#endif
