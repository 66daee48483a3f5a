/* weft/option.h - tables that describe the fields of a public struct of options.
 *
 * One table feeds the struct, the command line's flags, the "options" object of a plan, the help
 * and the manual. A table is a constant array; the library has one for each struct of options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_OPTION_H
#define WEFT_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The C type of the field that an option sets. */
typedef enum weft_option_kind {
    WEFT_OPTION_INT,    /* int64_t */
    WEFT_OPTION_DOUBLE, /* double */
    WEFT_OPTION_BOOL,   /* bool; a flag takes no value, "--no-NAME" clears it */
    WEFT_OPTION_STRING, /* const char *, borrowed from the caller */
    WEFT_OPTION_ENUM,   /* int; one of `choices` by its place in the list */
    WEFT_OPTION_SET     /* int64_t; the bit of each of `choices` that is named, by its place; names
                           are separated by ',', and setting it again adds to it */
} weft_option_kind;

typedef struct weft_option {
    const char *name; /* of the flag without dashes, words joined by '-' */
    weft_option_kind kind;
    size_t offset;       /* of the field in its struct */
    double min, max;     /* of a number, inclusive */
    const char *choices; /* of an enum or a set, separated by '|': "step|makespan|span" */
    const char *value;   /* what help calls the value: "SECONDS"; NULL for a bool */
    const char *text;    /* half a line of help, lower case, no full stop */
} weft_option;

/* Find `name` in a table of n options; NULL where it is not there. */
WEFT_API const weft_option *weft_option_find(const weft_option *table, size_t n, const char *name);

/* Parse `text` strictly (no blanks, no trailing characters, in range) and set the field of
 * `options`. For a bool, text is "true" or "false". Returns USAGE with a line that says the value
 * found and what was expected: "--time-limit: 'abc' is not a number from 0.001 to 86400". */
WEFT_API weft_status weft_option_set(const weft_option *option, const char *text, weft_error *error,
                                     void *options);

#ifdef __cplusplus
}
#endif
#endif
