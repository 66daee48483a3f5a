/* cli/inputs.h - the inputs that plan, compare, emulate and partition share: their flags, loaded.
 */
#ifndef WEFT_CLI_INPUTS_H
#define WEFT_CLI_INPUTS_H

#include "cli/cli.h"

/* What the flags said; NULL = not given. */
typedef struct cli_input_flags {
    const char *model, *cluster, *recipe, *batch, *layout;
    const char *problem, *synthetic;
} cli_input_flags;

/* What they name, loaded. Either model, cluster and batch are there, or problem, or synthetic (the
 * text itself). */
typedef struct cli_inputs {
    weft_model *model;
    weft_cluster *cluster;
    weft_recipe *recipe;
    weft_batch *batch;
    weft_layout *layout;
    weft_problem *problem;
    const char *synthetic;
} cli_inputs;

/* What a command that plans works on. */
typedef struct cli_job {
    cli_input_flags flags;
    cli_inputs inputs;
    weft_planner_options options;
    const char *file; /* the one word, for a command that takes one; NULL = not given */
} cli_job;

/* What a command takes besides flags of its own and of the planner. */
typedef enum cli_takes {
    CLI_TAKES_BATCH,  /* model, cluster, batch and recipe alone */
    CLI_TAKES_INPUTS, /* any kind of input */
    CLI_TAKES_FILE    /* the same, and one word that names a file */
} cli_takes;

/* Parse the flags: those of the inputs, the command's own (n_own <= 2 groups), the planner's. -1 to
 * go on, else the exit code. Close the job either way. */
int cli_job_parse(const cli_command *command, int argc, char **argv, const cli_group *own,
                  size_t n_own, cli_takes takes, cli_job *job);

/* Whether any flag of the inputs was given. */
bool cli_job_has_inputs(const cli_job *job);

/* Load what the flags name; from now on Ctrl-C stops the search and not the process. -1 to go on,
 * else the exit code after a printed error. */
int cli_job_load(const cli_command *command, cli_job *job);

/* The part that the planner takes. */
weft_planner_input cli_job_planner_input(const cli_job *job);

void cli_job_close(cli_job *job);

/* Print an error of planning the inputs, as cli_fail: what does not suit the model is in the
 * layout's file. */
int cli_job_fail(const cli_job *job, weft_error *error);

/* Plan the inputs, of whichever kind they are. */
weft_status cli_job_plan(const cli_job *job, weft_error *error, weft_plan **out_plan);

#endif
