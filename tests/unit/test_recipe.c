/* Recipes: defaults, shipped ones, overrides, what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "profiles/recipe_own.h"
#include "weft/recipe.h"

static weft_recipe *load(const char *name)
{
    weft_error error = {0};
    weft_recipe *recipe = NULL;
    weft_status status = weft_recipe_load(name, &error, &recipe);
    cr_assert_eq(status, WEFT_STATUS_OK, "line %d %s: %s", error.line, error.path, error.text);
    return recipe;
}

Test(recipe, has_defaults)
{
    weft_recipe *recipe = load(NULL);
    cr_expect_eq(recipe->sequence, 8192);
    cr_expect_eq(recipe->parameter_bytes + recipe->gradient_bytes + recipe->optimizer_bytes, 18);
    cr_expect(recipe->allow_none && recipe->allow_selective && recipe->allow_full);
    weft_recipe_module module = weft_recipe_of_module(recipe, "vision");
    cr_expect_eq(module.frozen, -1);
    cr_expect_eq(module.tp_mode, WEFT_TP_MODE_TP);
    weft_recipe_free(recipe);
}

Test(recipe, is_changed_by_one_line)
{
    weft_error error = {0};
    weft_recipe *recipe = load("vlm-s");
    char before[65];
    strcpy(before, recipe->sha256);
    cr_expect_eq(recipe->parallel.tp, 4);
    cr_assert_eq(weft_recipe_override(recipe,
                                      "sequence=4096,tp=2,vision.frozen=true,zero=1,"
                                      "vision.tp_mode=dp_in_tp,language.segments=3,"
                                      "allow_full=false,objective=span,max_seconds=2.5",
                                      &error),
                 WEFT_STATUS_OK, "%s", error.text);
    cr_expect_eq(recipe->sequence, 4096);
    cr_expect_eq(recipe->parallel.tp, 2);
    cr_expect_eq(recipe->zero, 1);
    cr_expect_eq(recipe->objective, 2);
    cr_expect_not(recipe->allow_full);
    cr_expect_float_eq(recipe->max_seconds, 2.5, 0);
    cr_expect_eq(weft_recipe_of_module(recipe, "vision").frozen, 1);
    cr_expect_eq(weft_recipe_of_module(recipe, "vision").tp_mode, WEFT_TP_MODE_DP_IN_TP);
    cr_expect_eq(weft_recipe_of_module(recipe, "language").segments, 3);
    cr_expect_eq(weft_recipe_of_module(recipe, "language").frozen, -1);
    cr_expect_str_neq(recipe->sha256, before);
    cr_assert_eq(weft_recipe_override(recipe, "vision.frozen=false", &error), WEFT_STATUS_OK);
    cr_expect_eq(weft_recipe_of_module(recipe, "vision").frozen, 0);
    cr_expect_eq(weft_recipe_of_module(recipe, "vision").tp_mode, WEFT_TP_MODE_DP_IN_TP);
    weft_recipe_free(recipe);
}

Test(recipe, refuses_wrong_lines_and_stays)
{
    static const char *const CASES[][2] = {
        {"", "recipe: expected key=value, found ''"},
        {"tp=4,", "recipe: expected key=value, found ''"},
        {"tp=x", "recipe: tp: expected an integer from 0 to 1048576, found 'x'"},
        {"packin=4", "recipe: unknown key 'packin', did you mean 'packing'?"},
        {"name=x", "recipe: unknown key 'name'"},
        {"vision.frozen=1", "recipe: frozen: expected one of false, true, found '1'"},
        {"vision.frosen=true", "recipe: unknown key 'frosen', did you mean 'frozen'?"},
        {".frozen=true", "recipe: expected a module before '.frozen'"},
        {"allow_none=false,allow_full=false,allow_selective=false",
         "recipe: allow_none: no memory strategy is allowed, expected at least one"},
    };
    weft_recipe *recipe = load("vlm-s");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        weft_error error = {0};
        cr_expect_eq(weft_recipe_override(recipe, CASES[i][0], &error), WEFT_STATUS_USAGE);
        cr_expect_str_eq(error.text, CASES[i][1]);
    }
    cr_expect_eq(recipe->parallel.tp, 4);
    cr_expect(recipe->allow_none);
    cr_expect_eq(recipe->n_modules, 0);
    weft_recipe_free(recipe);
}

static const char *refusal(const char *body)
{
    static char text[2048], line[1024];
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_recipe recipe = {0};
    snprintf(text, sizeof(text),
             "{\"format\":\"weft.recipe\",\"version\":1,\"revision\":0,\"name\":\"t\",\n%s}", body);
    weft_status status = weft_i_recipe_read_json("t", text, strlen(text), &arena, &error, &recipe);
    cr_assert_eq(status, error.status);
    weft_i_arena_free(&arena);
    snprintf(line, sizeof(line), "%d:%s: %s", error.line, error.path, error.text);
    return status == WEFT_STATUS_OK ? "ok" : line;
}

Test(recipe, refuses_wrong_files_at_their_line)
{
    static const char *const CASES[][2] = {
        {"\"allow_none\":true,\"modules\":{\"vision\":{\"frozen\":true}}", "ok"},
        {"\"sequence\":0", "2:$.sequence: expected an integer from 1 to 1000000000, found 0"},
        {"\"modules\":{\"a\":{},\n\"b\":{\"frozen\":1}}",
         "3:$.modules.b.frozen: expected true or false, found 1"},
        {"\"modules\":[]", "2:$.modules: expected an object, found an array"},
        {"\"allow_none\":\nfalse",
         "3:$.allow_none: no memory strategy is allowed, expected at least one"},
        {"\"secuence\":1", "2:$.secuence: unknown key 'secuence', did you mean 'sequence'?"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
        cr_expect_str_eq(refusal(CASES[i][0]), CASES[i][1]);
}
