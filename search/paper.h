/* search/paper.h - the three levels of PipeWeaver/DIP (arXiv 2504.14145): a tree search over the
 * sequence of segments, dual-queue interleaving, memory strategies by an integer program for each
 * rank. The reference of the ablation: docs/search.md says how the gaps of the paper are filled.
 * Not: the partitioner, which is the planner's. */
#ifndef WEFT_SEARCH_PAPER_H
#define WEFT_SEARCH_PAPER_H

#include "search/starts.h"

/* weft_i_search by the paper's method, less what options->ablate switches off. No backward is
 * split. Starts are offered, and without interleaving they are all there is: an order of VPP on the
 * problem's own slots stands in where there are none. Rollouts are made in rounds of ten for each
 * leaf, in parallel, and merged in order: up to ten threads the answer does not depend on their
 * number. Statuses as of weft_search. */
weft_status weft_i_paper(const weft_problem *problem, const weft_search_options *options,
                         const weft_i_start *starts, int32_t n_starts, weft_error *error,
                         weft_solution *out_solution);

#endif
