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

/* A shipped model has the recipe of its name; any other the defaults, with its own sequence. */
Test(recipe, goes_with_a_model)
{
    static const struct {
        const char *model, *recipe;
        int64_t sequence;
    } cases[] = {
        {"vlm-s", "vlm-s", 8192},
        {"gpt:layers=2,hidden=64,heads=2", "default", 8192},
        {"gpt:layers=2,hidden=64,heads=2,seq=2048", "default", 2048},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_error error = {0};
        weft_model *model = NULL;
        weft_recipe *recipe = NULL;
        weft_status status = weft_model_load(cases[i].model, &error, &model);
        if (status == WEFT_STATUS_OK) status = weft_recipe_of_model(model, &error, &recipe);
        cr_assert_eq(status, WEFT_STATUS_OK, "%s: %s", cases[i].model, error.text);
        cr_expect_str_eq(recipe->name, cases[i].recipe);
        cr_expect_eq(recipe->sequence, cases[i].sequence, "%s", cases[i].model);
        weft_recipe_free(recipe);
        weft_model_free(model);
    }
}

/* Sets are told apart by their names, in whatever order. */
Test(recipe, has_recompute_sets)
{
    weft_error error = {0};
    weft_recipe *recipe = load("vlm-s:recompute_sets=layernorm+core_attn/mlp");
    int32_t index = -1;
    cr_assert_eq(recipe->n_recompute_sets, 2);
    cr_expect_str_eq(recipe->recompute_sets[0], "core_attn+layernorm");
    cr_expect_str_eq(recipe->recompute_sets[1], "mlp");
    cr_assert_not(weft_recipe_add_recompute(recipe, "core_attn,layernorm", &error, &index));
    cr_expect(index == 0 && recipe->n_recompute_sets == 2);
    cr_assert_not(weft_recipe_add_recompute(recipe, "moe", &error, &index));
    cr_assert_not(weft_recipe_add_recompute(recipe, "elementwise", &error, &index));
    cr_expect(index == 3 && recipe->n_recompute_sets == 4);
    cr_expect_eq(weft_recipe_add_recompute(recipe, "ssm", &error, &index), WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "recompute: expected at most 4 sets");
    error = (weft_error){0};
    cr_expect_eq(weft_recipe_add_recompute(recipe, "ssm,mpl", &error, &index), WEFT_STATUS_USAGE);
    cr_expect(strstr(error.text, "'mpl' is no operator of core_attn,"), "%s", error.text);
    cr_expect(index == 3 && recipe->n_recompute_sets == 4);
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

Test(recipe, is_changed_behind_its_name)
{
    weft_error error = {0};
    weft_recipe *recipe = load("vlm-s:zero=1,vision.frozen=true"), *other = NULL;
    cr_expect_str_eq(recipe->name, "vlm-s:zero=1,vision.frozen=true");
    cr_expect_eq(recipe->zero, 1);
    cr_expect_eq(recipe->parallel.pp, 4);
    cr_expect_eq(weft_recipe_of_module(recipe, "vision").frozen, 1);
    weft_recipe_free(recipe);
    cr_expect_eq(weft_recipe_load("vlm-s:zer=1", &error, &other), WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "recipe: unknown key 'zer', did you mean 'zero'?");
    cr_expect_null(other);
}

Test(recipe, refuses_wrong_lines_and_stays)
{
    static const char *const CASES[][2] = {
        {"", "recipe: expected key=value, found ''"},
        {"tp=4,", "recipe: expected key=value, found ''"},
        {"tp=x", "recipe: tp: expected an integer from 0 to 1048576, found 'x'"},
        {"packin=4", "recipe: unknown key 'packin', did you mean 'packing'?"},
        {"name=x", "recipe: unknown key 'name'"},
        {"zero=1,tp=4,zero=1", "recipe: 'zero' is given twice"},
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

Test(recipe, reads_every_key)
{
    static const char TEXT[] =
        "{\"format\":\"weft.recipe\",\"version\":1,\"revision\":0,\"name\":\"r\",\"sequence\":1,"
        "\"max_images\":2,\"max_clips\":3,\"max_seconds\":4.5,\"packing\":\"next_fit\","
        "\"default_width\":5,\"default_height\":6,\"default_seconds\":7.5,"
        "\"default_text_tokens\":8,\"precision\":\"fp8\",\"parameter_bytes\":9,"
        "\"gradient_bytes\":10,\"optimizer_bytes\":11,\"zero\":1,\"sequence_parallel\":true,"
        "\"flash_attention\":true,\"allow_none\":true,\"allow_selective\":true,"
        "\"allow_full\":true,\"overlap_dp\":true,\"overlap_tp\":true,\"objective\":\"makespan\","
        "\"post_ns\":12,\"dp\":13,\"pp\":14,\"tp\":15,\"cp\":16,\"ep\":17,\"microbatches\":18,"
        "\"modules\":{\"a\":{\"tp_mode\":\"dp_in_tp\",\"frozen\":false,\"segments\":19,"
        "\"submicrobatch_tokens\":20},\"x_b\":1,\"c\":{}}}";
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_recipe r = {0};
    weft_status status = weft_i_recipe_read_json("t", TEXT, strlen(TEXT), &arena, &error, &r);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: %s", error.path, error.text);
    cr_expect(r.sequence == 1 && r.max_images == 2 && r.max_clips == 3 && r.max_seconds == 4.5);
    cr_expect(r.packing == WEFT_PACKING_NEXT_FIT && r.default_width == 5);
    cr_expect(r.default_height == 6 && r.default_seconds == 7.5 && r.default_text_tokens == 8);
    cr_expect(r.precision == WEFT_PRECISION_FP8 && r.parameter_bytes == 9);
    cr_expect(r.gradient_bytes == 10 && r.optimizer_bytes == 11 && r.zero == 1);
    cr_expect(r.sequence_parallel && r.flash_attention && r.allow_none && r.allow_selective);
    cr_expect(r.allow_full && r.overlap_dp && r.overlap_tp && r.objective == 1);
    cr_expect(r.post_ns == 12 && r.parallel.dp == 13 && r.parallel.pp == 14);
    cr_expect(r.parallel.tp == 15 && r.parallel.cp == 16 && r.parallel.ep == 17);
    cr_assert(r.microbatches == 18 && r.n_modules == 2);
    cr_expect_str_eq(r.modules[0].module, "a");
    cr_expect(r.modules[0].tp_mode == WEFT_TP_MODE_DP_IN_TP && r.modules[0].frozen == 0);
    cr_expect(r.modules[0].segments == 19 && r.modules[0].submicrobatch_tokens == 20);
    cr_expect_str_eq(r.modules[1].module, "c");
    cr_expect_eq(r.modules[1].frozen, -1);
    weft_i_arena_free(&arena);
}

/* Each switch and size on its own: a key that sets its neighbour's field is seen. */
Test(recipe, keys_do_not_mix)
{
    static const char *const KEYS[] = {"sequence_parallel", "flash_attention", "overlap_dp",
                                       "overlap_tp",        "allow_none",      "allow_selective",
                                       "allow_full"};
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        char line[64];
        weft_recipe *recipe = load(NULL);
        const bool *const fields[] = {&recipe->sequence_parallel, &recipe->flash_attention,
                                      &recipe->overlap_dp,        &recipe->overlap_tp,
                                      &recipe->allow_none,        &recipe->allow_selective,
                                      &recipe->allow_full};
        snprintf(line, sizeof(line), "%s=false", KEYS[i]);
        cr_assert_eq(weft_recipe_override(recipe, line, NULL), WEFT_STATUS_OK);
        for (size_t j = 0; j < sizeof(fields) / sizeof(fields[0]); j++)
            cr_expect_eq(*fields[j], i != j, "%s, field %zu", line, j);
        weft_recipe_free(recipe);
    }
}
