/* tests/unit/test_plan_json.c - weft.plan: written and read back, and what is wrong named by line
 * and path. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "plan/plan_json.h"
#include "tests/unit/random_problem.h"
#include "weft/plan.h"

static const char *scratch_name(void)
{
    static char name[64];
    snprintf(name, sizeof(name), "test_plan_json.%d.json", (int)getpid());
    return name;
}

/* What weft_plan_write writes. Caller frees. */
static char *written(const weft_plan *plan, size_t *out_n)
{
    char *text = NULL;
    weft_error error = {0};
    FILE *stream = open_memstream(&text, out_n);
    cr_assert_eq(weft_i_plan_print(plan, stream, &error), WEFT_STATUS_OK, "%s", error.text);
    fclose(stream);
    return text;
}

static const char sha256[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* A plan of some replicas, each with an order of its own; every number that is not computed is
 * drawn. The plan keeps `shared`, which has room for one chunk. */
static weft_plan *random_plan(weft_i_rng *rng, weft_shared *shared)
{
    weft_problem *problem = random_problem(rng);
    weft_pipeline_input inputs[3] = {0};
    weft_order *orders[3];
    int32_t n = 1 + random_to(rng, 2);
    problem->post_ns = random_to(rng, 2);
    for (int32_t i = 0; i < n; i++) {
        orders[i] = random_order(rng, problem);
        inputs[i] = (weft_pipeline_input){.problem = problem, .order = orders[i]};
    }
    weft_plan *plan = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_plan_build(inputs, n, random_to(rng, 100), &error, &plan), WEFT_STATUS_OK,
                 "%s", error.text);
    for (int32_t i = 0; i < n; i++)
        weft_order_free(orders[i]);
    weft_problem_free(problem);
    plan->model = (weft_input){"a \"model\"\n", sha256};
    plan->recipe = (weft_input){random_to(rng, 1) ? "r\xc3\xa9"
                                                    "cipe"
                                                  : "",
                                ""};
    plan->batch.sha256 = sha256;
    plan->n_samples = random_to(rng, 1000);
    plan->seed = (uint64_t)WEFT_INT_MAX - (uint64_t)random_to(rng, 10);
    plan->objective = random_to(rng, 2);
    plan->method = "default";
    plan->parallel.tp = 1 + random_to(rng, 7);
    plan->parallel.cp = 1 + random_to(rng, 7);
    plan->parallel.ep = n == 1 ? 3 : 1; /* EP would ask for one order in all replicas */
    plan->predicted.mfu = weft_i_rng_double(rng);
    plan->predicted.hfu = weft_i_rng_double(rng) / 3;
    for (int32_t p = 0; p < n; p++)
        plan->pipelines[p].lower_bound_ns = random_to(rng, 1) ? plan->pipelines[p].pipeline_ns : 0;
    if (plan->n_chunks == 0) return plan;
    plan->shared = shared;
    plan->n_shared = 1;
    shared->name = "embedding";
    shared->n_chunks = 1;
    shared->chunks[0] = random_to(rng, plan->n_chunks - 1);
    shared->bytes = random_to(rng, 1000);
    return plan;
}

static void expect_same_rank(const weft_rank_actions *a, const weft_rank_actions *b)
{
    cr_assert_eq(a->n_actions, b->n_actions);
    for (int32_t i = 0; i < a->n_actions; i++) {
        cr_assert_eq(a->actions[i].kind, b->actions[i].kind);
        cr_assert_eq(a->actions[i].operand, b->actions[i].operand);
        cr_assert_eq(a->actions[i].group, b->actions[i].group);
        cr_assert_eq(a->actions[i].start_ns, b->actions[i].start_ns);
        cr_assert_eq(a->actions[i].end_ns, b->actions[i].end_ns);
    }
}

