/* runtime/bell.h - how processes of a machine wake each other: a number in memory that they share.
 *
 * Who waits for a message sleeps until its bell rings, and looks; so sixteen ranks on two
 * processors need not look again and again. A ring is never lost: one that comes before the sleep
 * ends the sleep at once. */
#ifndef WEFT_RUNTIME_BELL_H
#define WEFT_RUNTIME_BELL_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct weft_i_bell {
    atomic_int n_rings; /* zeroed memory is a bell */
    atomic_int n_sleepers;
} weft_i_bell;

/* Wake who sleeps at this bell, or who will next. */
void weft_i_bell_ring(weft_i_bell *bell);

/* Sleep until the bell has rung since the last sleep at it, for at most ns. *seen is the caller's:
 * what it had heard of this bell, at first 0. May wake for no reason. */
void weft_i_bell_sleep(weft_i_bell *bell, int *seen, int64_t ns);

#endif
