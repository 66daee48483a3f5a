/* runtime/rows.h - which rows of which matrix the tokens of a replica's batch are: for every item
 * of every sub-microbatch, at every level of its module; and which items of one module feed which
 * of another. Not: how rows travel between ranks (routes.h). */
#ifndef WEFT_RUNTIME_ROWS_H
#define WEFT_RUNTIME_ROWS_H

#include "runtime/tape.h"
#include "runtime/trainee.h"

/* Rows first..first+n-1 of a sub-microbatch's matrix, patches in a grid or in a row. */
typedef struct weft_i_block {
    int32_t first, n;
    int32_t grid[3]; /* time, height, width; 0 = no grid */
} weft_i_block;

/* An item of a sub-microbatch. */
typedef struct weft_i_piece {
    const weft_item *item;
    int32_t sub, module, microbatch;
    weft_i_block *levels; /* of the module */
    int32_t first_link;   /* what feeds it: tokens first, in the order in which they stand */
    int32_t n_tokens, n_conditions; /* links */
} weft_i_piece;

/* Piece `from` feeds piece `to` by an edge of the model. */
typedef struct weft_i_link {
    int32_t edge, from, to;
    int32_t n;      /* rows */
    int32_t to_row; /* first among the media, or the context, of its sub-microbatch */
} weft_i_link;

typedef struct weft_i_rows {
    const weft_i_trainee *trainee;
    const weft_problem *problem;
    weft_i_piece *pieces; /* by sub-microbatch, in the order of its items */
    int32_t *sub_first;   /* piece of each sub-microbatch, and the end */
    weft_i_link *links;   /* by piece */
    int32_t n_pieces, n_links;
    weft_i_sheet **sheets; /* [sub-microbatch][level]; without velocities */
    int64_t n_targets;     /* of this replica */
    weft_i_arena arena;
} weft_i_rows;

/* BAD_INPUT where the plan's items do not go together with the model. Free with weft_i_rows_free.
 */
weft_status weft_i_rows_create(const weft_i_trainee *trainee, const weft_problem *problem,
                               weft_error *error, weft_i_rows **out_rows);
void weft_i_rows_free(weft_i_rows *rows);

/* The two parts after the pieces themselves (rows_links.c, sheets.c). */
weft_status weft_i_rows_link(weft_i_rows *rows, weft_error *error);
weft_status weft_i_rows_make_sheets(weft_i_rows *rows, weft_error *error);

#endif
