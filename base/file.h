/* base/file.h - whole files in, atomic files out. "-" is stdin or stdout. */
#ifndef WEFT_BASE_FILE_H
#define WEFT_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "weft/status.h"

/* A file over this many bytes, or a line over WEFT_I_LINE_MAX, is refused before allocating. */
#define WEFT_I_FILE_MAX ((size_t)512 << 20)
#define WEFT_I_LINE_MAX ((size_t)16 << 20)

/* Read a file into heap memory with a NUL after it. IO where it cannot be read ("name: reason"),
 * BAD_INPUT where it is too large. Caller frees *out_text. */
weft_status weft_i_file_read(const char *name, weft_error *error, char **out_text, size_t *out_n);

/* What errors call a file: its name, "stdin" for "-". */
const char *weft_i_file_label(const char *name);

/* A file that appears under its name only when complete. */
typedef struct weft_i_file_out {
    FILE *stream;
    char *name;      /* as it was given; NULL for stdout */
    char *target;    /* what it stands for: where a symbolic link leads */
    char *temporary; /* name while it is written, in the same folder */
} weft_i_file_out;

weft_status weft_i_file_create(const char *name, weft_error *error, weft_i_file_out *out);
/* Flush, sync and rename; on failure the temporary is removed and the old file stays. */
weft_status weft_i_file_commit(weft_i_file_out *file, weft_error *error);
/* Remove the temporary; nothing is left. Safe after commit and on a zeroed struct. */
void weft_i_file_abort(weft_i_file_out *file);
/* Commit where what was written is complete, by `status`, else abort; an error of writing that does
 * not name its file then does. */
weft_status weft_i_file_end(weft_i_file_out *file, weft_status status, weft_error *error);

#endif
