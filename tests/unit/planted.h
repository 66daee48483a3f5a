/* tests/unit/planted.h - a hand-made plan that keeps every rule, to plant violations in, and what
 * the check has to say about them. */
#ifndef WEFT_TESTS_UNIT_PLANTED_H
#define WEFT_TESTS_UNIT_PLANTED_H

#include <stdio.h>
#include <string.h>

#include "tests/unit/plan_edit.h"
#include "tests/unit/plan_sim.h"

/* Chunks of the hand-made problem: a frozen encoder on rank 0, a language model on ranks 0 to 2
 * whose backward can be split, and one on rank 2 that no microbatch uses. Two microbatches. */
enum { VISION, LM0, LM1, LM2, SPARE, N_CHUNKS, N_STAGES = SPARE };
enum { FW_LOCAL, FW_01, FW_12, BW_21, BW_10, N_EDGES };

static inline int32_t stage_of(int32_t microbatch, int32_t chunk)
{
    return microbatch * N_STAGES + chunk;
}

static inline int32_t edge_of(int32_t microbatch, int32_t edge)
{
    return microbatch * N_EDGES + edge;
}

static inline void make_stages(weft_problem *problem, int32_t m)
{
    const weft_edge edges[N_EDGES] = {
        {.pass = WEFT_PASS_FW, .from = VISION, .to = LM0, .bytes = 7},
        {.pass = WEFT_PASS_FW, .from = LM0, .to = LM1, .bytes = 11, .transfer_ns = 3},
        {.pass = WEFT_PASS_FW, .from = LM1, .to = LM2, .bytes = 11, .transfer_ns = 3},
        {.pass = WEFT_PASS_BW, .from = LM2, .to = LM1, .bytes = 11, .transfer_ns = 3},
        {.pass = WEFT_PASS_BW, .from = LM1, .to = LM0, .bytes = 11, .transfer_ns = 3}};
    for (int32_t c = 0; c < N_STAGES; c++) {
        weft_stage *stage = &problem->stages[stage_of(m, c)];
        *stage = (weft_stage){.chunk = c, .submicrobatch = 2 * m + (c != VISION), .label = -1};
        stage->now.cost = (weft_cost){.fw_ns = 10 + c, .work_bytes = {5, 6, 7, 8}};
        if (c == VISION) continue;
        stage->backward = WEFT_BACKWARD_FULL;
        weft_cost *cost = &stage->now.cost;
        cost->bw_ns = 20;
        cost->bwi_ns = cost->bww_ns = 12;
        cost->recompute_ns = 2;
        cost->saved_bytes = 100;
        cost->held_bytes = 40;
    }
    for (int32_t e = 0; e < N_EDGES; e++) {
        problem->edges[edge_of(m, e)] = edges[e];
        problem->edges[edge_of(m, e)].from = stage_of(m, edges[e].from);
        problem->edges[edge_of(m, e)].to = stage_of(m, edges[e].to);
    }
}

static inline weft_problem *make_problem(void)
{
    static int32_t numbers[] = {0, 1};
    weft_i_arena *arena;
    weft_problem *problem = weft_i_problem_create(&arena);
    *problem = (weft_problem){.n_ranks = 3,
                              .n_chunks = N_CHUNKS,
                              .n_submicrobatches = 4,
                              .n_stages = 2 * N_STAGES,
                              .n_edges = 2 * N_EDGES,
                              .chunks = weft_i_new(arena, weft_chunk, N_CHUNKS),
                              .submicrobatches = weft_i_new(arena, weft_submicrobatch, 4),
                              .stages = weft_i_new(arena, weft_stage, 2 * N_STAGES),
                              .edges = weft_i_new(arena, weft_edge, 2 * N_EDGES),
                              .static_bytes = weft_i_new(arena, int64_t, 3),
                              .limit_bytes = weft_i_new(arena, int64_t, 3),
                              .post_ns = 1,
                              .owner = problem->owner};
    static const struct {
        const char *module;
        int32_t rank;
    } chunks[] = {{"vision", 0}, {"language", 0}, {"language", 1}, {"language", 2}, {"spare", 2}};
    for (int32_t c = 0; c < N_CHUNKS; c++) {
        problem->chunks[c] = (weft_chunk){.module = chunks[c].module,
                                          .rank = chunks[c].rank,
                                          .layers = 1,
                                          .reduce_bytes = c == VISION ? 0 : 64,
                                          .reduce_ns = 15};
    }
    for (int32_t i = 0; i < 4; i++) {
        problem->submicrobatches[i] = (weft_submicrobatch){.module = i % 2 ? "language" : "vision",
                                                           .microbatches = &numbers[i / 2],
                                                           .n_microbatches = 1};
    }
    for (int32_t r = 0; r < 3; r++) {
        problem->static_bytes[r] = 1000;
        problem->limit_bytes[r] = 5000;
    }
    make_stages(problem, 0);
    make_stages(problem, 1);
    return problem;
}

/* 1F1B; microbatch 1 has its backward split. */
static inline weft_order *make_order(void)
{
#define FW(m, c)  (weft_task)(4 * ((m)*N_STAGES + (c)) + WEFT_PASS_FW)
#define BW(m, c)  (weft_task)(4 * ((m)*N_STAGES + (c)) + WEFT_PASS_BW)
#define BWI(m, c) (weft_task)(4 * ((m)*N_STAGES + (c)) + WEFT_PASS_BWI)
#define BWW(m, c) (weft_task)(4 * ((m)*N_STAGES + (c)) + WEFT_PASS_BWW)
    static const weft_task tasks[3][7] = {
        {FW(0, VISION), FW(0, LM0), FW(1, VISION), FW(1, LM0), BW(0, LM0), BWI(1, LM0),
         BWW(1, LM0)},
        {FW(0, LM1), FW(1, LM1), BW(0, LM1), BWI(1, LM1), BWW(1, LM1)},
        {FW(0, LM2), BW(0, LM2), FW(1, LM2), BWI(1, LM2), BWW(1, LM2)}};
    static const int32_t n_tasks[] = {7, 5, 5};
    weft_order *order = weft_order_create(3, n_tasks);
    for (int32_t r = 0; r < 3; r++) {
        memcpy(order->tasks[r], tasks[r], (size_t)n_tasks[r] * sizeof(weft_task));
        order->n_tasks[r] = n_tasks[r];
    }
    return order;
}

