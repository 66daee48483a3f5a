/* cli/cmd_show.c - weft show: a plan as a picture, in the terminal or as SVG, and a run of it. */
#include "cli/cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct show_flags {
    const char *output, *measured;
    int64_t replica, width;
    int color; /* place in the choices */
} show_flags;

enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

static const weft_option show_table[] = {
    {"output", WEFT_OPTION_STRING, offsetof(show_flags, output), 0, 0, NULL, "FILE.svg",
     "write an SVG picture there; - is stdout (default: draw in the terminal)"},
    {"measured", WEFT_OPTION_STRING, offsetof(show_flags, measured), 0, 0, NULL, "FILE",
     "a run of the plan to draw below it: what weft-run --timeline wrote"},
    {"replica", WEFT_OPTION_INT, offsetof(show_flags, replica), 0, 65535, NULL, "R",
     "the replica to draw (default: the slowest)"},
    {"width", WEFT_OPTION_INT, offsetof(show_flags, width), 40, 100000, NULL, "N",
     "columns of the terminal picture, or pixels of the SVG"},
    {"color", WEFT_OPTION_ENUM, offsetof(show_flags, color), 0, 0, "auto|always|never", "WHEN",
     "colours in the terminal"},
};

static int32_t terminal_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 0;
}

static bool wants_color(int when)
{
    if (when != COLOR_AUTO) return when == COLOR_ALWAYS;
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static weft_status show(const weft_plan *plan, const weft_timeline *measured,
                        const show_flags *flags, weft_error *error)
{
    weft_show_options options;
    weft_show_options_init(&options);
    options.replica = (int32_t)flags->replica;
    options.width = (int32_t)flags->width;
    options.color = wants_color(flags->color);
    options.measured = measured;
    if (flags->output) return weft_show_svg(plan, &options, flags->output, error);
    if (options.width == 0) options.width = terminal_width();
    return weft_show_text(plan, &options, error, stdout);
}

int cmd_show(const cli_command *command, int argc, char **argv)
{
    show_flags flags = {.replica = -1};
    const cli_group group = {"flags", show_table, sizeof show_table / sizeof show_table[0], &flags};
    const char *file = NULL;
    int n_words = 0, code = cli_parse(command, argc, argv, &group, 1, &file, 1, &n_words);
    if (code >= 0) return code;
    if (n_words == 0) return cli_usage(command, "no plan given");
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_timeline *measured = NULL;
    weft_status status = weft_plan_read(file, &error, &plan);
    if (!status && flags.measured) status = weft_timeline_read(flags.measured, &error, &measured);
    if (status)
        code = cli_fail_input(&error);
    else
        code = show(plan, measured, &flags, &error) ? cli_fail_about(file, &error) : 0;
    weft_timeline_free(measured);
    weft_plan_free(plan);
    return code;
}
