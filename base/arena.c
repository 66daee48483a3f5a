/* base/arena.c - blocks that grow geometrically, and the only callers of calloc and realloc. */
#include "base/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

/* Under AddressSanitizer what lies between two arrays of a block may not be touched, as between two
 * of malloc's: else a write past the end of one would go unseen into the next. */
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(start, n_bytes)   ((void)(start), (void)(n_bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, n_bytes) ((void)(start), (void)(n_bytes))
enum { GAP_BYTES = 0 };
#endif

enum { FIRST_BLOCK_BYTES = 4096, LARGEST_STEP_BYTES = 16 << 20 };

typedef struct weft_i_arena_block {
    struct weft_i_arena_block *next;
    size_t n_used;
    size_t n_bytes;
    _Alignas(max_align_t) unsigned char bytes[];
} weft_i_arena_block;

/* The one variable of the library that outlives a call: tests count allocations down with it. */
static atomic_long allocations_left;

void weft_i_alloc_fail_after(long k)
{
    atomic_store(&allocations_left, k);
}

/* Reading first keeps the shared counter's cache line unwritten outside tests. */
static bool fails_now(void)
{
    if (atomic_load_explicit(&allocations_left, memory_order_relaxed) <= 0) return false;
    if (atomic_fetch_sub(&allocations_left, 1) != 1) return false;
    errno = ENOMEM; /* as calloc does */
    return true;
}

/* n * size, at least 1; 0 where that is more than an object can have. */
static size_t product(size_t n, size_t size)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, size, &n_bytes) || n_bytes > PTRDIFF_MAX) return 0;
    return n_bytes > 0 ? n_bytes : 1;
}

void *weft_i_alloc(size_t n, size_t size)
{
    size_t n_bytes = product(n, size);
    return n_bytes == 0 || fails_now() ? NULL : calloc(n_bytes, 1);
}

void *weft_i_realloc(void *p, size_t n, size_t size)
{
    size_t n_bytes = product(n, size);
    return n_bytes == 0 || fails_now() ? NULL : realloc(p, n_bytes);
}

int weft_i_grow(void *items, size_t *cap, size_t n, size_t size)
{
    if (n <= *cap) return 0;
    size_t new_cap = *cap < SIZE_MAX / 2 ? *cap * 2 : n;
    if (new_cap < 8) new_cap = 8;
    if (new_cap < n) new_cap = n;

    /* `items` points to a pointer of any object type: copied, since void ** would alias it. */
    void *old;
    memcpy(&old, items, sizeof(old));
    void *grown = weft_i_realloc(old, new_cap, size);
    if (!grown) return -1;
    memcpy(items, &grown, sizeof(grown));
    *cap = new_cap;
    return 0;
}

/* A block with room for n bytes. One made for a large array goes behind the head, so that the rest
 * of the head stays in use. */
static weft_i_arena_block *add_block(weft_i_arena *arena, size_t n)
{
    weft_i_arena_block *head = arena->head;
    size_t n_bytes = head ? head->n_bytes : FIRST_BLOCK_BYTES / 2;
    n_bytes = n_bytes < LARGEST_STEP_BYTES / 2 ? n_bytes * 2 : LARGEST_STEP_BYTES;
    bool apart = head && n > n_bytes / 2;
    if (apart || n_bytes < n) n_bytes = n;
    weft_i_arena_block *block = weft_i_alloc(1, sizeof(*block) + n_bytes);
    if (!block) return NULL;
    block->n_bytes = n_bytes;
    ASAN_POISON_MEMORY_REGION(block->bytes, n_bytes);
    weft_i_arena_block **link = apart ? &head->next : &arena->head;
    block->next = *link;
    *link = block;
    return block;
}

/* Memory is handed out once, so that what calloc zeroed is still zero. */
void *weft_i_arena_alloc(weft_i_arena *arena, size_t n, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    size_t n_asked = product(n, size);
    if (n_asked == 0 || fails_now()) return NULL;
    size_t n_bytes = (n_asked + GAP_BYTES + align - 1) / align * align;

    weft_i_arena_block *block = arena->head;
    if (!block || block->n_bytes - block->n_used < n_bytes) block = add_block(arena, n_bytes);
    if (!block) return NULL;
    void *p = block->bytes + block->n_used;
    block->n_used += n_bytes;
    ASAN_UNPOISON_MEMORY_REGION(p, n_asked);
    return p;
}

void *weft_i_arena_copy(weft_i_arena *arena, const void *bytes, size_t n)
{
    void *copy = weft_i_arena_alloc(arena, n, 1);
    if (copy && n > 0) memcpy(copy, bytes, n);
    return copy;
}

char *weft_i_arena_string(weft_i_arena *arena, const char *text)
{
    return weft_i_arena_copy(arena, text, strlen(text) + 1);
}

char *weft_i_arena_printf(weft_i_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : weft_i_arena_alloc(arena, (size_t)n + 1, 1);
    if (text) vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

void weft_i_arena_free(weft_i_arena *arena)
{
    if (!arena) return;
    for (weft_i_arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->head = NULL;
}

void *weft_i_owned_new(size_t size, weft_i_arena **out_owner)
{
    weft_i_arena *owner = weft_i_alloc(1, sizeof(*owner));
    void *object = owner ? weft_i_arena_alloc(owner, 1, size) : NULL;
    if (!object)
        free(owner);
    else
        *out_owner = owner;
    return object;
}

void weft_i_owned_free(void *owner)
{
    if (!owner) return;
    weft_i_arena_free(owner);
    free(owner);
}
