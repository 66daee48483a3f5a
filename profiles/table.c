/* profiles/table.c - tables of efficiencies: reading, and interpolation in log(x). */
#include "profiles/table.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "base/error.h"

double weft_table_at(const weft_table *table, double x)
{
    const weft_point *p = table->points;
    int32_t n = table->n_points, low = 0, high = n - 1;
    assert(n > 0);
    if (x <= p[0].x) return p[0].y;
    if (x >= p[high].x) return p[high].y;
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        if (p[middle].x <= x)
            low = middle;
        else
            high = middle;
    }
    double part = log(x / p[low].x) / log(p[high].x / p[low].x);
    return p[low].y + part * (p[high].y - p[low].y);
}

static weft_status read_point(const weft_i_json *in, double max, weft_error *error, weft_point *out)
{
    size_t n;
    weft_i_json x, y;
    weft_status status = weft_i_json_array(in, 2, 2, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    x = weft_i_json_item(in, 0);
    y = weft_i_json_item(in, 1);
    status = weft_i_json_double(&x, 1e-9, 1e30, error, &out->x);
    if (status == WEFT_STATUS_OK) status = weft_i_json_double(&y, 1e-9, max, error, &out->y);
    return status;
}

weft_status weft_i_table_read(const weft_i_json *in, double max, weft_i_arena *arena,
                              weft_error *error, weft_table *out)
{
    size_t n;
    weft_status status = weft_i_json_array(in, 1, 1000, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    weft_point *points = weft_i_new(arena, weft_point, n);
    if (!points) return weft_i_no_memory(error);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        status = read_point(&item, max, error, &points[i]);
        if (status != WEFT_STATUS_OK) return status;
        if (i > 0 && points[i].x <= points[i - 1].x)
            return weft_i_json_fail(&item, error, "x must ascend, found %g after %g", points[i].x,
                                    points[i - 1].x);
    }
    *out = (weft_table){points, (int32_t)n};
    return WEFT_STATUS_OK;
}