static void expect_same_pipeline(const weft_pipeline *a, const weft_pipeline *b)
{
    cr_assert_eq(a->replica, b->replica);
    cr_assert_eq(a->problem.n_stages, b->problem.n_stages);
    cr_assert_eq(a->problem.n_edges, b->problem.n_edges);
    cr_assert_eq(a->problem.post_ns, b->problem.post_ns);
    for (int32_t s = 0; s < a->problem.n_stages; s++) {
        const weft_stage *stage = &a->problem.stages[s], *again = &b->problem.stages[s];
        cr_assert_eq(memcmp(&stage->now.cost, &again->now.cost, sizeof(weft_cost)), 0);
        cr_assert_eq(stage->ready_ns, again->ready_ns);
        cr_assert_eq(again->label, -1);
        cr_assert_eq(again->n_candidates, 0);
    }
    for (int32_t r = 0; r < a->problem.n_ranks; r++) {
        cr_assert_eq(a->problem.limit_bytes[r], b->problem.limit_bytes[r]);
        cr_assert_eq(a->problem.static_bytes[r], b->problem.static_bytes[r]);
        cr_assert_eq(a->peak_bytes[r], b->peak_bytes[r]);
        expect_same_rank(&a->ranks[r], &b->ranks[r]);
    }
    cr_assert_eq(a->pipeline_ns, b->pipeline_ns);
    cr_assert_eq(a->span_ns, b->span_ns);
    cr_assert_eq(a->lower_bound_ns, b->lower_bound_ns);
    cr_assert_eq(a->span_lower_bound_ns, b->span_lower_bound_ns);
    cr_assert_eq(a->work_bound_ns, b->work_bound_ns);
}

static void expect_same(const weft_plan *a, const weft_plan *b)
{
    cr_assert_str_eq(a->model.name, b->model.name);
    cr_assert_str_eq(a->model.sha256, b->model.sha256);
    cr_assert_str_eq(b->cluster.name, "");
    cr_assert_str_eq(a->recipe.name, b->recipe.name);
    cr_assert_str_eq(a->batch.sha256, b->batch.sha256);
    cr_assert_eq(a->n_samples, b->n_samples);
    cr_assert_eq(a->seed, b->seed);
    cr_assert_eq(a->objective, b->objective);
    cr_assert_str_eq(a->method, b->method);
    cr_assert_eq(memcmp(&a->parallel, &b->parallel, sizeof(a->parallel)), 0);
    cr_assert_eq(a->post_ns, b->post_ns);
    cr_assert_eq(a->n_chunks, b->n_chunks);
    cr_assert_eq(a->n_shared, b->n_shared);
    for (int32_t i = 0; i < a->n_shared; i++) {
        cr_assert_str_eq(a->shared[i].name, b->shared[i].name);
        cr_assert_eq(a->shared[i].n_chunks, b->shared[i].n_chunks);
        cr_assert_eq(a->shared[i].chunks[0], b->shared[i].chunks[0]);
        cr_assert_eq(a->shared[i].bytes, b->shared[i].bytes);
    }
    cr_assert_eq(a->n_pipelines, b->n_pipelines);
    for (int32_t p = 0; p < a->n_pipelines; p++)
        expect_same_pipeline(&a->pipelines[p], &b->pipelines[p]);
    cr_assert_eq(memcmp(&a->predicted, &b->predicted, sizeof(a->predicted)), 0);
}

Test(plan_json, is_read_back_as_it_was)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        int32_t shared_chunk;
        weft_shared shared = {.chunks = &shared_chunk};
        weft_plan *plan = random_plan(&rng, &shared), *again = NULL;
        size_t n, n_again;
        char *text = written(plan, &n);
        weft_error error = {0};
        cr_assert_eq(weft_i_plan_parse("t", text, n, &error, &again), WEFT_STATUS_OK,
                     "seed %lu: %s: %s", (unsigned long)seed, error.path, error.text);
        expect_same(plan, again);
        cr_assert_eq(weft_plan_check(again, &error, NULL), WEFT_STATUS_OK, "seed %lu: %s",
                     (unsigned long)seed, error.text);
        char *text_again = written(again, &n_again);
        cr_assert_eq(n, n_again, "seed %lu", (unsigned long)seed);
        cr_assert_eq(memcmp(text, text_again, n), 0, "seed %lu", (unsigned long)seed);
        free(text);
        free(text_again);
        weft_plan_free(plan);
        weft_plan_free(again);
    }
}

