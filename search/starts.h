/* search/starts.h - weft_search with starting orders of one's own. */
#ifndef WEFT_SEARCH_STARTS_H
#define WEFT_SEARCH_STARTS_H

#include "weft/search.h"

/* An order to begin with. */
typedef struct weft_i_start {
    const weft_order *order;
    const int32_t *choices; /* candidate of each stage, -1 = `now`; NULL = choose what fits */
    const char *method;     /* static storage: what an answer that is no better is called */
    bool searched;          /* the answer of an earlier search: it alone is improved further */
} weft_i_start;

/* weft_search that also tries `starts`: no answer is worse than the best of them that fits. A start
 * that is no order of the problem is FAILED; one that does not fit is passed over. */
weft_status weft_i_search(const weft_problem *problem, const weft_search_options *options,
                          const weft_i_start *starts, int32_t n_starts, weft_error *error,
                          weft_solution *out_solution);

/* The same by the default method, whatever the options say; they are not NULL. */
weft_status weft_i_search_default(const weft_problem *problem, const weft_search_options *options,
                                  const weft_i_start *starts, int32_t n_starts, weft_error *error,
                                  weft_solution *out_solution);

#endif
