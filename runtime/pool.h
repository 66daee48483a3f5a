/* runtime/pool.h - buffers that are used again, so that large ones are paged in once.
 *
 * A run posts messages of a few sizes again and again. Linear in the buffers that exist at once,
 * which are as many as messages under way. */
#ifndef WEFT_RUNTIME_POOL_H
#define WEFT_RUNTIME_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct weft_i_pool_buffer {
    void *data;
    size_t n_bytes;
    bool taken;
} weft_i_pool_buffer;

typedef struct weft_i_pool {
    weft_i_pool_buffer *buffers;
    size_t n, cap;
} weft_i_pool; /* a zeroed one is empty and ready */

/* At least n bytes, aligned for any type, zeroed when new; NULL when out of memory. */
void *weft_i_pool_take(weft_i_pool *pool, size_t n_bytes);
/* Give back what was taken; NULL is allowed. */
void weft_i_pool_give(weft_i_pool *pool, void *data);
void weft_i_pool_free(weft_i_pool *pool);

#endif
