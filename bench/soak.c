/* bench/soak.c - random problems, small and real, planned, written, read back, checked and compared
 * with every baseline.
 *
 * usage: bench_soak BATCH_FOLDER N [SEED [FIRST]]
 *
 *   bench_soak examples/batches 10000        problems 0 to 9999 of seed 1
 *   bench_soak examples/batches 1 1 4711     problem 4711 alone, as a fault names it
 *
 * Every answer must pass weft_plan_check as read back from its file, keep its bounds and limits and
 * be no worse than the baselines. "infeasible" is counted apart where it cannot be proven, and
 * where random orders disprove it, which with memory to spare is a fault. Exit status 1 after a
 * fault. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weft/weft.h>

#include "bench/soak_cases.h"

/* What came out of one kind of problem. */
typedef struct tally {
    int64_t n, planned, proven, unproven, missed, refused, faults;
    double seconds;
    double slack;                 /* most of any that is unproven */
    char refusal[256], open[256]; /* an example of each: the last, and the one with most slack */
} tally;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void count(const soak_case *done, int64_t index, tally *t)
{
    t->n++;
    switch (done->outcome) {
    case SOAK_PLANNED:
        t->planned++;
        break;
    case SOAK_PROVEN:
        t->proven++;
        break;
    case SOAK_UNPROVEN:
    case SOAK_MISSED:
        t->unproven += done->outcome == SOAK_UNPROVEN;
        t->missed += done->outcome == SOAK_MISSED;
        if (done->slack < t->slack) break;
        t->slack = done->slack;
        snprintf(t->open, sizeof t->open, "%lld: %.100s; %.100s", (long long)index,
                 done->error.text, done->what);
        break;
    case SOAK_REFUSED:
        t->refused++;
        snprintf(t->refusal, sizeof t->refusal, "%lld: %.200s", (long long)index, done->error.text);
        break;
    }
    if (!done->fault.text[0]) return;
    t->faults++;
    printf("FAULT in %s problem %lld: %s\n  %s\n", soak_kind_name(done->kind), (long long)index,
           done->fault.text, done->what);
    fflush(stdout);
}

static void print_tallies(const tally *tallies)
{
    puts(
        "| kind | problems | planned | infeasible, proven | unproven | missed | refused | faults | "
        "seconds |\n|---|---|---|---|---|---|---|---|---|");
    for (int k = 0; k < SOAK_N_KINDS; k++) {
        const tally *t = &tallies[k];
        printf("| %s | %lld | %lld | %lld | %lld | %lld | %lld | %lld | %.1f |\n",
               soak_kind_name((soak_kind)k), (long long)t->n, (long long)t->planned,
               (long long)t->proven, (long long)t->unproven, (long long)t->missed,
               (long long)t->refused, (long long)t->faults, t->seconds);
    }
    for (int k = 0; k < SOAK_N_KINDS; k++) {
        if (tallies[k].open[0]) printf("not proven, with most slack: %s\n", tallies[k].open);
        if (tallies[k].refusal[0]) printf("refused, last: %s\n", tallies[k].refusal);
    }
}

static int64_t run_all(soak_inputs *inputs, int64_t first, int64_t n)
{
    static tally tallies[SOAK_N_KINDS];
    int64_t n_faults = 0;
    for (int64_t i = first; i < first + n; i++) {
        soak_case done;
        double began = now_s();
        soak_run(inputs, i, &done);
        tallies[done.kind].seconds += now_s() - began;
        count(&done, i, &tallies[done.kind]);
        n_faults += done.fault.text[0] != 0;
    }
    print_tallies(tallies);
    return n_faults;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 5) {
        fputs("usage: bench_soak BATCH_FOLDER N [SEED [FIRST]]\n", stderr);
        return 2;
    }
    soak_inputs inputs = {.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1};
    const char *temporary = getenv("TMPDIR");
    char folder[4000];
    snprintf(folder, sizeof folder, "%s/weft-soak-XXXXXX", temporary ? temporary : P_tmpdir);
    weft_error error = {0};
    inputs.folder = mkdtemp(folder);
    if (!inputs.folder || !soak_open(argv[1], &inputs, &error)) {
        fprintf(stderr, "bench_soak: %s %s\n", error.file, error.text);
        return 1;
    }
    int64_t first = argc > 4 ? atoll(argv[4]) : 0;
    int64_t n_faults = run_all(&inputs, first, atoll(argv[2]));
    soak_close(&inputs);
    return n_faults > 0;
}
