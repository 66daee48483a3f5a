/* runtime/mpi_sends.h - the sends of a rank that are under way.
 *
 * A message may leave only when its receiver looks after MPI, which a receiver that computes does
 * seldom: long ones always, short ones where Open MPI has no room for them. So that a rank need not
 * stand in wait_isend for it, the transport keeps the data until then: the buffer, where its device
 * parts with it (weft_run_buffer.release), else a copy, at most so many bytes in all. */
#ifndef WEFT_RUNTIME_MPI_SENDS_H
#define WEFT_RUNTIME_MPI_SENDS_H

#include "runtime/mpi_own.h"
#include "runtime/pool.h"

enum { WEFT_I_SENDS_MAX_BYTES = 64 << 20 };

/* One of them. */
typedef struct weft_i_send {
    MPI_Request request;
    weft_run_buffer buffer;
    int32_t edge;
    bool is_waited_for; /* by its wait_isend: the device still has the buffer, or there are too many
                           bytes kept */
} weft_i_send;

typedef struct weft_i_sends {
    weft_i_send *sends;
    size_t n, cap;
    int64_t kept_bytes; /* of those that nobody waits for */
    weft_i_pool pool;   /* of copies */
} weft_i_sends;         /* a zeroed one is empty and ready */

/* Send a buffer. FAILED, NO_MEMORY. */
weft_status weft_i_sends_post(weft_i_sends *sends, const weft_run_action *action,
                              const weft_run_buffer *buffer, int tag, MPI_Comm comm,
                              weft_error *error);

/* Let go of what has left. FAILED. */
weft_status weft_i_sends_look(weft_i_sends *sends, weft_error *error);

/* Whether the send of an edge, as of the last look, is one to be waited for. */
bool weft_i_sends_waits(const weft_i_sends *sends, int32_t edge);

/* Wait until all has left; as weft_i_world_wait. */
weft_status weft_i_sends_drain(weft_i_sends *sends, weft_i_world *world, weft_error *error);

/* None may be under way. */
void weft_i_sends_free(weft_i_sends *sends);

#endif
