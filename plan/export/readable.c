/* plan/export/readable.c - see readable.h. */
#include "plan/export/readable.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

weft_i_text weft_i_readable_decimal(int64_t value, int64_t unit, int decimals)
{
    int64_t scale = 1, size = value < 0 ? -value : value;
    for (int i = 0; i < decimals; i++)
        scale *= 10;
    int64_t whole = size / unit, rest = size % unit;
    int64_t part = (int64_t)floor((double)rest / (double)unit * (double)scale + 0.5);
    if (part == scale) {
        whole++;
        part = 0;
    }
    const char *sign = value < 0 && (whole > 0 || part > 0) ? "-" : "";
    weft_i_text out;
    if (decimals > 0)
        snprintf(out.s, sizeof(out.s), "%s%" PRId64 ".%0*" PRId64, sign, whole, decimals, part);
    else
        snprintf(out.s, sizeof(out.s), "%s%" PRId64, sign, whole);
    return out;
}

typedef struct time_unit {
    int64_t ns;
    const char *name;
} time_unit;

/* The largest unit that is no more than a time; the smallest, ns, where none is. */
static time_unit unit_of(int64_t ns)
{
    static const time_unit units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ns >= units[i].ns) return units[i];
    }
    return (time_unit){1, "ns"};
}

weft_i_text weft_i_readable_time(int64_t ns)
{
    time_unit unit = unit_of(ns);
    weft_i_text out, number = weft_i_readable_decimal(ns, unit.ns, unit.ns > 1 ? 3 : 0);
    snprintf(out.s, sizeof(out.s), "%.24s %s", number.s, unit.name);
    return out;
}

weft_i_text weft_i_readable_share(double ratio)
{
    weft_i_text out = {"? %"};
    if (!(fabs(ratio) < 1e9)) return out;
    weft_i_text number = weft_i_readable_decimal((int64_t)floor(ratio * 1000 + 0.5), 10, 1);
    snprintf(out.s, sizeof(out.s), "%.24s %%", number.s);
    return out;
}

weft_i_text weft_i_readable_change(double ratio)
{
    weft_i_text out = {"? %"};
    if (!(fabs(ratio) < 1e9)) return out;
    int64_t parts = (int64_t)floor(ratio * 10000 + 0.5);
    weft_i_text number = weft_i_readable_decimal(parts, 100, 2);
    snprintf(out.s, sizeof(out.s), "%s%.24s %%", parts < 0 ? "" : "+", number.s);
    return out;
}

weft_i_size_unit weft_i_readable_size_unit(int64_t largest_bytes)
{
    if (largest_bytes >= INT64_C(1) << 30) return (weft_i_size_unit){INT64_C(1) << 30, 1, "GiB"};
    if (largest_bytes >= 1 << 20) return (weft_i_size_unit){1 << 20, 1, "MiB"};
    if (largest_bytes >= 1 << 10) return (weft_i_size_unit){1 << 10, 1, "KiB"};
    return (weft_i_size_unit){1, 0, "B"};
}

weft_i_text weft_i_readable_size(int64_t bytes, weft_i_size_unit unit)
{
    return weft_i_readable_decimal(bytes, unit.bytes, unit.decimals);
}

weft_i_ticks weft_i_readable_ticks(int64_t length_ns, int32_t max_ticks)
{
    int64_t step = 1, power = 1;
    for (int i = 0; length_ns / step >= max_ticks; i++) {
        static const int factors[] = {2, 5, 10};
        step = power * factors[i % 3];
        if (i % 3 == 2) power = step;
    }
    time_unit unit = unit_of(length_ns);
    weft_i_ticks ticks = {.step_ns = step, .unit_ns = unit.ns, .unit = unit.name};
    for (int64_t fraction = unit.ns; step % fraction != 0 && ticks.decimals < 3; fraction /= 10)
        ticks.decimals++;
    return ticks;
}

weft_i_text weft_i_readable_tick(weft_i_ticks ticks, int64_t ns)
{
    weft_i_text out, number = weft_i_readable_decimal(ns, ticks.unit_ns, ticks.decimals);
    if (ns == 0) snprintf(out.s, sizeof(out.s), "0 %s", ticks.unit);
    return ns == 0 ? out : number;
}
