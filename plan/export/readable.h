/* plan/export/readable.h - times, sizes and shares as people read them, and the ticks of a time
 * axis. A decimal point is '.' in every locale. */
#ifndef WEFT_PLAN_EXPORT_READABLE_H
#define WEFT_PLAN_EXPORT_READABLE_H

#include <stdint.h>

/* By value, so that one printf can hold several: weft_i_readable_time(ns).s */
typedef struct weft_i_text {
    char s[32];
} weft_i_text;

/* value / unit, rounded to 0 to 3 decimals. value is at most 2^53 in size. */
weft_i_text weft_i_readable_decimal(int64_t value, int64_t unit, int decimals);

/* "1.235 s", "12.000 ms", "0.700 us", "0 s" */
weft_i_text weft_i_readable_time(int64_t ns);

/* "12.3 %". Not finite: "? %". */
weft_i_text weft_i_readable_share(double ratio);

/* "+1.23 %", "-0.04 %", "+0.00 %". Not finite: "? %". */
weft_i_text weft_i_readable_change(double ratio);

/* What a size is best counted in: "GiB", "MiB", "KiB" or "B". */
typedef struct weft_i_size_unit {
    int64_t bytes;
    int decimals;
    const char *name;
} weft_i_size_unit;

weft_i_size_unit weft_i_readable_size_unit(int64_t largest_bytes);

/* "63.2", without the unit's name */
weft_i_text weft_i_readable_size(int64_t bytes, weft_i_size_unit unit);

/* Ticks stand at 0, step_ns, 2 step_ns, ... */
typedef struct weft_i_ticks {
    int64_t step_ns;
    int64_t unit_ns;
    int decimals;
    const char *unit;
} weft_i_ticks;

/* Steps of 1, 2 or 5 times a power of ten, at most max_ticks (>= 1) of them in length_ns. */
weft_i_ticks weft_i_readable_ticks(int64_t length_ns, int32_t max_ticks);

/* "0 ms" for the first, "200" for the others. */
weft_i_text weft_i_readable_tick(weft_i_ticks ticks, int64_t ns);

#endif