/* One rank, one stage, every kind of action once; the times mean nothing. */
static const char least[] =
    "{\"format\":\"weft.plan\",\"version\":1,\"revision\":0,\"meta\":{},\n"
    "\"inputs\":{\"model\":{\"name\":\"m\",\"sha256\":\"\"},\"cluster\":{},\"recipe\":{},\n"
    "\"layout\":{},\"batch\":{\"samples\":3,\"sha256\":\"\"}},\n"
    "\"options\":{\"seed\":1,\"objective\":\"span\",\"method\":\"paper\"},\n"
    "\"recipe\":{\"post_ns\":4},\"parallel\":{\"dp\":2,\"pp\":2,\"tp\":4,\"cp\":1,\"ep\":1},\n"
    "\"chunks\":[{\"module\":\"v\",\"segment\":0,\"rank\":0,\"first_layer\":0,\"layers\":1,"
    "\"state_bytes\":0,\"reduce_bytes\":0,\"reduce_ns\":0},\n"
    "{\"module\":\"v\",\"segment\":0,\"rank\":1,\"first_layer\":1,\"layers\":1,"
    "\"state_bytes\":0,\"reduce_bytes\":0,\"reduce_ns\":0}],\n"
    "\"shared\":[{\"name\":\"e\",\"chunks\":[0,1],\"bytes\":5}],\n"
    "\"pipelines\":[{\"replica\":1,\n"
    "\"static_bytes\":[0,0],\"limit_bytes\":[9,9],\n"
    "\"submicrobatches\":[{\"module\":\"v\",\"microbatches\":[0],\"index\":0,\"tokens\":4,"
    "\"items\":[]}],\n"
    "\"stages\":[{\"chunk\":0,\"submicrobatch\":0,\"backward\":\"none\",\"fw_ns\":1,\"bw_ns\":0,"
    "\"bwi_ns\":0,\"bww_ns\":0,\"recompute_ns\":0,\"saved_bytes\":0,\"held_bytes\":0,"
    "\"work_bytes\":{\"fw\":0,\"bw\":0,\"bwi\":0,\"bww\":0},\"memory\":[[\"none\",1]]},\n"
    "{\"chunk\":1,\"submicrobatch\":0,\"backward\":\"none\",\"fw_ns\":1,\"bw_ns\":0,"
    "\"bwi_ns\":0,\"bww_ns\":0,\"recompute_ns\":0,\"saved_bytes\":0,\"held_bytes\":0,"
    "\"work_bytes\":{\"fw\":0,\"bw\":0,\"bwi\":0,\"bww\":0},\"memory\":[]}],\n"
    "\"edges\":[{\"pass\":\"fw\",\"from\":0,\"to\":1,\"kind\":\"tokens\",\"bytes\":0,"
    "\"transfer_ns\":0}],\n"
    "\"ranks\":[{\"actions\":[[\"fw\",0],[\"bw\",0],[\"bwi\",0],[\"bww\",1],[\"isend\",0,7],"
    "[\"irecv\",0],[\"wait_isend\",0],[\"wait_irecv\",0,0],[\"offload\",0],[\"prefetch\",0],"
    "[\"wait_offload\",0],[\"wait_prefetch\",0],[\"reduce\",1],[\"wait_reduce\",0],"
    "[\"unshard\",0],[\"reshard\",0],[\"optimizer\"]],\n"
    "\"start_ns\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],\n"
    "\"end_ns\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]},\n"
    "{\"actions\":[],\"start_ns\":[],\"end_ns\":[]}],\n"
    "\"pipeline_ns\":1,\"span_ns\":2,\"lower_bound_ns\":3,\"span_lower_bound_ns\":4,"
    "\"work_bound_ns\":5,\n\"peak_bytes\":[6,7]}],\n"
    "\"predicted\":{\"step_ns\":8,\"reduce_tail_ns\":9,\"optimizer_ns\":10,\"bubble\":0.25,"
    "\"mfu\":0.5,\"hfu\":1}}\n";

