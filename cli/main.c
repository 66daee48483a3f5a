/* cli/main.c - weft: finds the command and runs it. */
#include "cli/cli.h"

#include <string.h>

const cli_command cli_commands[] = {
    {"plan", "--model M --cluster C --batch B | --problem FILE | --synthetic TEXT  [flags]",
     "plan one training step", cmd_plan},
    {"compare", "--model M --cluster C --batch B | --problem FILE | --synthetic TEXT  [flags]",
     "print the plan beside every baseline", cmd_compare},
    {"emulate",
     "PLAN | --model M --cluster C [--batch B] | --problem FILE | --synthetic TEXT  [flags]",
     "say what a step's time and memory are made of", cmd_emulate},
    {"partition", "--model M --cluster C --batch B  [flags]",
     "make a layout for a whole run (several sample batches: cat them into --batch -)",
     cmd_partition},
    {"profile", "--fit FILE --cluster C [-o OUT] [flags]",
     "fit the constants of a cluster to measured steps", cmd_profile},
    {"show", "PLAN [flags]", "draw a plan in the terminal or as an SVG picture", cmd_show},
    {"export", "--format chrome|torch-csv|torch-comms PLAN [flags]",
     "write a plan in another tool's format", cmd_export},
    {"check", "PLAN [flags]", "decide whether a plan keeps every rule", cmd_check},
    {"help", "[COMMAND | --man]", "list the commands, or the flags of one", cmd_help},
    {"version", "", "print the version", cmd_version},
    {NULL, NULL, NULL, NULL},
};

const cli_command *cli_find_command(const char *name)
{
    for (const cli_command *c = cli_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0) return c;
    }
    return NULL;
}

int cli_unknown_command(const char *name)
{
    const char *names[32];
    size_t n = 0;
    for (const cli_command *c = cli_commands; c->name && n < 32; c++)
        names[n++] = c->name;
    const char *near = cli_nearest(name, names, n);
    if (near)
        fprintf(stderr, "weft: unknown command '%s', did you mean '%s'? (weft help)\n", name, near);
    else
        fprintf(stderr, "weft: unknown command '%s' (weft help)\n", name);
    return weft_status_exit_code(WEFT_STATUS_USAGE);
}

int cmd_version(const cli_command *command, int argc, char **argv)
{
    int n = 0, code = cli_parse(command, argc, argv, NULL, 0, NULL, 0, &n);
    if (code >= 0) return code;
    printf("weft %s\n", weft_version());
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("weft: no command given (weft help)\n", stderr);
        return weft_status_exit_code(WEFT_STATUS_USAGE);
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const cli_command *command = cli_find_command(name);
    if (!command) return cli_unknown_command(name);
    int code = command->run(command, argc - 2, argv + 2);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code) return code; /* has said why */
    fputs("weft: cannot write to stdout\n", stderr);
    return weft_status_exit_code(WEFT_STATUS_IO);
}
