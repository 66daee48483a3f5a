/* cli/cli.h - what the commands share: their table, their flags, how they speak.
 *
 * Results go to stdout, everything else to stderr. A command returns its exit code.
 */
#ifndef WEFT_CLI_CLI_H
#define WEFT_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "weft/weft.h"

/* One command: cmd_<name>.c. */
typedef struct cli_command {
    const char *name;
    const char *usage; /* behind "weft NAME " */
    const char *text;  /* one line, lower case */
    int (*run)(const struct cli_command *command, int argc, char **argv);
} cli_command;

extern const cli_command cli_commands[]; /* ends with a NULL name */

/* NULL where there is none of that name. */
const cli_command *cli_find_command(const char *name);

/* Print that there is no such command, and the nearest; return 2. */
int cli_unknown_command(const char *name);

int cmd_check(const cli_command *command, int argc, char **argv);
int cmd_compare(const cli_command *command, int argc, char **argv);
int cmd_emulate(const cli_command *command, int argc, char **argv);
int cmd_export(const cli_command *command, int argc, char **argv);
int cmd_help(const cli_command *command, int argc, char **argv);
int cmd_partition(const cli_command *command, int argc, char **argv);
int cmd_plan(const cli_command *command, int argc, char **argv);
int cmd_profile(const cli_command *command, int argc, char **argv);
int cmd_show(const cli_command *command, int argc, char **argv);
int cmd_version(const cli_command *command, int argc, char **argv);

/* Flags of a command: tables, each with the struct that it fills. */
typedef struct cli_group {
    const char *title; /* in the help */
    const weft_option *table;
    size_t n;
    void *target;
} cli_group;

/* Titles of the groups that many commands share: they stand once in the manual. */
#define CLI_TITLE_INPUTS   "inputs"
#define CLI_TITLE_PLANNING "planning"

/* Parse argv[0..argc): flags into the groups, the rest into `words` (at most max_words;
 * *out_n_words).
 * "-o" is "--output", "-" a word, "--" ends the flags. Returns -1 to go on; else the exit code: 0
 * after --help, 2 after a usage error, which has been printed. */
int cli_parse(const cli_command *command, int argc, char **argv, const cli_group *groups,
              size_t n_groups, const char **words, int max_words, int *out_n_words);

/* What a command's flags say: as its help, as its part of the manual page, and what of the latter
 * is shared. "--help", "--help=roff" and "--help=roff-shared" get here. They return 0. */
int cli_help_text(const cli_command *command, const cli_group *groups, size_t n_groups);
int cli_help_roff(const cli_command *command, const cli_group *groups, size_t n_groups);
int cli_help_roff_shared(const cli_group *groups, size_t n_groups);

/* Print text as it is in a manual page. */
void cli_roff(const char *text);

/* Print "weft: file:line: path: text" to stderr and return the exit code of the error's status. */
int cli_fail(const weft_error *error);

/* The same for an error of reading an input: what cannot be read is bad input, too. */
int cli_fail_input(const weft_error *error);

/* The same for an error that may have the path of a value in `file`, but no name of a file. */
int cli_fail_about(const char *file, weft_error *error);

/* Print a usage error of `command` and return 2. */
int cli_usage(const cli_command *command, const char *fmt, ...) WEFT_PRINTF(2, 3);

/* The nearest of n words by edit distance, if it is near enough to be what was meant; or NULL. */
const char *cli_nearest(const char *word, const char *const *words, size_t n);

/* --- units, into a buffer of the caller's --- */

typedef struct cli_text {
    char s[32];
} cli_text;

cli_text cli_time(int64_t ns);      /* "12.345 s", "3.210 ms", "17.0 us" */
cli_text cli_bytes(int64_t bytes);  /* "91.2 GiB" */
cli_text cli_percent(double ratio); /* "12.3 %" */

/* A JSON string of the text on stdout. */
void cli_json_string(const char *text);

/* --- outputs --- */

/* Whether a file can probably be written: -1, else the exit code after a printed error. Asked
 * before long work; path NULL or "-" is fine. Nothing is written. */
int cli_check_output(const char *path);

/* Print that `path` cannot be written, with errno's reason, and return the exit code. */
int cli_cannot_write(const char *path, int number);

/* --- interruption and progress --- */

/* From now on Ctrl-C (SIGINT, SIGTERM) is remembered instead of ending the process. */
void cli_catch_interrupt(void);
bool cli_interrupted(void);

/* A weft_progress_fn: a line on a terminal's stderr after the first second; false once interrupted.
 */
bool cli_progress(void *context, const weft_progress *progress);
/* Remove the progress line. */
void cli_progress_end(void);

/* A weft_note_fn: "weft: note: TEXT" on stderr. */
void cli_note(void *context, const char *text);

#endif
