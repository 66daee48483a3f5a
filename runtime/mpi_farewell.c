/* runtime/mpi_farewell.c - how a run breaks off: everybody who learns of it says what it was doing,
 * and one process prints one line and ends all.
 *
 * On a machine processes hear of each other through memory that they share. Messages are for other
 * machines alone, and go to process 0, which asks for them unless there was a signal: a message to
 * a process that is dead would end its sender, as Open MPI takes a lost connection for its own end.
 * Process 0 prints; where it is the dead or stuck one, another of its machine does. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"
#include "runtime/mpi_own.h"

enum {
    SIGNALLED_GRACE_NS = 400000000, /* mpirun kills for good a second after SIGTERM */
    STAGGER_NS = 20000000,          /* between those who could print, by place on the machine */
    TELL_NS = 50000000,             /* for messages that the line is printed */
    END_NS = 500000000              /* that those who do not print wait to be ended */
};

static volatile sig_atomic_t got_signal;

static void note_signal(int number)
{
    got_signal = number;
}

/* mpirun sends SIGTERM to all when a process of the run has died. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static weft_status listen_to_machines(weft_i_world *world, weft_error *error)
{
    world->heard_from = -1;
    int code = MPI_Irecv(&world->incoming, (int)sizeof(world->incoming), MPI_BYTE, MPI_ANY_SOURCE,
                         0, world->farewells, &world->listening);
    return weft_i_mpi_check(code, "cannot post a receive", error);
}

/* Which process has which slot. */
static weft_status find_slots(weft_i_world *world, weft_error *error)
{
    MPI_Group all, machine;
    int n = world->n_processes, *processes = weft_i_alloc((size_t)n, sizeof(int));
    world->slot_of = weft_i_alloc((size_t)n, sizeof(int));
    if (!processes || !world->slot_of) {
        free(processes);
        return weft_i_no_memory(error);
    }
    for (int p = 0; p < n; p++)
        processes[p] = p;
    MPI_Comm_group(world->all, &all);
    MPI_Comm_group(world->machine, &machine);
    int code = MPI_Group_translate_ranks(all, n, processes, machine, world->slot_of);
    MPI_Group_free(&all);
    MPI_Group_free(&machine);
    free(processes);
    world->is_one_machine = true;
    for (int p = 0; p < n; p++)
        world->is_one_machine = world->is_one_machine && world->slot_of[p] != MPI_UNDEFINED;
    return weft_i_mpi_check(code, "cannot tell who is on this machine", error);
}

/* The first process of the machine has the memory, zeroed; the others look into it. */
static weft_status share_board(weft_i_world *world, weft_error *error)
{
    int n = 0, own = 0, unit = 1;
    void *memory = NULL;
    MPI_Comm_size(world->machine, &n);
    MPI_Comm_rank(world->machine, &own);
    size_t n_bytes = sizeof(weft_i_board) + (size_t)n * sizeof(weft_i_slot);
    MPI_Aint n_given = own == 0 ? (MPI_Aint)n_bytes : 0;
    int code =
        MPI_Win_allocate_shared(n_given, 1, MPI_INFO_NULL, world->machine, &memory, &world->window);
    if (code == MPI_SUCCESS)
        code = MPI_Win_shared_query(world->window, 0, &n_given, &unit, &memory);
    if (code != MPI_SUCCESS) return weft_i_mpi_check(code, "cannot share memory", error);
    if (own == 0) memset(memory, 0, n_bytes);
    code = MPI_Barrier(world->machine);
    world->board = memory;
    world->own = &world->board->slots[own];
    return weft_i_mpi_check(code, "cannot share memory", error);
}

weft_status weft_i_farewell_begin(weft_i_world *world, weft_error *error)
{
    weft_i_all_words *all = &world->everyone;
    all->n = world->n_processes;
    all->words = weft_i_alloc((size_t)all->n, sizeof(*all->words));
    all->heard = weft_i_alloc((size_t)all->n, sizeof(*all->heard));
    if (!all->words || !all->heard) return weft_i_no_memory(error);
    weft_status status = find_slots(world, error);
    if (status == WEFT_STATUS_OK) status = share_board(world, error);
    if (status == WEFT_STATUS_OK) status = listen_to_machines(world, error);
    if (status == WEFT_STATUS_OK) catch_signals();
    return status;
}

void weft_i_farewell_end(weft_i_world *world)
{
    if (world->listening != MPI_REQUEST_NULL) {
        MPI_Cancel(&world->listening);
        MPI_Wait(&world->listening, MPI_STATUS_IGNORE);
    }
    if (world->window != MPI_WIN_NULL) MPI_Win_free(&world->window);
    free(world->slot_of);
    free(world->everyone.words);
    free(world->everyone.heard);
}

/* Whether words from another machine have come; they stay in `incoming` until the next listen. */
static bool has_words(weft_i_world *world)
{
    int heard = 0;
    MPI_Status status;
    if (world->is_one_machine || world->heard_from >= 0) return world->heard_from >= 0;
    if (MPI_Test(&world->listening, &heard, &status) == MPI_SUCCESS && heard)
        world->heard_from = status.MPI_SOURCE;
    return world->heard_from >= 0;
}

bool weft_i_world_goes_on(weft_i_world *world)
{
    return got_signal == 0 && !atomic_load(&world->board->alarm) && !has_words(world);
}

