/* runtime/mpi_farewell.c - how a run breaks off: everybody who learns of it says what it was doing,
 * a few processes collect, and the lowest of those that are alive prints one line and ends all.
 *
 * Speakers are the first processes. A process that fails, is signalled or hears of it sends its
 * words to the speakers; a speaker sends its own to everybody, which asks for theirs. So it takes a
 * number of messages in proportion to the processes, and the first processes may be dead. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/threads.h"
#include "runtime/mpi_own.h"

enum { N_SPEAKERS = 4 };

enum {
    SIGNALLED_GRACE_NS = 400000000, /* mpirun kills for good a second after SIGTERM */
    END_NS = 500000000              /* that those who do not print wait to be ended */
};

static int64_t least_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void own_words(const weft_i_world *world, weft_status status, const weft_error *error,
                      weft_i_words *out)
{
    *out =
        (weft_i_words){.status = status, .peer = -1, .since_ns = weft_i_now_ns() - world->since_ns};
    if (world->phase) {
        snprintf(out->doing, sizeof(out->doing), "%s", world->phase);
    } else {
        const weft_run_action *action = &world->action;
        weft_run_action_words(action, out->doing, sizeof(out->doing));
        if (action->peer >= 0)
            out->peer = action->peer * world->n_replicas + weft_i_world_replica(world);
    }
    if (error) snprintf(out->text, sizeof(out->text), "%s", error->text);
}

/* Sends are small and end by themselves or with the process: nobody waits for them. */
static void send_words(const weft_i_world *world, const weft_i_words *words)
{
    bool is_speaker = world->process < N_SPEAKERS;
    int n = world->n_processes;
    if (!is_speaker && n > N_SPEAKERS) n = N_SPEAKERS;
    for (int p = 0; p < n; p++) {
        MPI_Request request;
        if (p == world->process) continue;
        if (MPI_Isend(words, (int)sizeof(*words), MPI_BYTE, p, 0, world->farewells, &request) ==
            MPI_SUCCESS)
            MPI_Request_free(&request);
    }
}

static void take_words(weft_i_all_words *all, int source, const weft_i_words *words)
{
    if (source < 0 || source >= all->n || all->heard[source]) return;
    all->words[source] = *words;
    all->heard[source] = true;
}

/* Receive what has come. */
static void hear(weft_i_world *world, weft_i_all_words *all)
{
    while (weft_i_world_has_words(world)) {
        take_words(all, world->heard_from, &world->incoming);
        if (weft_i_world_listen(world, NULL) != WEFT_STATUS_OK) return;
    }
}

static bool is_complete(const weft_i_all_words *all)
{
    for (int32_t p = 0; p < all->n; p++) {
        if (!all->heard[p]) return false;
    }
    return true;
}

static void collect(weft_i_world *world, weft_i_all_words *all)
{
    int64_t begin_ns = weft_i_now_ns();
    for (;;) {
        hear(world, all);
        if (world->process < N_SPEAKERS && is_complete(all)) return;
        int64_t grace_ns = world->grace_ns;
        if (weft_i_world_is_signalled()) grace_ns = least_ns(grace_ns, SIGNALLED_GRACE_NS);
        if (weft_i_now_ns() - begin_ns > grace_ns) return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static bool is_first_heard(const weft_i_all_words *all, int32_t process)
{
    for (int32_t p = 0; p < process; p++) {
        if (all->heard[p]) return false;
    }
    return true;
}

static _Noreturn void print_and_abort(const weft_i_all_words *all)
{
    char line[640];
    int code = weft_i_last_line(all, line, sizeof(line));
    fprintf(stderr, "weft-run: %s\n", line);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

_Noreturn void weft_i_world_farewell(weft_i_world *world, weft_status status,
                                     const weft_error *error)
{
    weft_i_all_words *all = &world->everyone;
    weft_i_words *own = &all->words[world->process]; /* sends may outlive this function's frame */
    own_words(world, status, error, own);
    all->heard[world->process] = true;
    all->n_replicas = world->n_replicas;
    hear(world, all);
    send_words(world, own);
    collect(world, all);
    if (is_first_heard(all, world->process)) print_and_abort(all);
    nanosleep(&(struct timespec){.tv_nsec = END_NS}, NULL);
    _exit(weft_status_exit_code(WEFT_STATUS_FAILED));
}