Test(plan_json, every_kind_of_action)
{
    weft_plan *plan = NULL, *again = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_i_plan_parse("t", least, strlen(least), &error, &plan), WEFT_STATUS_OK,
                 "%d:%s: %s", error.line, error.path, error.text);
    const weft_rank_actions *rank = &plan->pipelines[0].ranks[0];
    cr_assert_eq(rank->n_actions, WEFT_N_ACTIONS);
    for (int32_t i = 0; i < WEFT_N_ACTIONS; i++) {
        cr_expect_eq(rank->actions[i].kind, (weft_action_kind)i);
        cr_expect_eq(rank->actions[i].group, i == 4 ? 7 : i == 7 ? 0 : -1);
        cr_expect_eq(rank->actions[i].operand, i == 3 || i == 12 ? 1 : 0);
    }
    cr_expect_eq(plan->pipelines[0].replica, 1);
    cr_expect_eq(plan->pipelines[0].problem.post_ns, 4);
    cr_expect_eq(plan->objective, 2);
    size_t n, n_again;
    char *text = written(plan, &n);
    cr_assert_eq(weft_i_plan_parse("t", text, n, &error, &again), WEFT_STATUS_OK);
    expect_same(plan, again);
    char *text_again = written(again, &n_again);
    cr_expect_str_eq(text, text_again);
    free(text);
    free(text_again);
    weft_plan_free(plan);
    weft_plan_free(again);
}

