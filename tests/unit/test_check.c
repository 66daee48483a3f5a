/* tests/unit/test_check.c - weft_plan_check on random plans: compiled ones keep every rule; those
 * whose posts were moved deadlock where the slow simulations do; those that were broken at random
 * are told, or the slow versions find nothing wrong with them either. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/plan_edit.h"
#include "tests/unit/plan_sim.h"

enum { N_COMPILED = 300, N_MOVED = 150, N_BROKEN = 1500 };

Test(check, compiled_plans_keep_every_rule)
{
    for (uint64_t seed = 1; seed <= N_COMPILED; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + (int32_t)(seed % 3), (int64_t)(seed / 3 % 3));
        weft_error error = {0};
        cr_expect_eq(weft_plan_check(plan, &error, NULL), WEFT_STATUS_OK, "seed %llu: %s: %s",
                     (unsigned long long)seed, error.path, error.text);
        weft_plan_free(plan);
    }
}

/* The passes that send and receive a message, and its other actions on the same rank. */
static bool may_swap(const weft_pipeline *pipeline, const weft_action *a, const weft_action *b)
{
    bool a_is_message = weft_action_operand(a->kind) == WEFT_OPERAND_EDGE;
    bool b_is_message = weft_action_operand(b->kind) == WEFT_OPERAND_EDGE;
    if (!a_is_message && !b_is_message) return false;
    if (a_is_message && b_is_message) return a->operand != b->operand;
    const weft_action *message = a_is_message ? a : b, *other = a_is_message ? b : a;
    if (other->kind == WEFT_ACTION_OPTIMIZER) return false;
    if (other->kind > WEFT_ACTION_BWW) return true;
    const weft_edge *edge = &pipeline->problem.edges[message->operand];
    if (message->kind == WEFT_ACTION_ISEND) return other->operand != edge->from;
    return message->kind != WEFT_ACTION_WAIT_IRECV || other->operand != edge->to;
}

/* Exchange neighbours of which one is of a message, as long as no message breaks a rule of its own;
 * and put some neighbours into groups. */
static void move_posts(weft_i_rng *rng, weft_pipeline *pipeline, int32_t n_moves)
{
    for (int32_t i = 0; i < n_moves; i++) {
        int32_t r = random_to(rng, pipeline->problem.n_ranks - 1);
        weft_rank_actions *rank = &pipeline->ranks[r];
        if (rank->n_actions < 2) continue;
        int32_t a = random_to(rng, rank->n_actions - 2);
        bool backwards = random_to(rng, 1);
        for (int32_t steps = random_to(rng, 6); steps > 0 && a >= 0 && a + 1 < rank->n_actions;
             steps--) {
            if (!may_swap(pipeline, &rank->actions[a], &rank->actions[a + 1])) break;
            edit_move(rank, a, a + 1);
            a += backwards ? -1 : 1;
        }
    }
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
            weft_action *action = &pipeline->ranks[r].actions[a];
            if (weft_action_operand(action->kind) == WEFT_OPERAND_EDGE)
                action->group = random_to(rng, 3) - 1;
        }
    }
}

/* Verdicts on plans whose posts were moved. */
typedef struct verdicts {
    int ok, mpi, nccl;
} verdicts;

static void expect_verdict(weft_plan *plan, uint64_t seed, verdicts *count)
{
    weft_violation where = {.rule = "none"};
    weft_error error = {0};
    bool mpi = sim_run(plan, SIM_MPI), nccl = sim_run(plan, SIM_NCCL);
    cr_expect(mpi || !nccl, "seed %llu: what mpi cannot do, nccl cannot", (unsigned long long)seed);
    const char *expected = !mpi ? "deadlock-mpi" : !nccl ? "deadlock-nccl" : "none";
    if (mpi) sim_rewrite(plan);
    weft_plan_check(plan, &error, &where);
    cr_expect_str_eq(where.rule, expected, "seed %llu: %s", (unsigned long long)seed, error.text);
    *(!mpi ? &count->mpi : !nccl ? &count->nccl : &count->ok) += 1;
}

Test(check, moved_posts_deadlock_where_the_slow_simulations_do)
{
    verdicts count = {0};
    for (uint64_t seed = 1; seed <= N_MOVED; seed++) {
        weft_i_rng rng;
        weft_i_arena arena = {0};
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + (int32_t)(seed % 2), (int64_t)(seed / 3 % 3));
        edit_open(plan, &arena);
        for (int32_t p = 0; p < plan->n_pipelines; p++)
            move_posts(&rng, &plan->pipelines[p], random_to(&rng, 60));
        expect_verdict(plan, seed, &count);
        weft_plan_free(plan);
        weft_i_arena_free(&arena);
    }
    cr_expect(count.ok > 15 && count.mpi > 15 && count.nccl > 15, "%d ok, %d mpi, %d nccl",
              count.ok, count.mpi, count.nccl);
}

