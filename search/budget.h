/* search/budget.h - when a search has to stop: time, iterations, or the caller's callback. */
#ifndef WEFT_SEARCH_BUDGET_H
#define WEFT_SEARCH_BUDGET_H

#include <stdbool.h>

#include "weft/search.h"

/* An iteration is one order that was tried. Without a time limit the clock has no say, so that a
 * run is reproducible. */
typedef struct weft_i_budget {
    int64_t begin_ns, limit_ns; /* limit 0 = none */
    int64_t iterations, limit;  /* limit 0 = none */
    weft_progress_fn progress;
    void *progress_context;
    int64_t next_progress_ns;
    int64_t best_ns, bound_ns; /* told to the callback */
    int64_t told_ns;           /* best_ns when it was told last */
    bool stopped;              /* by the callback */
} weft_i_budget;

weft_i_budget weft_i_budget_begin(const weft_search_options *options);

/* How much is used up, from 0 to 1, and 1 once the callback has said stop. Reads the clock and
 * calls back at every tenth of a second, and when the best has become better. */
double weft_i_budget_used(weft_i_budget *budget);

/* When the time is over by the clock; 0 = never. */
static inline int64_t weft_i_budget_end_ns(const weft_i_budget *budget)
{
    return budget->limit_ns > 0 ? budget->begin_ns + budget->limit_ns : 0;
}

#endif