Test(plan_json, what_is_wrong_is_named)
{
    static const struct {
        const char *from, *to;
        int line;
        const char *path, *text;
    } cases[] = {
        {"weft.plan", "weft.problem", 1, "$.format", "expected 'weft.plan', found 'weft.problem'"},
        {"\"cluster\":{},", "", 2, "$.inputs", "missing key 'cluster'"},
        {"\"sha256\":\"\"}},", "\"sha256\":\"12\"}},", 3, "$.inputs.batch",
         "expected a sha256 of 64 hex digits or \"\", found '12'"},
        {"\"seed\":1", "\"seed\":-1", 4, "$.options.seed",
         "expected an integer from 0 to 9007199254740991, found -1"},
        {"\"span\"", "\"fast\"", 4, "$.options.objective",
         "expected one of step, makespan, span, found 'fast'"},
        {"\"post_ns\":4", "\"post_ns\":4,\"name\":\"x\"", 5, "$.recipe",
         "expected the name in inputs.recipe, '', found 'x'"},
        {"\"pp\":2", "\"pp\":0", 5, "$.parallel.pp",
         "expected an integer from 1 to 2147483647, found 0"},
        {"\"pp\":2", "\"pp\":3", 10, "$.pipelines[0].limit_bytes",
         "expected parallel.pp = 3 items, found 2"},
        {"\"dp\":2", "\"dp\":1", 9, "$.pipelines[0].replica",
         "expected 0 to parallel.dp - 1 = 0, found 1"},
        {"\"rank\":1", "\"rank\":2", 7, "$.chunks[1].rank",
         "expected an integer from 0 to 1, found 2"},
        {",\"reduce_ns\":0},", "},", 6, "$.chunks[0]", "missing key 'reduce_ns'"},
        {"[0,1],\"bytes\"", "[0,2],\"bytes\"", 8, "$.shared[0].chunks[1]",
         "expected an integer from 0 to 1, found 2"},
        {"[9,9]", "[9,null]", 10, "$.pipelines[0].limit_bytes[1]",
         "expected an integer, found null"},
        {",\"items\":[]", "", 11, "$.pipelines[0].submicrobatches[0]", "missing key 'items'"},
        {"\"bww\":0},", "\"bww\":0},\"label\":3,", 12, "$.pipelines[0].stages[0].label",
         "unknown key 'label'"},
        {"[\"none\",1]", "[\"none\",2]", 12, "$.pipelines[0].stages[0].memory",
         "expected no layers or the chunk's 1, found 2"},
        {"\"to\":1", "\"to\":0", 14, "$.pipelines[0].edges[0]", "stage 0 depends on itself"},
        {"[\"fw\",0]", "[\"fw\",2]", 15, "$.pipelines[0].ranks[0].actions[0][1]",
         "expected an integer from 0 to 1, found 2"},
        {"[\"fw\",0]", "[\"fw\",0,0]", 15, "$.pipelines[0].ranks[0].actions[0]",
         "expected 2 items, found 3"},
        {"[\"fw\",0]", "[\"forward\",0]", 15, "$.pipelines[0].ranks[0].actions[0][0]",
         "expected one of fw, bw, bwi, bww, isend, irecv, wait_isend, wait_irecv, offload, "
         "prefetch, wait_offload, wait_prefetch, reduce, wait_reduce, unshard, reshard, optimizer, "
         "found 'forward'"},
        {"[\"isend\",0,7]", "[\"isend\",0,-1]", 15, "$.pipelines[0].ranks[0].actions[4][2]",
         "expected an integer from 0 to 2147483647, found -1"},
        {"[\"irecv\",0]", "[\"irecv\",1]", 15, "$.pipelines[0].ranks[0].actions[5][1]",
         "expected an integer from 0 to 0, found 1"},
        {"[\"optimizer\"]", "[\"optimizer\",0]", 15, "$.pipelines[0].ranks[0].actions[16]",
         "expected 1 item, found 2"},
        {"[\"optimizer\"]", "[]", 15, "$.pipelines[0].ranks[0].actions[16]",
         "expected at least 1 item, found 0"},
        {"\"start_ns\":[0,", "\"start_ns\":[", 16, "$.pipelines[0].ranks[0].start_ns",
         "expected 17 items, found 16"},
        {"\"end_ns\":[1,", "\"end_ns\":[-1,", 17, "$.pipelines[0].ranks[0].end_ns[0]",
         "expected an integer from 0 to 9007199254740991, found -1"},
        {",\n{\"actions\":[],\"start_ns\":[],\"end_ns\":[]}", "", 15, "$.pipelines[0].ranks",
         "expected parallel.pp = 2 items, found 1"},
        {"[6,7]", "[6]", 20, "$.pipelines[0].peak_bytes", "expected 2 items, found 1"},
        {"\"bubble\":0.25", "\"bubble\":1.25", 21, "$.predicted.bubble",
         "expected a number from -1 to 1, found 1.25"},
        {"\"hfu\":1}", "\"hfu\":-1}", 21, "$.predicted.hfu",
         "expected a number of at least 0, found -1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[4096];
        const char *place = strstr(least, cases[i].from);
        cr_assert(place, "%s", cases[i].from);
        int n = snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - least), least, cases[i].to,
                         place + strlen(cases[i].from));
        weft_plan *plan = NULL;
        weft_error error = {0};
        cr_expect_eq(weft_i_plan_parse("t.json", text, (size_t)n, &error, &plan),
                     WEFT_STATUS_BAD_INPUT, "%s", cases[i].to);
        cr_expect_str_eq(error.path, cases[i].path);
        cr_expect_str_eq(error.text, cases[i].text);
        cr_expect_eq(error.line, cases[i].line, "%s: line %d", cases[i].to, error.line);
        weft_plan_free(plan);
    }
}

