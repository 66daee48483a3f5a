/* runtime/mpi_clock.c - clock offsets by ping-pong of process 0 with each other one, in turn. */
#include "base/error.h"
#include "base/threads.h"
#include "runtime/clock.h"
#include "runtime/mpi_own.h"

/* On one machine there is one clock, and few samples say that nothing speaks against it. */
enum { N_NEAR = 5, N_FAR = 60 };

static int n_samples(const weft_i_world *world, int other)
{
    return world->slot_of[other] != MPI_UNDEFINED ? N_NEAR : N_FAR;
}

/* PONG: the time, and whether the machine is process 0's. RESULT: the offset and its error. */
enum { PING, PONG, RESULT };
enum { N_NUMBERS = 2 };

/* Without sleeping at first: waking up would be most of what is measured. */
static weft_status spin(weft_i_world *world, MPI_Request *request, weft_error *error)
{
    for (int64_t begin_ns = weft_i_now_ns(); weft_i_now_ns() - begin_ns < 1000000;) {
        int done = 0;
        weft_status status =
            weft_i_mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), "ping-pong", error);
        if (status != WEFT_STATUS_OK || done) return status;
    }
    return weft_i_world_wait(world, "comparing clocks", request, error);
}

static weft_status send_numbers(weft_i_world *world, int to, int tag, const int64_t *numbers,
                                weft_error *error)
{
    MPI_Request request;
    int code = MPI_Isend(numbers, N_NUMBERS, MPI_INT64_T, to, tag, world->all, &request);
    weft_status status = weft_i_mpi_check(code, "ping-pong", error);
    return status == WEFT_STATUS_OK ? spin(world, &request, error) : status;
}

static weft_status receive_numbers(weft_i_world *world, int from, int tag, int64_t *numbers,
                                   weft_error *error)
{
    MPI_Request request;
    int code = MPI_Irecv(numbers, N_NUMBERS, MPI_INT64_T, from, tag, world->all, &request);
    weft_status status = weft_i_mpi_check(code, "ping-pong", error);
    return status == WEFT_STATUS_OK ? spin(world, &request, error) : status;
}

/* Process 0's side. */
static weft_status ask(weft_i_world *world, int process, weft_error *error)
{
    weft_i_clock_sample samples[N_FAR];
    int64_t numbers[N_NUMBERS] = {0};
    int n = n_samples(world, process);
    for (int i = 0; i < n; i++) {
        samples[i].asked_ns = weft_i_now_ns();
        weft_status status = send_numbers(world, process, PING, numbers, error);
        if (status == WEFT_STATUS_OK)
            status = receive_numbers(world, process, PONG, numbers, error);
        if (status != WEFT_STATUS_OK) return status;
        samples[i].answered_ns = numbers[0];
        samples[i].heard_ns = weft_i_now_ns();
    }
    weft_i_clock_offset found = weft_i_clock_estimate(samples, n, numbers[1] != 0);
    numbers[0] = found.offset_ns;
    numbers[1] = found.error_ns;
    return send_numbers(world, process, RESULT, numbers, error);
}

/* The other's side. */
static weft_status answer(weft_i_world *world, bool same_machine, weft_error *error,
                          weft_i_clock_offset *out_offset)
{
    int64_t numbers[N_NUMBERS];
    weft_status status = WEFT_STATUS_OK;
    int n = n_samples(world, 0);
    for (int i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        status = receive_numbers(world, 0, PING, numbers, error);
        numbers[0] = weft_i_now_ns();
        numbers[1] = same_machine;
        if (status == WEFT_STATUS_OK) status = send_numbers(world, 0, PONG, numbers, error);
    }
    if (status == WEFT_STATUS_OK) status = receive_numbers(world, 0, RESULT, numbers, error);
    if (status == WEFT_STATUS_OK) *out_offset = (weft_i_clock_offset){numbers[0], numbers[1]};
    return status;
}

weft_status weft_i_world_clock(weft_i_world *world, weft_error *error, int64_t *out_offset_ns,
                               int64_t *out_error_ns)
{
    weft_i_clock_offset found = {0, 0};
    weft_status status = WEFT_STATUS_OK;
    if (world->process > 0)
        status = answer(world, world->slot_of[0] != MPI_UNDEFINED, error, &found);
    for (int p = 1; world->process == 0 && p < world->n_processes && status == WEFT_STATUS_OK; p++)
        status = ask(world, p, error);
    if (status != WEFT_STATUS_OK) return status;
    *out_offset_ns = found.offset_ns;
    *out_error_ns = found.error_ns;
    return status;
}
