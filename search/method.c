/* search/method.c - weft_search: the method that the options ask for. */
#include <stdlib.h>

#include "base/error.h"
#include "search/paper.h"
#include "search/proof.h"
#include "search/starts.h"

void weft_search_options_init(weft_search_options *options)
{
    *options = (weft_search_options){.struct_size = sizeof *options, .seed = 1, .threads = 1};
}

void weft_solution_free(weft_solution *solution)
{
    if (!solution) return;
    weft_order_free(solution->order);
    free(solution->choices);
    *solution = (weft_solution){.order = NULL};
}

weft_status weft_i_search(const weft_problem *problem, const weft_search_options *options,
                          const weft_i_start *starts, int32_t n_starts, weft_error *error,
                          weft_solution *out_solution)
{
    weft_search_options defaults;
    weft_search_options_init(&defaults);
    options = options ? options : &defaults;
    switch (options->method) {
    case WEFT_SEARCH_DEFAULT:
        return weft_i_search_default(problem, options, starts, n_starts, error, out_solution);
    case WEFT_SEARCH_PAPER:
        return weft_i_paper(problem, options, starts, n_starts, error, out_solution);
    case WEFT_SEARCH_EXACT:
        return weft_i_proof(problem, options, error, out_solution);
    }
    return weft_i_fail(error, WEFT_STATUS_USAGE, "method %d, expected 0 to 2",
                       (int)options->method);
}

weft_status weft_search(const weft_problem *problem, const weft_search_options *options,
                        weft_error *error, weft_solution *out_solution)
{
    return weft_i_search(problem, options, NULL, 0, error, out_solution);
}
