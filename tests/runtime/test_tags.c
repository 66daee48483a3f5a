/* Tags of messages: two ends agree, and no two messages of one sender and receiver share one. */
#include <stdlib.h>

#include "runtime/tags.h"
#include "tests/unit/random_problem.h"

static int32_t rank_of(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

/* Most messages that a rank has for another. */
static int32_t most_messages(const weft_problem *problem)
{
    int32_t n[RANDOM_RANKS][RANDOM_RANKS] = {0}, most = 0;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        int32_t from = rank_of(problem, problem->edges[e].from);
        int32_t to = rank_of(problem, problem->edges[e].to);
        if (from != to && ++n[from][to] > most) most = n[from][to];
    }
    return most;
}

static void expect_sound(const weft_problem *problem, int32_t max_tag, uint64_t seed)
{
    int32_t *tags[RANDOM_RANKS];
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        tags[r] = calloc((size_t)problem->n_edges + 1, sizeof(int32_t));
        cr_assert_eq(weft_i_tags_make(problem, r, max_tag, NULL, tags[r]), WEFT_STATUS_OK);
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        int32_t from = rank_of(problem, problem->edges[e].from);
        int32_t to = rank_of(problem, problem->edges[e].to);
        if (from == to) continue;
        cr_expect_eq(tags[from][e], tags[to][e], "seed %d", (int)seed);
        cr_expect(tags[from][e] >= 0 && tags[from][e] <= max_tag, "seed %d", (int)seed);
        for (int32_t f = 0; f < e; f++) {
            if (rank_of(problem, problem->edges[f].from) != from) continue;
            if (rank_of(problem, problem->edges[f].to) != to) continue;
            cr_expect_neq(tags[from][e], tags[from][f], "seed %d", (int)seed);
        }
    }
    for (int32_t r = 0; r < problem->n_ranks; r++)
        free(tags[r]);
}

Test(tags, agree_and_differ)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&rng);
        int32_t most = most_messages(problem);
        expect_sound(problem, problem->n_edges, seed);
        if (most > 0) expect_sound(problem, most - 1, seed);
        weft_problem_free(problem);
    }
}

Test(tags, are_the_edges_where_they_fit)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 2);
    weft_problem *problem = NULL;
    do {
        weft_problem_free(problem);
        problem = random_problem(&rng);
    } while (most_messages(problem) == 0);
    int32_t *tags = calloc((size_t)problem->n_edges + 1, sizeof(int32_t));
    cr_assert_eq(weft_i_tags_make(problem, 0, problem->n_edges - 1, NULL, tags), WEFT_STATUS_OK);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        if (rank_of(problem, problem->edges[e].from) == rank_of(problem, problem->edges[e].to))
            continue;
        bool own = rank_of(problem, problem->edges[e].from) == 0 ||
                   rank_of(problem, problem->edges[e].to) == 0;
        cr_expect_eq(tags[e], own ? e : 0);
    }
    free(tags);
    weft_problem_free(problem);
}

Test(tags, run_out)
{
    weft_chunk chunks[] = {{.module = "m", .rank = 0}, {.module = "m", .rank = 1}};
    weft_stage stages[] = {{.chunk = 0}, {.chunk = 1}};
    weft_edge edges[] = {{.from = 0, .to = 1}, {.from = 0, .to = 1}, {.from = 1, .to = 0}};
    weft_problem problem = {.n_ranks = 2,
                            .n_chunks = 2,
                            .n_stages = 2,
                            .n_edges = 3,
                            .chunks = chunks,
                            .stages = stages,
                            .edges = edges};
    weft_error error = {0};
    int32_t tags[3];
    cr_expect_eq(weft_i_tags_make(&problem, 1, 1, &error, tags), WEFT_STATUS_OK);
    cr_expect_eq(weft_i_tags_make(&problem, 1, 0, &error, tags), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.text, "rank 0 has more messages for rank 1 than there are tags, 0");
}
