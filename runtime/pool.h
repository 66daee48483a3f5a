/* runtime/pool.h - buffers that are used again, so that large ones are paged in once.
 *
 * Taking and giving back cost the same however many there are: a rank that trains has a thousand.
 * Buffers are free in lists by size, four sizes between two powers of two; one that is needed comes
 * from its list or from one of the next four, the last given back first. */
#ifndef WEFT_RUNTIME_POOL_H
#define WEFT_RUNTIME_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEFT_I_POOL_SIZES = 236 };

typedef struct weft_i_pool_buffer {
    void *data;
    int32_t size; /* which of the sizes */
    int32_t next; /* of its list, counted from 1; 0 = none */
    bool taken;
} weft_i_pool_buffer;

/* Where memory comes from. */
typedef struct weft_i_memory {
    void *context;
    void *(*allocate)(void *context, size_t n_bytes); /* zeroed; NULL when there is none left */
    void (*release)(void *context, void *data);       /* NULL is allowed */
} weft_i_memory;

/* That of the host. */
extern const weft_i_memory weft_i_heap;

typedef struct weft_i_pool {
    const weft_i_memory *memory; /* NULL = the heap */
    weft_i_pool_buffer *buffers;
    size_t n, cap;
    int32_t free[WEFT_I_POOL_SIZES]; /* first of each list, counted from 1; 0 = none */
    int32_t *places;                 /* by the hash of their data, counted from 1; 0 = empty */
    size_t n_places;                 /* a power of two, at least twice the buffers */
} weft_i_pool;                       /* a zeroed one is empty and ready */

/* At least n bytes, aligned for any type, zeroed when new; NULL when out of memory, also without
 * those that nobody has taken. */
void *weft_i_pool_take(weft_i_pool *pool, size_t n_bytes);
/* Give back what was taken; NULL is allowed. */
void weft_i_pool_give(weft_i_pool *pool, void *data);
void weft_i_pool_free(weft_i_pool *pool);

#endif
