/* runtime/launch.h - the command line of weft-run. */
#ifndef WEFT_RUNTIME_LAUNCH_H
#define WEFT_RUNTIME_LAUNCH_H

#include "weft/option.h"

#include <stdint.h>

typedef struct weft_i_launch {
    const char *plan; /* file, "-" = stdin */
    int64_t n_steps;
    double scale;
    double timeout; /* seconds */
    bool payload;
    const char *timeline; /* file; NULL = none */
    bool json;
    bool help, version;
} weft_i_launch;

/* Read argv. USAGE with one line that says what is wrong. */
weft_status weft_i_launch_read(int argc, char **argv, weft_error *error, weft_i_launch *out);

/* Print the help to stdout. */
void weft_i_launch_help(void);

#endif
