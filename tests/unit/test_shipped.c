/* Everything that is compiled in loads, fits together, and has the sizes it is known by. */
#include <criterion/criterion.h>
#include <string.h>

#include "profiles/shipped.h"
#include "weft/cluster.h"
#include "weft/model.h"
#include "weft/recipe.h"

static weft_model *load_model(const char *name)
{
    weft_error error = {0};
    weft_model *model = NULL;
    weft_status status = weft_model_load(name, &error, &model);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s:%d %s: %s", name, error.line, error.path, error.text);
    return model;
}

static weft_recipe *load_recipe(const char *name)
{
    weft_error error = {0};
    weft_recipe *recipe = NULL;
    weft_status status = weft_recipe_load(name, &error, &recipe);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s:%d %s: %s", name, error.line, error.path, error.text);
    return recipe;
}

Test(shipped, is_sorted_and_ends)
{
    size_t n = 0;
    for (size_t i = 1; i < weft_i_n_shipped; i++) {
        const weft_i_shipped *a = &weft_i_shipped_table[i - 1], *b = &weft_i_shipped_table[i];
        cr_expect(a->kind < b->kind || (a->kind == b->kind && strcmp(a->name, b->name) < 0));
    }
    while (weft_model_shipped(n))
        n++;
    cr_expect_eq(n, 9);
    for (n = 0; weft_cluster_shipped(n);)
        n++;
    cr_expect_eq(n, 8);
    for (n = 0; weft_recipe_shipped(n);)
        n++;
    cr_expect_eq(n, 10);
}

/* Billions of parameters of the modules in front and of the backbone. */
Test(shipped, models_have_their_sizes)
{
    static const struct {
        const char *name;
        double front, backbone;
    } KNOWN[] = {
        /* ViT 4.3 with its projector of 16 * 1792 to the width; Llama 3 8B is 8.03 */
        {"vlm-s", 4.42, 8.03},
        {"vlm-m", 4.45, 32.76},
        {"vlm-l", 22.63, 72.71},
        {"vlm-xl", 23.11, 175.2},
        /* the text encoder has no head, but a projector; DiT 4.9 and 29.0 */
        {"t2v-s", 7.53, 4.94},
        {"t2v-l", 32.05, 29.00},
        {"t2v-xl", 71.55, 29.00},
    };
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        weft_model *model = load_model(KNOWN[i].name);
        double billions[2];
        cr_assert_eq(model->n_modules, 2);
        for (int m = 0; m < 2; m++)
            billions[m] =
                (double)weft_model_parameters(model, m, 0, model->modules[m].n_layers, false) / 1e9;
        cr_expect_float_eq(billions[0], KNOWN[i].front, 0.02, "%s: %g", KNOWN[i].name, billions[0]);
        cr_expect_float_eq(billions[1], KNOWN[i].backbone, 0.1, "%s: %g", KNOWN[i].name,
                           billions[1]);
        weft_model_free(model);
    }
}

Test(shipped, every_model_has_a_recipe)
{
    const char *name;
    for (size_t i = 0; (name = weft_model_shipped(i)) != NULL; i++) {
        weft_model *model = load_model(name);
        weft_recipe *recipe = load_recipe(name);
        cr_expect_str_eq(model->name, name);
        cr_expect_str_eq(recipe->name, name);
        cr_expect(recipe->parallel.tp > 0 && recipe->parallel.pp > 0 && recipe->parallel.dp == 0);
        cr_expect_eq(recipe->sequence, model->sequence);
        cr_expect_eq(weft_recipe_check(recipe, model, NULL), WEFT_STATUS_OK);
        weft_recipe_free(recipe);
        weft_model_free(model);
    }
}

Test(shipped, a_recipe_of_another_model_is_refused)
{
    weft_error error = {0};
    weft_model *model = load_model("t2v-s"), *other = load_model("vlm-s");
    weft_recipe *recipe = load_recipe("t2v-s-frozen");
    cr_expect_eq(weft_recipe_of_module(recipe, "text").frozen, 1);
    cr_expect_eq(weft_recipe_check(recipe, model, &error), WEFT_STATUS_OK);
    cr_expect_eq(weft_recipe_check(recipe, other, &error), WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "model vlm-s has no module 'text'");
    weft_recipe_free(recipe);
    weft_model_free(other);
    weft_model_free(model);
}

Test(shipped, clusters_are_nodes_of_eight)
{
    const char *name;
    for (size_t i = 0; (name = weft_cluster_shipped(i)) != NULL; i++) {
        weft_error error = {0};
        weft_cluster *cluster = NULL;
        weft_status status = weft_cluster_load(name, &error, &cluster);
        cr_assert_eq(status, WEFT_STATUS_OK, "%s:%d %s: %s", name, error.line, error.path,
                     error.text);
        const weft_device *device = &cluster->node_types[0].device;
        cr_expect_str_eq(cluster->name, name);
        cr_expect_eq(weft_cluster_devices(cluster), 64);
        cr_expect_eq(cluster->n_levels, 2);
        cr_expect_eq(cluster->levels[0].devices, 8);
        cr_expect_gt(cluster->levels[0].gbs, cluster->levels[1].gbs);
        cr_expect_geq(device->n_attention, 2);
        /* 79 of 80 GiB, 3 of them reserved */
        cr_expect_float_eq((double)device->reserved_bytes / (double)device->memory_bytes, 3.0 / 79,
                           1e-6);
        weft_cluster_free(cluster);
    }
}
