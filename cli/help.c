/* cli/help.c - what the tables of flags say to a reader: the help of a command, and its part of the
 * manual page (man(7)). Not: the rest of that page, which is cmd_help.c. */
#include "cli/cli.h"

#include <string.h>

enum { MAX_LEFT = 96, COLUMN = 24 };

static bool has_short(const weft_option *option)
{
    return strcmp(option->name, "output") == 0;
}

static void text_group(const cli_group *group)
{
    printf("\n%s:\n", group->title);
    for (size_t i = 0; i < group->n; i++) {
        const weft_option *option = &group->table[i];
        char left[MAX_LEFT];
        snprintf(left, sizeof left, "%s--%s%s%s", has_short(option) ? "-o, " : "", option->name,
                 option->value ? " " : "", option->value ? option->value : "");
        printf("  %-*s %s%s", COLUMN, left,
               strlen(left) > COLUMN ? "\n                           " : "", option->text);
        if (option->choices) {
            fputs(": ", stdout);
            for (const char *c = option->choices; *c; c++)
                fputs(*c == '|' ? ", " : (char[2]){*c, 0}, stdout);
        }
        putchar('\n');
    }
}

int cli_help_text(const cli_command *command, const cli_group *groups, size_t n_groups)
{
    printf("usage: weft %s%s%s\n\n%s\n", command->name, command->usage[0] ? " " : "",
           command->usage, command->text);
    for (size_t i = 0; i < n_groups; i++)
        text_group(&groups[i]);
    return 0;
}

void cli_roff(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            fputs("\\e", stdout);
        else if (*c == '-')
            fputs("\\-", stdout);
        else if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n'))
            printf("\\&%c", *c);
        else
            putchar(*c);
    }
}

static void roff_option(const weft_option *option)
{
    printf(".TP\n%s\\fB\\-\\-", has_short(option) ? "\\fB\\-o\\fR, " : "");
    cli_roff(option->name);
    fputs("\\fR", stdout);
    if (option->value) {
        fputs(" \\fI", stdout);
        cli_roff(option->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    cli_roff(option->text);
    if (option->choices) {
        fputs(": \\fB", stdout);
        for (const char *c = option->choices; *c; c++)
            *c == '|' ? (void)fputs("\\fR, \\fB", stdout) : cli_roff((char[2]){*c, 0});
        fputs("\\fR", stdout);
    }
    putchar('\n');
}

static void roff_group(const cli_group *group)
{
    for (size_t i = 0; i < group->n; i++)
        roff_option(&group->table[i]);
}

static bool is_shared(const cli_group *group)
{
    return strcmp(group->title, CLI_TITLE_INPUTS) == 0 ||
           strcmp(group->title, CLI_TITLE_PLANNING) == 0;
}

int cli_help_roff(const cli_command *command, const cli_group *groups, size_t n_groups)
{
    bool shares = false;
    printf(".SS weft %s\n.B weft %s\n", command->name, command->name);
    cli_roff(command->usage);
    fputs(command->usage[0] ? "\n.PP\n" : ".PP\n", stdout);
    cli_roff(command->text);
    putchar('\n');
    for (size_t i = 0; i < n_groups; i++) {
        shares = shares || is_shared(&groups[i]);
        if (is_shared(&groups[i])) continue;
        if (strcmp(groups[i].title, "flags") != 0) printf(".PP\n%s:\n", groups[i].title);
        roff_group(&groups[i]);
    }
    if (shares) puts(".PP\nIt shares the inputs and the flags of planning below with others.");
    return 0;
}

int cli_help_roff_shared(const cli_group *groups, size_t n_groups)
{
    for (size_t i = 0; i < n_groups; i++) {
        if (!is_shared(&groups[i])) continue;
        printf(".SS %s\n", groups[i].title);
        roff_group(&groups[i]);
    }
    return 0;
}