/* The plan to break: two replicas, room for edits, every rule kept. */
typedef struct fixture {
    weft_plan *plan;
    weft_i_arena arena;
} fixture;

static inline fixture make_plan(void)
{
    fixture f = {0};
    weft_problem *problem = make_problem();
    weft_order *order = make_order();
    const weft_pipeline_input input = {.problem = problem, .order = order};
    const weft_pipeline_input inputs[] = {input, input};
    weft_error error = {0};
    cr_assert_eq(weft_plan_build(inputs, 2, 9, &error, &f.plan), WEFT_STATUS_OK, "%s", error.text);
    edit_open(f.plan, &f.arena);
    cr_assert_eq(weft_plan_check(f.plan, &error, NULL), WEFT_STATUS_OK, "%s", error.text);
    weft_order_free(order);
    weft_problem_free(problem);
    return f;
}

static inline void fixture_free(fixture *f)
{
    weft_plan_free(f->plan);
    weft_i_arena_free(&f->arena);
}

static inline weft_rank_actions *rank_of(const fixture *f, int32_t replica, int32_t rank)
{
    return &f->plan->pipelines[replica].ranks[rank];
}

static inline int32_t find(const fixture *f, int32_t replica, int32_t rank, weft_action_kind kind,
                           int32_t operand)
{
    int32_t at = twin_find(&f->plan->pipelines[replica], rank, kind, operand);
    cr_assert_geq(at, 0, "%s %d is not on rank %d", weft_action_name(kind), operand, rank);
    return at;
}

/* Who a rank waits for in a deadlock, as the check says it. */
static inline void describe_awaited(const fixture *f, const weft_violation *where, char *out,
                                    size_t size)
{
    const weft_problem *problem = &f->plan->pipelines[where->replica].problem;
    const weft_action *action = &rank_of(f, where->replica, where->rank)->actions[where->action];
    if (weft_action_operand(action->kind) != WEFT_OPERAND_EDGE) {
        snprintf(out, size, "waits for ever for this rank of another replica");
        return;
    }
    const weft_edge *edge = &problem->edges[action->operand];
    int32_t from = f->plan->chunks[problem->stages[edge->from].chunk].rank;
    int32_t to = f->plan->chunks[problem->stages[edge->to].chunk].rank;
    snprintf(out, size, "waits for ever for rank %d, which", from == where->rank ? to : from);
}

/* The place of a violation in words and as a path, and who is waited for in a deadlock. */
static inline void expect_words(const fixture *f, const weft_violation *where,
                                const weft_error *error)
{
    char begin[96], path[96] = "", awaited[96];
    int n = snprintf(begin, sizeof(begin), "%s: ", where->rule), n_path = 0;
    if (where->replica >= 0)
        n += snprintf(begin + n, sizeof(begin) - (size_t)n, "replica %d", where->replica);
    if (where->rank >= 0) {
        n += snprintf(begin + n, sizeof(begin) - (size_t)n, ", rank %d", where->rank);
        n_path = snprintf(path, sizeof(path), ".ranks[%d]", where->rank);
    }
    if (where->action >= 0) {
        n += snprintf(begin + n, sizeof(begin) - (size_t)n, ", action %d (", where->action);
        snprintf(path + n_path, sizeof(path) - (size_t)n_path, ".actions[%d]", where->action);
    }
    cr_expect_eq(strncmp(error->text, begin, (size_t)n), 0, "'%s' in '%s'", begin, error->text);
    const char *pipeline_end = strchr(error->path, ']');
    cr_expect_str_eq(pipeline_end ? pipeline_end + 1 : "", path);
    if (strncmp(where->rule, "deadlock", 8) != 0) return;
    describe_awaited(f, where, awaited, sizeof(awaited));
    cr_expect(strstr(error->text, awaited), "'%s' in '%s'", awaited, error->text);
}

/* The check finds this rule broken at this place; ends the test with the plan. */
static inline void expect(fixture *f, const char *rule, int32_t replica, int32_t rank,
                          int32_t action)
{
    weft_violation where = {-9, -9, -9, NULL};
    weft_error error = {0};
    cr_expect_eq(weft_plan_check(f->plan, &error, &where), WEFT_STATUS_VIOLATION);
    cr_expect_eq(error.status, WEFT_STATUS_VIOLATION);
    cr_expect_str_eq(where.rule ? where.rule : "none", rule, "found %s: %s", where.rule,
                     error.text);
    cr_expect(where.replica == replica && where.rank == rank && where.action == action,
              "found %d, %d, %d, expected %d, %d, %d: %s", where.replica, where.rank, where.action,
              replica, rank, action, error.text);
    if (where.rule) expect_words(f, &where, &error);
    fixture_free(f);
}

static inline void expect_ok(fixture *f)
{
    weft_error error = {0};
    cr_expect_eq(weft_plan_check(f->plan, &error, NULL), WEFT_STATUS_OK, "%s: %s", error.path,
                 error.text);
    fixture_free(f);
}

#endif
