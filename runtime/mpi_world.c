/* runtime/mpi_world.c - see mpi_world.h. Not: clocks (mpi_clock.c), messages of a plan
 * (mpi_transport.c), breaking off (mpi_farewell.c). */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/threads.h"
#include "runtime/mpi_own.h"

enum {
    LOOK_NS = 200000,           /* between looks at what takes long */
    MOST_GRACE_NS = 1000000000, /* even a process that computes looks in that time */
    TIMEOUT_S = 60              /* until weft_i_world_set_timeout */
};

weft_status weft_i_mpi_check(int code, const char *what, weft_error *error)
{
    if (code == MPI_SUCCESS) return WEFT_STATUS_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return weft_i_fail(error, WEFT_STATUS_FAILED, "%s: %s", what, text);
}

/* A communicator of its own, which returns errors. */
static weft_status duplicate(MPI_Comm *out_comm, weft_error *error)
{
    int code = MPI_Comm_dup(MPI_COMM_WORLD, out_comm);
    if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(*out_comm, MPI_ERRORS_RETURN);
    return weft_i_mpi_check(code, "cannot make a communicator", error);
}

/* For tests: as if the processes of this machine were on so many, in turn. */
static weft_status pretend_machines(weft_i_world *world, weft_error *error)
{
    const char *text = getenv("WEFT_RUN_MACHINES");
    int64_t n = 1;
    MPI_Comm part = MPI_COMM_NULL;
    if (!text || !weft_i_parse_int(text, 1, INT32_MAX, &n)) return WEFT_STATUS_OK;
    int code = MPI_Comm_split(world->machine, world->process % (int)n, world->process, &part);
    if (code != MPI_SUCCESS) return weft_i_mpi_check(code, "cannot split the machine", error);
    MPI_Comm_free(&world->machine);
    world->machine = part;
    return WEFT_STATUS_OK;
}

static weft_status set_up(weft_i_world *world, weft_error *error)
{
    int length = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &world->n_processes);
    MPI_Comm_rank(MPI_COMM_WORLD, &world->process);
    MPI_Get_processor_name(world->host, &length);
    weft_status status = duplicate(&world->all, error);
    if (status == WEFT_STATUS_OK) status = duplicate(&world->farewells, error);
    if (status != WEFT_STATUS_OK) return status;
    int code = MPI_Comm_split_type(world->all, MPI_COMM_TYPE_SHARED, world->process, MPI_INFO_NULL,
                                   &world->machine);
    status = weft_i_mpi_check(code, "cannot tell who is on this machine", error);
    if (status == WEFT_STATUS_OK) status = pretend_machines(world, error);
    return status == WEFT_STATUS_OK ? weft_i_farewell_begin(world, error) : status;
}

static void free_comm(MPI_Comm *comm)
{
    if (*comm != MPI_COMM_NULL) MPI_Comm_free(comm);
}

static void free_parts(weft_i_world *world)
{
    weft_i_farewell_end(world);
    free_comm(&world->replicas);
    free_comm(&world->pipeline);
    free_comm(&world->machine);
    free_comm(&world->farewells);
    free_comm(&world->all);
    free(world);
}

/* An embedding program may have done so, and keeps its error handler then. */
static weft_status start_mpi(int *argc, char ***argv, weft_error *error, bool *out_has_started)
{
    int is_running = 0;
    weft_status status = weft_i_mpi_check(MPI_Initialized(&is_running), "cannot start MPI", error);
    if (status != WEFT_STATUS_OK || is_running) return status;
    status = weft_i_mpi_check(MPI_Init(argc, argv), "cannot start MPI", error);
    if (status != WEFT_STATUS_OK) return status;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    *out_has_started = true;
    return status;
}

weft_status weft_i_world_begin(int *argc, char ***argv, weft_error *error, weft_i_world **out_world)
{
    weft_i_world *world = weft_i_alloc(1, sizeof(*world));
    if (!world) return weft_i_no_memory(error);
    *world = (weft_i_world){.all = MPI_COMM_NULL,
                            .farewells = MPI_COMM_NULL,
                            .machine = MPI_COMM_NULL,
                            .pipeline = MPI_COMM_NULL,
                            .replicas = MPI_COMM_NULL,
                            .n_replicas = 1,
                            .window = MPI_WIN_NULL,
                            .heard_from = -1,
                            .listening = MPI_REQUEST_NULL};
    weft_i_world_set_timeout(world, TIMEOUT_S * INT64_C(1000000000));
    weft_status status = start_mpi(argc, argv, error, &world->has_started);
    if (status != WEFT_STATUS_OK) {
        free(world);
        return status;
    }
    status = set_up(world, error);
    if (status != WEFT_STATUS_OK) {
        free_parts(world);
        return status;
    }
    *out_world = world;
    return status;
}

void weft_i_world_end(weft_i_world *world)
{
    if (!world) return;
    bool has_started = world->has_started;
    free_parts(world);
    if (has_started) MPI_Finalize();
}

int32_t weft_i_world_size(const weft_i_world *world)
{
    return world->n_processes;
}

int32_t weft_i_world_process(const weft_i_world *world)
{
    return world->process;
}

int32_t weft_i_world_slot(const weft_i_world *world)
{
    return world->slot_of[world->process];
}

int32_t weft_i_world_rank(const weft_i_world *world)
{
    return world->process / world->n_replicas;
}

int32_t weft_i_world_replica(const weft_i_world *world)
{
    return world->process % world->n_replicas;
}

const char *weft_i_world_host(const weft_i_world *world)
{
    return world->host;
}

void weft_i_world_set_timeout(weft_i_world *world, int64_t timeout_ns)
{
    world->grace_ns = timeout_ns / 4 < MOST_GRACE_NS ? timeout_ns / 4 : MOST_GRACE_NS;
    world->patience_ns = timeout_ns - world->grace_ns;
}

