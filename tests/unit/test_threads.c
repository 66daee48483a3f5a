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

/* All workers meet inside one run, so that the jobs really run beside each other. */
static void meet(void *context, int i, int worker)
{
    (void)i;
    (void)worker;
    atomic_int *n_waiting = context;
    ++*n_waiting;
    int64_t give_up_ns = weft_i_now_ns() + 20000000000;
    struct timespec pause = {.tv_nsec = 100000};
    while (*n_waiting < 4 && weft_i_now_ns() < give_up_ns)
        nanosleep(&pause, NULL);
}

Test(threads, workers_run_beside_each_other)
{
    weft_i_team *team = weft_i_team_create(4);
    atomic_int n_waiting = 0;
    int64_t begin_ns = weft_i_now_ns();
    weft_i_team_run(team, meet, &n_waiting, 4);
    cr_expect_eq(n_waiting, 4);
    cr_expect_lt(weft_i_now_ns() - begin_ns, 20000000000);
    weft_i_team_free(team);
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
