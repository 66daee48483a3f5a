/* cli/cmd_partition.c - weft partition: a layout for a whole run, made from a sample batch. */
#include "cli/cli.h"
#include "cli/inputs.h"

#include <stddef.h>

typedef struct partition_flags {
    const char *output;
} partition_flags;

static const weft_option partition_table[] = {
    {"output", WEFT_OPTION_STRING, offsetof(partition_flags, output), 0, 0, NULL, "FILE",
     "write the layout there; - is stdout (default: print a table)"},
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

int cmd_partition(const cli_command *command, int argc, char **argv)
{
    cli_input_flags input_flags = {0};
    partition_flags flags = {0};
    weft_planner_options options;
    weft_planner_options_init(&options);
    size_t n_options = 0;
    const weft_option *option_table = weft_planner_option_table(&n_options);
    const cli_group groups[] = {
        {"what to cut", cli_input_table, cli_n_inputs, &input_flags},
        {"where to", partition_table, 1, &flags},
        {"how", option_table, n_options, &options},
    };
    int n_words = 0, code = cli_parse(command, argc, argv, groups, 3, NULL, 0, &n_words);
    if (code >= 0) return code;
    if (input_flags.problem || input_flags.synthetic || input_flags.layout)
        return cli_usage(command, "a layout is made from --model, --cluster and --batch");
    cli_inputs inputs;
    code = cli_inputs_load(command, &input_flags, &inputs);
    if (code < 0) {
        options.progress = cli_progress;
        options.note = cli_note;
        cli_catch_interrupt();
        weft_planner_input input = cli_inputs_of_planner(&inputs);
        weft_error error = {0};
        weft_layout *layout = NULL;
        weft_status status = weft_planner_layout(&input, &options, &error, &layout);
        cli_progress_end();
        if (!status && flags.output) status = weft_layout_write(layout, flags.output, &error);
        code = status ? cli_fail(&error) : 0;
        if (!status && !flags.output) print_layout(layout);
        weft_layout_free(layout);
    }
    cli_inputs_free(&inputs);
    return code;
}
