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

extern const weft_option cli_input_table[];
extern const size_t cli_n_inputs;

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

/* Load; -1 to go on, else the exit code after a printed error. Free with cli_inputs_free either
 * way. */
int cli_inputs_load(const cli_command *command, const cli_input_flags *flags, cli_inputs *out);
void cli_inputs_free(cli_inputs *inputs);

/* The part that the planner takes. */
weft_planner_input cli_inputs_of_planner(const cli_inputs *inputs);

#endif
