/* base/threads.c - the team waits on a condition variable between runs; jobs come off a counter. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"

typedef struct member {
    weft_i_team *team;
    pthread_t thread;
    int worker;
} member;

struct weft_i_team {
    pthread_mutex_t mutex;
    pthread_cond_t start, done;
    unsigned long round; /* grows by one with each run */
    int n_busy;          /* members that still work on this round */
    bool ends;
    void (*job)(void *context, int i, int worker);
    void *context;
    int n_jobs;
    atomic_int next_job;
    int n_members; /* threads started, the caller not counted */
    member members[];
};

static void work(weft_i_team *team, int worker)
{
    for (;;) {
        int i = atomic_fetch_add_explicit(&team->next_job, 1, memory_order_relaxed);
        if (i >= team->n_jobs) return;
        team->job(team->context, i, worker);
    }
}

static void *member_main(void *argument)
{
    member *me = argument;
    weft_i_team *team = me->team;
    pthread_mutex_lock(&team->mutex);
    for (unsigned long seen = 0;;) {
        while (team->round == seen && !team->ends)
            pthread_cond_wait(&team->start, &team->mutex);
        if (team->ends) break;
        seen = team->round;
        pthread_mutex_unlock(&team->mutex);
        work(team, me->worker);
        pthread_mutex_lock(&team->mutex);
        if (--team->n_busy == 0) pthread_cond_signal(&team->done);
    }
    pthread_mutex_unlock(&team->mutex);
    return NULL;
}

/* Signals are left to the threads of the caller. */
static bool start_members(weft_i_team *team, int n)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (team->n_members < n) {
        member *m = &team->members[team->n_members];
        *m = (member){.team = team, .worker = team->n_members + 1};
        if (pthread_create(&m->thread, NULL, member_main, m) != 0) break;
        team->n_members++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return team->n_members == n;
}

weft_i_team *weft_i_team_create(int n)
{
    weft_i_team *team = weft_i_alloc(1, sizeof(*team) + (size_t)(n - 1) * sizeof(member));
    if (!team) return NULL;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->start, NULL);
    pthread_cond_init(&team->done, NULL);
    if (start_members(team, n - 1)) return team;
    weft_i_team_free(team);
    return NULL;
}

void weft_i_team_run(weft_i_team *team, void (*job)(void *context, int i, int worker),
                     void *context, int n_jobs)
{
    if (team->n_members == 0 || n_jobs <= 1) {
        for (int i = 0; i < n_jobs; i++)
            job(context, i, 0);
        return;
    }
    pthread_mutex_lock(&team->mutex);
    team->job = job;
    team->context = context;
    team->n_jobs = n_jobs;
    atomic_store_explicit(&team->next_job, 0, memory_order_relaxed);
    team->n_busy = team->n_members;
    team->round++;
    pthread_cond_broadcast(&team->start);
    pthread_mutex_unlock(&team->mutex);

    work(team, 0);
    pthread_mutex_lock(&team->mutex);
    while (team->n_busy > 0)
        pthread_cond_wait(&team->done, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
}

void weft_i_team_free(weft_i_team *team)
{
    if (!team) return;
    pthread_mutex_lock(&team->mutex);
    team->ends = true;
    pthread_cond_broadcast(&team->start);
    pthread_mutex_unlock(&team->mutex);
    for (int i = 0; i < team->n_members; i++)
        pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->start);
    pthread_mutex_destroy(&team->mutex);
    free(team);
}

int64_t weft_i_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int weft_i_processors(void)
{
    /* The kernel refuses a set that is smaller than its own, which has no fixed size. */
    for (size_t n_bits = 1024; n_bits <= (size_t)1 << 20; n_bits *= 2) {
        size_t n_bytes = CPU_ALLOC_SIZE(n_bits);
        cpu_set_t *set = weft_i_alloc(1, n_bytes);
        if (!set) break;
        int n = sched_getaffinity(0, n_bytes, set) == 0 ? CPU_COUNT_S(n_bytes, set) : 0;
        free(set);
        if (n > 0) return n;
    }
    long n_online = sysconf(_SC_NPROCESSORS_ONLN);
    return n_online > 0 ? (int)n_online : 1;
}
