/* cli/trace.c - see trace.h. */
#include "cli/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int cli_trace_open(const char *path, cli_trace *trace)
{
    *trace = (cli_trace){.path = path, .began_s = now_s(), .best_ns = WEFT_INT_MAX};
    if (!path) return -1;
    trace->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (!trace->file) return cli_cannot_write(trace->path, errno);
    fputs("seconds,iterations,best_ns,bound_ns,gap\n", trace->file);
    return -1;
}

static void write_better(cli_trace *trace, int64_t best_ns)
{
    if (!trace->file || best_ns >= trace->best_ns) return;
    int64_t bound_ns = trace->last.bound_ns;
    double gap = bound_ns > 0 ? (double)best_ns / (double)bound_ns - 1 : 0;
    trace->best_ns = best_ns;
    fprintf(trace->file, "%.6f,%" PRId64 ",%" PRId64 ",%" PRId64 ",%.6f\n",
            now_s() - trace->began_s, trace->last.iterations, best_ns, bound_ns, gap);
}

bool cli_trace_progress(void *context, const weft_progress *progress)
{
    cli_trace *trace = context;
    trace->last = *progress;
    write_better(trace, progress->best_ns);
    return cli_progress(NULL, progress);
}

int cli_trace_close(cli_trace *trace, int64_t best_ns)
{
    write_better(trace, best_ns);
    if (!trace->file) return -1;
    bool bad = ferror(trace->file) != 0;
    bad = (trace->file == stdout ? fflush(stdout) : fclose(trace->file)) != 0 || bad;
    trace->file = NULL;
    return bad ? cli_cannot_write(trace->path, errno) : -1;
}
