/* plan/export/torch_line.h - a replica as torch.distributed.pipelining sees one: stages in one
 * line, each of which hands one value on to the next for every microbatch, with a backward for
 * every forward. Not: how it is written, which is torch_csv.c. */
#ifndef WEFT_PLAN_EXPORT_TORCH_LINE_H
#define WEFT_PLAN_EXPORT_TORCH_LINE_H

#include "base/arena.h"
#include "weft/export.h"

typedef struct weft_i_torch_line {
    const weft_pipeline *pipeline; /* the plan's */
    const int32_t *place;          /* of each chunk along the line */
    const int32_t *chunk;          /* at each place */
    const int32_t *microbatch;     /* of each stage */
    weft_i_arena arena;            /* of the three above: the caller's to free */
} weft_i_torch_line;

/* Statuses and `replica` as of weft_export_torch_csv. */
weft_status weft_i_torch_line_make(const weft_plan *plan, int32_t replica, weft_error *error,
                                   weft_i_torch_line *out_line);

#endif
