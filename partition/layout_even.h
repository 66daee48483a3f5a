/* partition/layout_even.h - layers moved between the ranks of a layout until they are even. Not:
 * making the layout (layouts.h), measuring what its chunks take (planner/evening.h). */
#ifndef WEFT_PARTITION_LAYOUT_EVEN_H
#define WEFT_PARTITION_LAYOUT_EVEN_H

#include "partition/layouts.h"

/* What is known of the layout as it stands, in any one unit of time. */
typedef struct weft_i_layout_loads {
    const double *chunk_ns; /* by chunk: all its passes */
    const double *factor;   /* by rank: how much longer it takes for them, by recomputation */
    const double *idle_ns;  /* by rank: how long it must wait at the beginning and at the end */
} weft_i_layout_loads;

/* Move layers between the chunks of each module, every chunk keeping at least one, so that the
 * busiest rank (its chunks x factor + idle) gets less to do, then the sum of squares: by single
 * layers, and by two of different modules at once, from the busiest rank, until none helps. No rank
 * comes to hold a third more state than the mean, unless one does already. The layout is one of
 * weft_i_layout_modality and is changed in place. NO_MEMORY; BAD_INPUT where layers have no costs.
 */
weft_status weft_i_layout_even(const weft_i_layout_input *input, const weft_i_layout_loads *loads,
                               weft_error *error, weft_layout *layout);

#endif
