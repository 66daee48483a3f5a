/* partition/work.h - from instances to the work of a stage, as the emulator takes it. Not: its
 * cost. */
#ifndef WEFT_PARTITION_WORK_H
#define WEFT_PARTITION_WORK_H

#include "emu/emu.h"
#include "partition/pack.h"

/* Spans in the making; reused from work to work. */
typedef struct weft_i_spans {
    weft_i_span *spans;
    size_t n, cap;
    int64_t tokens;
} weft_i_spans;

/* Add one instance of a module: a span, or one for each tile of an image in tiles, which see
 * nothing of each other. */
weft_status weft_i_spans_add(weft_i_spans *spans, const weft_input_rule *rule,
                             const weft_item *item, int64_t context, weft_error *error);
/* Add all instances of a module in one microbatch. */
weft_status weft_i_spans_add_all(weft_i_spans *spans, const weft_input_rule *rule,
                                 const weft_i_instances *instances, weft_error *error);
void weft_i_spans_clear(weft_i_spans *spans);
void weft_i_spans_free(weft_i_spans *spans);

/* Borrows the spans. Longest first, so that equal works are equal byte by byte. */
weft_i_work weft_i_spans_work(weft_i_spans *spans);

/* What a pass over the work takes together, in the quicker way to run the backward. */
int64_t weft_i_cost_ns(const weft_cost *cost);

/* Strategies that the recipe allows, ascending; none where the recipe allows nothing. Returns how
 * many. */
int32_t weft_i_strategies(const weft_recipe *recipe, weft_i_strategy out[WEFT_I_N_STRATEGIES]);

#endif
