/* cli/cmd_partition.c - weft partition: a layout for a whole run, made from a sample batch. */
#include "cli/cli.h"
#include "cli/inputs.h"

#include <stddef.h>

typedef struct partition_flags {
    const char *output;
    bool rules;
} partition_flags;

static const weft_option partition_table[] = {
    {"output", WEFT_OPTION_STRING, offsetof(partition_flags, output), 0, 0, NULL, "FILE",
     "write the layout there; - is stdout (default: print a table)"},
    {"rules", WEFT_OPTION_BOOL, offsetof(partition_flags, rules), 0, 0, NULL, NULL,
     "by the paper's rules alone, without trying other layouts against them"},
};

static void print_layout(const weft_layout *layout)
{
    printf("parallel  dp %d, pp %d, tp %d, cp %d, ep %d\n\n", layout->parallel.dp,
           layout->parallel.pp, layout->parallel.tp, layout->parallel.cp, layout->parallel.ep);
    puts("module        segments  direction  largest sub-microbatch");
    for (int32_t i = 0; i < layout->n_modules; i++) {
        const weft_layout_module *m = &layout->modules[i];
        printf("%-12.12s  %8d  %-9s  ", m->module, m->segments,
               m->direction > 0   ? "forward"
               : m->direction < 0 ? "reverse"
                                  : "v");
        if (m->submicrobatch_tokens >= WEFT_INT_MAX)
            puts("whole microbatch");
        else
            printf("%lld tokens\n", (long long)m->submicrobatch_tokens);
    }
    puts("\nmodule        segment  rank  layers");
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        const weft_chunk *chunk = &layout->chunks[c];
        printf("%-12.12s  %7d  %4d  %d-%d\n", chunk->module, chunk->segment, chunk->rank,
               chunk->first_layer, chunk->first_layer + chunk->layers - 1);
    }
}

/* The rules go by means of the whole batch, however many microbatches are asked for. */
static weft_status make_by_rules(const cli_job *job, weft_error *error, weft_layout **out_layout)
{
    const weft_planner_options *o = &job->options;
    const cli_inputs *in = &job->inputs;
    weft_partition_options options;
    weft_partition_options_init(&options);
    options.tp = o->tp;
    options.pp = o->pp;
    options.dp = o->dp;
    options.cp = o->cp;
    options.ep = o->ep;
    options.gpus = o->gpus;
    options.strict = o->strict;
    const weft_batch *batch = in->batch;
    weft_recipe *own = NULL;
    weft_status status = WEFT_STATUS_OK;
    if (!in->recipe) status = weft_recipe_of_model(in->model, error, &own);
    if (!status) {
        weft_recipe recipe = in->recipe ? *in->recipe : *own;
        if (o->sequence > 0) recipe.sequence = o->sequence;
        status = weft_partition_make(in->model, in->cluster, &recipe, &batch, 1, &options, error,
                                     out_layout);
    }
    weft_recipe_free(own);
    return status;
}

static weft_status make(const cli_job *job, const partition_flags *flags, weft_error *error,
                        weft_layout **out_layout)
{
    weft_planner_input input = cli_job_planner_input(job);
    return flags->rules ? make_by_rules(job, error, out_layout)
                        : weft_planner_layout(&input, &job->options, error, out_layout);
}

int cmd_partition(const cli_command *command, int argc, char **argv)
{
    partition_flags flags = {0};
    const cli_group own = {"where to", partition_table,
                           sizeof partition_table / sizeof partition_table[0], &flags};
    cli_job job;
    int code = cli_job_parse(command, argc, argv, &own, 1, CLI_TAKES_BATCH, &job);
    if (code < 0) code = cli_check_output(flags.output);
    if (code < 0) code = cli_job_load(command, &job);
    if (code < 0) {
        weft_error error = {0};
        weft_layout *layout = NULL;
        weft_status status = make(&job, &flags, &error, &layout);
        cli_progress_end();
        if (!status && flags.output) status = weft_layout_write(layout, flags.output, &error);
        code = status ? cli_fail(&error) : 0;
        if (!status && !flags.output) print_layout(layout);
        weft_layout_free(layout);
    }
    cli_job_close(&job);
    return code;
}