static void put_doing(const weft_i_world *world, int process, const weft_i_doing *doing,
                      weft_i_words *out)
{
    const weft_run_action *action = &doing->action;
    out->peer = -1;
    out->since_ns = weft_i_now_ns() - doing->since_ns;
    if (doing->phase[0]) {
        snprintf(out->doing, sizeof(out->doing), "%s", doing->phase);
        return;
    }
    weft_run_action_words(action, out->doing, sizeof(out->doing));
    bool waits = action->kind == WEFT_ACTION_WAIT_IRECV || action->kind == WEFT_ACTION_WAIT_ISEND;
    if (waits) out->peer = action->peer * world->n_replicas + process % world->n_replicas;
}

/* Sends are small and end by themselves or with the process: nobody waits for them. */
static void send_words(const weft_i_world *world, const weft_i_words *words, int to)
{
    MPI_Request request;
    if (MPI_Isend(words, (int)sizeof(*words), MPI_BYTE, to, 0, world->farewells, &request) ==
        MPI_SUCCESS)
        MPI_Request_free(&request);
}

static void send_to_other_machines(const weft_i_world *world, const weft_i_words *words)
{
    for (int p = 0; p < world->n_processes; p++) {
        if (world->slot_of[p] == MPI_UNDEFINED) send_words(world, words, p);
    }
}

/* "plan.json: 12: $.pipelines[0]: what is wrong" */
static void put_text(const weft_error *error, char *text, size_t size)
{
    int n = 0;
    text[0] = '\0';
    if (error->file[0]) n = snprintf(text, size, "%.80s: ", error->file);
    if (error->line > 0) n += snprintf(text + n, size - (size_t)n, "%d: ", error->line);
    if (error->path[0]) n += snprintf(text + n, size - (size_t)n, "%.80s: ", error->path);
    snprintf(text + n, size - (size_t)n, "%s", error->text);
}

static void say_words(weft_i_world *world, weft_status status, const weft_error *error)
{
    weft_i_words *words = &world->own->words;
    put_doing(world, world->process, &world->own->doing, words);
    words->status = status;
    if (error) put_text(error, words->text, sizeof(words->text));
    atomic_store(&world->own->speaks, true);
    atomic_store(&world->board->alarm, true);
    if (world->slot_of[0] == MPI_UNDEFINED) send_words(world, words, 0);
    if (world->process == 0 && got_signal == 0) send_to_other_machines(world, words);
}

/* Take what has come in; true when everybody was heard. */
static bool hear(weft_i_world *world)
{
    weft_i_all_words *all = &world->everyone;
    bool is_complete = true;
    while (has_words(world)) {
        all->words[world->heard_from] = world->incoming;
        all->heard[world->heard_from] = true;
        world->is_said = world->is_said || world->incoming.is_said != 0;
        if (listen_to_machines(world, NULL) != WEFT_STATUS_OK) break;
    }
    for (int p = 0; p < all->n; p++) {
        int slot = world->slot_of[p];
        if (!all->heard[p] && slot != MPI_UNDEFINED &&
            atomic_load(&world->board->slots[slot].speaks)) {
            all->words[p] = world->board->slots[slot].words;
            all->heard[p] = true;
        }
        is_complete = is_complete && all->heard[p];
    }
    return is_complete;
}

static void collect(weft_i_world *world)
{
    int64_t begin_ns = weft_i_now_ns();
    for (;;) {
        int64_t grace_ns = world->grace_ns;
        if (got_signal != 0 && grace_ns > SIGNALLED_GRACE_NS) grace_ns = SIGNALLED_GRACE_NS;
        grace_ns += (int64_t)(world->own - world->board->slots) * STAGGER_NS;
        bool is_complete = hear(world);
        if (is_complete && world->process == 0) return;
        if (weft_i_now_ns() - begin_ns > grace_ns) return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* What those who said nothing were doing, as far as it can be seen. Process 0 alone hears other
 * machines: where another prints, it does not blame them. */
static void look_after_silent(weft_i_world *world)
{
    weft_i_all_words *all = &world->everyone;
    for (int p = 0; p < all->n; p++) {
        int slot = world->slot_of[p];
        if (all->heard[p]) continue;
        if (slot != MPI_UNDEFINED)
            put_doing(world, p, &world->board->slots[slot].doing, &all->words[p]);
        else if (world->process > 0)
            all->heard[p] = true;
    }
}

/* Hear what comes in for so long. */
static void hear_for(weft_i_world *world, int64_t ns)
{
    for (int64_t begin_ns = weft_i_now_ns(); weft_i_now_ns() - begin_ns < ns;) {
        hear(world);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* One process of a machine prints, tells the others and ends all. */
static void say_line(weft_i_world *world)
{
    char line[640];
    if (atomic_exchange(&world->board->is_said, true)) return;
    look_after_silent(world);
    world->everyone.n_replicas = world->n_replicas;
    int code = weft_i_last_line(&world->everyone, line, sizeof(line));
    fprintf(stderr, "weft-run: %s\n", line);
    fflush(stderr);
    world->told = world->own->words;
    world->told.is_said = 1;
    send_to_other_machines(world, &world->told);
    if (!world->is_one_machine) hear_for(world, TELL_NS);
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

_Noreturn void weft_i_world_farewell(weft_i_world *world, weft_status status,
                                     const weft_error *error)
{
    say_words(world, status, error);
    collect(world);
    if (world->slot_of[0] != MPI_UNDEFINED) say_line(world);
    hear_for(world, END_NS + (int64_t)world->process * STAGGER_NS);
    /* Still here: all of process 0's machine is silent. */
    if (!world->is_said) say_line(world);
    _exit(weft_status_exit_code(WEFT_STATUS_FAILED));
}
