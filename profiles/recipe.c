/* profiles/recipe.c - loading a recipe by name, its defaults, changing it in one line. */
#include "weft/recipe.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/words.h"
#include "profiles/keyvalue.h"
#include "profiles/recipe_own.h"
#include "profiles/recompute.h"
#include "profiles/shipped.h"

const char *weft_recipe_shipped(size_t index)
{
    return weft_i_shipped_name(WEFT_I_SHIPPED_RECIPE, index);
}

weft_recipe_module weft_i_recipe_default_module(const char *module)
{
    return (weft_recipe_module){.module = module, .tp_mode = WEFT_TP_MODE_TP, .frozen = -1};
}

weft_recipe_module weft_recipe_of_module(const weft_recipe *recipe, const char *module)
{
    for (int32_t i = 0; i < recipe->n_modules; i++) {
        if (strcmp(recipe->modules[i].module, module) == 0) return recipe->modules[i];
    }
    return weft_i_recipe_default_module(module);
}

weft_status weft_recipe_check(const weft_recipe *recipe, const weft_model *model, weft_error *error)
{
    for (int32_t i = 0; i < recipe->n_modules; i++) {
        bool found = false;
        for (int32_t m = 0; m < model->n_modules && !found; m++)
            found = strcmp(model->modules[m].name, recipe->modules[i].module) == 0;
        if (!found)
            return weft_i_fail(error, WEFT_STATUS_USAGE, "model %s has no module '%s'", model->name,
                               recipe->modules[i].module);
    }
    return WEFT_STATUS_OK;
}

const char *weft_i_recipe_wrong(const weft_recipe *recipe, const char **out_key)
{
    *out_key = "allow_none";
    if (!recipe->allow_none && !recipe->allow_selective && !recipe->allow_full &&
        !recipe->allow_offload && recipe->n_recompute_sets == 0)
        return "no memory strategy is allowed, expected at least one";
    return NULL;
}

static void set_defaults(weft_recipe *recipe)
{
    *recipe = (weft_recipe){.name = "default",
                            .sha256 = "",
                            .sequence = 8192,
                            .max_images = 48,
                            .max_clips = 8,
                            .max_seconds = 16,
                            .packing = WEFT_PACKING_FIRST_FIT,
                            .default_width = 640,
                            .default_height = 480,
                            .default_seconds = 8,
                            .default_text_tokens = 200,
                            .precision = WEFT_PRECISION_BF16,
                            .parameter_bytes = 2,
                            .gradient_bytes = 4,
                            .optimizer_bytes = 12,
                            .sequence_parallel = true,
                            .flash_attention = true,
                            .allow_none = true,
                            .allow_selective = true,
                            .allow_full = true,
                            .overlap_dp = true,
                            .overlap_tp = true};
}

static weft_status fill(weft_recipe *recipe, const char *name, weft_error *error)
{
    weft_i_arena *arena = recipe->owner;
    weft_i_text text;
    weft_status status = weft_i_text_open(WEFT_I_SHIPPED_RECIPE, name, error, &text);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_recipe_read_json(name, text.text, text.n, arena, error, recipe);
    if (status == WEFT_STATUS_OK) {
        recipe->sha256 = weft_i_arena_string(arena, text.sha256);
        if (!recipe->sha256) status = weft_i_no_memory(error);
    }
    weft_i_text_close(&text);
    return status;
}

