/* runtime/staging.h - messages and reductions of a kit whose memory is not the host's, on their way
 * through pinned memory of the host. Not: who sends them (worker.h). */
#ifndef WEFT_RUNTIME_STAGING_H
#define WEFT_RUNTIME_STAGING_H

#include "base/arena.h"
#include "runtime/kit.h"
#include "weft/status.h"

typedef struct weft_i_staging {
    const weft_i_kit *kit;
    weft_i_pool host;
    void **messages;   /* per edge, while it is on the way; NULL = it is not */
    void **reductions; /* per chunk, likewise */
} weft_i_staging;

/* Borrows the kit. NO_MEMORY. Free with weft_i_staging_free, after the arena's other users. */
weft_status weft_i_staging_make(const weft_i_kit *kit, int32_t n_edges, int32_t n_chunks,
                                weft_i_arena *arena, weft_error *error, weft_i_staging *out);
void weft_i_staging_free(weft_i_staging *staging);

/* Room on the host in one of the places above; and with a copy of what the kit has. NO_MEMORY. */
weft_status weft_i_staging_room(weft_i_staging *staging, void **place, int64_t n_bytes,
                                weft_error *error);
weft_status weft_i_staging_out(weft_i_staging *staging, void **place, const void *from,
                               int64_t n_bytes, weft_error *error);
/* What is in a place, to the kit. */
void weft_i_staging_in(const weft_i_staging *staging, void *const *place, void *to,
                       int64_t n_bytes);
/* When the copy is done: the place is empty again. An empty one is allowed. */
void weft_i_staging_give(weft_i_staging *staging, void **place);

/* Places that are in use. */
int32_t weft_i_staging_buffers(const weft_i_staging *staging);

#endif
