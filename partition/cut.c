/* partition/cut.c - the exact cut of a line into pieces. */
#include "partition/cut.h"

#include <assert.h>
#include <math.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct table {
    weft_i_piece_cost *cost;
    const void *context;
    int32_t n, k;
    bool allow_empty;
    double *best;    /* [j * (n + 1) + end]: the first `end` items in j pieces */
    int32_t *choice; /* first item of the last of these pieces */
} table;

/* One pass of the recurrence. limit < 0: the least largest cost. Otherwise the least sum of squares
 * of pieces that cost no more than the limit: two passes, since a prefix that is best by (largest,
 * squares) need not be part of a cut that is. Among equals the last pieces are the longer ones: in
 * a pipeline the first ranks hold the most activations. */
static double fill(table *t, double limit)
{
    int32_t width = t->n + 1, least = t->allow_empty ? 0 : 1;
    for (int32_t end = 0; end <= t->n; end++)
        t->best[end] = end == 0 ? 0 : INFINITY;
    for (int32_t j = 1; j <= t->k; j++)
        for (int32_t end = 0; end <= t->n; end++) {
            double best = INFINITY;
            int32_t choice = 0;
            /* The last piece grows: once it alone is over the best, or the limit, all is. */
            for (int32_t first = end - least; first >= 0; first--) {
                double before = t->best[(j - 1) * width + first];
                double cost = t->cost(t->context, j - 1, first, end);
                double alone = limit < 0 ? cost : cost * cost;
                if (isinf(cost) || alone > best || (limit >= 0 && cost > limit)) break;
                double value = limit < 0 ? fmax(before, cost) : before + alone;
                if (value > best) continue;
                best = value;
                choice = first;
            }
            t->best[j * width + end] = best;
            t->choice[j * width + end] = choice;
        }
    return t->best[t->k * width + t->n];
}

weft_status weft_i_cut_line_by(weft_i_piece_cost *cost, const void *context, int32_t n, int32_t k,
                               bool allow_empty, weft_error *error, int32_t *out_cut)
{
    assert(n >= 0 && k >= 1);
    weft_i_arena arena = {0};
    size_t cells = ((size_t)k + 1) * ((size_t)n + 1);
    table t = {cost, context, n, k, allow_empty || n < k, NULL, NULL};
    t.best = weft_i_new(&arena, double, cells);
    t.choice = weft_i_new(&arena, int32_t, cells);
    weft_status status = WEFT_STATUS_OK;
    double largest = t.best && t.choice ? fill(&t, -1) : 0;
    if (!t.best || !t.choice) {
        status = weft_i_no_memory(error);
    } else if (isinf(largest)) {
        status = weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                             "no cut of %d layers into %d pieces is possible", n, k);
    } else {
        fill(&t, largest);
        out_cut[k] = n;
        for (int32_t j = k; j > 0; j--)
            out_cut[j - 1] = t.choice[j * (n + 1) + out_cut[j]];
    }
    weft_i_arena_free(&arena);
    return status;
}

typedef struct sums {
    const double *prefix, *extra;
} sums;

static double sum_of(const void *context, int32_t piece, int32_t first, int32_t end)
{
    const sums *s = context;
    return s->prefix[end] - s->prefix[first] + (s->extra ? s->extra[piece] : 0);
}

weft_status weft_i_cut_line(const double *w, int32_t n, int32_t k, const double *extra,
                            bool allow_empty, weft_error *error, int32_t *out_cut)
{
    weft_i_arena arena = {0};
    double *prefix = weft_i_new(&arena, double, (size_t)n + 1);
    if (!prefix) return weft_i_no_memory(error);
    for (int32_t i = 0; i < n; i++)
        prefix[i + 1] = prefix[i] + w[i];
    sums context = {prefix, extra};
    weft_status status = weft_i_cut_line_by(sum_of, &context, n, k, allow_empty, error, out_cut);
    weft_i_arena_free(&arena);
    return status;
}
