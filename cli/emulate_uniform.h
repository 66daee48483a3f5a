/* cli/emulate_uniform.h - weft emulate without a batch: a closed question about a uniform model. */
#ifndef WEFT_CLI_EMULATE_UNIFORM_H
#define WEFT_CLI_EMULATE_UNIFORM_H

#include "cli/inputs.h"

/* What the flags said; 0, -1 and NULL = not given. */
typedef struct cli_uniform_flags {
    int64_t microbatch, global_batch, segments;
    int64_t zero;          /* -1 = not given */
    const char *recompute; /* of --recompute, which is not one of these flags */
    bool sequence_parallel;
} cli_uniform_flags;

cli_uniform_flags cli_uniform_flags_init(void);
extern const weft_option cli_uniform_table[];
extern const size_t cli_n_uniform_options;

/* The first of the flags that was given, without dashes; NULL = none. */
const char *cli_uniform_given(const cli_uniform_flags *flags);

/* How to answer. */
typedef struct cli_uniform_output {
    const char *schedule; /* NULL = by the segments */
    const char *stack;    /* NULL = the cluster's */
    bool json, memory;
} cli_uniform_output;

/* Ask and print; the inputs are a model and a cluster. Returns the exit code. */
int cli_emulate_uniform(const cli_command *command, const cli_job *job,
                        const cli_uniform_flags *flags, const cli_uniform_output *output);

#endif
