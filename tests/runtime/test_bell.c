/* Processes that wake each other. The sleeps are so long that a ring which is lost, or wakes
 * nobody, ends the test by its time limit. */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/threads.h"
#include "runtime/bell.h"

enum { N_TURNS = 2000 };
static const int64_t long_ns = INT64_C(3600000000000);

/* Two players with a ball each way: every turn is one ring each. */
typedef struct court {
    weft_i_bell bells[2];
    atomic_int balls[2];
} court;

static void play(court *c, int own)
{
    int seen = 0;
    for (int turn = 1; turn <= N_TURNS; turn++) {
        if (own == 0) {
            atomic_store(&c->balls[1], turn);
            weft_i_bell_ring(&c->bells[1]);
        }
        while (atomic_load(&c->balls[own]) < turn)
            weft_i_bell_sleep(&c->bells[own], &seen, long_ns);
        if (own == 1) {
            atomic_store(&c->balls[0], turn);
            weft_i_bell_ring(&c->bells[0]);
        }
    }
}

Test(bell, no_ring_is_lost_between_processes, .timeout = 60)
{
    court *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(c, MAP_FAILED);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        play(c, 1);
        _exit(0);
    }
    play(c, 0);
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(atomic_load(&c->balls[0]), N_TURNS);
    munmap(c, sizeof(*c));
}

Test(bell, a_ring_before_the_sleep_ends_it, .timeout = 60)
{
    weft_i_bell bell = {0};
    int seen = 0;
    weft_i_bell_ring(&bell);
    weft_i_bell_ring(&bell);
    weft_i_bell_sleep(&bell, &seen, long_ns);
    cr_expect_eq(seen, 2);
}

Test(bell, without_a_ring_the_sleep_is_as_long_as_asked)
{
    weft_i_bell bell = {0};
    int seen = 0;
    int64_t begin_ns = weft_i_now_ns();
    weft_i_bell_sleep(&bell, &seen, 3000000);
    cr_expect_geq(weft_i_now_ns() - begin_ns, 3000000);
}
