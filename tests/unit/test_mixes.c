/* Mixes of memory strategies against all combinations of layers. */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "partition/mixes.h"

enum { MAX_CLASSES = 3, MOST = 4096 };

typedef struct pair {
    int64_t ns, bytes;
} pair;

typedef struct fixture {
    weft_i_layer_class classes[MAX_CLASSES];
    int32_t n_classes;
    weft_i_strategy strategies[WEFT_I_N_STRATEGIES];
    int32_t n_strategies;
    pair all[MOST];
    int32_t n_all;
} fixture;

static int64_t draw(weft_i_rng *rng, int64_t max)
{
    return (int64_t)weft_i_rng_below(rng, (uint64_t)max + 1);
}

/* Strategies mostly trade time for bytes; now and then one is worse in both. */
static void make_case(fixture *f, weft_i_rng *rng)
{
    *f = (fixture){.n_classes = 1 + (int32_t)draw(rng, MAX_CLASSES - 1)};
    for (int s = 0; s <= WEFT_I_STRATEGY_FULL; s++)
        if (draw(rng, 3) > 0 || (s == 2 && f->n_strategies == 0))
            f->strategies[f->n_strategies++] = (weft_i_strategy)s;
    for (int32_t c = 0; c < f->n_classes; c++) {
        weft_i_layer_class *class = &f->classes[c];
        class->layers = 1 + (int32_t)draw(rng, f->n_classes == 1 ? 20 : 3);
        int64_t ns = draw(rng, 50), bytes = 200 + draw(rng, 200);
        for (int s = 0; s < WEFT_I_N_STRATEGIES; s++) {
            class->ns[s] = ns;
            class->bytes[s] = bytes;
            ns += draw(rng, 20);
            bytes -= draw(rng, 9) > 0 ? draw(rng, 80) : -5;
        }
    }
}

/* All splits of all classes from class c on. */
static void enumerate(fixture *f, int32_t c, pair so_far)
{
    if (c == f->n_classes) {
        cr_assert_lt(f->n_all, MOST);
        f->all[f->n_all++] = so_far;
        return;
    }
    const weft_i_layer_class *class = &f->classes[c];
    bool allowed[WEFT_I_N_STRATEGIES] = {false};
    for (int32_t k = 0; k < f->n_strategies; k++)
        allowed[f->strategies[k]] = true;
    for (int32_t i = 0; i <= class->layers; i++)
        for (int32_t j = 0; i + j <= class->layers; j++) {
            int32_t count[WEFT_I_N_STRATEGIES] = {i, j, class->layers - i - j};
            pair p = so_far;
            bool is_allowed = true;
            for (int s = 0; s < WEFT_I_N_STRATEGIES; s++) {
                is_allowed = is_allowed && (allowed[s] || count[s] == 0);
                p.ns += count[s] * class->ns[s];
                p.bytes += count[s] * class->bytes[s];
            }
            if (is_allowed) enumerate(f, c + 1, p);
        }
}

static bool is_there(const weft_i_mix *mixes, int32_t n, pair p)
{
    for (int32_t i = 0; i < n; i++)
        if (mixes[i].ns == p.ns && mixes[i].bytes == p.bytes) return true;
    return false;
}

/* Lists of layers are complete and add up to what the mix says. */
static void expect_sums(const fixture *f, const weft_i_mix *mix)
{
    pair sum = {0, 0};
    for (int32_t c = 0; c < f->n_classes; c++) {
        int32_t layers = 0;
        for (int s = 0; s < WEFT_I_N_STRATEGIES; s++) {
            int32_t n = mix->layers[c * WEFT_I_N_STRATEGIES + s];
            cr_assert_geq(n, 0);
            layers += n;
            sum.ns += n * f->classes[c].ns[s];
            sum.bytes += n * f->classes[c].bytes[s];
        }
        cr_assert_eq(layers, f->classes[c].layers);
    }
    cr_assert(sum.ns == mix->ns && sum.bytes == mix->bytes);
}

