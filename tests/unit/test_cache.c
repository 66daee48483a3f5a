/* The cache of results: right answers, a bound on memory, several threads. */
#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/rng.h"
#include "base/threads.h"
#include "emu/cache.h"

typedef struct question {
    int64_t head[2];
    int64_t tail[40];
    size_t n_tail;
} question;

typedef struct answer {
    int64_t sum;
    double root;
} answer;

static void fill(const void *context, void *value)
{
    const question *q = context;
    answer *a = value;
    a->sum = q->head[0] * 1000003 + q->head[1];
    for (size_t i = 0; i < q->n_tail; i++)
        a->sum = a->sum * 31 + q->tail[i];
    a->root = (double)a->sum / 3;
}

static answer ask(weft_i_cache *cache, const question *q)
{
    weft_i_key key = {q->head, q->tail, 2, q->n_tail};
    answer a;
    weft_i_cache_get(cache, &key, fill, q, sizeof a, &a);
    return a;
}

static question random_question(weft_i_rng *rng)
{
    question q = {.n_tail = (size_t)weft_i_rng_below(rng, 4) * 2};
    q.head[0] = (int64_t)weft_i_rng_below(rng, 5);
    q.head[1] = (int64_t)weft_i_rng_below(rng, 3);
    for (size_t i = 0; i < q.n_tail; i++)
        q.tail[i] = (int64_t)weft_i_rng_below(rng, 4);
    return q;
}

static bool is_right(weft_i_cache *cache, const question *q)
{
    answer expected, got = ask(cache, q);
    fill(q, &expected);
    return got.sum == expected.sum && got.root == expected.root;
}

Test(cache, answers_are_those_of_the_function)
{
    weft_i_cache *cache = weft_i_cache_create((size_t)1 << 20);
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        question q = random_question(&rng);
        cr_assert(is_right(cache, &q), "seed 3, question %d", i);
    }
    weft_reuse_level stats = weft_i_cache_stats(cache);
    cr_assert_eq(stats.asked, 20000);
    cr_assert_eq(stats.reused + stats.entries, stats.asked);
    cr_assert_leq(stats.bytes, 1 << 20);
    weft_i_cache_free(cache);
}

/* Keys whose pieces differ only in where the cut is are equal as words: nothing else must be. */
Test(cache, tails_of_other_lengths_are_other_keys)
{
    weft_i_cache *cache = weft_i_cache_create((size_t)1 << 20);
    question a = {.n_tail = 2, .tail = {0, 0}}, b = {.n_tail = 4, .tail = {0, 0, 0, 0}};
    cr_assert(is_right(cache, &a));
    cr_assert(is_right(cache, &b));
    cr_assert_eq(weft_i_cache_stats(cache).entries, 2);
    weft_i_cache_free(cache);
}

Test(cache, memory_is_bounded)
{
    enum { MOST = 1 << 16 };
    weft_i_cache *cache = weft_i_cache_create(MOST);
    for (int64_t i = 0; i < 20000; i++) {
        question q = {.head = {i, 0}};
        cr_assert(is_right(cache, &q));
        cr_assert_leq(weft_i_cache_stats(cache).bytes, MOST);
    }
    cr_assert_gt(weft_i_cache_stats(cache).entries, 100);
    weft_i_cache_free(cache);
    /* A result that is larger than its part is not kept at all. */
    cache = weft_i_cache_create(64);
    question q = {.n_tail = 40};
    cr_assert(is_right(cache, &q));
    cr_assert_eq(weft_i_cache_stats(cache).entries, 0);
    weft_i_cache_free(cache);
}

Test(cache, none_is_no_reuse)
{
    question q = {.head = {1, 2}};
    cr_assert(is_right(NULL, &q));
    cr_assert_eq(weft_i_cache_stats(NULL).asked, 0);
    weft_i_cache_free(NULL);
}

typedef struct shared {
    weft_i_cache *cache;
    int wrong[64];
} shared;

static void job(void *context, int i, int worker)
{
    shared *s = context;
    weft_i_rng rng;
    (void)worker;
    weft_i_rng_seed(&rng, (uint64_t)i % 4);
    for (int k = 0; k < 3000; k++) {
        question q = random_question(&rng);
        s->wrong[i] += !is_right(s->cache, &q);
    }
}

Test(cache, threads_share_it)
{
    static shared s;
    s.cache = weft_i_cache_create((size_t)1 << 15);
    weft_i_team *team = weft_i_team_create(4);
    cr_assert_not_null(team);
    weft_i_team_run(team, job, &s, 64);
    weft_i_team_free(team);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(s.wrong[i], 0);
    cr_assert_eq(weft_i_cache_stats(s.cache).asked, 64 * 3000);
    weft_i_cache_free(s.cache);
}

/* As many entries as one thread leaves: none is kept twice. */
Test(cache, threads_keep_each_answer_once)
{
    static shared s, alone;
    s.cache = weft_i_cache_create((size_t)1 << 24);
    alone.cache = weft_i_cache_create((size_t)1 << 24);
    weft_i_team *team = weft_i_team_create(4);
    cr_assert_not_null(team);
    weft_i_team_run(team, job, &s, 64);
    weft_i_team_free(team);
    for (int i = 0; i < 4; i++)
        job(&alone, i, 0);
    cr_assert_eq(weft_i_cache_stats(s.cache).entries, weft_i_cache_stats(alone.cache).entries);
    weft_i_cache_free(s.cache);
    weft_i_cache_free(alone.cache);
}

/* Without memory the answer is the same, it is only not kept. */
Test(cache, survives_lack_of_memory)
{
    weft_i_cache *cache = weft_i_cache_create((size_t)1 << 20);
    question q = {.head = {1, 2}};
    weft_i_alloc_fail_after(1);
    cr_assert(is_right(cache, &q));
    weft_i_alloc_fail_after(0);
    cr_assert_eq(weft_i_cache_stats(cache).entries, 0);
    cr_assert(is_right(cache, &q));
    cr_assert_eq(weft_i_cache_stats(cache).entries, 1);
    weft_i_cache_free(cache);
    weft_i_alloc_fail_after(1);
    cr_assert_null(weft_i_cache_create(100));
    weft_i_alloc_fail_after(0);
}
