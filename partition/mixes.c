/* partition/mixes.c - fronts of time and bytes, class by class, and the pick among the last. */
#include "partition/mixes.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COMBINED = 128, MOST_SPLIT = 4 };

/* Layers of the classes so far under some mix. */
typedef struct point {
    int64_t ns, bytes;
    int32_t before;                   /* point of the front before, without this class */
    int32_t own[WEFT_I_N_STRATEGIES]; /* layers of this class */
} point;

/* No point is at least as quick and as lean as another; most bytes first. */
typedef struct front {
    point *points;
    int32_t n;
} front;

typedef struct mixer {
    const weft_i_layer_class *classes;
    int32_t n_classes;
    const weft_i_strategy *strategies;
    int32_t n_strategies;
    weft_i_arena *arena;
    front *fronts; /* one before any class, then one a class */
    weft_i_mix *mixes;
    int32_t n_mixes;
} mixer;

/* Least bytes first, of equal ones the quickest, then the one with fewer lean layers. */
static int compare_points(const void *a, const void *b)
{
    const point *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    if (x->ns != y->ns) return x->ns < y->ns ? -1 : 1;
    if (x->before != y->before) return x->before < y->before ? -1 : 1;
    return memcmp(y->own, x->own, sizeof x->own);
}

/* Sort, drop what is dominated, and leave the most bytes first. */
static void prune(front *f)
{
    int32_t n = 0;
    qsort(f->points, (size_t)f->n, sizeof *f->points, compare_points);
    for (int32_t i = 0; i < f->n; i++)
        if (n == 0 || f->points[i].ns < f->points[n - 1].ns) f->points[n++] = f->points[i];
    for (int32_t i = 0; i < n / 2; i++) {
        point swapped = f->points[i];
        f->points[i] = f->points[n - 1 - i];
        f->points[n - 1 - i] = swapped;
    }
    f->n = n;
}

static int32_t bucket_of(const front *f, const point *p, int32_t n_buckets)
{
    int64_t least = f->points[f->n - 1].bytes, width = f->points[0].bytes - least + 1;
    return (int32_t)((double)(p->bytes - least) / (double)width * n_buckets);
}

/* Keep the fastest of each of n buckets, and the leanest. Within a front more bytes are faster, so
 * that the first point of a bucket is its fastest. */
static void thin(front *f, int32_t n_buckets)
{
    int32_t n = 0, last = -1;
    for (int32_t i = 0; i < f->n; i++) {
        int32_t bucket = bucket_of(f, &f->points[i], n_buckets);
        if (bucket != last || i == f->n - 1) f->points[n++] = f->points[i];
        last = bucket;
    }
    f->n = n;
}

/* Every split of n layers over the strategies from number k on. */
static void list_splits(const mixer *m, const weft_i_layer_class *class, int32_t k, int32_t n,
                        point so_far, front *out)
{
    weft_i_strategy s = m->strategies[k];
    bool is_last = k == m->n_strategies - 1;
    for (int32_t layers = is_last ? n : 0; layers <= n; layers++) {
        point p = so_far;
        p.own[s] = layers;
        p.ns += layers * class->ns[s];
        p.bytes += layers * class->bytes[s];
        if (is_last)
            out->points[out->n++] = p;
        else
            list_splits(m, class, k + 1, n - layers, p, out);
    }
}

/* The slope from strategy a to b is no steeper than from b to c: b is above the line of its
 * neighbours, which layers of a and c together reach. */
static bool is_above(const weft_i_layer_class *class, weft_i_strategy a, weft_i_strategy b,
                     weft_i_strategy c)
{
    double first = (double)(class->bytes[b] - class->bytes[a]);
    double second = (double)(class->bytes[c] - class->bytes[b]);
    return (double)(class->ns[a] - class->ns[b]) * second <=
           (double)(class->ns[b] - class->ns[c]) * first;
}

/* Strategies that no mix of two others beats in time and bytes, least bytes first: the lower left
 * of their convex hull. */
static int32_t find_hull(const mixer *m, const weft_i_layer_class *class, weft_i_strategy *out)
{
    weft_i_strategy sorted[WEFT_I_N_STRATEGIES];
    int32_t n = 0;
    for (int32_t k = 0; k < m->n_strategies; k++) {
        weft_i_strategy s = m->strategies[k];
        int32_t at = k;
        for (; at > 0; at--) {
            weft_i_strategy t = sorted[at - 1];
            if (class->bytes[t] < class->bytes[s] ||
                (class->bytes[t] == class->bytes[s] && class->ns[t] <= class->ns[s]))
                break;
            sorted[at] = t;
        }
        sorted[at] = s;
    }
    for (int32_t k = 0; k < m->n_strategies; k++) {
        if (n > 0 && class->ns[sorted[k]] >= class->ns[out[n - 1]]) continue;
        while (n > 1 && is_above(class, out[n - 2], out[n - 1], sorted[k]))
            n--;
        out[n++] = sorted[k];
    }
    return n;
}

/* Splits over two neighbours on the hull alone: of every amount of memory they are the fastest, but
 * for a part of one layer. */
static void list_hull(const mixer *m, const weft_i_layer_class *class, front *out)
{
    weft_i_strategy hull[WEFT_I_N_STRATEGIES];
    int32_t n = find_hull(m, class, hull);
    for (int32_t k = n > 1 ? 1 : 0; k < n; k++) {
        weft_i_strategy lean = hull[k > 0 ? k - 1 : 0], fat = hull[k];
        for (int32_t layers = 0; layers <= class->layers; layers++) {
            point p = {.ns = layers * class->ns[lean] + (class->layers - layers) * class->ns[fat],
                       .bytes = layers * class->bytes[lean] +
                                (class->layers - layers) * class->bytes[fat]};
            p.own[lean] = layers;
            p.own[fat] += class->layers - layers;
            out->points[out->n++] = p;
        }
    }
}

