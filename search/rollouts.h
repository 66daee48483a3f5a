/* search/rollouts.h - the tree search in rounds: leaves are opened in a fixed order, their random
 * rollouts scored in parallel, the scores merged in order. Not: the tree (mcts.h), nor a score
 * (player.h). */
#ifndef WEFT_SEARCH_ROLLOUTS_H
#define WEFT_SEARCH_ROLLOUTS_H

#include "search/budget.h"
#include "search/player.h"

typedef struct weft_i_rollouts_options {
    const int32_t *choices; /* strategies of level 2, by stage */
    bool chooses;           /* level 3 */
    const int64_t *margin;  /* by rank: what a first dispatch had to leave free */
    int32_t threads;
    uint64_t seed;
} weft_i_rollouts_options;

/* Search sequences of the graph's groups until the budget is used, all sequences have been seen, or
 * the bound of the budget is reached; better answers go to the incumbent, which has one, as
 * "paper". An iteration is one sequence. With a time limit a round may be cut short. NO_MEMORY or
 * OK. */
weft_status weft_i_rollouts(const weft_i_graph *graph, const weft_i_rollouts_options *options,
                            weft_i_budget *budget, weft_i_incumbent *incumbent, weft_error *error);

#endif
