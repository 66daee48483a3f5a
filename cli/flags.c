/* cli/flags.c - flags out of argv by tables of options. Help comes from the same tables: help.c. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FLAGS 96
#define MAX_NAME  64

int cli_usage(const cli_command *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "weft %s: ", command->name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, " (weft help %s)\n", command->name);
    va_end(args);
    return weft_status_exit_code(WEFT_STATUS_USAGE);
}

static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(b), row[MAX_NAME + 1];
    if (strlen(a) > MAX_NAME || n > MAX_NAME) return MAX_NAME;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t insert = row[j - 1] + 1, drop = row[j] + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
            row[j] = row[j] < drop ? row[j] : drop;
        }
    }
    return row[n];
}

const char *cli_nearest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

static const weft_option *find(const cli_group *groups, size_t n_groups, const char *name,
                               void **out_target)
{
    for (size_t i = 0; i < n_groups; i++) {
        const weft_option *option = weft_option_find(groups[i].table, groups[i].n, name);
        if (option) {
            *out_target = groups[i].target;
            return option;
        }
    }
    return NULL;
}

static int unknown_flag(const cli_command *command, const cli_group *groups, size_t n_groups,
                        const char *name)
{
    const char *names[MAX_FLAGS];
    size_t n = 0;
    for (size_t i = 0; i < n_groups; i++)
        for (size_t k = 0; k < groups[i].n && n < MAX_FLAGS; k++)
            names[n++] = groups[i].table[k].name;
    const char *near = cli_nearest(name, names, n);
    if (near) return cli_usage(command, "unknown flag '--%s', did you mean '--%s'?", name, near);
    return cli_usage(command, "unknown flag '--%s'", name);
}

/* One flag at argv[*i], which may take argv[*i + 1]. */
static int parse_flag(const cli_command *command, int argc, char **argv, int *i,
                      const cli_group *groups, size_t n_groups)
{
    const char *flag = argv[*i];
    char name[MAX_NAME + 1];
    flag += strcmp(flag, "-o") == 0 ? 0 : 2;
    const char *equals = strchr(flag, '=');
    size_t length = equals ? (size_t)(equals - flag) : strlen(flag);
    if (length > MAX_NAME) return cli_usage(command, "unknown flag '%.40s...'", argv[*i]);
    memcpy(name, flag, length);
    name[length] = 0;
    if (strcmp(flag, "-o") == 0) strcpy(name, "output");
    void *target = NULL;
    const char *value = "true";
    const weft_option *option = find(groups, n_groups, name, &target);
    if (!option && strncmp(name, "no-", 3) == 0) {
        option = find(groups, n_groups, name + 3, &target);
        if (option && option->kind != WEFT_OPTION_BOOL) option = NULL;
        value = "false";
    }
    if (!option) return unknown_flag(command, groups, n_groups, name);
    if (option->kind == WEFT_OPTION_BOOL) {
        if (equals) return cli_usage(command, "--%s takes no value, found '%s'", name, equals + 1);
    } else if (equals) {
        value = equals + 1;
    } else if (*i + 1 >= argc) {
        return cli_usage(command, "--%s wants %s", name, option->value);
    } else {
        value = argv[++*i];
    }
    weft_error error = {0};
    if (weft_option_set(option, value, &error, target)) return cli_usage(command, "%s", error.text);
    return -1;
}

int cli_parse(const cli_command *command, int argc, char **argv, const cli_group *groups,
              size_t n_groups, const char **words, int max_words, int *out_n_words)
{
    int n_words = 0;
    bool flags = true;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (flags && strcmp(word, "--") == 0) {
            flags = false;
        } else if (flags && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            return cli_help_text(command, groups, n_groups);
        } else if (flags && strcmp(word, "--help=roff") == 0) {
            return cli_help_roff(command, groups, n_groups);
        } else if (flags && strcmp(word, "--help=roff-shared") == 0) {
            return cli_help_roff_shared(groups, n_groups);
        } else if (flags && (strncmp(word, "--", 2) == 0 || strcmp(word, "-o") == 0)) {
            int code = parse_flag(command, argc, argv, &i, groups, n_groups);
            if (code >= 0) return code;
        } else if (flags && word[0] == '-' && word[1]) {
            return cli_usage(command, "unknown flag '%s'", word);
        } else if (n_words == max_words) {
            return cli_usage(command, "unexpected word '%s'", word);
        } else {
            words[n_words++] = word;
        }
    }
    *out_n_words = n_words;
    return -1;
}
