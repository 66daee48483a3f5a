/* profiles/recipe_json.c - a weft.recipe text into a recipe, and the tables of its keys. */
#include <string.h>

#include "base/error.h"
#include "profiles/recipe_own.h"

enum { MAX_MODULES = 64, MAX_PARALLEL = 1 << 20 };

#define INT(field, low, high)                                                                      \
    {                                                                                              \
        WEFT_I_FIELD_INT32(#field, weft_recipe, field), .min = low, .max = high                    \
    }
#define INT64(field, low, high)                                                                    \
    {                                                                                              \
        WEFT_I_FIELD(#field, WEFT_I_JSON_INT64, weft_recipe, field), .min = low, .max = high       \
    }
#define DOUBLE(field, low, high)                                                                   \
    {                                                                                              \
        WEFT_I_FIELD_DOUBLE(#field, weft_recipe, field), .min = low, .max = high                   \
    }
#define BOOL(field)                                                                                \
    {                                                                                              \
        WEFT_I_FIELD_BOOL(#field, weft_recipe, field)                                              \
    }
#define CHOICE(field, words)                                                                       \
    {                                                                                              \
        WEFT_I_FIELD_ENUM(#field, weft_recipe, field, words)                                       \
    }
#define SIZE(field)                                                                                \
    {                                                                                              \
        WEFT_I_FIELD_INT32(#field, weft_recipe, parallel.field), .min = 0, .max = MAX_PARALLEL     \
    }

const weft_i_json_field weft_i_recipe_fields[] = {
    {WEFT_I_FIELD_STRING("name", weft_recipe, name), .required = true},
    INT64(sequence, 1, 1e9),
    INT(max_images, 0, 1e9),
    INT(max_clips, 0, 1e9),
    DOUBLE(max_seconds, 0, 1e9),
    CHOICE(packing, "first_fit|next_fit|none"),
    INT(default_width, 1, 1 << 20),
    INT(default_height, 1, 1 << 20),
    DOUBLE(default_seconds, 1e-3, 1e6),
    INT64(default_text_tokens, 1, 1e9),
    CHOICE(precision, "bf16|fp8"),
    INT(parameter_bytes, 1, 16),
    INT(gradient_bytes, 1, 16),
    INT(optimizer_bytes, 0, 32),
    INT(zero, 0, 3),
    CHOICE(cp_mode, "ring|all_gather"),
    BOOL(sequence_parallel),
    BOOL(flash_attention),
    BOOL(allow_none),
    BOOL(allow_selective),
    BOOL(allow_full),
    BOOL(allow_offload),
    BOOL(overlap_dp),
    BOOL(overlap_tp),
    CHOICE(objective, "step|makespan|span"),
    INT64(post_ns, 0, 1e12),
    SIZE(dp),
    SIZE(pp),
    SIZE(tp),
    SIZE(cp),
    SIZE(ep),
    INT(microbatches, 0, 1e6),
    {WEFT_I_FIELD_OTHER("recompute_sets")},
    {WEFT_I_FIELD_OTHER("modules")},
};
const size_t weft_i_n_recipe_fields =
    sizeof(weft_i_recipe_fields) / sizeof(weft_i_recipe_fields[0]);

const weft_i_json_field weft_i_recipe_entry_fields[] = {
    {WEFT_I_FIELD_ENUM("tp_mode", weft_i_recipe_entry, module.tp_mode, "tp|dp_in_tp")},
    {WEFT_I_FIELD_BOOL("frozen", weft_i_recipe_entry, frozen)},
    {WEFT_I_FIELD_INT32("segments", weft_i_recipe_entry, module.segments), .min = 0, .max = 1024},
    {WEFT_I_FIELD("submicrobatch_tokens", WEFT_I_JSON_INT64, weft_i_recipe_entry,
                  module.submicrobatch_tokens),
     .min = 0, .max = 1e12},
};
const size_t weft_i_n_recipe_entry_fields =
    sizeof(weft_i_recipe_entry_fields) / sizeof(weft_i_recipe_entry_fields[0]);

static weft_status read_entry(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                              weft_recipe_module *out)
{
    weft_i_recipe_entry entry = {.module = weft_i_recipe_default_module(NULL)};
    weft_i_json frozen;
    weft_status status = weft_i_json_read(in, weft_i_recipe_entry_fields,
                                          weft_i_n_recipe_entry_fields, NULL, error, &entry);
    if (status != WEFT_STATUS_OK) return status;
    if (weft_i_json_get(in, "frozen", &frozen)) entry.module.frozen = entry.frozen;
    entry.module.module = weft_i_arena_string(arena, in->key);
    if (!entry.module.module) return weft_i_no_memory(error);
    *out = entry.module;
    return WEFT_STATUS_OK;
}

static weft_status read_modules(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                                weft_recipe *recipe)
{
    weft_i_json member;
    weft_status status = WEFT_STATUS_OK;
    if (!weft_i_json_is_object(in))
        return weft_i_json_read(in, NULL, 0, NULL, error, NULL); /* says what it is */
    recipe->modules = weft_i_new(arena, weft_recipe_module, MAX_MODULES);
    if (!recipe->modules) return weft_i_no_memory(error);
    for (size_t i = 0; status == WEFT_STATUS_OK && weft_i_json_member(in, i, &member); i++) {
        if (strncmp(member.key, "x_", 2) == 0) continue;
        if (recipe->n_modules == MAX_MODULES)
            return weft_i_json_fail(&member, error, "expected at most %d modules", MAX_MODULES);
        status = read_entry(&member, arena, error, &recipe->modules[recipe->n_modules++]);
    }
    return status;
}

/* An array of texts. */
static weft_status read_recompute(const weft_i_json *in, weft_error *error, weft_recipe *recipe)
{
    size_t n;
    weft_status status = weft_i_json_array(in, 0, WEFT_MAX_RECOMPUTE_SETS, error, &n);
    for (size_t i = 0; status == WEFT_STATUS_OK && i < n; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        weft_error inner = {0};
        const char *text;
        int32_t index;
        status = weft_i_json_string(&item, recipe->owner, error, &text);
        if (status == WEFT_STATUS_OK)
            status = weft_recipe_add_recompute(recipe, text, &inner, &index);
        if (inner.status == WEFT_STATUS_USAGE)
            return weft_i_json_fail(&item, error, "%s", inner.text);
        if (status == WEFT_STATUS_OK && index < (int32_t)i)
            return weft_i_json_fail(&item, error, "this set is there twice");
    }
    return status;
}

static weft_status read_root(const weft_i_json *root, weft_i_arena *arena, weft_error *error,
                             weft_recipe *recipe)
{
    weft_i_json member;
    const char *key;
    weft_status status = weft_i_json_header(root, "recipe", 1, error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_json_read(root, weft_i_recipe_fields, weft_i_n_recipe_fields, arena, error,
                                  recipe);
    if (status == WEFT_STATUS_OK && weft_i_json_get(root, "recompute_sets", &member))
        status = read_recompute(&member, error, recipe);
    if (status == WEFT_STATUS_OK && weft_i_json_get(root, "modules", &member))
        status = read_modules(&member, arena, error, recipe);
    if (status != WEFT_STATUS_OK) return status;
    const char *wrong = weft_i_recipe_wrong(recipe, &key);
    if (!wrong) return WEFT_STATUS_OK;
    if (!weft_i_json_get(root, key, &member)) member = *root;
    return weft_i_json_fail(&member, error, "%s", wrong);
}

weft_status weft_i_recipe_read_json(const char *name, const char *text, size_t n,
                                    weft_i_arena *arena, weft_error *error, weft_recipe *recipe)
{
    weft_i_json_doc *doc;
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json root = weft_i_json_root(doc);
    status = read_root(&root, arena, error, recipe);
    weft_i_json_free(doc);
    return status;
}
