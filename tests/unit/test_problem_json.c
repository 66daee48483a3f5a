/* tests/unit/test_problem_json.c - weft.problem: written and read back, and what is wrong named by
 * line and path. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "plan/problem_json.h"
#include "tests/unit/random_problem.h"
#include "weft/problem.h"

/* A name for a file of this process; remove it after use. */
static const char *scratch_name(void)
{
    static char name[64];
    snprintf(name, sizeof(name), "test_problem_json.%d.json", (int)getpid());
    return name;
}

/* What weft_problem_write writes. Caller frees. */
static char *written(const weft_problem *problem, size_t *out_n)
{
    char *text = NULL;
    weft_error error = {0};
    FILE *stream = open_memstream(&text, out_n);
    cr_assert_eq(weft_i_problem_print(problem, stream, &error), WEFT_STATUS_OK, "%s", error.text);
    fclose(stream);
    return text;
}

static void expect_same_candidate(const weft_candidate *a, const weft_candidate *b)
{
    cr_assert_eq(memcmp(&a->cost, &b->cost, sizeof(a->cost)), 0);
    cr_assert_eq(a->n_memory, b->n_memory);
    for (int32_t i = 0; i < a->n_memory; i++) {
        cr_assert_str_eq(a->memory[i].strategy, b->memory[i].strategy);
        cr_assert_eq(a->memory[i].layers, b->memory[i].layers);
    }
}

static void expect_same_stage(const weft_stage *a, const weft_stage *b)
{
    cr_assert_eq(a->chunk, b->chunk);
    cr_assert_eq(a->submicrobatch, b->submicrobatch);
    cr_assert_eq(a->backward, b->backward);
    cr_assert_eq(a->label, b->label);
    cr_assert_eq(a->ready_ns, b->ready_ns);
    cr_assert_eq(a->n_candidates, b->n_candidates);
    expect_same_candidate(&a->now, &b->now);
    for (int32_t i = 0; i < a->n_candidates; i++)
        expect_same_candidate(&a->candidates[i], &b->candidates[i]);
}

static void expect_same_submicrobatch(const weft_submicrobatch *a, const weft_submicrobatch *b)
{
    cr_assert_str_eq(a->module, b->module);
    cr_assert_eq(a->index, b->index);
    cr_assert_eq(a->tokens, b->tokens);
    cr_assert_eq(a->n_microbatches, b->n_microbatches);
    cr_assert_eq(a->n_items, b->n_items);
    for (int32_t i = 0; i < a->n_microbatches; i++)
        cr_assert_eq(a->microbatches[i], b->microbatches[i]);
    for (int32_t i = 0; i < a->n_items; i++)
        cr_assert_eq(memcmp(&a->items[i], &b->items[i], sizeof(weft_item)), 0);
}

static void expect_same_chunk(const weft_chunk *a, const weft_chunk *b)
{
    cr_assert_str_eq(a->module, b->module);
    cr_assert_eq(a->segment, b->segment);
    cr_assert_eq(a->rank, b->rank);
    cr_assert_eq(a->first_layer, b->first_layer);
    cr_assert_eq(a->layers, b->layers);
    cr_assert_eq(a->state_bytes, b->state_bytes);
    cr_assert_eq(a->reduce_bytes, b->reduce_bytes);
    cr_assert_eq(a->reduce_ns, b->reduce_ns);
    cr_assert_eq(a->share_ns, b->share_ns);
}

static void expect_same_edge(const weft_edge *a, const weft_edge *b)
{
    cr_assert_eq(a->pass, b->pass);
    cr_assert_eq(a->kind, b->kind);
    cr_assert_eq(a->from, b->from);
    cr_assert_eq(a->to, b->to);
    cr_assert_eq(a->bytes, b->bytes);
    cr_assert_eq(a->transfer_ns, b->transfer_ns);
}

