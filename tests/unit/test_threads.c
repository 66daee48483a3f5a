/* A team runs each job once, on any worker, and again. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <time.h>

#include "base/arena.h"
#include "base/threads.h"

enum { N_JOBS = 500 };

typedef struct tally {
    atomic_int n_runs[N_JOBS];
    atomic_int of_worker[8];
    atomic_int n_wrong;
    int n_workers;
} tally;

static void count(void *context, int i, int worker)
{
    tally *t = context;
    if (worker < 0 || worker >= t->n_workers || i < 0 || i >= N_JOBS) {
        t->n_wrong++;
        return;
    }
    t->n_runs[i]++;
    t->of_worker[worker]++;
}

static void check_team(int n_workers)
{
    static const int SIZES[] = {0, 1, 2, 7, N_JOBS};
    weft_i_team *team = weft_i_team_create(n_workers);
    cr_assert_not_null(team);
    for (int round = 0; round < 200; round++) {
        tally t = {.n_workers = n_workers};
        int n_jobs = SIZES[round % 5], n_all = 0;
        weft_i_team_run(team, count, &t, n_jobs);
        for (int i = 0; i < N_JOBS; i++)
            cr_assert_eq(t.n_runs[i], i < n_jobs);
        for (int i = 0; i < 8; i++)
            n_all += t.of_worker[i];
        cr_assert_eq(n_all, n_jobs);
        cr_assert_eq(t.n_wrong, 0);
    }
    weft_i_team_free(team);
}

Test(threads, each_job_runs_once)
{
    check_team(1);
    check_team(2);
    check_team(8);
    weft_i_team_free(NULL);
}

/* A run that ends only when all workers are in it, each under a number of its own. */
typedef struct meeting {
    atomic_int n_waiting;
    atomic_int n_of_worker[8];
    int n_workers;
    int64_t give_up_ns;
} meeting;

static void meet(void *context, int i, int worker)
{
    (void)i;
    meeting *m = context;
    struct timespec pause = {.tv_nsec = 100000};
    m->n_of_worker[worker]++;
    m->n_waiting++;
    while (m->n_waiting < m->n_workers && weft_i_now_ns() < m->give_up_ns)
        nanosleep(&pause, NULL);
}

Test(threads, workers_run_beside_each_other)
{
    for (int n = 1; n <= 8; n++) {
        weft_i_team *team = weft_i_team_create(n);
        meeting m = {.n_workers = n, .give_up_ns = weft_i_now_ns() + 20000000000};
        weft_i_team_run(team, meet, &m, n);
        cr_expect_eq(m.n_waiting, n);
        for (int i = 0; i < n; i++)
            cr_expect_eq(m.n_of_worker[i], 1, "worker %d of %d", i, n);
        cr_expect_lt(weft_i_now_ns(), m.give_up_ns);
        weft_i_team_free(team);
    }
}

Test(threads, no_memory)
{
    weft_i_alloc_fail_after(1);
    cr_expect_null(weft_i_team_create(3));
}

Test(threads, processors)
{
    cr_expect_geq(weft_i_processors(), 1);
    weft_i_alloc_fail_after(1);
    cr_expect_geq(weft_i_processors(), 1, "without memory for the set");
}