static bool make_class_front(const mixer *m, const weft_i_layer_class *class, front *out)
{
    bool lists_all = m->n_strategies <= MOST_SPLIT;
    size_t n = lists_all ? 1 : (size_t)m->n_strategies * ((size_t) class->layers + 1);
    for (int32_t k = 1; lists_all && k < m->n_strategies; k++) /* binomial of n + k over k */
        n = n * ((size_t) class->layers + (size_t)k) / (size_t)k;
    *out = (front){weft_i_new(m->arena, point, n), 0};
    if (!out->points) return false;
    if (lists_all)
        list_splits(m, class, 0, class->layers, (point){0}, out);
    else
        list_hull(m, class, out);
    prune(out);
    return true;
}

static bool combine(const mixer *m, const front *before, const front *own, front *out)
{
    *out = (front){weft_i_new(m->arena, point, (size_t)before->n * (size_t)own->n), 0};
    if (!out->points) return false;
    for (int32_t i = 0; i < before->n; i++)
        for (int32_t k = 0; k < own->n; k++) {
            point p = own->points[k];
            p.before = i;
            p.ns += before->points[i].ns;
            p.bytes += before->points[i].bytes;
            out->points[out->n++] = p;
        }
    prune(out);
    return true;
}

static bool make_fronts(mixer *m)
{
    m->fronts = weft_i_new(m->arena, front, (size_t)m->n_classes + 1);
    if (!m->fronts) return false;
    m->fronts[0] = (front){weft_i_new(m->arena, point, 1), 1};
    if (!m->fronts[0].points) return false;
    for (int32_t c = 0; c < m->n_classes; c++) {
        front own, *before = &m->fronts[c];
        if (!make_class_front(m, &m->classes[c], &own)) return false;
        bool alone = before->n == 1 && before->points[0].bytes == 0 && before->points[0].ns == 0;
        if (!alone && own.n > MOST_COMBINED) thin(&own, MOST_COMBINED);
        if (before->n > MOST_COMBINED) thin(before, MOST_COMBINED);
        if (!combine(m, before, &own, &m->fronts[c + 1])) return false;
    }
    return true;
}

/* A new mix unless one of its time and bytes is there; NULL then, or when there is no memory. */
static weft_i_mix *add_mix(mixer *m, int64_t ns, int64_t bytes)
{
    for (int32_t i = 0; i < m->n_mixes; i++)
        if (m->mixes[i].ns == ns && m->mixes[i].bytes == bytes) return NULL;
    weft_i_mix *mix = &m->mixes[m->n_mixes++];
    size_t n = (size_t)m->n_classes * WEFT_I_N_STRATEGIES;
    *mix = (weft_i_mix){weft_i_new(m->arena, int32_t, n), ns, bytes};
    return mix->layers ? mix : NULL;
}

static void add_uniform(mixer *m, weft_i_strategy s)
{
    int64_t ns = 0, bytes = 0;
    for (int32_t c = 0; c < m->n_classes; c++) {
        ns += m->classes[c].layers * m->classes[c].ns[s];
        bytes += m->classes[c].layers * m->classes[c].bytes[s];
    }
    weft_i_mix *mix = add_mix(m, ns, bytes);
    for (int32_t c = 0; mix && c < m->n_classes; c++)
        mix->layers[c * WEFT_I_N_STRATEGIES + s] = m->classes[c].layers;
}

static void add_point(mixer *m, const point *p)
{
    weft_i_mix *mix = add_mix(m, p->ns, p->bytes);
    for (int32_t c = m->n_classes - 1; mix && c >= 0; c--) {
        memcpy(&mix->layers[c * WEFT_I_N_STRATEGIES], p->own, sizeof p->own);
        p = &m->fronts[c].points[p->before];
    }
}

static int compare_mixes(const void *a, const void *b)
{
    const weft_i_mix *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

weft_status weft_i_mixes_choose(const weft_i_layer_class *classes, int32_t n_classes,
                                const weft_i_strategy *strategies, int32_t n_strategies,
                                weft_i_arena *arena, int32_t *out_n,
                                weft_i_mix out_mixes[WEFT_I_MAX_MIXES])
{
    mixer m = {.classes = classes,
               .n_classes = n_classes,
               .strategies = strategies,
               .n_strategies = n_strategies,
               .arena = arena,
               .mixes = out_mixes};
    if (!make_fronts(&m)) return WEFT_STATUS_NO_MEMORY;
    const front *last = &m.fronts[n_classes];
    for (int32_t k = 0; k < n_strategies; k++)
        add_uniform(&m, strategies[k]);
    add_point(&m, &last->points[0]);
    add_point(&m, &last->points[last->n - 1]);
    /* The fastest of the bucket with most bytes is there already: one more bucket than places. */
    int32_t n_buckets = WEFT_I_MAX_MIXES - m.n_mixes + 1, bucket_done = -1;
    for (int32_t i = 0; i < last->n; i++) {
        int32_t bucket = bucket_of(last, &last->points[i], n_buckets);
        if (bucket != bucket_done) add_point(&m, &last->points[i]);
        bucket_done = bucket;
    }
    for (int32_t i = 0; i < m.n_mixes; i++)
        if (!m.mixes[i].layers) return WEFT_STATUS_NO_MEMORY;
    qsort(m.mixes, (size_t)m.n_mixes, sizeof *m.mixes, compare_mixes);
    *out_n = m.n_mixes;
    return WEFT_STATUS_OK;
}
