/* weft_i_block_place: passes never meet, hops take their time, memory is what is said. */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "search/block.h"

enum { MAX_RANKS = 6, MAX_LEGS = 2 * MAX_RANKS };

typedef struct placed {
    weft_i_block_times times;
    int32_t n_ranks;
    int64_t period, fw[MAX_LEGS], bw[MAX_LEGS], bww[MAX_LEGS];
    weft_i_pattern pattern;
} placed;

static int64_t draw(weft_i_rng *rng, int64_t first, uint64_t n)
{
    return first + (int64_t)weft_i_rng_below(rng, n);
}

static placed draw_times(weft_i_rng *rng)
{
    placed p = {.n_ranks = (int32_t)draw(rng, 2, MAX_RANKS - 1)};
    p.times = (weft_i_block_times){
        .fw_ns = draw(rng, 1, 9), .bw_ns = draw(rng, 1, 9), .bww_ns = draw(rng, 1, 9)};
    p.times.fw_hop_ns = p.times.fw_ns + draw(rng, 0, 5);
    p.times.bw_hop_ns = p.times.bw_ns + draw(rng, 0, 5);
    p.period = weft_i_block_period(&p.times);
    return p;
}

static void expect_hops(const placed *p, uint64_t seed)
{
    const weft_i_block_times *t = &p->times;
    const int32_t turn = p->n_ranks - 1, end = 2 * p->n_ranks - 1;
    for (int32_t i = 0; i < end; i++) {
        cr_expect_geq(p->fw[i + 1] - p->fw[i], i == turn ? t->fw_ns : t->fw_hop_ns, "seed %llu",
                      (unsigned long long)seed);
        cr_expect_geq(p->bw[i] - p->bw[i + 1], i == turn ? t->bw_ns : t->bw_hop_ns, "seed %llu",
                      (unsigned long long)seed);
    }
    cr_expect_geq(p->bw[end] - p->fw[end], t->fw_ns);
}

/* Mark the part of a period that a pass takes; false where some is taken. */
static bool mark(const placed *p, bool *taken, int64_t begin, int64_t ns)
{
    for (int64_t t = begin; t < begin + ns; t++) {
        if (taken[t % p->period]) return false;
        taken[t % p->period] = true;
    }
    return true;
}

static void expect_apart(const placed *p, uint64_t seed)
{
    for (int32_t d = 0; d < p->n_ranks; d++) {
        bool taken[64] = {false};
        const int32_t legs[2] = {d, 2 * p->n_ranks - 1 - d};
        for (int i = 0; i < 2; i++) {
            cr_expect(mark(p, taken, p->fw[legs[i]], p->times.fw_ns), "seed %llu, rank %d",
                      (unsigned long long)seed, d);
            cr_expect(mark(p, taken, p->bw[legs[i]], p->times.bw_ns), "seed %llu, rank %d",
                      (unsigned long long)seed, d);
        }
    }
}

/* Stages that have begun and not ended at a time, by counting them. */
static int64_t count_held(const placed *p, int32_t leg, int64_t at)
{
    int64_t n = 0;
    for (int64_t base = 0; base <= at; base += p->period)
        n += base + p->fw[leg] <= at && at < base + p->bw[leg] + p->times.bw_ns;
    return n;
}

/* At least what is held without weight gradients, at most one period of waiting for them more. */
static void expect_held(const placed *p, int64_t held, uint64_t seed)
{
    int64_t most = 0, after = p->bw[0] + 2 * p->period;
    for (int32_t d = 0; d < p->n_ranks; d++)
        for (int64_t t = 0; t < p->period; t++) {
            int64_t n =
                count_held(p, d, after + t) + count_held(p, 2 * p->n_ranks - 1 - d, after + t);
            most = n > most ? n : most;
        }
    cr_expect(held >= most && held <= most + 2, "seed %llu: %lld held, %lld said",
              (unsigned long long)seed, (long long)most, (long long)held);
}

Test(block, passes_are_apart_and_memory_is_as_said)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        weft_i_arena arena = {0};
        weft_i_block *block;
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        placed p = draw_times(&rng);
        p.pattern = (weft_i_pattern){.fw_ns = p.fw, .bw_ns = p.bw, .bww_ns = p.bww};
        cr_assert(!weft_i_block_create(&p.times, p.n_ranks, &arena, NULL, &block));
        for (int32_t slowness = weft_i_block_slowest(block); slowness >= 0; slowness--) {
            int64_t held = weft_i_block_place(block, slowness, &p.pattern);
            expect_hops(&p, seed);
            expect_apart(&p, seed);
            expect_held(&p, held, seed);
        }
        weft_i_arena_free(&arena);
    }
}

/* Of 16 ranks with passes of one length: all even numbers from the least memory on, which
 * was published as V-Min; V-Half has 18. */
Test(block, from_a_third_of_the_memory_to_all_of_it)
{
    weft_i_arena arena = {0};
    weft_i_block *block;
    const weft_i_block_times times = {10, 10, 10, 10, 10};
    int64_t fw[32], bw[32], bww[32], least = INT64_MAX;
    bool found[40] = {false};
    weft_i_pattern pattern = {.fw_ns = fw, .bw_ns = bw, .bww_ns = bww};
    cr_assert(!weft_i_block_create(&times, 16, &arena, NULL, &block));
    for (int32_t slowness = weft_i_block_slowest(block); slowness >= 0; slowness--) {
        int64_t held = weft_i_block_place(block, slowness, &pattern);
        least = held < least ? held : least;
        if (held < 40) found[held] = true;
    }
    cr_expect_eq(least, 12, "%d", (int)least);
    for (int n = 12; n <= 22; n += 2)
        cr_expect(found[n], "%d stages", n);
    weft_i_arena_free(&arena);
}
