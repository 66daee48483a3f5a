/* runtime/tags.c - see tags.h. */
#include "runtime/tags.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

static int32_t rank_of(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

weft_status weft_i_tags_make(const weft_problem *problem, int32_t rank, int32_t max_tag,
                             weft_error *error, int32_t *tags)
{
    bool fit = problem->n_edges <= 0 || problem->n_edges - 1 <= max_tag;
    /* Messages so far to each rank, and from each. */
    int32_t *n_to = weft_i_alloc((size_t)problem->n_ranks * 2, sizeof(*n_to));
    if (!n_to) return weft_i_no_memory(error);
    int32_t *n_from = n_to + problem->n_ranks;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t e = 0; e < problem->n_edges && status == WEFT_STATUS_OK; e++) {
        int32_t from = rank_of(problem, problem->edges[e].from);
        int32_t to = rank_of(problem, problem->edges[e].to);
        if (from == to || (from != rank && to != rank)) continue;
        int32_t number = from == rank ? n_to[to]++ : n_from[from]++;
        tags[e] = fit ? e : number;
        if (fit || number <= max_tag) continue;
        status = weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                             "rank %d has more messages for rank %d than there are tags, %d", from,
                             to, max_tag);
    }
    free(n_to);
    return status;
}
