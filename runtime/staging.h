/* runtime/staging.h - messages and reductions of a kit whose memory is not the host's, on their way
 * through pinned memory of the host. Not: who sends them (worker.h). */
#ifndef WEFT_RUNTIME_STAGING_H
#define WEFT_RUNTIME_STAGING_H

#include "base/arena.h"
#include "runtime/kit.h"
#include "weft/status.h"

/* What is on its way: where it is on the host, NULL = nowhere; and the last copy to or from there.
 */
typedef struct weft_i_place {
    void *data;
    int64_t copy;
} weft_i_place;

typedef struct weft_i_staging {
    const weft_i_kit *kit;
    weft_i_pool host;
    weft_i_place *messages;   /* per edge */
    weft_i_place *reductions; /* per chunk */
} weft_i_staging;

/* Borrows the kit. NO_MEMORY. Free with weft_i_staging_free, after the arena's other users. */
weft_status weft_i_staging_make(const weft_i_kit *kit, int32_t n_edges, int32_t n_chunks,
                                weft_i_arena *arena, weft_error *error, weft_i_staging *out);
void weft_i_staging_free(weft_i_staging *staging);

/* Room on the host in one of the places above; and with a copy beside of what the kit has.
 * NO_MEMORY. */
weft_status weft_i_staging_room(weft_i_staging *staging, weft_i_place *place, int64_t n_bytes,
                                weft_error *error);
weft_status weft_i_staging_out(weft_i_staging *staging, weft_i_place *place, const void *from,
                               int64_t n_bytes, weft_error *error);
/* A copy beside of what is in a place, to the kit. */
void weft_i_staging_in(const weft_i_staging *staging, weft_i_place *place, void *to,
                       int64_t n_bytes);
/* Whether the last copy of a place is done. As the kit. */
weft_status weft_i_staging_reached(const weft_i_staging *staging, const weft_i_place *place,
                                   weft_error *error, bool *out_done);
/* After that: what is in a place is the caller's, to give back. */
void *weft_i_staging_take(weft_i_place *place);
/* NULL is allowed. */
void weft_i_staging_give(weft_i_staging *staging, void *data);

/* Places that are in use. */
int32_t weft_i_staging_buffers(const weft_i_staging *staging);

#endif
