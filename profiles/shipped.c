/* profiles/shipped.c - finding a profile by name: a file, else a text compiled in. */
#include "profiles/shipped.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/words.h"

static const char *kind_word(weft_i_shipped_kind kind)
{
    switch (kind) {
    case WEFT_I_SHIPPED_CLUSTER:
        return "cluster";
    case WEFT_I_SHIPPED_MODEL:
        return "model";
    case WEFT_I_SHIPPED_RECIPE:
        return "recipe";
    }
    return "?";
}

const char *weft_i_shipped_name(weft_i_shipped_kind kind, size_t index)
{
    for (size_t i = 0; i < weft_i_n_shipped; i++) {
        if (weft_i_shipped_table[i].kind == kind && index-- == 0)
            return weft_i_shipped_table[i].name;
    }
    return NULL;
}

bool weft_i_text_is_file(const char *name)
{
    struct stat info;
    return stat(name, &info) == 0 && !S_ISDIR(info.st_mode);
}

weft_status weft_i_text_split(const char *name, weft_i_arena *arena, weft_error *error,
                              const char **out_name, const char **out_overrides)
{
    const char *colon = weft_i_text_is_file(name) ? NULL : strrchr(name, ':');
    char *stem = weft_i_arena_string(arena, name);
    if (!stem) return weft_i_no_memory(error);
    if (colon) stem[colon - name] = '\0';
    *out_name = stem;
    *out_overrides = colon ? colon + 1 : NULL;
    return WEFT_STATUS_OK;
}

static const weft_i_shipped *find(weft_i_shipped_kind kind, const char *name)
{
    for (size_t i = 0; i < weft_i_n_shipped; i++) {
        const weft_i_shipped *row = &weft_i_shipped_table[i];
        if (row->kind == kind && strcmp(row->name, name) == 0) return row;
    }
    return NULL;
}

static weft_status fail_unknown(weft_i_shipped_kind kind, const char *name, weft_error *error)
{
    char quote[WEFT_I_QUOTE_SIZE];
    const char *shipped;
    weft_i_nearest nearest = {.word = name};
    for (size_t i = 0; (shipped = weft_i_shipped_name(kind, i)) != NULL; i++)
        weft_i_nearest_look(&nearest, shipped);
    weft_i_words_quote(name, quote);
    const char *meant = weft_i_nearest_known(&nearest);
    if (!meant) {
        return weft_i_fail(error, WEFT_STATUS_USAGE, "%s is neither a file nor a shipped %s", quote,
                           kind_word(kind));
    }
    return weft_i_fail(error, WEFT_STATUS_USAGE,
                       "%s is neither a file nor a shipped %s, did you mean '%s'?", quote,
                       kind_word(kind), meant);
}

weft_status weft_i_text_open(weft_i_shipped_kind kind, const char *name, weft_error *error,
                             weft_i_text *out)
{
    weft_i_text text = {0};
    if (weft_i_text_is_file(name) || strchr(name, '/')) {
        weft_status status = weft_i_file_read(name, error, &text.heap, &text.n);
        if (status != WEFT_STATUS_OK) return status;
        text.text = text.heap;
    } else {
        const weft_i_shipped *row = find(kind, name);
        if (!row) return fail_unknown(kind, name, error);
        text.text = row->text;
        text.n = row->n;
    }
    weft_i_sha256_of(text.text, text.n, text.sha256);
    *out = text;
    return WEFT_STATUS_OK;
}

void weft_i_text_close(weft_i_text *text)
{
    free(text->heap);
    *text = (weft_i_text){0};
}
