/* profiles/shipped.h - the JSON texts that are compiled into the library, and finding a profile by
 * name: a file where there is one, else a shipped text. Not: reading them. */
#ifndef WEFT_PROFILES_SHIPPED_H
#define WEFT_PROFILES_SHIPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "weft/status.h"

typedef enum weft_i_shipped_kind {
    WEFT_I_SHIPPED_CLUSTER,
    WEFT_I_SHIPPED_MODEL,
    WEFT_I_SHIPPED_RECIPE
} weft_i_shipped_kind;

typedef struct weft_i_shipped {
    weft_i_shipped_kind kind;
    const char *name;
    const char *text; /* the file's bytes and a NUL */
    size_t n;
} weft_i_shipped;

/* Sorted by kind, then by name. */
extern const weft_i_shipped weft_i_shipped_table[];
extern const size_t weft_i_n_shipped;

/* Name of the index-th shipped profile of a kind; NULL past the last. */
const char *weft_i_shipped_name(weft_i_shipped_kind kind, size_t index);

/* The text of a profile. */
typedef struct weft_i_text {
    const char *text;
    size_t n;
    char sha256[65];
    char *heap; /* NULL for a shipped one */
} weft_i_text;

bool weft_i_text_is_file(const char *name);

/* "h800:nodes=4" into "h800", copied into the arena, and "nodes=4"; NULL where nothing is
 * overridden, or the whole is a file's name. NO_MEMORY. */
weft_status weft_i_text_split(const char *name, weft_i_arena *arena, weft_error *error,
                              const char **out_name, const char **out_overrides);

/* Open the file or the shipped profile `name`. IO where the file cannot be read, USAGE where there
 * is neither a file nor a profile of that name. Close *out. */
weft_status weft_i_text_open(weft_i_shipped_kind kind, const char *name, weft_error *error,
                             weft_i_text *out);
void weft_i_text_close(weft_i_text *text);

#endif
