/* runtime/last_words.h - what ranks tell each other when a run breaks off, and the one line made of
 * it. Not: how words travel (mpi_farewell.c). */
#ifndef WEFT_RUNTIME_LAST_WORDS_H
#define WEFT_RUNTIME_LAST_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/status.h"

/* Of one process. Sent as they are: all processes run the same program. */
typedef struct weft_i_words {
    int32_t status;   /* a weft_status; OK: it was asked, and nothing was wrong */
    int32_t is_said;  /* the line has been printed */
    int32_t peer;     /* process that it was waiting for; -1 = none */
    int64_t since_ns; /* how long it was doing what it did */
    char doing[96];   /* "wait_irecv 17 from rank 2 (action 45)" */
    char text[320];   /* what went wrong, with the action; "" = nothing */
} weft_i_words;

/* Of all processes, as far as they were heard. */
typedef struct weft_i_all_words {
    weft_i_words *words; /* per process; of those not heard only `doing`, "" = not known */
    bool *heard;
    int32_t n;
    int32_t n_replicas; /* process p is rank p / n_replicas of replica p % n_replicas */
} weft_i_all_words;

/* "rank 3", or "rank 3 of replica 1" where there are several. */
void weft_i_process_name(int32_t process, int32_t n_replicas, char *text, size_t size);

/* The line that says what broke the run: what a process found wrong itself; else a process that was
 * not heard, what it did, and who waited for it; else who waited too long, and what its peer was
 * doing; else that all were interrupted. At least one process was heard. Returns the exit code. */
int weft_i_last_line(const weft_i_all_words *all, char *line, size_t size);

#endif
