/* Buffers that are used again. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "runtime/pool.h"

Test(pool, gives_the_smallest_that_is_large_enough)
{
    weft_i_pool pool = {0};
    char *large = weft_i_pool_take(&pool, 1000), *small = weft_i_pool_take(&pool, 600);
    cr_assert(large && small && large != small);
    memset(large, 1, 1000);
    memset(small, 2, 600);
    weft_i_pool_give(&pool, large);
    weft_i_pool_give(&pool, small);
    cr_expect_eq(weft_i_pool_take(&pool, 600), small);
    cr_expect_eq(weft_i_pool_take(&pool, 600), large);
    char *third = weft_i_pool_take(&pool, 600);
    cr_expect(third && third != small && third != large);
    weft_i_pool_give(&pool, large);
    cr_expect_neq(weft_i_pool_take(&pool, 100), large, "far too large");
    weft_i_pool_give(&pool, NULL);
    weft_i_pool_free(&pool);
}

Test(pool, gives_the_last_given_back_first)
{
    weft_i_pool pool = {0};
    void *a = weft_i_pool_take(&pool, 0), *b = weft_i_pool_take(&pool, 64);
    weft_i_pool_give(&pool, b);
    weft_i_pool_give(&pool, a);
    cr_expect_eq(weft_i_pool_take(&pool, 1), a);
    cr_expect_eq(weft_i_pool_take(&pool, 1), b);
    weft_i_pool_free(&pool);
}

/* Each buffer is filled to its end with a mark of its own; nobody else may change it. */
Test(pool, keeps_buffers_apart)
{
    enum { N = 200, STEPS = 4000 };
    weft_i_pool pool = {0};
    weft_i_rng rng;
    unsigned char *held[N] = {NULL};
    size_t sizes[N] = {0};
    weft_i_rng_seed(&rng, 7);
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)(weft_i_rng_double(&rng) * N);
        unsigned char mark = (unsigned char)(i + 1);
        for (size_t k = 0; held[i] && k < sizes[i]; k++)
            cr_assert_eq(held[i][k], mark, "seed 7, step %d", step);
        weft_i_pool_give(&pool, held[i]);
        held[i] = NULL;
        if (weft_i_rng_double(&rng) < 0.3) continue;
        sizes[i] = (size_t)(weft_i_rng_double(&rng) * 300);
        held[i] = weft_i_pool_take(&pool, sizes[i]);
        cr_assert_not_null(held[i]);
        memset(held[i], mark, sizes[i]);
    }
    cr_expect_lt(pool.n, 2 * N);
    weft_i_pool_free(&pool);
}

Test(pool, refuses_what_no_memory_has)
{
    weft_i_pool pool = {0};
    cr_expect_null(weft_i_pool_take(&pool, SIZE_MAX));
    weft_i_pool_free(&pool);
}

Test(pool, survives_failed_allocations)
{
    for (long k = 1; k <= 3; k++) {
        weft_i_pool pool = {0};
        weft_i_alloc_fail_after(k);
        cr_expect_null(weft_i_pool_take(&pool, 100));
        weft_i_alloc_fail_after(0);
        void *made = weft_i_pool_take(&pool, 100);
        cr_expect_not_null(made);
        weft_i_pool_give(&pool, made);
        weft_i_pool_free(&pool);
    }
}

/* So much is there in all. */
typedef struct little {
    size_t left_bytes, sizes[64];
    void *data[64];
    int n;
} little;

static void *little_allocate(void *context, size_t n_bytes)
{
    little *of = context;
    if (n_bytes > of->left_bytes) return NULL;
    of->left_bytes -= n_bytes;
    of->sizes[of->n] = n_bytes;
    return of->data[of->n++] = calloc(1, n_bytes);
}

static void little_release(void *context, void *data)
{
    little *of = context;
    for (int i = 0; i < of->n; i++)
        if (of->data[i] == data) of->left_bytes += of->sizes[i];
    free(data);
}

/* What nobody has taken makes room for a larger one; what is taken stays. */
Test(pool, gives_back_when_memory_is_short)
{
    little of = {.left_bytes = 4096};
    const weft_i_memory memory = {&of, little_allocate, little_release};
    weft_i_pool pool = {.memory = &memory};
    char *taken = weft_i_pool_take(&pool, 1024), *free1 = weft_i_pool_take(&pool, 1024);
    char *free2 = weft_i_pool_take(&pool, 1024);
    weft_i_pool_give(&pool, free1);
    weft_i_pool_give(&pool, free2);
    char *large = weft_i_pool_take(&pool, 3072);
    cr_assert_not_null(large);
    cr_expect_eq(of.left_bytes, 0);
    cr_expect_null(weft_i_pool_take(&pool, 64));
    weft_i_pool_give(&pool, taken);
    cr_expect_not_null(weft_i_pool_take(&pool, 64));
    weft_i_pool_give(&pool, large);
    weft_i_pool_free(&pool);
    cr_expect_eq(of.left_bytes, 4096);
}
