/* cli/cmd_help.c - weft help: the commands, the flags of one, and the manual page weft(1), made
 * from the same tables. */
#include "cli/cli.h"

#include <stddef.h>

typedef struct help_flags {
    bool man;
} help_flags;

static const weft_option help_table[] = {
    {"man", WEFT_OPTION_BOOL, offsetof(help_flags, man), 0, 0, NULL, NULL,
     "print the manual page of all commands: weft help --man | man -l -"},
};

static const struct {
    int code;
    const char *text;
} exit_codes[] = {
    {0, "ok"},
    {1, "failure or a violation found"},
    {2, "wrong use"},
    {3, "bad input"},
    {4, "infeasible"},
    {5, "limit reached with nothing found"},
    {130, "interrupted"},
};

enum { N_EXIT_CODES = sizeof exit_codes / sizeof exit_codes[0] };

static const char summary[] =
    "weft plans, predicts and runs pipeline-parallel training steps of large multimodal models.";

static int run_help(const cli_command *command, const char *style)
{
    char flag[32];
    snprintf(flag, sizeof flag, "--help%s", style);
    return command->run(command, 1, (char *[]){flag});
}

static void print_commands(void)
{
    printf("%s\n\nusage: weft COMMAND [flags]\n\ncommands:\n", summary);
    for (const cli_command *c = cli_commands; c->name; c++)
        printf("  %-10s %s\n", c->name, c->text);
    puts("\n'weft help COMMAND' lists the flags of a command.\n\nexit codes:");
    for (size_t i = 0; i < N_EXIT_CODES; i++)
        printf("  %3d  %s\n", exit_codes[i].code, exit_codes[i].text);
}

static void print_manual(void)
{
    printf(".TH WEFT 1 \"\" \"weft %s\" \"User Commands\"\n.SH NAME\n"
           "weft \\- plan pipeline\\-parallel training of multimodal models\n"
           ".SH SYNOPSIS\n.B weft\n.I COMMAND\n[flags]\n.SH DESCRIPTION\n",
           weft_version());
    cli_roff(summary);
    cli_roff(
        "\nResults go to stdout, everything else to stderr. The file name - is stdin or stdout. "
        "A flag that takes no value is undone by --no-NAME. File formats are described in "
        "docs/formats.md of the sources.\n");
    puts(".SH COMMANDS");
    for (const cli_command *c = cli_commands; c->name; c++)
        run_help(c, "=roff");
    puts(".SH SHARED FLAGS");
    run_help(cli_find_command("plan"), "=roff-shared");
    puts(".SH EXIT STATUS");
    for (size_t i = 0; i < N_EXIT_CODES; i++)
        printf(".TP\n.B %d\n%s\n", exit_codes[i].code, exit_codes[i].text);
    puts(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours in the terminal");
    puts(".SH SEE ALSO\n.BR mpirun (1);\n.B weft\\-run \\-\\-help");
}

int cmd_help(const cli_command *command, int argc, char **argv)
{
    help_flags flags = {0};
    const cli_group group = {"flags", help_table, 1, &flags};
    const char *word = NULL;
    int n = 0, code = cli_parse(command, argc, argv, &group, 1, &word, 1, &n);
    if (code >= 0) return code;
    if (flags.man && n == 1)
        return cli_usage(command, "--man is of all commands, found '%s'", word);
    if (n == 1) {
        const cli_command *other = cli_find_command(word);
        return other ? run_help(other, "") : cli_unknown_command(word);
    }
    flags.man ? print_manual() : print_commands();
    return 0;
}
