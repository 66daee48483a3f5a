/* bench/growth.c - how long the default search takes to come near its final result, by ranks and
 * microbatches, as CSV. Microbatches vary by half, memory is that of PP microbatches, one thread.
 *
 * usage: bench_growth [SECONDS [PP MICROBATCHES]] (default: 20 s for each of 20 cells, 7 minutes).
 * Columns: to_2_percent_s is when the best was first within 2 % of the last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

enum { MAX_STEPS = 100000 };

/* Every better answer of one search. */
typedef struct trace {
    double seconds[MAX_STEPS];
    int64_t best_ns[MAX_STEPS];
    int n;
} trace;

static bool note(void *context, const weft_progress *progress)
{
    trace *t = context;
    bool better = t->n == 0 || progress->best_ns < t->best_ns[t->n - 1];
    if (progress->best_ns < WEFT_INT_MAX && better && t->n < MAX_STEPS) {
        t->seconds[t->n] = progress->seconds;
        t->best_ns[t->n++] = progress->best_ns;
    }
    return true;
}

/* When the trace was first within a part of what came out in the end. */
static double time_to(const trace *t, double part, int64_t final_ns, double otherwise_s)
{
    for (int i = 0; i < t->n; i++)
        if ((double)t->best_ns[i] <= (1 + part) * (double)final_ns) return t->seconds[i];
    return otherwise_s;
}

static int measure(int pp, int microbatches, double seconds, trace *t)
{
    char text[120];
    weft_problem *problem = NULL;
    weft_solution solution = {0};
    weft_error error = {0};
    weft_search_options options;
    weft_search_options_init(&options);
    options.time_limit_s = seconds;
    options.progress = note;
    options.progress_context = t;
    t->n = 0;
    snprintf(text, sizeof text,
             "pp=%d microbatches=%d fw=100 bw=200 bww=100 transfer=5 limit=%d vary=0.5 seed=3", pp,
             microbatches, pp);
    weft_status status = weft_problem_synthetic(text, &error, &problem);
    if (!status) status = weft_search(problem, &options, &error, &solution);
    if (status) {
        fprintf(stderr, "bench_growth: %s: %s\n", text, error.text);
    } else {
        int64_t ns = solution.time.pipeline_ns;
        printf("%d,%d,%d,%g,%.3f,%.3f,%lld,%lld,%.2f\n", pp, microbatches, 3 * problem->n_stages,
               seconds, t->n > 0 ? t->seconds[0] : seconds, time_to(t, 0.02, ns, seconds),
               (long long)ns, (long long)solution.bound_ns,
               100 * ((double)ns / (double)solution.bound_ns - 1));
        fflush(stdout);
    }
    weft_solution_free(&solution);
    weft_problem_free(problem);
    return status != WEFT_STATUS_OK;
}

int main(int argc, char **argv)
{
    static trace t; /* too large for a stack */
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 20;
    if (!(seconds > 0) || argc == 3 || argc > 4) {
        fprintf(stderr, "usage: bench_growth [SECONDS [PP MICROBATCHES]]\n");
        return 2;
    }
    puts("pp,microbatches,passes,seconds,first_s,to_2_percent_s,final_ns,bound_ns,gap_percent");
    if (argc == 4)
        return measure((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10), seconds, &t);
    for (int pp = 4; pp <= 64; pp *= 2)
        for (int microbatches = 16; microbatches <= 1024; microbatches *= 4)
            if (measure(pp, microbatches, seconds, &t) != 0) return 1;
    return 0;
}
