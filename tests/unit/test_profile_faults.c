/* Each allocation of the readers fails once: the answer is NO_MEMORY, and nothing is left behind
 * (the leak checker of a sanitized build says so). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/layout_own.h"
#include "profiles/batch_own.h"
#include "weft/cluster.h"
#include "weft/model.h"
#include "weft/recipe.h"

static weft_status run_model(weft_error *error)
{
    weft_model *model = NULL;
    weft_status status = weft_model_load("t2v-s", error, &model);
    weft_model_free(model);
    return status;
}

static weft_status run_gpt(weft_error *error)
{
    weft_model *model = NULL;
    weft_status status = weft_model_load("gpt:layers=3,hidden=64,heads=4", error, &model);
    weft_model_free(model);
    return status;
}

static weft_status run_cluster(weft_error *error)
{
    weft_cluster *cluster = NULL;
    weft_status status = weft_cluster_load("a100:nodes=4,nics=4", error, &cluster);
    weft_cluster_free(cluster);
    return status;
}

static weft_status run_recipe(weft_error *error)
{
    weft_recipe *recipe = NULL;
    weft_status status = weft_recipe_load("t2v-s-frozen", error, &recipe);
    if (status == WEFT_STATUS_OK)
        status = weft_recipe_override(recipe, "tp=2,dit.segments=2,text.frozen=false", error);
    weft_recipe_free(recipe);
    return status;
}

static weft_status run_batch(weft_error *error)
{
    static const char TEXT[] =
        "{\"id\":\"a\",\"source\":\"s\",\"images\":[[1,2]],\"videos\":[{\"seconds\":1}]}\n"
        "{\"id\":\"b\",\"audio_seconds\":[1]}\n";
    weft_batch *batch = NULL;
    weft_status status = weft_i_batch_parse("t", TEXT, strlen(TEXT), error, &batch);
    weft_batch_free(batch);
    return status;
}

static weft_status run_layout(weft_error *error)
{
    static const char TEXT[] =
        "{\"format\":\"weft.layout\",\"version\":1,\"revision\":0,\"name\":\"t\",\"model\":\"m\","
        "\"parallel\":{\"dp\":1,\"pp\":2,\"tp\":1,\"cp\":1,\"ep\":1},\"slots\":1,\"modules\":[{"
        "\"module\":\"a\",\"segments\":1,\"direction\":1,\"submicrobatch_tokens\":9}],"
        "\"chunks\":[{\"module\":\"a\",\"segment\":0,\"rank\":0,\"first_layer\":0,\"layers\":1,"
        "\"slot\":0}]}";
    weft_layout *layout = NULL;
    weft_status status = weft_i_layout_parse("t", TEXT, strlen(TEXT), error, &layout);
    weft_layout_free(layout);
    return status;
}

/* Fail allocation 1, 2, ... of a reader until it gets by without meeting the failing one. */
static void fail_each(const char *name, weft_status (*reader)(weft_error *), long at_least)
{
    for (long k = 1;; k++) {
        weft_error error = {0};
        cr_assert_lt(k, 10000, "%s", name);
        weft_i_alloc_fail_after(k);
        weft_status status = reader(&error);
        weft_i_alloc_fail_after(0);
        if (status == WEFT_STATUS_OK) {
            cr_expect_gt(k, at_least, "%s", name);
            return;
        }
        cr_assert_eq(status, WEFT_STATUS_NO_MEMORY, "%s, allocation %ld", name, k);
        cr_assert_eq(error.status, WEFT_STATUS_NO_MEMORY, "%s, allocation %ld", name, k);
    }
}

Test(profile_faults, of_models)
{
    fail_each("model", run_model, 3);
    fail_each("gpt", run_gpt, 2);
}
Test(profile_faults, of_clusters)
{
    fail_each("cluster", run_cluster, 3);
}
Test(profile_faults, of_recipes)
{
    fail_each("recipe", run_recipe, 3);
}
Test(profile_faults, of_batches)
{
    fail_each("batch", run_batch, 3);
}
Test(profile_faults, of_layouts)
{
    fail_each("layout", run_layout, 3);
}
