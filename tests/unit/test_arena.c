/* Arena and heap: alignment, zeroes, growth, overflow, and each allocation made to fail. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

enum { N_PIECES = 2000 };

/* Random pieces filled with their own byte: none may overlap another or arrive unzeroed. */
Test(arena, pieces_are_zeroed_aligned_and_apart)
{
    const uint64_t seed = 7;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    weft_i_arena arena = {0};
    unsigned char *pieces[N_PIECES];
    size_t sizes[N_PIECES];
    for (int i = 0; i < N_PIECES; i++) {
        bool large = weft_i_rng_below(&rng, 50) == 0;
        sizes[i] = weft_i_rng_below(&rng, large ? 100000 : 200);
        pieces[i] = weft_i_arena_alloc(&arena, sizes[i], 1);
        cr_assert_not_null(pieces[i]);
        cr_assert_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < sizes[i]; j++)
            cr_assert_eq(pieces[i][j], 0, "seed %lu", seed);
        memset(pieces[i], i % 255 + 1, sizes[i]);
#ifdef __SANITIZE_ADDRESS__
        cr_assert(__asan_address_is_poisoned(pieces[i] + (sizes[i] > 0 ? sizes[i] : 1)));
#endif
    }
    for (int i = 0; i < N_PIECES; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            cr_assert_eq(pieces[i][j], i % 255 + 1);
    }
    weft_i_arena_free(&arena);
    cr_expect_null(arena.head);
    cr_expect_not_null(weft_i_new(&arena, int64_t, 3), "a freed arena is ready again");
    weft_i_arena_free(&arena);
}

Test(arena, refuses_sizes_that_overflow)
{
    weft_i_arena arena = {0};
    cr_expect_null(weft_i_arena_alloc(&arena, SIZE_MAX, 2));
    cr_expect_null(weft_i_arena_alloc(&arena, SIZE_MAX, 1));
    cr_expect_null(weft_i_arena_alloc(&arena, SIZE_MAX - 40, 1));
    cr_expect_null(weft_i_alloc(SIZE_MAX / 2, 3));
    cr_expect_null(weft_i_realloc(NULL, SIZE_MAX / 2, 3));
    cr_expect_not_null(weft_i_arena_alloc(&arena, 0, 8));
    weft_i_arena_free(&arena);
    weft_i_arena_free(NULL);
}

Test(arena, copies_and_prints)
{
    weft_i_arena arena = {0};
    cr_expect_str_eq(weft_i_arena_string(&arena, "weft"), "weft");
    cr_expect_arr_eq(weft_i_arena_copy(&arena, "a\0b", 3), "a\0b", 3);
    cr_expect_not_null(weft_i_arena_copy(&arena, NULL, 0));
    cr_expect_str_eq(weft_i_arena_printf(&arena, "%s-%d", "rank", 12), "rank-12");
    char *wide = weft_i_arena_printf(&arena, "%10000d", 1);
    cr_expect_eq(strlen(wide), 10000);
    weft_i_arena_free(&arena);
}

Test(arena, grow_keeps_items)
{
    int *items = NULL;
    size_t cap = 0;
    for (int i = 0; i < 10000; i++) {
        cr_assert_eq(weft_i_grow(&items, &cap, (size_t)i + 1, sizeof(*items)), 0);
        items[i] = i;
    }
    cr_expect_lt(cap, 20000);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(items[i], i);
    int *old = items;
    cr_expect_eq(weft_i_grow(&items, &cap, SIZE_MAX / 2, sizeof(*items)), -1);
    cr_expect_eq(items, old, "the old array stays");
    free(items);
}

Test(arena, only_the_kth_allocation_fails)
{
    for (long k = 1; k <= 5; k++) {
        weft_i_alloc_fail_after(k);
        for (long i = 1; i <= 8; i++) {
            void *p = i % 2 ? weft_i_alloc(1, 1) : weft_i_realloc(NULL, 1, 1);
            cr_expect_eq(p == NULL, i == k, "k %ld, allocation %ld", k, i);
            free(p);
        }
    }
    weft_i_alloc_fail_after(1);
    weft_i_alloc_fail_after(0);
    void *p = weft_i_alloc(0, 0);
    cr_expect_not_null(p, "turned off");
    free(p);
}

Test(arena, survives_a_failed_piece_or_block)
{
    for (long k = 1; k <= 103; k++) {
        weft_i_arena arena = {0};
        int n_failed = 0;
        weft_i_alloc_fail_after(k);
        for (int i = 0; i < 100; i++)
            n_failed += !weft_i_new(&arena, int64_t, 100);
        cr_expect_eq(n_failed, 1, "100 pieces in three blocks or more: one fails, for k %ld", k);
        weft_i_alloc_fail_after(0);
        weft_i_arena_free(&arena);
    }
}

Test(arena, an_object_with_what_it_owns)
{
    weft_i_arena *owner = NULL;
    for (long k = 1; k <= 3; k++) {
        weft_i_alloc_fail_after(k);
        cr_expect_null(weft_i_owned_new(8, &owner), "allocation %ld", k);
        cr_expect_null(owner);
    }
    weft_i_alloc_fail_after(0);
    int64_t *object = weft_i_owned_new(sizeof(*object), &owner);
    cr_assert(object && owner);
    cr_expect_eq(*object, 0);
    cr_assert_not_null(weft_i_new(owner, int64_t, 10000));
    weft_i_owned_free(owner);
    weft_i_owned_free(NULL);
}
