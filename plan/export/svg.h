/* plan/export/svg.h - numbers, text and paths of an SVG file. Coordinates are tenths of a pixel, so
 * that files are short and the same in every locale. Not: what is drawn. */
#ifndef WEFT_PLAN_EXPORT_SVG_H
#define WEFT_PLAN_EXPORT_SVG_H

#include <stdint.h>
#include <stdio.h>

/* 123 as "12.3", 120 as "12". */
void weft_i_svg_number(FILE *stream, int64_t tenths);

/* Text of an element or attribute. What XML has no place for, and invalid UTF-8, become U+FFFD. */
void weft_i_svg_escape(FILE *stream, const char *text);

/* A rectangle as a subpath, for the "d" of a path. */
void weft_i_svg_rect(FILE *stream, int64_t x, int64_t y, int64_t width, int64_t height);

/* A rectangle as a path of a class. */
void weft_i_svg_box(FILE *stream, const char *class, int64_t x, int64_t y, int64_t width,
                    int64_t height);

/* A text element at a point; class may hold several names. */
void weft_i_svg_text(FILE *stream, const char *class, int64_t x, int64_t y, const char *text);

/* A staircase: columns of `step` from x = 0 on, column i from `base` up to heights[i]; open at the
 * sides, so that it serves as a line and, closed, as an area. Writes the value of a "d". */
void weft_i_svg_stairs(FILE *stream, const int64_t *heights, int32_t n, int64_t step, int64_t base);

#endif
