/* search/spare.h - room kept free for messages while an order is still changed. They move from
 * place to place then, and each takes memory for longer than passes alone show: were every rank
 * full to the last byte, a few bytes too many would spoil most answers. Not: messages' exact bytes
 * (plan/compile.h). */
#ifndef WEFT_SEARCH_SPARE_H
#define WEFT_SEARCH_SPARE_H

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/status.h"

typedef struct weft_i_spare {
    int64_t *bytes;       /* by rank */
    weft_problem problem; /* with so much less as limits; all else is shared with the base */
    weft_i_graph graph;   /* of `problem`, so a spare does not move once it is made */
} weft_i_spare;

/* The arrays live in the arena; the graph is borrowed. NO_MEMORY or OK. */
weft_status weft_i_spare_init(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                              weft_i_spare *spare);

#endif
