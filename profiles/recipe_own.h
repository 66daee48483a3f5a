/* profiles/recipe_own.h - the tables of a recipe's keys, for JSON and for overrides. */
#ifndef WEFT_PROFILES_RECIPE_OWN_H
#define WEFT_PROFILES_RECIPE_OWN_H

#include "base/json_in.h"
#include "weft/recipe.h"

/* One entry of "modules" as it is read: "frozen" is a bool there. */
typedef struct weft_i_recipe_entry {
    weft_recipe_module module;
    bool frozen;
} weft_i_recipe_entry;

extern const weft_i_json_field weft_i_recipe_fields[];
extern const size_t weft_i_n_recipe_fields;
extern const weft_i_json_field weft_i_recipe_entry_fields[];
extern const size_t weft_i_n_recipe_entry_fields;

/* What a recipe says of a module that it does not mention. */
weft_recipe_module weft_i_recipe_default_module(const char *module);

/* What is wrong with a recipe: the key in *out_key and half a sentence; NULL where nothing is. */
const char *weft_i_recipe_wrong(const weft_recipe *recipe, const char **out_key);

/* Fill a recipe of defaults from a weft.recipe text. */
weft_status weft_i_recipe_read_json(const char *name, const char *text, size_t n,
                                    weft_i_arena *arena, weft_error *error, weft_recipe *recipe);

#endif