/* "vlm-s", a file, or either with overrides. */
static weft_status fill_by_name(weft_recipe *recipe, const char *name, weft_error *error)
{
    const char *stem, *overrides;
    weft_status status = weft_i_text_split(name, recipe->owner, error, &stem, &overrides);
    if (status == WEFT_STATUS_OK) status = fill(recipe, stem, error);
    if (status != WEFT_STATUS_OK || !overrides) return status;
    status = weft_recipe_override(recipe, overrides, error);
    if (status != WEFT_STATUS_OK) return status;
    recipe->name = weft_i_arena_printf(recipe->owner, "%s:%s", recipe->name, overrides);
    return recipe->name ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_recipe_load(const char *name, weft_error *error, weft_recipe **out_recipe)
{
    weft_i_arena *arena;
    weft_recipe *recipe = weft_i_owned_new(sizeof(*recipe), &arena);
    weft_status status = WEFT_STATUS_OK;
    if (!recipe) return weft_i_no_memory(error);
    set_defaults(recipe);
    recipe->owner = arena;
    if (name) status = fill_by_name(recipe, name, error);
    if (status == WEFT_STATUS_OK)
        *out_recipe = recipe;
    else
        weft_recipe_free(recipe);
    return status;
}

weft_status weft_recipe_of_model(const weft_model *model, weft_error *error,
                                 weft_recipe **out_recipe)
{
    const char *name = NULL;
    for (size_t i = 0; !name && weft_recipe_shipped(i); i++) {
        if (strcmp(weft_recipe_shipped(i), model->name) == 0) name = weft_recipe_shipped(i);
    }
    weft_status status = weft_recipe_load(name, error, out_recipe);
    if (status == WEFT_STATUS_OK && !name && model->sequence > 0)
        (*out_recipe)->sequence = model->sequence;
    return status;
}

void weft_recipe_free(weft_recipe *recipe)
{
    if (recipe) weft_i_owned_free(recipe->owner);
}

/* The entry of a module, added where there is none: `modules` has room. NULL when out of memory. */
static weft_recipe_module *entry_of(weft_recipe *recipe, const char *module)
{
    for (int32_t i = 0; i < recipe->n_modules; i++) {
        if (strcmp(recipe->modules[i].module, module) == 0) return &recipe->modules[i];
    }
    char *name = weft_i_arena_string(recipe->owner, module);
    if (!name) return NULL;
    recipe->modules[recipe->n_modules] = weft_i_recipe_default_module(name);
    return &recipe->modules[recipe->n_modules++];
}

/* "vision.frozen" = "true". */
static weft_status set_of_module(const weft_i_keyvalue *pair, size_t n_module, weft_error *error,
                                 weft_recipe *recipe)
{
    weft_i_keyvalue inner = *pair;
    char module[WEFT_I_KEYVALUE_SIZE];
    memcpy(module, pair->key, n_module);
    module[n_module] = 0;
    memmove(inner.key, pair->key + n_module + 1, strlen(pair->key) - n_module);
    weft_recipe_module *entry = entry_of(recipe, module);
    if (!entry) return weft_i_no_memory(error);
    weft_i_recipe_entry changed = {.module = *entry};
    weft_status status = weft_i_keyvalue_set(&inner, "recipe", weft_i_recipe_entry_fields,
                                             weft_i_n_recipe_entry_fields, error, &changed);
    if (status != WEFT_STATUS_OK) return status;
    if (strcmp(inner.key, "frozen") == 0) changed.module.frozen = changed.frozen;
    *entry = changed.module;
    return WEFT_STATUS_OK;
}

weft_status weft_recipe_add_recompute(weft_recipe *recipe, const char *operators, weft_error *error,
                                      int32_t *out_index)
{
    weft_i_recompute_fault fault;
    char text[WEFT_I_RECOMPUTE_SIZE];
    uint32_t set;
    int32_t i = 0, n = recipe->n_recompute_sets;
    if (!weft_i_recompute_parse(operators, &set, &fault))
        return weft_i_fail(error, WEFT_STATUS_USAGE, "recompute: %s", fault.text);
    weft_i_recompute_write(set, text);
    while (i < n && strcmp(recipe->recompute_sets[i], text) != 0)
        i++;
    if (i == WEFT_MAX_RECOMPUTE_SETS)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "recompute: expected at most %d sets",
                           WEFT_MAX_RECOMPUTE_SETS);
    if (i == n) {
        recipe->recompute_sets[n] = weft_i_arena_string(recipe->owner, text);
        if (!recipe->recompute_sets[n]) return weft_i_no_memory(error);
        recipe->n_recompute_sets++;
    }
    *out_index = i;
    return WEFT_STATUS_OK;
}

/* "core_attn+layernorm/mlp": sets in place of those that are there. */
static weft_status set_recompute(const char *value, weft_error *error, weft_recipe *recipe)
{
    char set[WEFT_I_KEYVALUE_SIZE];
    int32_t index;
    recipe->n_recompute_sets = 0;
    for (;; value++) {
        size_t n = strcspn(value, "/");
        memcpy(set, value, n);
        set[n] = 0;
        weft_status status = weft_recipe_add_recompute(recipe, set, error, &index);
        value += n;
        if (status != WEFT_STATUS_OK || *value == 0) return status;
    }
}

static weft_status set_all(weft_recipe *recipe, const char *overrides, weft_error *error)
{
    weft_i_keyvalue pair = {.rest = overrides};
    bool more;
    for (;;) {
        weft_status status = weft_i_keyvalue_next(&pair, "recipe", error, &more);
        if (status != WEFT_STATUS_OK || !more) return status;
        size_t n_module = strcspn(pair.key, ".");
        if (pair.key[0] == '.')
            return weft_i_fail(error, WEFT_STATUS_USAGE, "recipe: expected a module before '%.60s'",
                               pair.key);
        if (pair.key[n_module] == '.')
            status = set_of_module(&pair, n_module, error, recipe);
        else if (strcmp(pair.key, "recompute_sets") == 0)
            status = set_recompute(pair.value, error, recipe);
        else
            status = weft_i_keyvalue_set(&pair, "recipe", weft_i_recipe_fields,
                                         weft_i_n_recipe_fields, error, recipe);
        if (status != WEFT_STATUS_OK) return status;
    }
}

/* The hash of a changed recipe is that of the old hash and the changes. */
static weft_status rehash(weft_recipe *recipe, const char *overrides, weft_error *error)
{
    weft_i_sha256 sha;
    char hex[65];
    weft_i_sha256_begin(&sha);
    weft_i_sha256_add(&sha, recipe->sha256, strlen(recipe->sha256));
    weft_i_sha256_add(&sha, overrides, strlen(overrides));
    weft_i_sha256_end(&sha, hex);
    recipe->sha256 = weft_i_arena_string(recipe->owner, hex);
    return recipe->sha256 ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_recipe_override(weft_recipe *recipe, const char *overrides, weft_error *error)
{
    weft_recipe changed = *recipe;
    size_t n_pairs = 1;
    const char *key;
    for (const char *c = overrides; *c; c++)
        n_pairs += *c == ',';
    changed.modules =
        weft_i_new(recipe->owner, weft_recipe_module, (size_t)recipe->n_modules + n_pairs);
    if (!changed.modules) return weft_i_no_memory(error);
    if (recipe->n_modules > 0)
        memcpy(changed.modules, recipe->modules,
               (size_t)recipe->n_modules * sizeof(*recipe->modules));
    weft_status status = set_all(&changed, overrides, error);
    if (status != WEFT_STATUS_OK) return status;
    const char *wrong = weft_i_recipe_wrong(&changed, &key);
    if (wrong) return weft_i_fail(error, WEFT_STATUS_USAGE, "recipe: %s: %s", key, wrong);
    status = rehash(&changed, overrides, error);
    if (status == WEFT_STATUS_OK) *recipe = changed;
    return status;
}
