/* Fuzz target: any bytes as a weft.recipe, or as overrides of the defaults where they do not begin
 * with '{'. */
#include <string.h>

#include "profiles/recipe_own.h"
#include "tests/fuzz/fuzz_target.h"

static void check_recipe(const weft_recipe *recipe)
{
    const char *key;
    FUZZ_CHECK(!weft_i_recipe_wrong(recipe, &key));
    FUZZ_CHECK(recipe->objective >= 0 && recipe->objective <= 2 && recipe->zero <= 3 &&
               recipe->cp_mode <= WEFT_CP_MODE_ALL_GATHER);
    for (int32_t m = 0; m < recipe->n_modules; m++) {
        weft_recipe_module module = weft_recipe_of_module(recipe, recipe->modules[m].module);
        FUZZ_CHECK(module.frozen >= -1 && module.frozen <= 1 && module.segments >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_error error = {0};
    weft_recipe *defaults = NULL;
    weft_status status;
    char line[1024] = "";
    FUZZ_CHECK(weft_recipe_load(NULL, NULL, &defaults) == WEFT_STATUS_OK);
    if (size > 0 && data[0] == '{') {
        weft_recipe recipe = *defaults;
        status = weft_i_recipe_read_json("fuzz", (const char *)data, size, defaults->owner, &error,
                                         &recipe);
        if (status == WEFT_STATUS_OK) check_recipe(&recipe);
    } else {
        memcpy(line, data, size < sizeof(line) ? size : sizeof(line) - 1);
        status = weft_recipe_override(defaults, line, &error);
        check_recipe(defaults);
    }
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == !error.text[0]);
    weft_recipe_free(defaults);
    return 0;
}
