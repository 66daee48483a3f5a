/* tests/unit/test_schedule_memory.c - the emulator's memory of interleaved 1F1B and of zero-bubble
 * schedules is near the measured one. The shorter rows; bench_accuracy has them all. */
#include <criterion/criterion.h>
#include <math.h>

#include "bench/schedule_memory.h"

static weft_cluster *load_cluster(void)
{
    weft_cluster *cluster = NULL;
    weft_error error = {0};
    weft_status status = weft_cluster_load("a100:nodes=8", &error, &cluster);
    if (!status) status = weft_cluster_set_stack(cluster, "megatron-zero-bubble", &error);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    return cluster;
}

Test(schedule_memory, is_near_what_was_measured)
{
    static const double most_mean[N_MEMORY_SCHEDULES] = {1, 3, 6};
    csv table = csv_read(SOURCE_ROOT "/tests/data/measurements", "zero_bubble.csv");
    weft_cluster *cluster = load_cluster();
    weft_recipe *recipe = NULL;
    cr_assert_eq(weft_recipe_load(NULL, NULL, &recipe), WEFT_STATUS_OK);
    recipe->sequence_parallel = false;
    for (int s = 0; s < N_MEMORY_SCHEDULES; s++) {
        double mean = 0;
        int n = 0;
        for (int r = 0; r < table.n_rows; r++) {
            if (csv_int(&table, r, "m") != 24) continue;
            memory_row row = memory_row_of(&table, r, (memory_schedule)s, cluster, recipe);
            mean += 100 * fabs(row.predicted / row.measured - 1);
            n++;
        }
        cr_assert_eq(n, 2);
        cr_expect_leq(mean / n, most_mean[s], "%s: %.2f %%",
                      memory_schedule_name((memory_schedule)s), mean / n);
    }
    weft_recipe_free(recipe);
    weft_cluster_free(cluster);
    csv_free(&table);
}
