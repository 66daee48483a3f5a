/* cli/cmd_export.c - weft export: a plan in another tool's format. */
#include "cli/cli.h"

#include <stddef.h>

typedef struct export_flags {
    const char *output;
    int64_t replica;
    int format; /* place in the choices */
} export_flags;

enum { FORMAT_NONE = -1, FORMAT_CHROME, FORMAT_TORCH_CSV, FORMAT_TORCH_COMMS };

static const weft_option export_table[] = {
    {"format", WEFT_OPTION_ENUM, offsetof(export_flags, format), 0, 0,
     "chrome|torch-csv|torch-comms", "FORMAT",
     "trace events for Perfetto, or a schedule of torch.distributed.pipelining, its passes alone "
     "or "
     "with communication"},
    {"output", WEFT_OPTION_STRING, offsetof(export_flags, output), 0, 0, NULL, "FILE",
     "write there (default: stdout)"},
    {"replica", WEFT_OPTION_INT, offsetof(export_flags, replica), 0, 65535, NULL, "R",
     "the replica, for torch (default: the only one)"},
};

static weft_status export(const weft_plan *plan, const export_flags *flags, weft_error *error)
{
    int32_t replica = (int32_t)flags->replica;
    switch (flags->format) {
    case FORMAT_CHROME:
        return weft_export_chrome(plan, flags->output, error);
    case FORMAT_TORCH_CSV:
        return weft_export_torch_csv(plan, replica, flags->output, error);
    default:
        return weft_export_torch_comms(plan, replica, flags->output, error);
    }
}

int cmd_export(const cli_command *command, int argc, char **argv)
{
    export_flags flags = {.output = "-", .replica = -1, .format = FORMAT_NONE};
    const cli_group group = {"flags", export_table, sizeof export_table / sizeof export_table[0],
                             &flags};
    const char *file = NULL;
    int n_words = 0, code = cli_parse(command, argc, argv, &group, 1, &file, 1, &n_words);
    if (code >= 0) return code;
    if (n_words == 0) return cli_usage(command, "no plan given");
    if (flags.format == FORMAT_NONE) return cli_usage(command, "no --format given");
    if (flags.format == FORMAT_CHROME && flags.replica >= 0)
        return cli_usage(command, "--replica goes with --format torch-csv or torch-comms");
    weft_error error = {0};
    weft_plan *plan = NULL;
    if (weft_plan_read(file, &error, &plan)) return cli_fail_input(&error);
    weft_status status = export(plan, &flags, &error);
    weft_plan_free(plan);
    return status ? cli_fail_about(file, &error) : 0;
}
