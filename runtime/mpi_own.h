/* runtime/mpi_own.h - what the files that know MPI share. */
#ifndef WEFT_RUNTIME_MPI_OWN_H
#define WEFT_RUNTIME_MPI_OWN_H

#include <mpi.h>
#include <stdatomic.h>

#include "runtime/bell.h"
#include "runtime/last_words.h"
#include "runtime/mpi_world.h"

/* What a process does: a phase between steps, or an action. */
typedef struct weft_i_doing {
    char phase[48]; /* "" = the action */
    weft_run_action action;
    int64_t since_ns; /* clock of the machine */
} weft_i_doing;

/* What a process shows to the others of its machine. */
typedef struct weft_i_slot {
    weft_i_doing doing;
    weft_i_bell bell;   /* rung by who has sent it a message */
    atomic_bool speaks; /* `words` are there */
    weft_i_words words;
} weft_i_slot;

/* In memory that the processes of a machine share, so that they need no messages to hear of each
 * other, and those that are stuck or dead can be looked at. */
typedef struct weft_i_board {
    atomic_bool alarm;   /* a process breaks off: all do */
    atomic_bool is_said; /* the line has been printed, or will be at once */
    weft_i_slot slots[]; /* per process of the machine */
} weft_i_board;

struct weft_i_world {
    bool has_started;   /* MPI, and so ends it */
    MPI_Comm all;       /* what all do together */
    MPI_Comm farewells; /* last words, between machines */
    MPI_Comm machine;   /* the processes that share memory */
    MPI_Comm pipeline;  /* one replica, by rank */
    MPI_Comm replicas;  /* one rank of all replicas; MPI_COMM_NULL before the split */
    int n_processes, process;
    int n_replicas;
    int64_t patience_ns; /* of a wait */
    int64_t grace_ns;    /* for hearing what the others know */
    char host[MPI_MAX_PROCESSOR_NAME];

    MPI_Win window; /* that the board is in */
    weft_i_board *board;
    weft_i_slot *own; /* this process's */
    int seen_rings;   /* of its bell */
    int *slot_of;     /* per process; MPI_UNDEFINED on another machine */
    bool is_one_machine;

    weft_i_words incoming; /* words from another machine */
    int heard_from;        /* which process they are of; -1 = none have come */
    MPI_Request listening; /* for them */
    weft_i_all_words everyone;
    bool is_said;      /* another machine has printed the line */
    weft_i_words told; /* to other machines, that this one has */
};

/* FAILED with MPI's own words unless `code` is MPI_SUCCESS. */
weft_status weft_i_mpi_check(int code, const char *what, weft_error *error);

/* Make the board and listen to other machines; and the end of both. */
weft_status weft_i_farewell_begin(weft_i_world *world, weft_error *error);
void weft_i_farewell_end(weft_i_world *world);

/* Whether the run goes on: no signal, nobody breaks off. */
bool weft_i_world_goes_on(weft_i_world *world);

/* Wait for a request and free it. `phase` says what for. */
weft_status weft_i_world_wait(weft_i_world *world, const char *phase, MPI_Request *request,
                              weft_error *error);

#endif
