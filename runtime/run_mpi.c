/* runtime/run_mpi.c - the public face of the world and the transport of weft-run, weft/run_mpi.h.
 * Not: how a process waits, breaks off, sends (mpi_*.c). */
#include "weft/run_mpi.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"
#include "runtime/mpi_transport.h"
#include "runtime/mpi_world.h"
#include "runtime/share.h"

struct weft_run_mpi {
    weft_i_world *world;
    weft_i_mpi_transport *transport;
};

weft_status weft_run_mpi_begin(int *argc, char ***argv, int64_t timeout_ns, weft_error *error,
                               weft_run_mpi **out_mpi)
{
    if (timeout_ns <= 0) {
        return weft_i_fail(error, WEFT_STATUS_USAGE, "expected a timeout over 0 ns, found %lld",
                           (long long)timeout_ns);
    }
    weft_run_mpi *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return weft_i_no_memory(error);
    weft_status status = weft_i_world_begin(argc, argv, error, &made->world);
    if (status != WEFT_STATUS_OK) {
        free(made);
        return status;
    }
    weft_i_world_set_timeout(made->world, timeout_ns);
    *out_mpi = made;
    return status;
}

int32_t weft_run_mpi_process(const weft_run_mpi *mpi)
{
    return weft_i_world_process(mpi->world);
}

weft_status weft_run_mpi_plan(weft_run_mpi *mpi, const char *file, weft_error *error,
                              weft_plan **out_plan)
{
    bool broken = false;
    return weft_i_plan_share(mpi->world, file, error, &broken, out_plan);
}

weft_status weft_run_mpi_join(weft_run_mpi *mpi, const weft_plan *plan, weft_error *error)
{
    weft_status status = weft_i_world_split(mpi->world, plan->n_pipelines, error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_mpi_transport_create(mpi->world, plan, error, &mpi->transport);
}

int32_t weft_run_mpi_rank(const weft_run_mpi *mpi)
{
    return weft_i_world_rank(mpi->world);
}

int32_t weft_run_mpi_replica(const weft_run_mpi *mpi)
{
    return weft_i_world_replica(mpi->world);
}

bool weft_run_mpi_takes_device_memory(const weft_run_mpi *mpi)
{
    (void)mpi; /* it is MPI that has begun */
    return weft_i_world_takes_device_memory();
}

weft_run_transport weft_run_mpi_transport(weft_run_mpi *mpi)
{
    return weft_i_mpi_transport_callbacks(mpi->transport);
}

static int64_t now_ns(void *context)
{
    (void)context;
    return weft_i_now_ns();
}

static void sleep_ns(void *context, int64_t ns)
{
    weft_i_world_sleep(context, ns);
}

void weft_run_mpi_options(weft_run_mpi *mpi, weft_run_options *out_options)
{
    weft_run_options_init(out_options);
    out_options->timeout_ns = weft_i_world_patience_ns(mpi->world);
    out_options->watch = weft_i_world_watch;
    out_options->watch_context = mpi->world;
    out_options->now_ns = now_ns;
    out_options->sleep_ns = sleep_ns;
    out_options->clock_context = mpi->world;
}

void weft_run_mpi_break(weft_run_mpi *mpi, weft_status status, const weft_error *error)
{
    weft_i_world_farewell(mpi->world, status, error);
}

void weft_run_mpi_end(weft_run_mpi *mpi)
{
    weft_error error = {0};
    if (!mpi) return;
    if (mpi->transport) {
        weft_status status = weft_i_mpi_transport_drain(mpi->transport, &error);
        if (status != WEFT_STATUS_OK) weft_i_world_farewell(mpi->world, status, &error);
    }
    weft_i_mpi_transport_free(mpi->transport);
    weft_i_world_end(mpi->world);
    free(mpi);
}