/* A value near the old one, or at an end of its range, or beyond. */
static int64_t break_value(weft_i_rng *rng, int64_t value, int64_t max)
{
    switch (random_to(rng, 5)) {
    case 0:
        return value + 1;
    case 1:
        return value - 1;
    case 2:
        return max;
    case 3:
        return -1;
    case 4:
        return max + random_to(rng, 1);
    default:
        return random_to(rng, 100);
    }
}

static void break64(weft_i_rng *rng, int64_t *value)
{
    *value = break_value(rng, *value, WEFT_INT_MAX);
}

static void break32(weft_i_rng *rng, int32_t *value)
{
    int64_t broken = break_value(rng, *value, INT32_MAX);
    *value = broken > INT32_MAX ? INT32_MIN : (int32_t)broken;
}

static void break_actions(weft_i_rng *rng, weft_rank_actions *rank)
{
    if (rank->n_actions == 0) return;
    int32_t at = random_to(rng, rank->n_actions - 1), to = random_to(rng, rank->n_actions - 1);
    weft_action *action = &rank->actions[at], other = rank->actions[to];
    switch (random_to(rng, 8)) {
    case 0:
        rank->actions[to] = *action;
        *action = other;
        break;
    case 1:
        edit_remove(rank, at);
        break;
    case 2:
        edit_insert(rank, to, *action);
        break;
    case 3:
        break64(rng, random_to(rng, 1) ? &action->start_ns : &action->end_ns);
        break;
    case 4:
        break32(rng, &action->operand);
        break;
    case 5:
        action->kind = (weft_action_kind)random_to(rng, WEFT_N_ACTIONS);
        break;
    case 6:
        action->group = random_to(rng, 3) - 2;
        break;
    case 7:
        edit_move(rank, at, to);
        break;
    default:
        if (at + 1 < rank->n_actions) edit_move(rank, at, at + 1);
        break;
    }
}

static void break_problem(weft_i_rng *rng, weft_problem *problem)
{
    weft_stage none = {0}, *stage = &none;
    weft_edge no_edge = {0}, *edge = &no_edge;
    if (problem->n_stages > 0) stage = &problem->stages[random_to(rng, problem->n_stages - 1)];
    if (problem->n_edges > 0) edge = &problem->edges[random_to(rng, problem->n_edges - 1)];
    weft_cost *cost = &stage->now.cost;
    int64_t *const wide[] = {&cost->fw_ns,
                             &cost->bw_ns,
                             &cost->bwi_ns,
                             &cost->bww_ns,
                             &cost->recompute_ns,
                             &cost->saved_bytes,
                             &cost->held_bytes,
                             &cost->work_bytes[random_to(rng, 3)],
                             &stage->ready_ns,
                             &edge->bytes,
                             &edge->transfer_ns,
                             &problem->static_bytes[random_to(rng, problem->n_ranks - 1)],
                             &problem->limit_bytes[random_to(rng, problem->n_ranks - 1)]};
    int32_t *const narrow[] = {&stage->chunk, &stage->submicrobatch, &edge->from,
                               &edge->to,     &problem->n_ranks,     &problem->n_chunks};
    switch (random_to(rng, 3)) {
    case 0:
        break32(rng, narrow[random_to(rng, 5)]);
        break;
    case 1:
        stage->backward = (weft_backward)random_to(rng, 3);
        break;
    case 2:
        edge->pass = (weft_pass)random_to(rng, 3);
        break;
    default:
        break64(rng, wide[random_to(rng, 12)]);
        break;
    }
}

static void break_numbers(weft_i_rng *rng, weft_plan *plan)
{
    weft_chunk no_chunk = {0}, *chunk = &no_chunk;
    if (plan->n_chunks > 0) chunk = &plan->chunks[random_to(rng, plan->n_chunks - 1)];
    weft_pipeline *pipeline = &plan->pipelines[random_to(rng, plan->n_pipelines - 1)];
    int64_t *const wide[] = {
        &pipeline->pipeline_ns,        &pipeline->span_ns,
        &pipeline->lower_bound_ns,     &pipeline->span_lower_bound_ns,
        &pipeline->work_bound_ns,      &pipeline->peak_bytes[random_to(rng, plan->parallel.pp - 1)],
        &plan->predicted.step_ns,      &plan->predicted.reduce_tail_ns,
        &plan->predicted.optimizer_ns, &plan->post_ns,
        &chunk->reduce_bytes,          &chunk->reduce_ns};
    int32_t *const narrow[] = {&chunk->rank, &pipeline->replica, &plan->parallel.dp,
                               &plan->parallel.pp, &plan->parallel.ep};
    if (random_to(rng, 2) == 0) {
        break32(rng, narrow[random_to(rng, 4)]);
    } else {
        break64(rng, wide[random_to(rng, 11)]);
    }
}

