/* emu/cache.c - results by key: open hashing in parts, each with a lock of its own. */
#include "emu/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"

enum { N_PARTS = 16, N_BUCKETS = 1 << 10 };

typedef struct entry {
    struct entry *next;
    uint64_t hash;
    size_t n_key, n_value; /* of whole int64_t; bytes */
    int64_t data[];        /* key, value */
} entry;

typedef struct part {
    pthread_mutex_t lock;
    entry *buckets[N_BUCKETS];
    weft_reuse_level stats;
} part;

struct weft_i_cache {
    int64_t max_part_bytes;
    int n_locks; /* made so far */
    part parts[N_PARTS];
};

weft_i_cache *weft_i_cache_create(size_t max_bytes)
{
    weft_i_cache *cache = weft_i_alloc(1, sizeof *cache);
    if (!cache) return NULL;
    cache->max_part_bytes = (int64_t)(max_bytes / N_PARTS);
    for (; cache->n_locks < N_PARTS; cache->n_locks++)
        if (pthread_mutex_init(&cache->parts[cache->n_locks].lock, NULL) != 0) {
            weft_i_cache_free(cache);
            return NULL;
        }
    return cache;
}

static void empty(part *p)
{
    for (size_t i = 0; i < N_BUCKETS; i++) {
        for (entry *e = p->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
        p->buckets[i] = NULL;
    }
    p->stats.entries = p->stats.bytes = 0;
}

void weft_i_cache_free(weft_i_cache *cache)
{
    if (!cache) return;
    for (int i = 0; i < cache->n_locks; i++) {
        empty(&cache->parts[i]);
        pthread_mutex_destroy(&cache->parts[i].lock);
    }
    free(cache);
}

/* FNV-1a over words, with a last mix for the low bits. */
static uint64_t hash_words(uint64_t hash, const int64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)words[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ (hash >> 29);
    return hash;
}

static uint64_t hash_key(const weft_i_key *key)
{
    uint64_t hash = hash_words(UINT64_C(0xCBF29CE484222325), key->head, key->n_head);
    hash = hash_words(hash, key->tail, key->n_tail);
    hash ^= hash >> 32;
    return hash * UINT64_C(0xD6E8FEB86659FD93);
}

static bool has_key(const entry *e, uint64_t hash, const weft_i_key *key)
{
    return e->hash == hash && e->n_key == key->n_head + key->n_tail &&
           memcmp(e->data, key->head, key->n_head * sizeof *e->data) == 0 &&
           (key->n_tail == 0 ||
            memcmp(e->data + key->n_head, key->tail, key->n_tail * sizeof *e->data) == 0);
}

static entry *find(const part *p, uint64_t hash, const weft_i_key *key)
{
    entry *e = p->buckets[hash % N_BUCKETS];
    while (e && !has_key(e, hash, key))
        e = e->next;
    return e;
}

static entry *make(uint64_t hash, const weft_i_key *key, const void *value, size_t n_value)
{
    size_t n_key = key->n_head + key->n_tail;
    entry *e = weft_i_alloc(1, sizeof *e + n_key * sizeof *e->data + n_value);
    if (!e) return NULL;
    e->hash = hash;
    e->n_key = n_key;
    e->n_value = n_value;
    memcpy(e->data, key->head, key->n_head * sizeof *e->data);
    if (key->n_tail > 0) memcpy(e->data + key->n_head, key->tail, key->n_tail * sizeof *e->data);
    memcpy(e->data + n_key, value, n_value);
    return e;
}

/* Another thread may have been faster; a result that finds no memory is not kept. */
static void keep(part *p, int64_t max_bytes, uint64_t hash, const weft_i_key *key,
                 const void *value, size_t n_value)
{
    if (find(p, hash, key)) return;
    size_t n_key = key->n_head + key->n_tail;
    int64_t bytes = (int64_t)(sizeof(entry) + n_key * sizeof(int64_t) + n_value);
    entry *e = bytes <= max_bytes ? make(hash, key, value, n_value) : NULL;
    if (!e) return;
    if (p->stats.bytes + bytes > max_bytes) {
        empty(p);
        p->stats.emptied++;
    }
    e->next = p->buckets[hash % N_BUCKETS];
    p->buckets[hash % N_BUCKETS] = e;
    p->stats.entries++;
    p->stats.bytes += bytes;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void weft_i_cache_get(weft_i_cache *cache, const weft_i_key *key,
                      void (*fill)(const void *context, void *value), const void *context,
                      size_t n_value, void *value)
{
    if (!cache) {
        fill(context, value);
        return;
    }
    uint64_t hash = hash_key(key);
    part *p = &cache->parts[hash >> 60];
    pthread_mutex_lock(&p->lock);
    const entry *e = find(p, hash, key);
    p->stats.asked++;
    if (e) {
        p->stats.reused++;
        memcpy(value, e->data + e->n_key, n_value);
    }
    pthread_mutex_unlock(&p->lock);
    if (e) return;
    int64_t start_ns = now_ns();
    fill(context, value);
    int64_t end_ns = now_ns();
    pthread_mutex_lock(&p->lock);
    p->stats.fill_ns += end_ns - start_ns;
    keep(p, cache->max_part_bytes, hash, key, value, n_value);
    pthread_mutex_unlock(&p->lock);
}

weft_reuse_level weft_i_cache_stats(weft_i_cache *cache)
{
    weft_reuse_level stats = {0};
    for (int i = 0; cache && i < N_PARTS; i++) {
        part *p = &cache->parts[i];
        pthread_mutex_lock(&p->lock);
        stats.asked += p->stats.asked;
        stats.reused += p->stats.reused;
        stats.entries += p->stats.entries;
        stats.bytes += p->stats.bytes;
        stats.emptied += p->stats.emptied;
        stats.fill_ns += p->stats.fill_ns;
        pthread_mutex_unlock(&p->lock);
    }
    return stats;
}
