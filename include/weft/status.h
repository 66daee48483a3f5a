/* weft/status.h - what a weft function can answer, and what it says when something is wrong.
 *
 * Every fallible function returns a weft_status and takes an optional weft_error as its last input
 * argument. Outputs come after it and are written only on WEFT_STATUS_OK. An answer is not an
 * error: "infeasible" or "limit reached" are statuses of their own, with a text that says what is
 * missing. A function that allocates can answer NO_MEMORY, whether its comment says so or not.
 * Every weft_..._free takes NULL. There is no global state: threads may call the library at the
 * same time, each with objects of its own or with objects that none of them changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_STATUS_H
#define WEFT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WEFT_API               __attribute__((visibility("default")))
#define WEFT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WEFT_API
#define WEFT_PRINTF(fmt, args)
#endif

/* One list of every status: enum value, exit code of the command line, one-line meaning. */
#define WEFT_STATUS_LIST(X)                                                                        \
    X(OK, 0, "ok")                                                                                 \
    X(FAILED, 1, "failed")                                                                         \
    X(VIOLATION, 1, "the plan breaks a rule")                                                      \
    X(NO_MEMORY, 1, "out of memory")                                                               \
    X(IO, 1, "cannot read or write")                                                               \
    X(USAGE, 2, "wrong use")                                                                       \
    X(BAD_INPUT, 3, "bad input")                                                                   \
    X(INFEASIBLE, 4, "infeasible")                                                                 \
    X(LIMIT, 5, "limit reached with nothing found")                                                \
    X(INTERRUPTED, 130, "interrupted")

typedef enum weft_status {
#define WEFT_STATUS_ENUM(name, code, text) WEFT_STATUS_##name,
    WEFT_STATUS_LIST(WEFT_STATUS_ENUM)
#undef WEFT_STATUS_ENUM
} weft_status;

/* The first thing that went wrong, on the caller's stack. A zeroed one means "nothing yet". */
typedef struct weft_error {
    weft_status status;
    int line;       /* of the file, from 1; 0 = not known */
    int column;     /* of the line, from 1; 0 = not known */
    char file[256]; /* file or shipped name; "" = none */
    char path[192]; /* JSON path such as $.stages[3].fw_ns; "" = none */
    char text[320]; /* lower case, no full stop; the value found and what was expected */
} weft_error;

/* Name of a status as in the enum, "BAD_INPUT"; "?" for an unknown value. Static storage. */
WEFT_API const char *weft_status_name(weft_status status);

/* One-line meaning of a status, "bad input"; "?" for an unknown value. Static storage. */
WEFT_API const char *weft_status_text(weft_status status);

/* Exit code of the command line for a status, as in WEFT_STATUS_LIST; 1 for an unknown value. */
WEFT_API int weft_status_exit_code(weft_status status);

#ifdef __cplusplus
}
#endif
#endif
