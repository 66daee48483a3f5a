/* search/levels.h - one word for how lean all stages are: level 0 the fastest candidates, the last
 * level the leanest. Not: a choice stage by stage (search/memory.h). */
#ifndef WEFT_SEARCH_LEVELS_H
#define WEFT_SEARCH_LEVELS_H

#include "weft/problem.h"

/* Levels that a problem has: as many as the candidates of a stage, 4 at most, 1 without any. */
int32_t weft_i_levels_count(const weft_problem *problem);

/* The candidate of a stage at a level: the fastest of those that save at most the level's part of
 * what lies between the leanest and the fattest. -1 = no candidates. In whatever order these are
 * listed, and however many there are, a level means much the same for all stages. */
int32_t weft_i_levels_candidate(const weft_stage *stage, int32_t level, int32_t n_levels);

/* Forward and backward of a cost, in the quicker way to run the backward. */
int64_t weft_i_levels_ns(const weft_cost *cost);

#endif