/* The one pipeline twice. */
Test(plan_json, replicas_come_in_order)
{
    const char *from = strstr(least, "{\"replica\""), *to = strstr(least, "],\n\"predicted\"");
    char text[8192];
    int n = snprintf(text, sizeof(text), "%.*s,%.*s%s", (int)(to - least), least, (int)(to - from),
                     from, to);
    weft_plan *plan = NULL;
    weft_error error = {0};
    cr_expect_eq(weft_i_plan_parse("t", text, (size_t)n, &error, &plan), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.path, "$.pipelines[1].replica");
    cr_expect_str_eq(error.text, "expected 2 to parallel.dp - 1 = 1, found 1");
    memcpy(strstr(text, "\"replica\":1"), "\"replica\":0", strlen("\"replica\":0"));
    cr_expect_eq(weft_i_plan_parse("t", text, (size_t)n, NULL, &plan), WEFT_STATUS_OK);
    weft_plan_free(plan);
}

Test(plan_json, what_json_has_no_number_for)
{
    weft_plan *plan = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_i_plan_parse("t", least, strlen(least), NULL, &plan), WEFT_STATUS_OK);
    plan->predicted.mfu = NAN;
    cr_expect_eq(weft_plan_write(plan, scratch_name(), &error), WEFT_STATUS_FAILED);
    cr_expect_str_eq(error.text, "expected finite ratios, found bubble 0.25, mfu nan, hfu 1");
    plan->predicted.mfu = 0;
    plan->seed = (uint64_t)WEFT_INT_MAX + 1;
    error = (weft_error){0};
    cr_expect_eq(weft_plan_write(plan, scratch_name(), &error), WEFT_STATUS_FAILED);
    cr_expect_str_eq(error.text,
                     "expected a seed of at most 9007199254740991, found 9007199254740992");
    cr_expect_neq(access(scratch_name(), F_OK), 0, "nothing is written");
    plan->seed = 1;
    cr_expect_eq(weft_plan_write(plan, "/dev/full", NULL), WEFT_STATUS_IO);
    cr_expect_eq(weft_plan_write(plan, "no/such/folder", NULL), WEFT_STATUS_IO);
    weft_plan_free(plan);
    cr_expect_eq(weft_plan_read("no/such/file", NULL, &plan), WEFT_STATUS_IO);
}

Test(plan_json, through_a_file)
{
    weft_plan *plan = NULL, *again = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_i_plan_parse("t", least, strlen(least), NULL, &plan), WEFT_STATUS_OK);
    cr_expect_eq(weft_plan_write(plan, scratch_name(), &error), WEFT_STATUS_OK, "%s", error.text);
    cr_expect_eq(weft_plan_read(scratch_name(), &error, &again), WEFT_STATUS_OK, "%s", error.text);
    remove(scratch_name());
    expect_same(plan, again);
    weft_plan_free(plan);
    weft_plan_free(again);
}

/* Each allocation that is ours fails once. */
Test(plan_json, out_of_memory)
{
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_plan *plan = NULL;
    long n_failed = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(n_failed + 1);
        status = weft_i_plan_parse("t", least, strlen(least), NULL, &plan);
        if (status == WEFT_STATUS_NO_MEMORY) n_failed++;
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(n_failed, 2);
    weft_plan_free(plan);
    weft_plan_free(NULL);
}

Test(plan, actions_have_names_and_operands)
{
    cr_expect_str_eq(weft_action_name(WEFT_ACTION_WAIT_IRECV), "wait_irecv");
    cr_expect_str_eq(weft_action_name(WEFT_N_ACTIONS), "?");
    cr_expect_eq(weft_action_operand(WEFT_ACTION_BWW), WEFT_OPERAND_STAGE);
    cr_expect_eq(weft_action_operand(WEFT_ACTION_ISEND), WEFT_OPERAND_EDGE);
    cr_expect_eq(weft_action_operand(WEFT_ACTION_REDUCE), WEFT_OPERAND_CHUNK);
    cr_expect_eq(weft_action_operand(WEFT_ACTION_OPTIMIZER), WEFT_OPERAND_NONE);
    cr_expect_eq((int)WEFT_ACTION_BWI, (int)WEFT_PASS_BWI, "the first four are the passes");
}
