/* Buffers that are used again. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/pool.h"

Test(pool, gives_the_smallest_that_is_large_enough)
{
    weft_i_pool pool = {0};
    char *large = weft_i_pool_take(&pool, 1000), *small = weft_i_pool_take(&pool, 100);
    cr_assert(large && small && large != small);
    memset(large, 1, 1000);
    memset(small, 2, 100);
    weft_i_pool_give(&pool, large);
    weft_i_pool_give(&pool, small);
    cr_expect_eq(weft_i_pool_take(&pool, 100), small);
    cr_expect_eq(weft_i_pool_take(&pool, 100), large);
    char *third = weft_i_pool_take(&pool, 100);
    cr_expect(third && third != small && third != large);
    weft_i_pool_give(&pool, NULL);
    weft_i_pool_free(&pool);
}

Test(pool, survives_failed_allocations)
{
    for (long k = 1; k <= 2; k++) {
        weft_i_pool pool = {0};
        weft_i_alloc_fail_after(k);
        cr_expect_null(weft_i_pool_take(&pool, 100));
        weft_i_alloc_fail_after(0);
        cr_expect_not_null(weft_i_pool_take(&pool, 100));
        weft_i_pool_free(&pool);
    }
}
