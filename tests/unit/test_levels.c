/* Levels of leanness over candidates in any order. */
#include <criterion/criterion.h>

#include "search/levels.h"

static weft_candidate make(int64_t bw_ns, int64_t saved_bytes)
{
    return (weft_candidate){.cost = {.fw_ns = 10, .bw_ns = bw_ns, .saved_bytes = saved_bytes}};
}

Test(levels, are_parts_of_the_memory)
{
    weft_candidate candidates[] = {make(40, 10), make(20, 100), make(22, 69), make(35, 40),
                                   make(36, 35), make(41, 70),  make(39, 12)};
    weft_stage stage = {.candidates = candidates, .n_candidates = 7};
    weft_problem problem = {.stages = &stage, .n_stages = 1};
    static const int32_t expected[] = {1, 2, 3, 0}; /* within 100, 70, 40 and 10 bytes */
    cr_assert_eq(weft_i_levels_count(&problem), 4);
    for (int32_t k = 0; k < 4; k++)
        cr_expect_eq(weft_i_levels_candidate(&stage, k, 4), expected[k], "level %d", k);
    cr_expect_eq(weft_i_levels_candidate(&stage, 0, 1), 1);
    stage.n_candidates = 2;
    cr_assert_eq(weft_i_levels_count(&problem), 2);
    cr_expect_eq(weft_i_levels_candidate(&stage, 1, 4), 0, "more levels than candidates");
    cr_expect_eq(weft_i_levels_candidate(&stage, 3, 4), 0);
}

/* Of equally fast candidates the leaner one; a slower and fatter one never. */
Test(levels, ties)
{
    weft_candidate candidates[] = {make(20, 50), make(20, 30), make(30, 50), make(40, 30)};
    weft_stage stage = {.candidates = candidates, .n_candidates = 4};
    for (int32_t k = 0; k < 4; k++)
        cr_expect_eq(weft_i_levels_candidate(&stage, k, 4), 1);
}

Test(levels, nothing_to_choose)
{
    weft_stage stage = {.n_candidates = 0};
    weft_problem problem = {.stages = &stage, .n_stages = 1};
    cr_expect_eq(weft_i_levels_count(&problem), 1);
    cr_expect_eq(weft_i_levels_candidate(&stage, 0, 1), -1);
    cr_expect_eq(weft_i_levels_ns(&(weft_cost){.fw_ns = 1, .bw_ns = 9, .bwi_ns = 3, .bww_ns = 4}),
                 8);
    cr_expect_eq(weft_i_levels_ns(&(weft_cost){.fw_ns = 1, .bw_ns = 6, .bwi_ns = 3, .bww_ns = 4}),
                 7);
}
