/* weft.timeline: written and read back, matched with its plan, and what is wrong named by line and
 * path. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "plan/timeline_own.h"
#include "tests/unit/random_plan.h"

static const char *scratch_name(void)
{
    static char name[64];
    snprintf(name, sizeof(name), "test_timeline.%d.json", (int)getpid());
    return name;
}

/* Times that are drawn for the actions of a plan. */
static weft_timeline *random_timeline(weft_i_rng *rng, const weft_plan *plan)
{
    weft_timeline *timeline = NULL;
    cr_assert_eq(weft_timeline_of_plan(plan, "virt\"ual", NULL, &timeline), WEFT_STATUS_OK);
    timeline->scale = weft_i_rng_double(rng) + 0.1;
    timeline->n_steps = 1 + random_to(rng, 5);
    timeline->step = random_to(rng, timeline->n_steps - 1);
    for (int32_t p = 0; p < timeline->n_pipelines; p++) {
        for (int32_t r = 0; r < timeline->n_ranks; r++) {
            weft_timeline_rank *rank = &timeline->pipelines[p].ranks[r];
            int64_t now_ns = 0;
            rank->host = random_to(rng, 1) ? "node-1" : "";
            rank->clock_offset_ns = random_to(rng, 1) ? -WEFT_INT_MAX : random_to(rng, 1000);
            rank->clock_error_ns = random_to(rng, 1000);
            for (int32_t a = 0; a < rank->actions.n_actions; a++) {
                weft_action *action = &rank->actions.actions[a];
                action->start_ns = now_ns += random_to(rng, 3);
                action->end_ns = now_ns += random_to(rng, 100);
            }
        }
    }
    return timeline;
}

static void expect_equal(const weft_timeline *a, const weft_timeline *b)
{
    cr_expect_str_eq(a->device, b->device);
    cr_expect(a->scale == b->scale && a->n_steps == b->n_steps && a->step == b->step);
    cr_assert(a->n_pipelines == b->n_pipelines && a->n_ranks == b->n_ranks);
    for (int32_t p = 0; p < a->n_pipelines; p++) {
        cr_expect_eq(a->pipelines[p].replica, b->pipelines[p].replica);
        for (int32_t r = 0; r < a->n_ranks; r++) {
            const weft_timeline_rank *x = &a->pipelines[p].ranks[r], *y = &b->pipelines[p].ranks[r];
            cr_expect_str_eq(x->host, y->host);
            cr_expect_eq(x->clock_offset_ns, y->clock_offset_ns);
            cr_expect_eq(x->clock_error_ns, y->clock_error_ns);
            cr_assert_eq(x->actions.n_actions, y->actions.n_actions);
            size_t n = (size_t)x->actions.n_actions * sizeof(weft_action);
            cr_expect(n == 0 || memcmp(x->actions.actions, y->actions.actions, n) == 0);
        }
    }
}

Test(timeline, comes_back_as_it_was)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, RANDOM_REPLICAS - 1), 0);
        weft_timeline *timeline = random_timeline(&rng, plan), *read = NULL;
        weft_error error = {0};
        cr_assert_eq(weft_timeline_write(timeline, scratch_name(), &error), WEFT_STATUS_OK, "%s",
                     error.text);
        cr_assert_eq(weft_timeline_read(scratch_name(), &error, &read), WEFT_STATUS_OK,
                     "seed %d: %s %s", (int)seed, error.path, error.text);
        expect_equal(timeline, read);
        cr_expect_eq(weft_timeline_match(read, plan, &error), WEFT_STATUS_OK, "%s", error.text);
        weft_timeline_free(timeline);
        weft_timeline_free(read);
        weft_plan_free(plan);
    }
    unlink(scratch_name());
}

/* A whole file with one rank, of which one part is another. */
static void expect_refused(const char *head, const char *rank, const char *path, const char *text)
{
    char file[1024];
    weft_error error = {0};
    weft_timeline *timeline = NULL;
    int n = snprintf(file, sizeof(file),
                     "{\"format\":\"weft.timeline\",\"version\":1,\"revision\":0,%s,\n"
                     "\"pipelines\":[{\"replica\":0,\"ranks\":[\n%s]}]}",
                     head, rank);
    cr_assert_eq(weft_i_timeline_parse("t", file, (size_t)n, &error, &timeline),
                 WEFT_STATUS_BAD_INPUT, "%s %s", head, rank);
    cr_expect_null(timeline);
    cr_expect_str_eq(error.path, path);
    cr_expect_eq(error.line, strcmp(path, "$") == 0 ? 1 : strstr(path, "ranks") ? 3 : 2);
    cr_expect_str_eq(error.text, text);
}

