/* runtime/mpi_profile.c - how long messages and reductions take between the processes of a run. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"
#include "runtime/mpi_own.h"
#include "runtime/self_profile.h"

enum { ROUNDS = 31 };

/* Look without a pause, as long as patience lasts. */
static weft_status finish(const weft_i_world *world, MPI_Request *request, weft_error *error)
{
    int64_t start_ns = weft_i_now_ns();
    for (;;) {
        int done = 0;
        int code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS) return weft_i_mpi_check(code, "cannot go on", error);
        if (done) return WEFT_STATUS_OK;
        if (weft_i_now_ns() - start_ns > world->patience_ns)
            return weft_i_fail(error, WEFT_STATUS_LIMIT, "a message of the profile does not come");
    }
}

static weft_status pass(const weft_i_world *world, bool sends, int peer, float *data, int n_bytes,
                        weft_error *error)
{
    MPI_Request request;
    int code = sends ? MPI_Isend(data, n_bytes, MPI_BYTE, peer, 0, world->all, &request)
                     : MPI_Irecv(data, n_bytes, MPI_BYTE, peer, 0, world->all, &request);
    weft_status status = weft_i_mpi_check(code, "cannot post", error);
    return status == WEFT_STATUS_OK ? finish(world, &request, error) : status;
}

/* There and back. */
static weft_status ping(const weft_i_world *world, float *data, int n_bytes, weft_error *error)
{
    bool is_first = world->process == 0;
    int last = world->n_processes - 1, peer = is_first ? last : 0;
    if (!is_first && world->process != last) return WEFT_STATUS_OK;
    weft_status status = pass(world, is_first, peer, data, n_bytes, error);
    return status == WEFT_STATUS_OK ? pass(world, !is_first, peer, data, n_bytes, error) : status;
}

static weft_status reduce(const weft_i_world *world, float *data, int n_bytes, weft_error *error)
{
    MPI_Request request;
    int code = MPI_Iallreduce(MPI_IN_PLACE, data, n_bytes / (int)sizeof(float), MPI_FLOAT, MPI_SUM,
                              world->all, &request);
    weft_status status = weft_i_mpi_check(code, "cannot post", error);
    return status == WEFT_STATUS_OK ? finish(world, &request, error) : status;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Median time of one of the two. */
static weft_status repeat(const weft_i_world *world, bool reduces, float *data, int n_bytes,
                          weft_error *error, int64_t *out_ns)
{
    int64_t times[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start_ns = weft_i_now_ns();
        weft_status status =
            reduces ? reduce(world, data, n_bytes, error) : ping(world, data, n_bytes, error);
        if (status != WEFT_STATUS_OK) return status;
        times[i] = weft_i_now_ns() - start_ns;
    }
    qsort(times, ROUNDS, sizeof(*times), compare);
    *out_ns = reduces ? times[ROUNDS / 2] : times[ROUNDS / 2] / 2;
    return WEFT_STATUS_OK;
}

/* Post a message each way with a neighbour, do something else that takes longer and leaves nothing
 * of it in the caches, and take it in: what of it the processor had to do. Who has no neighbour
 * takes none. */
static weft_status exchange(const weft_i_world *world, char *data, int64_t n_data,
                            weft_error *error, int64_t *out_ns)
{
    enum { N_BYTES = 4096 };
    MPI_Request requests[2];
    int peer = world->process ^ 1;
    *out_ns = 0;
    if (peer >= world->n_processes) return WEFT_STATUS_OK;
    int64_t start_ns = weft_i_now_ns();
    int code = MPI_Irecv(data, N_BYTES, MPI_BYTE, peer, 0, world->all, &requests[0]);
    if (code == MPI_SUCCESS)
        code = MPI_Isend(data + N_BYTES, N_BYTES, MPI_BYTE, peer, 0, world->all, &requests[1]);
    weft_status status = weft_i_mpi_check(code, "cannot post", error);
    int64_t posted_ns = weft_i_now_ns();
    for (int64_t i = 2 * N_BYTES; i < n_data; i += 64)
        data[i]++;
    int64_t end_ns = weft_i_now_ns();
    if (status == WEFT_STATUS_OK) status = finish(world, &requests[0], error);
    if (status == WEFT_STATUS_OK) status = finish(world, &requests[1], error);
    *out_ns = posted_ns - start_ns + weft_i_now_ns() - end_ns;
    return status;
}

static weft_status repeat_exchange(const weft_i_world *world, weft_error *error, int64_t *out_ns)
{
    enum { N_DATA = 4 << 20 };
    int64_t times[ROUNDS];
    char *data = weft_i_alloc(N_DATA, 1);
    weft_status status = data ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (data) memset(data, 1, N_DATA);
    for (int i = 0; i < ROUNDS && status == WEFT_STATUS_OK; i++)
        status = exchange(world, data, N_DATA, error, &times[i]);
    free(data);
    if (status != WEFT_STATUS_OK) return status;
    qsort(times, ROUNDS, sizeof(*times), compare);
    *out_ns = times[ROUNDS / 2];
    return WEFT_STATUS_OK;
}

weft_status weft_i_world_link_times(weft_i_world *world, weft_error *error,
                                    weft_i_link_times *out_times)
{
    weft_i_link_times times = {.n_bytes = {64, 65536, 1048576}};
    float *data = weft_i_alloc((size_t)times.n_bytes[WEFT_I_N_MESSAGES - 1], 1);
    weft_status status = data ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (data) memset(data, 1, (size_t)times.n_bytes[WEFT_I_N_MESSAGES - 1]); /* has its pages */
    for (int i = 0; status == WEFT_STATUS_OK && i < WEFT_I_N_MESSAGES; i++) {
        int n_bytes = (int)times.n_bytes[i];
        status = repeat(world, false, data, n_bytes, error, &times.message_ns[i]);
        if (status == WEFT_STATUS_OK)
            status = repeat(world, true, data, n_bytes, error, &times.reduce_ns[i]);
    }
    if (status == WEFT_STATUS_OK) status = repeat_exchange(world, error, &times.exchange_ns);
    free(data);
    if (status == WEFT_STATUS_OK) *out_times = times;
    return status;
}
