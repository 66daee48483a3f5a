/* weft/show.h - a plan as a picture: in the terminal and as SVG.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_SHOW_H
#define WEFT_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "weft/timeline.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_show_options {
    size_t struct_size;
    int32_t replica; /* its number; -1 = the slowest */
    int32_t width;   /* columns of text (0 = 100), pixels of SVG (0 = 1600) */
    bool color;      /* text: ANSI colours */

    /* A run of the plan, borrowed: what was measured is drawn below what is planned, and both are
     * given in numbers. A run at another scale is drawn in the plan's times. NULL = none. */
    const weft_timeline *measured;
} weft_show_options;

WEFT_API void weft_show_options_init(weft_show_options *options);

/* Draw one replica's timeline to `stream`: a row a rank, a column a slice of time, what runs there
 * by module and pass, a legend, busy share and peak memory of each rank. options NULL = defaults.
 * USAGE for a replica that is not in the plan or a width under 40, VIOLATION for a plan that breaks
 * a rule (weft_plan_check), BAD_INPUT for a timeline of another plan, IO, NO_MEMORY. ASCII, but for
 * the modules' names. */
WEFT_API weft_status weft_show_text(const weft_plan *plan, const weft_show_options *options,
                                    weft_error *error, FILE *stream);

/* Write one replica's timeline as an SVG file ("-" = stdout), complete or not at all: ranks as
 * rows, colours by module and pass, hover text on every pass, curves of memory against the limit
 * and of the share of idle ranks. Opens in any browser without a network. Passes that are too
 * narrow to be seen are drawn together, so that the file stays in the megabytes. Statuses as
 * weft_show_text; a width is at least 800. */
WEFT_API weft_status weft_show_svg(const weft_plan *plan, const weft_show_options *options,
                                   const char *file, weft_error *error);

#ifdef __cplusplus
}
#endif
#endif
