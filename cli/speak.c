/* cli/speak.c - units, error lines, notes, and the progress line. */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

cli_text cli_time(int64_t ns)
{
    cli_text out;
    double t = (double)ns;
    if (ns >= 1000000000)
        snprintf(out.s, sizeof out.s, "%.3f s", t / 1e9);
    else if (ns >= 1000000)
        snprintf(out.s, sizeof out.s, "%.3f ms", t / 1e6);
    else
        snprintf(out.s, sizeof out.s, "%.1f us", t / 1e3);
    return out;
}

cli_text cli_bytes(int64_t bytes)
{
    cli_text out;
    double b = (double)bytes;
    if (bytes >= INT64_C(1) << 30)
        snprintf(out.s, sizeof out.s, "%.1f GiB", b / (1 << 30));
    else if (bytes >= 1 << 20)
        snprintf(out.s, sizeof out.s, "%.1f MiB", b / (1 << 20));
    else if (bytes >= 10 << 10)
        snprintf(out.s, sizeof out.s, "%.1f KiB", b / (1 << 10));
    else
        snprintf(out.s, sizeof out.s, "%lld B", (long long)bytes);
    return out;
}

cli_text cli_percent(double ratio)
{
    cli_text out;
    snprintf(out.s, sizeof out.s, "%.1f %%", 100 * ratio);
    return out;
}

void cli_json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20) {
            printf("\\u%04x", *c);
            continue;
        }
        if (*c == '"' || *c == '\\') putchar('\\');
        putchar(*c);
    }
    putchar('"');
}

int cli_fail(const weft_error *error)
{
    fputs("weft: ", stderr);
    if (error->file[0]) fprintf(stderr, "%s:", error->file);
    if (error->line > 0) fprintf(stderr, "%d:", error->line);
    if (error->line > 0 && error->column > 0) fprintf(stderr, "%d:", error->column);
    if (error->file[0] || error->line > 0) fputc(' ', stderr);
    if (error->path[0]) fprintf(stderr, "%s: ", error->path);
    fprintf(stderr, "%s\n", error->text[0] ? error->text : weft_status_text(error->status));
    return weft_status_exit_code(error->status);
}

int cli_fail_about(const char *file, weft_error *error)
{
    if (file && !error->file[0] && error->path[0])
        snprintf(error->file, sizeof error->file, "%s", strcmp(file, "-") ? file : "stdin");
    return cli_fail(error);
}

int cli_fail_input(const weft_error *error)
{
    int code = cli_fail(error);
    return error->status == WEFT_STATUS_IO ? weft_status_exit_code(WEFT_STATUS_BAD_INPUT) : code;
}

void cli_note(void *context, const char *text)
{
    (void)context;
    cli_progress_end();
    fprintf(stderr, "weft: note: %s\n", text);
}

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void cli_catch_interrupt(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends the process */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

static bool line_shown;

bool cli_progress(void *context, const weft_progress *progress)
{
    (void)context;
    if (progress->seconds >= 1 && isatty(STDERR_FILENO)) {
        bool has_best = progress->best_ns<WEFT_INT_MAX, has_bound = progress->bound_ns> 0;
        cli_text best = cli_time(progress->best_ns), bound = cli_time(progress->bound_ns);
        cli_text gap = cli_percent((double)progress->best_ns / (double)progress->bound_ns - 1);
        fprintf(stderr, "\r\033[K%.0f s: best %s, bound %s, gap %s, %.0f schedules a second",
                progress->seconds, has_best ? best.s : "none yet", has_bound ? bound.s : "-",
                has_best && has_bound ? gap.s : "-",
                (double)progress->iterations / progress->seconds);
        line_shown = true;
    }
    return !interrupted;
}

void cli_progress_end(void)
{
    if (line_shown) fputs("\r\033[K", stderr);
    line_shown = false;
}
