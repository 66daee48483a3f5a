/* runtime/routes.h - what each edge of a plan carries: which rows of which layer's output become
 * which rows of the stage that reads them, and the way back of their gradients. */
#ifndef WEFT_RUNTIME_ROUTES_H
#define WEFT_RUNTIME_ROUTES_H

#include "runtime/rows.h"

/* n rows from `from` of what is sent to `to` of what is read. */
typedef struct weft_i_run {
    int32_t from, to, n;
} weft_i_run;

/* Where the rows go. */
typedef enum weft_i_port {
    WEFT_I_PORT_CHAIN, /* the next layers of the same module: all rows */
    WEFT_I_PORT_MEDIA,
    WEFT_I_PORT_CONTEXT
} weft_i_port;

/* A forward edge, with the edge that brings the gradient back. */
typedef struct weft_i_route {
    weft_i_port port;
    int32_t layer; /* of the sending module, whose output is sent */
    int32_t width;
    int64_t n_rows;
    const weft_i_run *runs;
    int32_t n_runs;
    int32_t model_edge; /* -1 = a chain */
    int32_t back;       /* edge; -1 = no gradient flows */
} weft_i_route;

/* Edges of a problem; all but n_edges entries are of forward edges, `forward` of those back. */
typedef struct weft_i_routes {
    weft_i_route *routes;
    int32_t *forward;               /* per edge of pass bw: the edge whose gradient it brings */
    int32_t *out_first, *out_edges; /* forward edges by the stage that sends */
    int32_t *in_first, *in_edges;   /* and by the one that reads */
    weft_i_arena arena;
} weft_i_routes;

/* BAD_INPUT where the plan's edges are not those of the model. Free with weft_i_routes_free. */
weft_status weft_i_routes_make(const weft_i_rows *rows, const weft_problem *problem,
                               weft_error *error, weft_i_routes *out_routes);
void weft_i_routes_free(weft_i_routes *routes);

#endif