/* Break actions, or a number, or both; numbers last, since they say how long arrays are. */
static void break_plan(weft_i_rng *rng, weft_plan *plan)
{
    weft_pipeline *pipeline = &plan->pipelines[random_to(rng, plan->n_pipelines - 1)];
    int32_t what = random_to(rng, 9);
    for (int32_t n = what < 7 ? 1 + random_to(rng, 1) : 0; n > 0; n--)
        break_actions(rng, &pipeline->ranks[random_to(rng, plan->parallel.pp - 1)]);
    if (what == 6 || what == 7) {
        break_problem(rng, &pipeline->problem);
    } else if (what > 7) {
        break_numbers(rng, plan);
    }
}

static int32_t count(const weft_pipeline *pipeline, weft_action_kind kind, int32_t operand)
{
    int32_t n = 0;
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
            const weft_action *action = &pipeline->ranks[r].actions[a];
            n += action->kind == kind && action->operand == operand;
        }
    }
    return n;
}

/* All that has to be there is there once, on its rank. */
static bool is_complete(const weft_pipeline *pipeline)
{
    const weft_problem *problem = &pipeline->problem;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t n[4];
        for (int pass = 0; pass < 4; pass++) {
            n[pass] = count(pipeline, (weft_action_kind)pass, s);
            if (n[pass] > 0 &&
                twin_find(pipeline, twin_rank(problem, s), (weft_action_kind)pass, s) < 0)
                return false;
        }
        bool has_backward = problem->stages[s].backward != WEFT_BACKWARD_NONE;
        if (n[0] != 1 || n[1] + n[2] != has_backward || n[2] != n[3]) return false;
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        int32_t from = twin_rank(problem, problem->edges[e].from);
        bool is_message = from != twin_rank(problem, problem->edges[e].to);
        for (int kind = WEFT_ACTION_ISEND; kind <= WEFT_ACTION_WAIT_IRECV; kind++) {
            if (count(pipeline, (weft_action_kind)kind, e) != is_message) return false;
        }
    }
    return true;
}

/* A broken plan that the check lets pass is right by the slow versions: it runs under both
 * transports, and rewriting what follows from the rules changes nothing. */
static void expect_right(weft_plan *plan, uint64_t seed)
{
    static weft_action before[RANDOM_REPLICAS][RANDOM_RANKS][16 * RANDOM_STAGES];
    int64_t numbers[RANDOM_REPLICAS][2 + RANDOM_RANKS];
    weft_prediction predicted = plan->predicted;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        weft_pipeline *pipeline = &plan->pipelines[p];
        cr_expect(is_complete(pipeline), "seed %llu", (unsigned long long)seed);
        numbers[p][0] = pipeline->pipeline_ns;
        numbers[p][1] = pipeline->span_ns;
        for (int32_t r = 0; r < plan->parallel.pp; r++) {
            numbers[p][2 + r] = pipeline->peak_bytes[r];
            cr_expect_leq(pipeline->peak_bytes[r], pipeline->problem.limit_bytes[r]);
            memcpy(before[p][r], pipeline->ranks[r].actions,
                   (size_t)pipeline->ranks[r].n_actions * sizeof(weft_action));
        }
    }
    cr_expect(sim_run(plan, SIM_MPI) && sim_run(plan, SIM_NCCL), "seed %llu: deadlock",
              (unsigned long long)seed);
    sim_rewrite(plan);
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        weft_pipeline *pipeline = &plan->pipelines[p];
        bool same = numbers[p][0] == pipeline->pipeline_ns && numbers[p][1] == pipeline->span_ns;
        for (int32_t r = 0; r < plan->parallel.pp; r++) {
            same = same && numbers[p][2 + r] == pipeline->peak_bytes[r];
            for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
                same = same && before[p][r][a].start_ns == pipeline->ranks[r].actions[a].start_ns &&
                       before[p][r][a].end_ns == pipeline->ranks[r].actions[a].end_ns;
            }
        }
        cr_expect(same, "seed %llu: let pass with wrong times or peaks", (unsigned long long)seed);
    }
    cr_expect_eq(predicted.step_ns, plan->predicted.step_ns, "seed %llu", (unsigned long long)seed);
}

Test(check, broken_plans_are_told_or_right)
{
    int n_told = 0;
    for (uint64_t seed = 1; seed <= N_BROKEN; seed++) {
        weft_i_rng rng;
        weft_i_arena arena = {0};
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + (int32_t)(seed % 3), (int64_t)(seed / 3 % 2));
        edit_open(plan, &arena);
        break_plan(&rng, plan);
        weft_violation where = {-9, -9, -9, NULL};
        weft_error error = {0};
        if (weft_plan_check(plan, &error, &where) == WEFT_STATUS_OK) {
            expect_right(plan, seed);
        } else {
            n_told++;
            cr_expect(where.rule && error.text[0] && error.status == WEFT_STATUS_VIOLATION);
        }
        weft_plan_free(plan);
        weft_i_arena_free(&arena);
    }
    cr_expect(n_told > N_BROKEN / 2 && n_told < N_BROKEN, "%d of %d told", n_told, N_BROKEN);
}
