/* tests/unit/test_layout_even.c - layers moved between ranks: beside all cuts of small models, and
 * what must stay as it is on the shipped ones. */
#include <math.h>
#include <string.h>

#include "partition/layer_costs.h"
#include "partition/layout_even.h"
#include "tests/unit/setups.h"
#include "weft/layout.h"

enum { MOST_RANKS = 16, MOST_CHUNKS = 512 };

/* Loads of a layout and where its layers' times come from. */
typedef struct bench {
    setup s;
    weft_i_arena arena;
    weft_i_module_cost *costs;
    double chunk_ns[MOST_CHUNKS], factor[MOST_RANKS], idle_ns[MOST_RANKS];
    weft_i_layout_loads loads;
} bench;

static int32_t module_of(const bench *b, const weft_chunk *chunk)
{
    int32_t m = 0;
    while (strcmp(b->s.model->modules[m].name, chunk->module) != 0)
        m++;
    return m;
}

static double time_of(const bench *b, const weft_chunk *chunk)
{
    double sum = 0;
    for (int32_t l = chunk->first_layer; l < chunk->first_layer + chunk->layers; l++)
        sum += b->costs[module_of(b, chunk)].layers[l].best_ns;
    return sum;
}

static void bench_open(bench *b, const char *model, const char *cluster, uint64_t seed)
{
    weft_i_rng rng;
    memset(b, 0, sizeof *b);
    weft_i_rng_seed(&rng, seed);
    setup_open(&b->s, model, cluster, 1, 60, seed);
    cr_assert_eq(weft_i_layer_costs(&b->s.input, &b->arena, NULL, &b->costs), WEFT_STATUS_OK);
    double mean = 0;
    for (int32_t m = 0; m < b->s.model->n_modules; m++)
        mean += b->costs[m].ns / b->s.parallel.pp;
    for (int32_t r = 0; r < b->s.parallel.pp; r++) {
        b->factor[r] = 1 + 0.1 * weft_i_rng_double(&rng);
        b->idle_ns[r] = 0.1 * mean * weft_i_rng_double(&rng);
    }
    b->loads = (weft_i_layout_loads){b->chunk_ns, b->factor, b->idle_ns};
}

static void bench_close(bench *b)
{
    weft_i_arena_free(&b->arena);
    setup_close(&b->s);
}

static void fill_loads(bench *b, const weft_layout *layout)
{
    cr_assert_leq(layout->n_chunks, MOST_CHUNKS);
    for (int32_t c = 0; c < layout->n_chunks; c++)
        b->chunk_ns[c] = time_of(b, &layout->chunks[c]);
}

static double busiest(const bench *b, const weft_layout *layout)
{
    double load[MOST_RANKS] = {0}, most = 0;
    for (int32_t c = 0; c < layout->n_chunks; c++)
        load[layout->chunks[c].rank] += time_of(b, &layout->chunks[c]);
    for (int32_t r = 0; r < layout->parallel.pp; r++)
        most = fmax(most, load[r] * b->factor[r] + b->idle_ns[r]);
    return most;
}

static double most_state(const bench *b, const weft_layout *layout, double *out_mean)
{
    double state[MOST_RANKS] = {0}, most = 0;
    *out_mean = 0;
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        const weft_chunk *chunk = &layout->chunks[c];
        for (int32_t l = chunk->first_layer; l < chunk->first_layer + chunk->layers; l++)
            state[chunk->rank] += b->costs[module_of(b, chunk)].layers[l].state_bytes;
    }
    for (int32_t r = 0; r < layout->parallel.pp; r++) {
        most = fmax(most, state[r]);
        *out_mean += state[r] / layout->parallel.pp;
    }
    return most;
}

