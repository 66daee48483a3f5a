/* plan/shortage.c - see shortage.h. */
#include "plan/shortage.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

static bool shows(int64_t bytes, double unit)
{
    return (double)bytes >= 0.1 * unit;
}

weft_status weft_i_shortage(int32_t replica, int32_t rank, int64_t needed_bytes,
                            int64_t limit_bytes, weft_error *error)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB"};
    int unit = 0;
    double scale = 1;
    while (unit < 3 && shows(needed_bytes - limit_bytes, 1024 * scale) &&
           (limit_bytes == 0 || shows(limit_bytes, 1024 * scale))) {
        unit++;
        scale *= 1024;
    }
    char whose[32] = "";
    if (replica >= 0) snprintf(whose, sizeof(whose), "replica %d, ", replica);
    return weft_i_fail(error, WEFT_STATUS_INFEASIBLE, "%srank %d needs %.*f %s of %.*f %s", whose,
                       rank, unit > 0, (double)needed_bytes / scale, names[unit], unit > 0,
                       (double)limit_bytes / scale, names[unit]);
}
