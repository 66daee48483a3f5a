/* bench/speed/speed.c - how fast the inner loops of the search are, as tables in markdown.
 *
 * usage: bench_speed [passes|retime|memory]... (default: all). About a minute.
 */
#include "bench/speed/speed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/numbers.h"

double speed_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double speed_median(double *values, int n)
{
    numbers_sort(values, n);
    return values[n / 2];
}

void speed_case_open(speed_case *c, const char *text)
{
    weft_error error = {0};
    *c = (speed_case){.problem = NULL};
    if (weft_problem_synthetic(text, &error, &c->problem) ||
        weft_i_graph_build(c->problem, &c->arena, &error, &c->graph)) {
        fprintf(stderr, "bench_speed: %s: %s\n", text, error.text);
        exit(1);
    }
}

void speed_case_close(speed_case *c)
{
    weft_problem_free(c->problem);
    weft_i_arena_free(&c->arena);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } modes[] = {{"passes", speed_passes}, {"retime", speed_retime}, {"memory", speed_memory}};
    enum { N_MODES = sizeof modes / sizeof modes[0] };
    for (int i = 1; i < argc; i++) {
        int m = 0;
        while (m < N_MODES && strcmp(argv[i], modes[m].name) != 0)
            m++;
        if (m == N_MODES) {
            fprintf(stderr, "usage: bench_speed [passes|retime|memory]...\n");
            return 2;
        }
        if (modes[m].run() != 0) return 1;
    }
    for (int m = 0; argc == 1 && m < N_MODES; m++)
        if (modes[m].run() != 0) return 1;
    return 0;
}