static void expect_uniform(const fixture *f, const weft_i_mix *mixes, int32_t n)
{
    for (int32_t k = 0; k < f->n_strategies; k++) {
        pair p = {0, 0};
        for (int32_t c = 0; c < f->n_classes; c++) {
            p.ns += f->classes[c].layers * f->classes[c].ns[f->strategies[k]];
            p.bytes += f->classes[c].layers * f->classes[c].bytes[f->strategies[k]];
        }
        cr_assert(is_there(mixes, n, p));
    }
}

/* The fastest of all, the leanest of all, and the fastest of each bucket. How many buckets there
 * are depends on how many of the rest are equal, so any number that the sizes leave will do. */
static bool has_buckets(const fixture *f, const weft_i_mix *mixes, int32_t n, int32_t n_buckets)
{
    pair fast = f->all[0], lean = f->all[0];
    for (int32_t i = 1; i < f->n_all; i++) {
        pair p = f->all[i];
        if (p.ns < fast.ns || (p.ns == fast.ns && p.bytes < fast.bytes)) fast = p;
        if (p.bytes < lean.bytes || (p.bytes == lean.bytes && p.ns < lean.ns)) lean = p;
    }
    bool all = is_there(mixes, n, fast) && is_there(mixes, n, lean);
    double width = (double)(fast.bytes - lean.bytes + 1);
    for (int32_t b = 0; all && b < n_buckets; b++) {
        const pair *best = NULL;
        int64_t leaner_ns = INT64_MAX; /* a bucket counts where it has what a leaner one has not */
        for (int32_t i = 0; i < f->n_all; i++) {
            const pair *p = &f->all[i];
            double at = (double)(p->bytes - lean.bytes) / width * n_buckets;
            if (at < b && p->ns < leaner_ns) leaner_ns = p->ns;
            if ((int32_t)at != b || p->bytes > fast.bytes) continue;
            if (!best || p->ns < best->ns || (p->ns == best->ns && p->bytes < best->bytes))
                best = p;
        }
        if (best && best->ns < leaner_ns) all = is_there(mixes, n, *best);
    }
    return all;
}

Test(mixes, keep_the_paper_s_rule)
{
    int n_full = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        static fixture f;
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_mix mixes[WEFT_I_MAX_MIXES];
        int32_t n = 0;
        weft_i_rng_seed(&rng, seed);
        make_case(&f, &rng);
        enumerate(&f, 0, (pair){0, 0});
        cr_assert_eq(weft_i_mixes_choose(f.classes, f.n_classes, f.strategies, f.n_strategies,
                                         &arena, &n, mixes),
                     WEFT_STATUS_OK);
        cr_assert(n >= 1 && n <= WEFT_I_MAX_MIXES);
        bool found = false;
        for (int32_t b = WEFT_I_MAX_MIXES - 4; b <= WEFT_I_MAX_MIXES; b++)
            found = found || has_buckets(&f, mixes, n, b);
        cr_assert(found, "seed %llu", (unsigned long long)seed);
        for (int32_t i = 0; i < n; i++) {
            expect_sums(&f, &mixes[i]);
            cr_assert(i == 0 || mixes[i].bytes <= mixes[i - 1].bytes);
            cr_assert_not(is_there(mixes, i, (pair){mixes[i].ns, mixes[i].bytes}));
        }
        expect_uniform(&f, mixes, n);
        n_full += n == WEFT_I_MAX_MIXES;
        weft_i_arena_free(&arena);
    }
    cr_expect_gt(n_full, 20);
}

