/* search/proof.h - the exact search as a way to solve a problem: an answer that is proven, or what
 * stands against a proof. Not: going through the orders (exact.h). */
#ifndef WEFT_SEARCH_PROOF_H
#define WEFT_SEARCH_PROOF_H

#include "weft/search.h"

/* The best order, proven: that of a short default search, unless an exact search finds a better one
 * below it. INFEASIBLE: no order keeps the limits. LIMIT: more stages or states than the exact
 * search takes, a choice of memory strategies, the end of the time or of the iterations (states),
 * or messages that take a rank over its limit, which the exact search does not count. Without a
 * limit in the options there is none. */
weft_status weft_i_proof(const weft_problem *problem, const weft_search_options *options,
                         weft_error *error, weft_solution *out_solution);

#endif
