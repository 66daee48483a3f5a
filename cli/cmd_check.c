/* cli/cmd_check.c - weft check: does a plan keep every rule? */
#include "cli/cli.h"

#include <stddef.h>

typedef struct check_flags {
    bool json;
} check_flags;

static const weft_option check_table[] = {
    {"json", WEFT_OPTION_BOOL, offsetof(check_flags, json), 0, 0, NULL, NULL,
     "print the answer as one JSON object"},
};

static void print_json(weft_status status, const weft_violation *where, const char *text)
{
    if (!status) {
        puts("{\"ok\":true}");
        return;
    }
    printf("{\"ok\":false,\"rule\":\"%s\",\"replica\":%d,\"rank\":%d,\"action\":%d,\"text\":",
           where->rule, where->replica, where->rank, where->action);
    cli_json_string(text);
    puts("}");
}

int cmd_check(const cli_command *command, int argc, char **argv)
{
    check_flags flags = {0};
    const cli_group group = {"flags", check_table, 1, &flags};
    const char *file = NULL;
    int n_words = 0, code = cli_parse(command, argc, argv, &group, 1, &file, 1, &n_words);
    if (code >= 0) return code;
    if (n_words == 0) return cli_usage(command, "no plan given");
    weft_error error = {0};
    weft_plan *plan = NULL;
    if (weft_plan_read(file, &error, &plan)) return cli_fail_input(&error);
    weft_violation where = {-1, -1, -1, ""};
    weft_status status = weft_plan_check(plan, &error, &where);
    if (status && status != WEFT_STATUS_VIOLATION)
        cli_fail(&error);
    else if (flags.json)
        print_json(status, &where, error.text);
    else if (!status)
        printf("ok: %d pipeline%s, every rule kept\n", plan->n_pipelines,
               plan->n_pipelines == 1 ? "" : "s");
    else
        printf("violation: %s\n", error.text);
    weft_plan_free(plan);
    return weft_status_exit_code(status);
}
