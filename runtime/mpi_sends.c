/* runtime/mpi_sends.c - see mpi_sends.h. */
#include "runtime/mpi_sends.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

static void give_copy(void *pool, void *data)
{
    weft_i_pool_give(pool, data);
}

/* What is sent in place of the buffer: the same, or a copy that is let go of when it has left. */
static weft_status choose(weft_i_sends *sends, const weft_run_buffer *buffer, weft_error *error,
                          weft_i_send *out)
{
    out->buffer = *buffer;
    bool is_room = sends->kept_bytes + buffer->n_bytes <= WEFT_I_SENDS_MAX_BYTES;
    out->is_waited_for = !is_room || (!buffer->release && buffer->is_far);
    if (out->is_waited_for || buffer->release) return WEFT_STATUS_OK;
    out->buffer.data = weft_i_pool_take(&sends->pool, (size_t)buffer->n_bytes);
    if (!out->buffer.data) return weft_i_no_memory(error);
    memcpy(out->buffer.data, buffer->data, (size_t)buffer->n_bytes);
    out->buffer.release = give_copy;
    out->buffer.release_context = &sends->pool;
    return WEFT_STATUS_OK;
}

weft_status weft_i_sends_post(weft_i_sends *sends, const weft_run_action *action,
                              const weft_run_buffer *buffer, int tag, MPI_Comm comm,
                              weft_error *error)
{
    weft_status status = weft_i_sends_look(sends, error);
    if (status != WEFT_STATUS_OK) return status;
    if (weft_i_grow(&sends->sends, &sends->cap, sends->n + 1, sizeof(*sends->sends)) != 0)
        return weft_i_no_memory(error);
    weft_i_send *made = &sends->sends[sends->n];
    *made = (weft_i_send){.request = MPI_REQUEST_NULL, .edge = action->operand};
    status = choose(sends, buffer, error, made);
    if (status != WEFT_STATUS_OK) return status;
    sends->n++;
    if (!made->is_waited_for) sends->kept_bytes += buffer->n_bytes;
    return weft_i_mpi_check(MPI_Isend(made->buffer.data, (int)buffer->n_bytes, MPI_BYTE,
                                      action->peer, tag, comm, &made->request),
                            "cannot post", error);
}

static void end_send(weft_i_sends *sends, size_t i)
{
    weft_i_send ended = sends->sends[i];
    sends->sends[i] = sends->sends[--sends->n];
    if (!ended.is_waited_for) sends->kept_bytes -= ended.buffer.n_bytes;
    if (ended.buffer.release) ended.buffer.release(ended.buffer.release_context, ended.buffer.data);
}

weft_status weft_i_sends_look(weft_i_sends *sends, weft_error *error)
{
    for (size_t i = sends->n; i-- > 0;) {
        int done = 0;
        int code = MPI_Test(&sends->sends[i].request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS) return weft_i_mpi_check(code, "cannot send", error);
        if (done) end_send(sends, i);
    }
    return WEFT_STATUS_OK;
}

bool weft_i_sends_waits(const weft_i_sends *sends, int32_t edge)
{
    for (size_t i = 0; i < sends->n; i++)
        if (sends->sends[i].edge == edge) return sends->sends[i].is_waited_for;
    return false;
}

weft_status weft_i_sends_drain(weft_i_sends *sends, weft_i_world *world, weft_error *error)
{
    while (sends->n > 0) {
        size_t last = sends->n - 1;
        weft_status status =
            weft_i_world_wait(world, "sending what is left", &sends->sends[last].request, error);
        if (status != WEFT_STATUS_OK) return status;
        end_send(sends, last);
    }
    return WEFT_STATUS_OK;
}

void weft_i_sends_free(weft_i_sends *sends)
{
    weft_i_pool_free(&sends->pool);
    free(sends->sends);
}
