/* runtime/bell.c - see bell.h. A futex (man 2 futex): nothing else in Linux wakes another process
 * as quickly and costs nothing while nobody sleeps. */
#include "runtime/bell.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(atomic_int) == 4, "a futex is 32 bits");

void weft_i_bell_ring(weft_i_bell *bell)
{
    atomic_fetch_add(&bell->n_rings, 1);
    if (atomic_load(&bell->n_sleepers) == 0) return; /* who is about to sleep sees the number */
    syscall(SYS_futex, &bell->n_rings, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void weft_i_bell_sleep(weft_i_bell *bell, int *seen, int64_t ns)
{
    const struct timespec span = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    atomic_fetch_add(&bell->n_sleepers, 1);
    syscall(SYS_futex, &bell->n_rings, FUTEX_WAIT, *seen, &span, NULL, 0);
    atomic_fetch_sub(&bell->n_sleepers, 1);
    *seen = atomic_load(&bell->n_rings);
}
