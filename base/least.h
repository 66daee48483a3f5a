/* base/least.h - the lesser and the greater of two counts, times or sizes. */
#ifndef WEFT_BASE_LEAST_H
#define WEFT_BASE_LEAST_H

#include <stdint.h>

static inline int64_t weft_i_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t weft_i_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Of numbers of things in an array. */
static inline int32_t weft_i_min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t weft_i_max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

#endif
