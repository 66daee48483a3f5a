/* weft_i_spare_init: what stays free is that of the largest messages, and never more than there is.
 */
#include <criterion/criterion.h>

#include "search/spare.h"

static void check_spare(int64_t bytes, int64_t room, int64_t expected)
{
    weft_problem *problem = NULL;
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_spare spare;
    cr_assert(!weft_problem_synthetic("pp=2 microbatches=2 fw=9 bw=20 limit=4", NULL, &problem));
    for (int32_t i = 0; i < problem->n_edges; i++)
        problem->edges[i].bytes = i == 0 ? bytes : bytes / 2;
    problem->limit_bytes[1] = problem->static_bytes[1] + room;
    cr_assert(!weft_i_graph_build(problem, &arena, NULL, &graph));
    cr_assert(!weft_i_spare_init(&graph, &arena, NULL, &spare));
    cr_assert_eq(spare.bytes[1], expected);
    cr_assert_eq(spare.graph.problem->limit_bytes[1], problem->limit_bytes[1] - expected);
    cr_assert_eq(problem->limit_bytes[1], problem->static_bytes[1] + room);
    weft_i_arena_free(&arena);
    weft_problem_free(problem);
}

Test(spare, is_room_for_the_largest_messages_if_there_is_any)
{
    check_spare(0, 1000, 0);
    check_spare(10, 1000, 30);
    check_spare(10, 12, 12);
    check_spare(10, 0, 0);
}
