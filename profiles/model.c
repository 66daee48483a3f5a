/* profiles/model.c - loading a model by name, and freeing it. */
#include "weft/model.h"

#include <string.h>

#include "base/error.h"
#include "base/sha256.h"
#include "profiles/model_own.h"
#include "profiles/shipped.h"

static const char gpt[] = "gpt:";

const char *weft_model_shipped(size_t index)
{
    return weft_i_shipped_name(WEFT_I_SHIPPED_MODEL, index);
}

static weft_status fill_from_gpt(const char *name, weft_i_arena *arena, weft_error *error,
                                 weft_model *model)
{
    char hex[65];
    weft_i_sha256_of(name, strlen(name), hex);
    model->name = weft_i_arena_string(arena, name);
    model->sha256 = weft_i_arena_string(arena, hex);
    if (!model->name || !model->sha256) return weft_i_no_memory(error);
    return weft_i_model_read_gpt(name + strlen(gpt), arena, error, model);
}

static weft_status fill_from_text(const char *name, weft_i_arena *arena, weft_error *error,
                                  weft_model *model)
{
    weft_i_text text;
    weft_status status = weft_i_text_open(WEFT_I_SHIPPED_MODEL, name, error, &text);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_model_read_json(name, text.text, text.n, arena, error, model);
    model->sha256 = weft_i_arena_string(arena, text.sha256);
    if (status == WEFT_STATUS_OK && !model->sha256) status = weft_i_no_memory(error);
    weft_i_text_close(&text);
    return status;
}

weft_status weft_model_load(const char *name, weft_error *error, weft_model **out_model)
{
    weft_i_arena *arena;
    weft_model *model = weft_i_owned_new(sizeof(*model), &arena);
    weft_status status;
    if (!model) return weft_i_no_memory(error);
    model->owner = arena;
    if (strncmp(name, gpt, strlen(gpt)) == 0 && !weft_i_text_is_file(name))
        status = fill_from_gpt(name, arena, error, model);
    else
        status = fill_from_text(name, arena, error, model);
    if (status == WEFT_STATUS_OK)
        *out_model = model;
    else
        weft_model_free(model);
    return status;
}

void weft_model_free(weft_model *model)
{
    if (model) weft_i_owned_free(model->owner);
}
