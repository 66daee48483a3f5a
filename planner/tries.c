/* planner/tries.c - which layouts to try, and the contest between them. */
#include "planner/tries.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/threads.h"

/* What to override of the backbone (the last module) in the paper's rule: segments (0 = by the
 * rule) and direction. Backbones that run against the encoder even memory out over the ranks. */
static const struct variation {
    int32_t segments, direction;
} variations[] = {{0, 1}, {1, 1}, {2, 1}, {1, -1}, {2, -1}, {3, 1}, {4, 1}};

#define N_VARIATIONS ((int)(sizeof variations / sizeof variations[0]))

static weft_status make_layout(const weft_i_case *c, const struct variation *v, weft_error *error,
                               weft_layout **out_layout)
{
    weft_i_layout_input input = weft_i_case_layout_input(c);
    size_t n = (size_t)c->model->n_modules;
    int32_t *segments = weft_i_alloc(n, sizeof *segments);
    int32_t *directions = weft_i_alloc(n, sizeof *directions);
    weft_status status = WEFT_STATUS_OK;
    if (!segments || !directions) {
        status = weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "out of memory");
    } else {
        for (size_t i = 0; i < n; i++)
            directions[i] = 1;
        segments[n - 1] = v->segments;
        directions[n - 1] = v->direction;
        status = weft_i_layout_modality(&input, segments, directions, error, out_layout);
    }
    free(segments);
    free(directions);
    return status;
}

static bool same_cut(const weft_layout *a, const weft_layout *b)
{
    if (a->n_chunks != b->n_chunks) return false;
    for (int32_t i = 0; i < a->n_chunks; i++) {
        const weft_chunk *p = &a->chunks[i], *q = &b->chunks[i];
        if (p->rank != q->rank || p->segment != q->segment || p->first_layer != q->first_layer ||
            p->layers != q->layers)
            return false;
    }
    return true;
}

static weft_status try_one(const weft_i_case *c, weft_layout *layout, double seconds,
                           int64_t iterations, weft_error *error, weft_i_attempt *out_attempt)
{
    weft_i_attempt attempt = {0};
    weft_status status = weft_i_attempt_open(c, layout, error, &attempt);
    if (!status) status = weft_i_attempt_search(&attempt, seconds, iterations, error);
    if (status)
        weft_i_attempt_close(&attempt);
    else
        *out_attempt = attempt;
    return status;
}

/* Keep the better of two attempts in *best; the other is closed. */
static void keep_better(weft_i_attempt *best, bool *found, weft_i_attempt *attempt)
{
    if (!*found || weft_i_attempt_value(attempt) < weft_i_attempt_value(best)) {
        if (*found) weft_i_attempt_close(best);
        *best = *attempt;
        *found = true;
    } else {
        weft_i_attempt_close(attempt);
    }
}

/* The layouts to try, without those that come out alike. Returns their number. */
static int32_t collect(const weft_i_case *c, weft_error *first, weft_layout **layouts)
{
    int32_t n = 0;
    for (int i = 0; i < N_VARIATIONS; i++) {
        weft_layout *layout = NULL;
        weft_error why = {0};
        if (make_layout(c, &variations[i], &why, &layout)) {
            if (!first->status) *first = why;
            continue;
        }
        bool known = false;
        for (int32_t k = 0; k < n; k++)
            known = known || same_cut(layouts[k], layout);
        if (known)
            weft_layout_free(layout);
        else
            layouts[n++] = layout;
    }
    return n;
}

weft_status weft_i_try_layouts(const weft_i_case *plan_case, double seconds, int64_t iterations,
                               weft_error *error, weft_i_attempt *out_best)
{
    weft_layout *layouts[N_VARIATIONS];
    weft_error first = {0};
    int32_t n = collect(plan_case, &first, layouts);
    int64_t end_ns = weft_i_now_ns() + (int64_t)(seconds * 1e9);
    weft_i_attempt best = {0};
    bool found = false;
    for (int32_t i = 0; i < n; i++) {
        double left = (double)(end_ns - weft_i_now_ns()) / 1e9 / (n - i);
        weft_i_attempt attempt = {0};
        weft_error why = {0};
        double share = seconds > 0 ? (left > 0.001 ? left : 0.001) : 0;
        if (!try_one(plan_case, layouts[i], share, iterations, &why, &attempt))
            keep_better(&best, &found, &attempt);
        else if (!first.status)
            first = why;
    }
    if (!found) return weft_i_fail(error, first.status, "%s", first.text);
    *out_best = best;
    return WEFT_STATUS_OK;
}