static void expect_same(const weft_problem *a, const weft_problem *b)
{
    cr_assert_eq(a->n_ranks, b->n_ranks);
    cr_assert_eq(a->n_chunks, b->n_chunks);
    cr_assert_eq(a->n_submicrobatches, b->n_submicrobatches);
    cr_assert_eq(a->n_stages, b->n_stages);
    cr_assert_eq(a->n_edges, b->n_edges);
    cr_assert_eq(a->post_ns, b->post_ns);
    for (int32_t r = 0; r < a->n_ranks; r++) {
        cr_assert_eq(a->static_bytes[r], b->static_bytes[r]);
        cr_assert_eq(a->limit_bytes[r], b->limit_bytes[r]);
    }
    for (int32_t c = 0; c < a->n_chunks; c++)
        expect_same_chunk(&a->chunks[c], &b->chunks[c]);
    for (int32_t i = 0; i < a->n_submicrobatches; i++)
        expect_same_submicrobatch(&a->submicrobatches[i], &b->submicrobatches[i]);
    for (int32_t s = 0; s < a->n_stages; s++)
        expect_same_stage(&a->stages[s], &b->stages[s]);
    for (int32_t e = 0; e < a->n_edges; e++)
        expect_same_edge(&a->edges[e], &b->edges[e]);
}

Test(problem_json, is_read_back_as_it_was)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&rng), *again = NULL;
        problem->post_ns = random_to(&rng, 2);
        size_t n, n_again;
        char *text = written(problem, &n);
        weft_error error = {0};
        cr_assert_eq(weft_i_problem_parse("t", text, n, &error, &again), WEFT_STATUS_OK,
                     "seed %lu: %s: %s", (unsigned long)seed, error.path, error.text);
        expect_same(problem, again);
        char *text_again = written(again, &n_again);
        cr_assert_eq(n, n_again, "seed %lu", (unsigned long)seed);
        cr_assert_eq(memcmp(text, text_again, n), 0, "seed %lu", (unsigned long)seed);
        free(text);
        free(text_again);
        weft_problem_free(problem);
        weft_problem_free(again);
    }
}

/* The least that a problem can say; one line an item, for the numbers of lines below. */
static const char least[] =
    "{\"format\":\"weft.problem\",\"version\":1,\"revision\":0,\n"
    "\"chunks\":[{\"module\":\"m\",\"segment\":0,\"rank\":0},\n"
    "{\"module\":\"m\",\"segment\":0,\"rank\":1}],\n"
    "\"static_bytes\":[0,0],\"limit_bytes\":[null,7],\n"
    "\"submicrobatches\":[{\"module\":\"m\",\"microbatches\":[0]}],\n"
    "\"stages\":[\n"
    "{\"chunk\":0,\"submicrobatch\":0,\"backward\":\"none\",\"fw_ns\":5},\n"
    "{\"chunk\":1,\"submicrobatch\":0,\"backward\":\"none\",\"fw_ns\":6}],\n"
    "\"edges\":[\n"
    "{\"pass\":\"fw\",\"from\":0,\"to\":1}],\n"
    "\"x_more\":[1],\"meta\":{\"who\":1}}\n";

Test(problem_json, defaults)
{
    weft_problem *problem = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_i_problem_parse("t", least, strlen(least), &error, &problem), WEFT_STATUS_OK,
                 "%s: %s", error.path, error.text);
    cr_expect_eq(problem->n_ranks, 2);
    cr_expect_eq(problem->limit_bytes[0], WEFT_INT_MAX);
    cr_expect_eq(problem->limit_bytes[1], 7);
    const weft_stage *stage = &problem->stages[1];
    cr_expect_eq(stage->now.cost.fw_ns, 6);
    cr_expect_eq(stage->now.cost.bw_ns, 0);
    cr_expect_eq(stage->label, -1);
    cr_expect_eq(stage->n_candidates, 0);
    cr_expect_eq(stage->now.n_memory, 0);
    cr_expect_eq(problem->edges[0].kind, WEFT_EDGE_TOKENS);
    weft_problem_free(problem);
}

