/* runtime/pool.c - see pool.h. */
#include "runtime/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

/* The smallest free buffer that is large enough. */
static weft_i_pool_buffer *find(weft_i_pool *pool, size_t n_bytes)
{
    weft_i_pool_buffer *best = NULL;
    for (weft_i_pool_buffer *b = pool->buffers; b < pool->buffers + pool->n; b++) {
        if (!b->taken && b->n_bytes >= n_bytes && (!best || b->n_bytes < best->n_bytes)) best = b;
    }
    return best;
}

static weft_i_pool_buffer *add(weft_i_pool *pool, size_t n_bytes)
{
    if (weft_i_grow(&pool->buffers, &pool->cap, pool->n + 1, sizeof(*pool->buffers)) != 0)
        return NULL;
    void *data = weft_i_alloc(1, n_bytes);
    if (!data) return NULL;
    pool->buffers[pool->n] = (weft_i_pool_buffer){.data = data, .n_bytes = n_bytes};
    return &pool->buffers[pool->n++];
}

void *weft_i_pool_take(weft_i_pool *pool, size_t n_bytes)
{
    weft_i_pool_buffer *buffer = find(pool, n_bytes);
    if (!buffer) buffer = add(pool, n_bytes);
    if (!buffer) return NULL;
    buffer->taken = true;
    return buffer->data;
}

void weft_i_pool_give(weft_i_pool *pool, void *data)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->buffers[i].data != data) continue;
        assert(pool->buffers[i].taken);
        pool->buffers[i].taken = false;
        return;
    }
    assert(!data);
}

void weft_i_pool_free(weft_i_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        free(pool->buffers[i].data);
    free(pool->buffers);
    *pool = (weft_i_pool){0};
}
