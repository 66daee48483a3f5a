/* runtime/clock.c - see clock.h. */
#include "runtime/clock.h"

#include <stdlib.h>

weft_i_clock_offset weft_i_clock_estimate(const weft_i_clock_sample *samples, int n,
                                          bool same_machine)
{
    const weft_i_clock_sample *best = &samples[0];
    for (int i = 1; i < n; i++) {
        if (samples[i].heard_ns - samples[i].asked_ns < best->heard_ns - best->asked_ns)
            best = &samples[i];
    }
    int64_t way_ns = best->heard_ns - best->asked_ns;
    weft_i_clock_offset found = {.offset_ns = best->answered_ns - (best->asked_ns + way_ns / 2),
                                 .error_ns = way_ns - way_ns / 2};
    if (same_machine && llabs(found.offset_ns) <= found.error_ns)
        return (weft_i_clock_offset){0, 0};
    return found;
}
