/* cli/trace.h - a file of how the best answer came about: a line of CSV for each better one. */
#ifndef WEFT_CLI_TRACE_H
#define WEFT_CLI_TRACE_H

#include "cli/cli.h"

typedef struct cli_trace {
    const char *path;
    FILE *file; /* NULL = no trace */
    double began_s;
    weft_progress last; /* what was told last */
    int64_t best_ns;    /* of the last line */
} cli_trace;

/* Begin a trace; path NULL: none. Returns -1 to go on, else the exit code after a printed error. */
int cli_trace_open(const char *path, cli_trace *trace);

/* A weft_progress_fn: the trace's line, then cli_progress. context: the trace. */
bool cli_trace_progress(void *context, const weft_progress *progress);

/* Write a last line where `best_ns` (of the objective; WEFT_INT_MAX = no answer) is better than
 * what was told, and close. Returns as cli_trace_open. */
int cli_trace_close(cli_trace *trace, int64_t best_ns);

#endif
