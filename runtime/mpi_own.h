/* runtime/mpi_own.h - what the files that know MPI share. */
#ifndef WEFT_RUNTIME_MPI_OWN_H
#define WEFT_RUNTIME_MPI_OWN_H

#include <mpi.h>

#include "runtime/last_words.h"
#include "runtime/mpi_world.h"

struct weft_i_world {
    MPI_Comm all;       /* what all do together */
    MPI_Comm farewells; /* last words */
    MPI_Comm pipeline;  /* one replica, by rank */
    MPI_Comm replicas;  /* one rank of all replicas; MPI_COMM_NULL before the split */
    int n_processes, process;
    int n_replicas;
    int64_t patience_ns; /* of a wait */
    int64_t grace_ns;    /* for hearing what the others know */
    char host[MPI_MAX_PROCESSOR_NAME];

    const char *phase;      /* what is done between steps; NULL = `action` */
    weft_run_action action; /* as last watched */
    int64_t since_ns;       /* begin of either; local clock */

    weft_i_words incoming; /* words of another process */
    int heard_from;        /* which they are of; -1 = none have come */
    MPI_Request listening; /* for them */
    weft_i_all_words everyone;
};

/* FAILED with MPI's own words unless `code` is MPI_SUCCESS. */
weft_status weft_i_mpi_check(int code, const char *what, weft_error *error);

/* Whether a signal has asked this process to end. */
bool weft_i_world_is_signalled(void);

/* Whether words of another process have come: they stay in `incoming` until the next
 * weft_i_world_listen. */
bool weft_i_world_has_words(weft_i_world *world);
weft_status weft_i_world_listen(weft_i_world *world, weft_error *error);

/* Whether the run goes on: no signal, nobody breaks off. */
bool weft_i_world_goes_on(weft_i_world *world);

/* Wait for a request and free it. */
weft_status weft_i_world_wait(weft_i_world *world, const char *phase, MPI_Request *request,
                              weft_error *error);

#endif
