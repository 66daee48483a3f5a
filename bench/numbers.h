/* bench/numbers.h - numbers in rising order, for medians and quantiles. */
#ifndef WEFT_BENCH_NUMBERS_H
#define WEFT_BENCH_NUMBERS_H

#include <stdlib.h>

static inline int numbers_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void numbers_sort(double *numbers, int n)
{
    qsort(numbers, (size_t)n, sizeof *numbers, numbers_compare);
}

#endif
