/* runtime/pool.c - see pool.h. */
#include "runtime/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { SMALLEST_LOG = 6, LISTS_TRIED = 5, FIRST_PLACES = 64 };

static void *allocate(void *context, size_t n_bytes)
{
    (void)context;
    return weft_i_alloc(1, n_bytes);
}

static void release(void *context, void *data)
{
    (void)context;
    free(data);
}

const weft_i_memory weft_i_heap = {.allocate = allocate, .release = release};

static const weft_i_memory *memory_of(const weft_i_pool *pool)
{
    return pool->memory ? pool->memory : &weft_i_heap;
}

/* Sizes are 64 bytes, and then 5, 6, 7 and 8 quarters of each power of two from there. */
static int32_t size_for(size_t n_bytes, size_t *out_bytes)
{
    int log = SMALLEST_LOG;
    *out_bytes = (size_t)1 << SMALLEST_LOG;
    if (n_bytes <= *out_bytes) return 0;
    size_t last = n_bytes - 1;
    while (last >> (log + 1) != 0)
        log++;
    size_t quarters = last >> (log - 2);
    *out_bytes = (quarters + 1) << (log - 2);
    return (log - SMALLEST_LOG) * 4 + (int32_t)(quarters & 3) + 1;
}

/* Where a buffer is entered, or would be. */
static int32_t *place_of(const weft_i_pool *pool, const void *data)
{
    uint64_t hash = ((uint64_t)(uintptr_t)data >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 32) & (pool->n_places - 1);
    while (pool->places[at] != 0 && pool->buffers[pool->places[at] - 1].data != data)
        at = (at + 1) & (pool->n_places - 1);
    return &pool->places[at];
}

static bool make_places(weft_i_pool *pool)
{
    if (pool->n_places >= 2 * (pool->n + 1)) return true;
    size_t n = pool->n_places > 0 ? 2 * pool->n_places : FIRST_PLACES;
    int32_t *made = weft_i_alloc(n, sizeof(*made));
    if (!made) return false;
    free(pool->places);
    pool->places = made;
    pool->n_places = n;
    for (size_t i = 0; i < pool->n; i++)
        *place_of(pool, pool->buffers[i].data) = (int32_t)i + 1;
    return true;
}

/* All that nobody has taken goes back to where it came from. Whether there was any. */
static bool release_free(weft_i_pool *pool)
{
    const weft_i_memory *memory = memory_of(pool);
    size_t n = 0, n_before = pool->n;
    for (size_t i = 0; i < n_before; i++)
        if (pool->buffers[i].taken)
            pool->buffers[n++] = pool->buffers[i];
        else
            memory->release(memory->context, pool->buffers[i].data);
    pool->n = n;
    memset(pool->free, 0, sizeof(pool->free));
    memset(pool->places, 0, pool->n_places * sizeof(*pool->places));
    for (size_t i = 0; i < n; i++)
        *place_of(pool, pool->buffers[i].data) = (int32_t)i + 1;
    return n < n_before;
}

static weft_i_pool_buffer *add(weft_i_pool *pool, int32_t size, size_t n_bytes)
{
    if (pool->n == INT32_MAX / 4 || !make_places(pool) ||
        weft_i_grow(&pool->buffers, &pool->cap, pool->n + 1, sizeof(*pool->buffers)) != 0)
        return NULL;
    const weft_i_memory *memory = memory_of(pool);
    void *data = memory->allocate(memory->context, n_bytes);
    if (!data && release_free(pool)) data = memory->allocate(memory->context, n_bytes);
    if (!data) return NULL;
    *place_of(pool, data) = (int32_t)pool->n + 1;
    pool->buffers[pool->n] = (weft_i_pool_buffer){.data = data, .size = size};
    return &pool->buffers[pool->n++];
}

static weft_i_pool_buffer *find(weft_i_pool *pool, int32_t size)
{
    for (int32_t s = size; s < size + LISTS_TRIED && s < WEFT_I_POOL_SIZES; s++) {
        if (pool->free[s] == 0) continue;
        weft_i_pool_buffer *buffer = &pool->buffers[pool->free[s] - 1];
        pool->free[s] = buffer->next;
        return buffer;
    }
    return NULL;
}

void *weft_i_pool_take(weft_i_pool *pool, size_t n_bytes)
{
    size_t whole_bytes;
    if (n_bytes > PTRDIFF_MAX) return NULL;
    int32_t size = size_for(n_bytes, &whole_bytes);
    weft_i_pool_buffer *buffer = find(pool, size);
    if (!buffer) buffer = add(pool, size, whole_bytes);
    if (!buffer) return NULL;
    buffer->taken = true;
    return buffer->data;
}

void weft_i_pool_give(weft_i_pool *pool, void *data)
{
    if (!data) return;
    int32_t at = *place_of(pool, data);
    assert(at > 0);
    weft_i_pool_buffer *buffer = &pool->buffers[at - 1];
    assert(buffer->taken);
    buffer->taken = false;
    buffer->next = pool->free[buffer->size];
    pool->free[buffer->size] = at;
}

void weft_i_pool_free(weft_i_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        memory_of(pool)->release(memory_of(pool)->context, pool->buffers[i].data);
    free(pool->buffers);
    free(pool->places);
    *pool = (weft_i_pool){.memory = pool->memory};
}