int64_t weft_i_world_patience_ns(const weft_i_world *world)
{
    return world->patience_ns;
}

weft_status weft_i_world_split(weft_i_world *world, int32_t n_replicas, weft_error *error)
{
    world->n_replicas = n_replicas;
    int rank = weft_i_world_rank(world), replica = weft_i_world_replica(world);
    int code = MPI_Comm_split(world->all, replica, rank, &world->pipeline);
    if (code == MPI_SUCCESS) code = MPI_Comm_split(world->all, rank, replica, &world->replicas);
    return weft_i_mpi_check(code, "cannot split the processes into replicas", error);
}

void weft_i_world_sleep(weft_i_world *world, int64_t ns)
{
    weft_i_bell_sleep(&world->own->bell, &world->seen_rings, ns);
}

static void ring(const weft_i_world *world, int32_t process)
{
    int slot = world->slot_of[process];
    if (slot != MPI_UNDEFINED) weft_i_bell_ring(&world->board->slots[slot].bell);
}

void weft_i_world_ring_rank(const weft_i_world *world, int32_t rank)
{
    ring(world, rank * world->n_replicas + weft_i_world_replica(world));
}

void weft_i_world_ring_replicas(const weft_i_world *world)
{
    int32_t own = weft_i_world_replica(world), first = world->process - own;
    for (int32_t r = 0; r < world->n_replicas; r++) {
        if (r != own) ring(world, first + r);
    }
}

bool weft_i_world_is_one_machine(const weft_i_world *world)
{
    return world->is_one_machine;
}

bool weft_i_world_has_processors(const weft_i_world *world)
{
    int n = 0;
    MPI_Comm_size(world->machine, &n);
    return n <= sysconf(_SC_NPROCESSORS_ONLN);
}

bool weft_i_world_watch(void *context, const weft_run_action *action, int64_t since_ns)
{
    weft_i_world *world = context;
    weft_i_doing *doing = &world->own->doing;
    if (doing->phase[0] || doing->action.index != action->index) {
        doing->phase[0] = '\0';
        doing->action = *action;
        doing->since_ns = weft_i_now_ns() - since_ns;
    }
    return weft_i_world_goes_on(world);
}

weft_status weft_i_world_wait(weft_i_world *world, const char *phase, MPI_Request *request,
                              weft_error *error)
{
    weft_i_doing *doing = &world->own->doing;
    snprintf(doing->phase, sizeof(doing->phase), "%s", phase);
    doing->since_ns = weft_i_now_ns();
    for (;;) {
        int done = 0;
        weft_status status =
            weft_i_mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), phase, error);
        if (status != WEFT_STATUS_OK || done) return status;
        if (!weft_i_world_goes_on(world))
            return weft_i_fail(error, WEFT_STATUS_INTERRUPTED, "%s: interrupted", phase);
        int64_t waited_ns = weft_i_now_ns() - doing->since_ns;
        if (waited_ns > world->patience_ns) {
            return weft_i_fail(error, WEFT_STATUS_LIMIT, "%s: not done after %.1f s", phase,
                               (double)waited_ns / 1e9);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
}

weft_status weft_i_world_broadcast(weft_i_world *world, void *data, int32_t n_bytes,
                                   weft_error *error)
{
    MPI_Request request;
    int code = MPI_Ibcast(data, n_bytes, MPI_BYTE, 0, world->all, &request);
    weft_status status = weft_i_mpi_check(code, "broadcast", error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_world_wait(world, "a broadcast", &request, error);
}

weft_status weft_i_world_largest(weft_i_world *world, int64_t *values, int32_t n, weft_error *error)
{
    MPI_Request request;
    int code = MPI_Iallreduce(MPI_IN_PLACE, values, n, MPI_INT64_T, MPI_MAX, world->all, &request);
    weft_status status = weft_i_mpi_check(code, "reduction", error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_world_wait(world, "waiting for all ranks between steps", &request, error);
}

weft_status weft_i_world_machine_sum(weft_i_world *world, int64_t value, weft_error *error,
                                     int64_t *out_sum)
{
    MPI_Request request;
    int code = MPI_Iallreduce(&value, out_sum, 1, MPI_INT64_T, MPI_SUM, world->machine, &request);
    weft_status status = weft_i_mpi_check(code, "reduction", error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_world_wait(world, "adding up memory", &request, error);
}

weft_status weft_i_world_add_up(weft_i_world *world, float *values, int64_t n, weft_error *error)
{
    MPI_Request request;
    if (n > INT_MAX)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "cannot add up %lld values at once, only %d",
                           (long long)n, INT_MAX);
    int code =
        MPI_Iallreduce(MPI_IN_PLACE, values, (int)n, MPI_FLOAT, MPI_SUM, world->pipeline, &request);
    weft_status status = weft_i_mpi_check(code, "reduction", error);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_world_wait(world, "adding up a shared tensor", &request, error);
}

weft_status weft_i_world_gather(weft_i_world *world, const void *data, int32_t n_bytes,
                                const int32_t *counts, weft_error *error, void *all)
{
    MPI_Request request;
    int *places = NULL;
    if (world->process == 0) {
        places = weft_i_alloc((size_t)world->n_processes, sizeof(*places));
        if (!places) return weft_i_no_memory(error);
        for (int p = 1; p < world->n_processes; p++)
            places[p] = places[p - 1] + counts[p - 1];
    }
    int code = MPI_Igatherv(data, n_bytes, MPI_BYTE, all, counts, places, MPI_BYTE, 0, world->all,
                            &request);
    weft_status status = weft_i_mpi_check(code, "gathering", error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_world_wait(world, "gathering what was measured", &request, error);
    free(places);
    return status;
}