/* Read `least` with the first `from` in it made `to`. */
static weft_status read_changed(const char *from, const char *to, weft_error *error,
                                weft_problem **out_problem)
{
    char text[2048];
    const char *place = strstr(least, from);
    cr_assert(place, "%s", from);
    int n = snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - least), least, to,
                     place + strlen(from));
    return weft_i_problem_parse("t.json", text, (size_t)n, error, out_problem);
}

Test(problem_json, what_is_wrong_is_named)
{
    static const struct {
        const char *from, *to;
        int line;
        const char *path, *text;
    } cases[] = {
        {"weft.problem", "weft.plan", 1, "$.format", "expected 'weft.problem', found 'weft.plan'"},
        {"\"version\":1", "\"version\":2", 1, "$.version",
         "version 2 of weft.problem is newer than version 1, the newest known"},
        {"\"edges\"", "\"egdes\"", 9, "$.egdes", "unknown key 'egdes', did you mean 'edges'?"},
        {"\"rank\":1", "\"rank\":2", 3, "$.chunks[1].rank",
         "expected an integer from 0 to 1, found 2"},
        {"\"rank\":1", "\"rank\":\"1\"", 3, "$.chunks[1].rank", "expected an integer, found '1'"},
        {"[0,0]", "[0]", 4, "$.static_bytes", "expected 2 items, found 1"},
        {"[null,7]", "[null,-7]", 4, "$.limit_bytes[1]",
         "expected an integer from 0 to 9007199254740991, found -7"},
        {"[0,0]", "[0,null]", 4, "$.static_bytes[1]", "expected an integer, found null"},
        {"\"microbatches\":[0]", "\"microbatches\":[0.5]", 5,
         "$.submicrobatches[0].microbatches[0]", "expected an integer, found 0.5"},
        {"\"chunk\":1", "\"chunk\":9", 8, "$.stages[1].chunk",
         "expected an integer from 0 to 1, found 9"},
        {"\"chunk\":1,", "", 8, "$.stages[1]", "missing key 'chunk'"},
        {"\"fw_ns\":6", "\"fw_ns\":9007199254740992", 8, "$.stages[1].fw_ns",
         "expected an integer from 0 to 9007199254740991, found 9007199254740992"},
        {"\"fw_ns\":6", "\"fw_ns\":6,\"bw_ns\":1", 8, "$.stages[1].bw_ns",
         "expected an integer from 0 to 0, found 1"},
        {"\"fw_ns\":6", "\"fw_ns\":6,\"memory\":[[\"full\"]]", 8, "$.stages[1].memory[0]",
         "expected 2 items, found 1"},
        {"\"fw_ns\":6", "\"fw_ns\":6,\"memory\":[[\"full\",3]]", 8, "$.stages[1].memory",
         "expected no layers or the chunk's 0, found 3"},
        {"\"fw_ns\":6", "\"fw_ns\":6,\"candidates\":[{\"fw_ns\":1,\"held_bytes\":2}]", 8,
         "$.stages[1].candidates[0].held_bytes", "expected an integer from 0 to 0, found 2"},
        {"\"fw_ns\":6", "\"fw_ns\":6,\"work_bytes\":{\"fwd\":1}", 8, "$.stages[1].work_bytes.fwd",
         "unknown key 'fwd', did you mean 'fw'?"},
        {"\"fw_ns\":6", "\"fw_ns\":9007199254740990", 8, "$.stages[1]",
         "times up to here add up to more than 9007199254740991"},
        {"\"pass\":\"fw\"", "\"pass\":\"bwi\"", 10, "$.edges[0].pass",
         "expected one of fw, bw, found 'bwi'"},
        {"\"to\":1", "\"to\":0", 10, "$.edges[0]", "stage 0 depends on itself"},
        {"{\"pass\"", "{\"pass\":\"fw\",\"from\":1,\"to\":0},\n{\"pass\"", 11, "$.edges[1]",
         "the forwards of stages 0 and 1 wait for each other in a cycle"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_error error = {0};
        weft_problem *problem = NULL;
        cr_expect_eq(read_changed(cases[i].from, cases[i].to, &error, &problem),
                     WEFT_STATUS_BAD_INPUT, "%s", cases[i].to);
        cr_expect_null(problem);
        cr_expect_str_eq(error.file, "t.json");
        cr_expect_str_eq(error.path, cases[i].path);
        cr_expect_str_eq(error.text, cases[i].text);
        cr_expect_eq(error.line, cases[i].line, "%s: line %d", cases[i].to, error.line);
    }
}

/* The stage's own choice is one of those the search may take, whether it is listed or not. */
Test(problem_json, own_choice_is_a_candidate)
{
    const struct {
        const char *stage;
        int32_t n, own; /* candidates, and which of them is the stage's own */
    } cases[] = {
        {"\"fw_ns\":6,\"candidates\":[]", 0, -1},
        {"\"fw_ns\":6,\"candidates\":[{\"fw_ns\":1},{\"fw_ns\":2}]", 3, 2},
        {"\"fw_ns\":6,\"candidates\":[{\"fw_ns\":1},{\"fw_ns\":6}]", 2, 1},
        {"\"fw_ns\":6,\"work_bytes\":{\"fw\":1},\"candidates\":[{\"fw_ns\":6}]", 2, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_problem *problem = NULL;
        weft_error error = {0};
        cr_assert_eq(read_changed("\"fw_ns\":6", cases[i].stage, &error, &problem), WEFT_STATUS_OK,
                     "%s: %s", error.path, error.text);
        const weft_stage *stage = &problem->stages[1];
        cr_expect_eq(stage->n_candidates, cases[i].n, "%s", cases[i].stage);
        cr_expect_eq(stage->now.cost.fw_ns, 6);
        if (cases[i].own >= 0) expect_same_candidate(&stage->candidates[cases[i].own], &stage->now);
        weft_problem_free(problem);
    }
}

Test(problem_json, what_cannot_be_read_or_written)
{
    weft_error error = {0};
    weft_problem *problem = NULL;
    cr_expect_eq(weft_problem_read("no/such/file", &error, &problem), WEFT_STATUS_IO);
    cr_assert_eq(weft_i_problem_parse("t", least, strlen(least), NULL, &problem), WEFT_STATUS_OK);
    error = (weft_error){0};
    cr_expect_eq(weft_problem_write(problem, "no/such/file", &error), WEFT_STATUS_IO);
    cr_expect_eq(weft_problem_write(problem, "/dev/full", NULL), WEFT_STATUS_IO);
    weft_problem_free(problem);
}

Test(problem_json, through_a_file)
{
    weft_problem *problem = NULL, *again = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_i_problem_parse("t", least, strlen(least), NULL, &problem), WEFT_STATUS_OK);
    cr_expect_eq(weft_problem_write(problem, scratch_name(), &error), WEFT_STATUS_OK, "%s",
                 error.text);
    cr_expect_eq(weft_problem_read(scratch_name(), &error, &again), WEFT_STATUS_OK, "%s",
                 error.text);
    remove(scratch_name());
    expect_same(problem, again);
    weft_problem_free(problem);
    weft_problem_free(again);
}

/* Each allocation that is ours fails once. */
Test(problem_json, out_of_memory)
{
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_problem *problem = NULL;
    long n_failed = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(n_failed + 1);
        status = weft_i_problem_parse("t", least, strlen(least), NULL, &problem);
        if (status == WEFT_STATUS_NO_MEMORY) n_failed++;
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(n_failed, 2);
    weft_problem_free(problem);
}
