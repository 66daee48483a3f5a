/* search/climb.h - climbing over the sequence of groups that level 1 of the paper searches by a
 * tree: groups and microbatches change places, and what list scheduling makes of the sequence says
 * whether that was good. Not: the scheduling (player.h), nor changes of a rank's order (anneal.h).
 */
#ifndef WEFT_SEARCH_CLIMB_H
#define WEFT_SEARCH_CLIMB_H

#include "base/rng.h"
#include "search/budget.h"
#include "search/player.h"

/* Climb from the best of some sequences near data order and the paper's rule until `until` of the
 * budget is used or its bound is reached. Rules of the dual queue's grid are changed too. What is
 * better than the incumbent is offered to it as "sequence". An iteration is one sequence. NO_MEMORY
 * or OK. */
weft_status weft_i_climb(weft_i_player *player, weft_i_budget *budget, double until,
                         weft_i_rng *rng, weft_i_incumbent *incumbent, weft_error *error);

#endif
