/* emu/cache.h - results by key: what makes equal subgraphs cost one emulation.
 *
 * A pure function of a key's bytes is asked through the cache; what comes back is the same whether
 * it was there or not. Thread-safe. Memory is bounded: a full part is emptied.
 */
#ifndef WEFT_EMU_CACHE_H
#define WEFT_EMU_CACHE_H

#include "emu/emu.h"

typedef struct weft_i_cache weft_i_cache;

/* NULL when out of memory. */
weft_i_cache *weft_i_cache_create(size_t max_bytes);
void weft_i_cache_free(weft_i_cache *cache);

/* A key of up to two pieces, both of whole int64_t. */
typedef struct weft_i_key {
    const int64_t *head;
    const int64_t *tail; /* NULL with n_tail 0 */
    size_t n_head, n_tail;
} weft_i_key;

/* Fill `value` (n_value bytes) with the result for the key: from the cache, or from
 * fill(context, value), which may run in several threads at once. A NULL cache always fills. */
void weft_i_cache_get(weft_i_cache *cache, const weft_i_key *key,
                      void (*fill)(const void *context, void *value), const void *context,
                      size_t n_value, void *value);

weft_reuse_level weft_i_cache_stats(weft_i_cache *cache);

#endif