/* Chunks stand where they stood, and still hold every layer once. */
static void expect_same_places(const bench *b, const weft_layout *before, const weft_layout *after)
{
    int32_t n_layers[8];
    weft_error error = {0};
    for (int32_t m = 0; m < b->s.model->n_modules; m++)
        n_layers[m] = b->s.model->modules[m].n_layers;
    cr_assert(!weft_layout_check(after, n_layers, &error), "%s", error.text);
    cr_assert_eq(before->n_chunks, after->n_chunks);
    for (int32_t c = 0; c < before->n_chunks; c++) {
        cr_assert_eq(before->chunks[c].rank, after->chunks[c].rank);
        cr_assert_eq(before->chunks[c].segment, after->chunks[c].segment);
        cr_assert_geq(after->chunks[c].layers, 1);
    }
}

Test(layout_even, no_rank_gets_more_than_the_busiest_had)
{
    static const char *const names[] = {"vlm-s", "vlm-m", "vlm-l", "t2v-s", "t2v-l"};
    int gained = 0, n = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (int32_t k = 1; k <= 3; k++, n++) {
            const int32_t segments[] = {k, 4 - k}, directions[] = {1, k == 2 ? -1 : 1};
            weft_layout *before, *after;
            weft_error error = {0};
            double mean;
            bench b;
            bench_open(&b, names[i], "h800:nodes=8", 70 + (uint64_t)k);
            cr_assert(!weft_i_layout_modality(&b.s.input, segments, directions, &error, &before),
                      "%s", error.text);
            cr_assert(!weft_i_layout_modality(&b.s.input, segments, directions, &error, &after));
            fill_loads(&b, before);
            cr_assert(!weft_i_layout_even(&b.s.input, &b.loads, &error, after), "%s", error.text);
            expect_same_places(&b, before, after);
            double had = busiest(&b, before), has = busiest(&b, after);
            cr_assert_leq(has, had * (1 + 1e-6), "%s, %d segments", names[i], k);
            gained += has < 0.995 * had;
            double state = most_state(&b, before, &mean);
            cr_assert_leq(most_state(&b, after, &mean), fmax(state, 4.0 / 3 * mean) * (1 + 1e-6));
            weft_layout_free(before);
            weft_layout_free(after);
            bench_close(&b);
        }
    cr_assert_geq(gained, 5, "only %d of %d", gained, n);
}

/* All ways to cut both modules of two ranks and one segment. */
static double best_of_all(const bench *b, weft_layout *layout)
{
    double best = INFINITY;
    weft_chunk *v = layout->chunks, *l = layout->chunks + 2;
    int32_t n_v = v[0].layers + v[1].layers, n_l = l[0].layers + l[1].layers;
    for (int32_t i = 1; i < n_v; i++)
        for (int32_t k = 1; k < n_l; k++) {
            v[0].layers = v[1].first_layer = i;
            l[0].layers = l[1].first_layer = k;
            v[1].layers = n_v - i;
            l[1].layers = n_l - k;
            double mean, state = most_state(b, layout, &mean);
            if (state <= 4.0 / 3 * mean) best = fmin(best, busiest(b, layout));
        }
    return best;
}

Test(layout_even, near_the_best_of_all_cuts)
{
    static const char *const names[] = {"vlm-s", "t2v-s"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            const int32_t one[] = {1, 1};
            weft_layout *layout;
            bench b;
            bench_open(&b, names[i], "h800:nodes=2", seed);
            b.s.input.parallel.pp = 2;
            cr_assert(!weft_i_layout_modality(&b.s.input, one, NULL, NULL, &layout));
            cr_assert_eq(layout->n_chunks, 4);
            fill_loads(&b, layout);
            cr_assert(!weft_i_layout_even(&b.s.input, &b.loads, NULL, layout));
            double has = busiest(&b, layout), best = best_of_all(&b, layout);
            cr_assert_leq(has, best * 1.01, "%s, seed %d: %g, best %g", names[i], (int)seed, has,
                          best);
            weft_layout_free(layout);
            bench_close(&b);
        }
}