#define HEAD     "\"device\":\"virtual\",\"scale\":1,\"steps\":2,\"step\":1"
#define MACHINE  "\"host\":\"a\",\"clock_offset_ns\":-5,\"clock_error_ns\":1,"
#define RANK     "$.pipelines[0].ranks[0]"
#define NO_TIMES "{" MACHINE "\"actions\":[],\"start_ns\":[],\"end_ns\":[]}"

Test(timeline, refuses_what_is_wrong)
{
    expect_refused(HEAD,
                   "{" MACHINE "\"actions\":[[\"fw\",0],[\"bw\",0]],\"start_ns\":[0,4],"
                   "\"end_ns\":[5,9]}",
                   RANK, "action 1 is from 4 to 9 ns, expected a start from 5 and an end after it");
    expect_refused(HEAD, "{" MACHINE "\"actions\":[[\"fw\",0]],\"start_ns\":[7],\"end_ns\":[5]}",
                   RANK, "action 0 is from 7 to 5 ns, expected a start from 0 and an end after it");
    expect_refused(HEAD, "{" MACHINE "\"actions\":[[\"fw\",0]],\"start_ns\":[7],\"end_ns\":[]}",
                   RANK ".end_ns", "expected 1 item, found 0");
    expect_refused("\"device\":\"virtual\",\"scale\":1,\"steps\":2,\"step\":2", NO_TIMES, "$",
                   "expected a step below steps = 2, found 2");
    expect_refused(HEAD, "", "$.pipelines[0]",
                   "expected 1 ranks, as many in each pipeline, found 0");
}

Test(timeline, differs_from_another_plan)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 5);
    weft_plan *plan = random_plan(&rng, 2, 0);
    weft_timeline *timeline = random_timeline(&rng, plan);
    weft_error error = {0};
    weft_rank_actions *rank = &timeline->pipelines[1].ranks[0].actions;
    cr_assert_gt(rank->n_actions, 1);
    rank->actions[0].kind = WEFT_ACTION_RESHARD;
    cr_expect_eq(weft_timeline_match(timeline, plan, &error), WEFT_STATUS_BAD_INPUT);
    cr_expect(strstr(error.text, "action 0 of rank 0 of replica 1 is reshard "), "%s", error.text);
    rank->actions[0].kind = plan->pipelines[1].ranks[0].actions[0].kind;
    cr_expect_eq(weft_timeline_match(timeline, plan, NULL), WEFT_STATUS_OK);
    rank->actions[0].operand++;
    cr_expect_eq(weft_timeline_match(timeline, plan, NULL), WEFT_STATUS_BAD_INPUT);
    rank->n_actions--;
    error = (weft_error){0};
    cr_expect_eq(weft_timeline_match(timeline, plan, &error), WEFT_STATUS_BAD_INPUT);
    cr_expect(strstr(error.text, "actions on rank 0 of replica 1, the plan"), "%s", error.text);
    timeline->pipelines[0].replica = 7;
    error = (weft_error){0};
    cr_expect_eq(weft_timeline_match(timeline, plan, &error), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.text, "pipeline 0 is replica 7 in the timeline, 0 in the plan");
    timeline->n_pipelines = 1;
    error = (weft_error){0};
    cr_expect_eq(weft_timeline_match(timeline, plan, &error), WEFT_STATUS_BAD_INPUT);
    cr_expect(strstr(error.text, "the timeline is of 1 pipelines of "), "%s", error.text);
    weft_timeline_free(timeline);
    weft_plan_free(plan);
}

Test(timeline, survives_every_failed_allocation)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 3);
    weft_plan *plan = random_plan(&rng, 2, 0);
    long k = 1;
    for (;; k++) {
        weft_timeline *timeline = NULL;
        weft_i_alloc_fail_after(k);
        weft_status status = weft_timeline_of_plan(plan, "virtual", NULL, &timeline);
        weft_i_alloc_fail_after(0);
        weft_timeline_free(timeline);
        if (status == WEFT_STATUS_OK) break;
        cr_assert_eq(status, WEFT_STATUS_NO_MEMORY);
    }
    cr_expect_gt(k, 2);
    weft_plan_free(plan);
}
