/* search/modulo.h - repeating patterns by modulo scheduling: where in a period each pass of a mean
 * microbatch would run, so that no two passes of a rank collide when a microbatch starts every
 * period. What such a pattern needs in memory is known before any order is made of it. */
#ifndef WEFT_SEARCH_MODULO_H
#define WEFT_SEARCH_MODULO_H

#include "base/rng.h"
#include "search/budget.h"
#include "search/workbench.h"

/* Try patterns at random, then changes of the best, as strict orders, and offer what is good, until
 * `until` of the budget is used. (Rau 1994 calls it modulo scheduling; the building blocks of Qi et
 * al. 2024, arXiv 2405.15362, are its uniform case.) NO_MEMORY or OK. */
weft_status weft_i_modulo(weft_i_workbench *workbench, weft_i_budget *budget, double until,
                          weft_i_rng *rng, weft_i_incumbent *incumbent, weft_error *error);

#endif
