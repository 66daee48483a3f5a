/* base/arena.h - memory that is freed all at once.
 *
 * A result owns its arrays in one arena. Not thread-safe: one thread uses an arena at a time.
 */
#ifndef WEFT_BASE_ARENA_H
#define WEFT_BASE_ARENA_H

#include <stddef.h>

typedef struct weft_i_arena {
    struct weft_i_arena_block *head; /* the block being filled */
} weft_i_arena;                      /* a zeroed one is empty and ready */

/* n * size zeroed bytes, aligned for any type; NULL when out of memory or when n * size overflows.
 * n == 0 gives a valid pointer. */
void *weft_i_arena_alloc(weft_i_arena *arena, size_t n, size_t size);

/* A copy of n bytes (n may be 0), or of a string; NULL when out of memory. */
void *weft_i_arena_copy(weft_i_arena *arena, const void *bytes, size_t n);
char *weft_i_arena_string(weft_i_arena *arena, const char *text);
char *weft_i_arena_printf(weft_i_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Free everything; the arena is empty and ready again. */
void weft_i_arena_free(weft_i_arena *arena);

/* Allocate `type` typed: weft_i_new(arena, int64_t, n). */
#define weft_i_new(arena, type, n) ((type *)weft_i_arena_alloc((arena), (size_t)(n), sizeof(type)))

/* A zeroed object of `size` bytes that lies in an arena of its own, its owner; NULL when out of
 * memory. weft_i_owned_free frees the owner with all in it; NULL is fine. */
void *weft_i_owned_new(size_t size, weft_i_arena **out_owner);
void weft_i_owned_free(void *owner);

/* Heap memory that grows: *items of *cap elements of `size` bytes is made to hold at least n; the
 * pointer moves. Returns 0, or -1 when out of memory (the old array stays). */
int weft_i_grow(void *items, size_t *cap, size_t n, size_t size);

/* All heap memory of the library comes through these two. weft_i_alloc zeroes; weft_i_realloc does
 * not. free() frees both. */
void *weft_i_alloc(size_t n, size_t size);
void *weft_i_realloc(void *p, size_t n, size_t size);

/* For tests only: the k-th allocation from now (from 1) fails once; 0 turns it off. A piece of an
 * arena counts as well as the block that it may need, since a piece that was never made to fail is
 * one whose caller may not look. */
void weft_i_alloc_fail_after(long k);

#endif
