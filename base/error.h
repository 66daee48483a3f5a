/* base/error.h - filling a weft_error. Not: deciding what is an error. */
#ifndef WEFT_BASE_ERROR_H
#define WEFT_BASE_ERROR_H

#include <stdarg.h>

#include "weft/status.h"

/* Record status and text unless `error` is NULL or already holds one (the first error wins).
 * Always returns `status`, so that a caller can `return weft_i_fail(...)`. */
weft_status weft_i_fail(weft_error *error, weft_status status, const char *fmt, ...)
    WEFT_PRINTF(3, 4);

/* The same with a place: file may be NULL, line 0 and path NULL where not known. */
weft_status weft_i_fail_at(weft_error *error, weft_status status, const char *file, int line,
                           const char *path, const char *fmt, ...) WEFT_PRINTF(6, 7);

/* weft_i_fail with NO_MEMORY. */
weft_status weft_i_no_memory(weft_error *error);

/* IO with the words of errno `number`, "cannot read: no such file or directory", where `what` is
 * "read"; ENOMEM gives NO_MEMORY. file may be NULL. */
weft_status weft_i_fail_io(weft_error *error, const char *file, const char *what, int number);

#endif