/* The least time of a class with at most so many bytes, any strategies mixed: layer after layer. */
static int64_t least_ns(const weft_i_layer_class *class, int32_t n_strategies, int32_t layers,
                        int64_t bytes)
{
    int64_t least = bytes >= 0 && layers == 0 ? 0 : INT64_MAX;
    for (int s = 0; s < n_strategies && layers > 0; s++) {
        int64_t rest = least_ns(class, n_strategies, layers - 1, bytes - class->bytes[s]);
        if (rest < INT64_MAX && rest + class->ns[s] < least) least = rest + class->ns[s];
    }
    return least;
}

/* With more strategies than are enumerated no mix is slower, by as much as one layer differs, than
 * the best that takes no more bytes; each strategy alone is there. */
Test(mixes, many_strategies)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static fixture f;
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_mix mixes[WEFT_I_MAX_MIXES];
        weft_i_layer_class *class = &f.classes[0];
        int64_t most_ns = 0;
        int32_t n = 0;
        weft_i_rng_seed(&rng, seed);
        f = (fixture){.n_classes = 1, .n_strategies = 5 + (int32_t)draw(&rng, 3)};
        *class = (weft_i_layer_class){.layers = 1 + (int32_t)draw(&rng, 4)};
        for (int s = 0; s < f.n_strategies; s++) {
            f.strategies[s] = (weft_i_strategy)s;
            class->ns[s] = draw(&rng, 50);
            class->bytes[s] = draw(&rng, 60);
            if (class->ns[s] > most_ns) most_ns = class->ns[s];
        }
        cr_assert_eq(
            weft_i_mixes_choose(f.classes, 1, f.strategies, f.n_strategies, &arena, &n, mixes),
            WEFT_STATUS_OK);
        expect_uniform(&f, mixes, n);
        int64_t fastest = mixes[0].ns;
        for (int32_t i = 0; i < n; i++) {
            expect_sums(&f, &mixes[i]);
            cr_assert(i == 0 || mixes[i].bytes <= mixes[i - 1].bytes);
            if (mixes[i].ns < fastest) fastest = mixes[i].ns;
            int32_t n_used = 0;
            for (int k = 0; k < f.n_strategies; k++)
                n_used += mixes[i].layers[k] > 0;
            if (n_used == 1) continue;
            int64_t least = least_ns(class, f.n_strategies, class->layers, mixes[i].bytes);
            cr_assert_leq(mixes[i].ns, least + most_ns, "seed %llu", (unsigned long long)seed);
        }
        cr_assert_eq(fastest, least_ns(class, f.n_strategies, class->layers, 1 << 20), "seed %llu",
                     (unsigned long long)seed);
        cr_assert_leq(mixes[n - 1].bytes, mixes[0].bytes);
        weft_i_arena_free(&arena);
    }
}

/* More classes than can be combined in full: all sums still hold. */
Test(mixes, thin_long_fronts)
{
    weft_i_layer_class classes[4];
    static const weft_i_strategy strategies[] = {WEFT_I_STRATEGY_NONE, WEFT_I_STRATEGY_SELECTIVE,
                                                 WEFT_I_STRATEGY_FULL};
    weft_i_arena arena = {0};
    weft_i_mix mixes[WEFT_I_MAX_MIXES];
    int32_t n = 0;
    for (int32_t c = 0; c < 4; c++)
        classes[c] = (weft_i_layer_class){
            40, {1000, 1010 + 13 * c, 1300 + 17 * c}, {900 + 31 * c, 777 + 5 * c, 100 + c}};
    cr_assert_eq(weft_i_mixes_choose(classes, 4, strategies, 3, &arena, &n, mixes), WEFT_STATUS_OK);
    cr_assert_geq(n, WEFT_I_MAX_MIXES - 2);
    for (int32_t i = 0; i < n; i++) {
        int32_t layers = 0;
        for (int32_t k = 0; k < 4 * WEFT_I_N_STRATEGIES; k++)
            layers += mixes[i].layers[k];
        cr_assert_eq(layers, 160);
        cr_assert(i == 0 || mixes[i].ns >= mixes[i - 1].ns);
    }
    weft_i_arena_free(&arena);
}
