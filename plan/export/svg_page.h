/* plan/export/svg_page.h - the page that an SVG picture of a plan is drawn on: measures that its
 * parts share. Lengths are tenths of a pixel. */
#ifndef WEFT_PLAN_EXPORT_SVG_PAGE_H
#define WEFT_PLAN_EXPORT_SVG_PAGE_H

#include <math.h>

#include "plan/export/picture.h"
#include "plan/graph.h"

enum {
    WEFT_I_SVG_HUES = 6, /* modules beyond these share colours */
    WEFT_I_SVG_MARGIN = 240
};

typedef struct weft_i_svg_page {
    const weft_i_picture *picture;
    FILE *stream;
    int64_t length_ns; /* of the time axis, at least 1 */
    int64_t width;
    int64_t left, plot;       /* where time 0 is, and how long the time axis is drawn */
    int64_t bar, memory, row; /* heights: of a bar of passes, of memory, of a rank with its gap */
    int64_t number;           /* width from which a bar shows its microbatch */
    int64_t memory_top;       /* bytes at the upper edge of a memory curve, at least 1 */
} weft_i_svg_page;

static inline int64_t weft_i_svg_x(const weft_i_svg_page *page, int64_t ns)
{
    return (int64_t)floor((double)ns / (double)page->length_ns * (double)page->plot + 0.5);
}

/* "vlm-s on h800", as far as it is known. */
const char *weft_i_svg_title(const weft_plan *plan, char *out, size_t size);

/* What stands above the rows, and how high it is. */
void weft_i_svg_heading(const weft_i_svg_page *page);
int64_t weft_i_svg_heading_height(const weft_i_svg_page *page);

/* The passes of a rank of a course of the picture's, from (left, 0) on, each with hover text; what
 * is too narrow to be seen is drawn together. */
void weft_i_svg_bars(const weft_i_svg_page *page, const weft_i_course *course, int32_t rank);

/* What a rank holds over time, static bytes first, and its limit. NO_MEMORY. */
weft_status weft_i_svg_memory(const weft_i_svg_page *page, const weft_i_graph *graph, int32_t rank,
                              weft_error *error);

/* The share of idle ranks over time, `height` high: an area, or a line of that class. NO_MEMORY. */
weft_status weft_i_svg_idle(const weft_i_svg_page *page, const weft_i_course *course,
                            const char *class, int64_t height, weft_error *error);

#endif
