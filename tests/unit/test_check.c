/* tests/unit/test_check.c - weft_plan_check: compiled plans keep every rule. */
#include <criterion/criterion.h>

#include "tests/unit/random_plan.h"

enum { N_RANDOM = 300 };

Test(check, compiled_plans_keep_every_rule)
{
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + (int32_t)(seed % 3), (int64_t)(seed / 3 % 3));
        weft_error error = {0};
        cr_expect_eq(weft_plan_check(plan, &error, NULL), WEFT_STATUS_OK, "seed %llu: %s: %s",
                     (unsigned long long)seed, error.path, error.text);
        weft_plan_free(plan);
    }
}
