/* tests/unit/test_check_groups.c - violations between ranks and replicas planted in a plan that
 * keeps every rule: collectives, offload, deadlocks under mpi and nccl. */
#include <criterion/criterion.h>

#include "tests/unit/planted.h"

Test(groups, missing_reduction)
{
    static const weft_action_kind kinds[] = {WEFT_ACTION_REDUCE, WEFT_ACTION_WAIT_REDUCE};
    for (int i = 0; i < 2; i++) {
        fixture f = make_plan();
        edit_remove(rank_of(&f, 1, 2), find(&f, 1, 2, kinds[i], SPARE));
        expect(&f, "collectives", 1, 2, -1);

        fixture g = make_plan();
        int32_t at = find(&g, 1, 2, kinds[i], LM2);
        edit_insert(rank_of(&g, 1, 2), at + 1, rank_of(&g, 1, 2)->actions[at]);
        expect(&g, "collectives", 1, 2, at + 1);
    }
}

Test(groups, reduction_of_nothing)
{
    fixture f = make_plan();
    edit_add(rank_of(&f, 0, 0), 2, WEFT_ACTION_REDUCE, VISION);
    expect(&f, "collectives", 0, 0, 2);
}

Test(groups, reduction_before_its_gradients)
{
    fixture f = make_plan();
    int32_t bww = find(&f, 1, 1, WEFT_ACTION_BWW, stage_of(1, LM1));
    int32_t reduce = find(&f, 1, 1, WEFT_ACTION_REDUCE, LM1);
    edit_move(rank_of(&f, 1, 1), reduce, bww);
    expect(&f, "collectives", 1, 1, bww);
}

Test(groups, wait_before_its_reduction)
{
    fixture f = make_plan();
    int32_t reduce = find(&f, 0, 1, WEFT_ACTION_REDUCE, LM1);
    int32_t wait = find(&f, 0, 1, WEFT_ACTION_WAIT_REDUCE, LM1);
    edit_move(rank_of(&f, 0, 1), wait, reduce);
    expect(&f, "collectives", 0, 1, reduce);
}

/* The encoder's chunk is reduced too, first of all. */
static fixture make_two_reductions(void)
{
    fixture f = make_plan();
    f.plan->chunks[VISION].reduce_bytes = 1;
    for (int32_t p = 0; p < 2; p++) {
        edit_add(rank_of(&f, p, 0), 0, WEFT_ACTION_REDUCE, VISION);
        edit_add(rank_of(&f, p, 0), rank_of(&f, p, 0)->n_actions - 2, WEFT_ACTION_WAIT_REDUCE,
                 VISION);
    }
    sim_rewrite(f.plan);
    return f;
}

Test(groups, reductions_in_another_sequence)
{
    fixture f = make_two_reductions();
    expect_ok(&f);

    fixture g = make_two_reductions();
    int32_t last = find(&g, 1, 0, WEFT_ACTION_REDUCE, LM0);
    edit_move(rank_of(&g, 1, 0), 0, last);
    expect(&g, "collectives", 1, 0, last - 1);
}

/* Replica 0 begins on rank 0 with a wait for a reduction which replica 1 posts there after its
 * first backward; replica 1 begins on rank 2 with a wait for one which replica 0 posts there after
 * its first forward. */
Test(groups, replicas_that_wait_for_each_other)
{
    for (int both = 0; both < 2; both++) {
        fixture f = make_two_reductions();
        edit_move(rank_of(&f, 0, 0), find(&f, 0, 0, WEFT_ACTION_WAIT_REDUCE, VISION), 1);
        edit_move(rank_of(&f, 1, 0), 0, find(&f, 1, 0, WEFT_ACTION_BW, stage_of(0, LM0)));
        edit_move(rank_of(&f, 0, 2), 0, find(&f, 0, 2, WEFT_ACTION_FW, stage_of(0, LM2)));
        if (both) {
            edit_move(rank_of(&f, 1, 2), find(&f, 1, 2, WEFT_ACTION_WAIT_REDUCE, SPARE), 1);
            expect(&f, "deadlock-mpi", 0, 0, 1);
        } else {
            sim_rewrite(f.plan);
            expect_ok(&f);
        }
    }
}

Test(groups, passes_of_coupled_replicas)
{
    fixture f = make_plan();
    f.plan->parallel.ep = 2;
    expect_ok(&f);

    /* The encoder of microbatch 1 before the language model of microbatch 0. */
    fixture g = make_plan();
    int32_t at = find(&g, 1, 0, WEFT_ACTION_FW, stage_of(1, VISION));
    int32_t to = find(&g, 1, 0, WEFT_ACTION_FW, stage_of(0, LM0));
    edit_move(rank_of(&g, 1, 0), at, to);
    sim_rewrite(g.plan);
    cr_expect_eq(weft_plan_check(g.plan, NULL, NULL), WEFT_STATUS_OK);
    g.plan->parallel.ep = 2;
    expect(&g, "collectives", 1, 0, to);
}

static void add_offload(weft_rank_actions *rank, int32_t fw, int32_t backward, int32_t stage)
{
    edit_add(rank, backward, WEFT_ACTION_WAIT_PREFETCH, stage);
    edit_add(rank, backward, WEFT_ACTION_PREFETCH, stage);
    edit_add(rank, fw + 1, WEFT_ACTION_WAIT_OFFLOAD, stage);
    edit_add(rank, fw + 1, WEFT_ACTION_OFFLOAD, stage);
}

/* What rank 0 saves is on the host from each forward to its backward. */
static fixture make_offload(void)
{
    fixture f = make_plan();
    for (int32_t p = 0; p < 2; p++) {
        for (int32_t m = 0; m < 2; m++) {
            int32_t stage = stage_of(m, LM0);
            weft_action_kind backward = m == 0 ? WEFT_ACTION_BW : WEFT_ACTION_BWI;
            add_offload(rank_of(&f, p, 0), find(&f, p, 0, WEFT_ACTION_FW, stage),
                        find(&f, p, 0, backward, stage), stage);
        }
    }
    sim_rewrite(f.plan);
    return f;
}

Test(groups, offload_that_is_right)
{
    fixture f = make_plan(), g = make_offload();
    cr_expect_leq(g.plan->pipelines[0].peak_bytes[0] + 100, f.plan->pipelines[0].peak_bytes[0]);
    fixture_free(&f);
    expect_ok(&g);
}

Test(groups, offload_in_the_wrong_sequence)
{
    static const weft_action_kind chain[] = {
        WEFT_ACTION_FW,       WEFT_ACTION_OFFLOAD,       WEFT_ACTION_WAIT_OFFLOAD,
        WEFT_ACTION_PREFETCH, WEFT_ACTION_WAIT_PREFETCH, WEFT_ACTION_BW};
    for (int i = 0; i < 5; i++) {
        fixture f = make_offload();
        int32_t early = find(&f, 0, 0, chain[i], stage_of(0, LM0));
        int32_t late = find(&f, 0, 0, chain[i + 1], stage_of(0, LM0));
        edit_move(rank_of(&f, 0, 0), late, early);
        expect(&f, "passes", 0, 0, early);
    }
}

Test(groups, offload_in_part)
{
    fixture f = make_offload();
    edit_remove(rank_of(&f, 1, 0), find(&f, 1, 0, WEFT_ACTION_PREFETCH, stage_of(0, LM0)));
    expect(&f, "passes", 1, 0, find(&f, 1, 0, WEFT_ACTION_WAIT_PREFETCH, stage_of(0, LM0)));
}

Test(groups, offload_of_a_frozen_stage)
{
    static const weft_action_kind chain[] = {WEFT_ACTION_OFFLOAD, WEFT_ACTION_WAIT_OFFLOAD,
                                             WEFT_ACTION_PREFETCH, WEFT_ACTION_WAIT_PREFETCH};
    fixture f = make_plan();
    for (int32_t i = 0; i < 4; i++)
        edit_add(rank_of(&f, 0, 0), 1 + i, chain[i], stage_of(0, VISION));
    expect(&f, "passes", 0, 0, 4);
}

/* All of rank 1's passes between one unshard and one reshard. */
static fixture make_unshard(void)
{
    fixture f = make_plan();
    for (int32_t p = 0; p < 2; p++) {
        edit_add(rank_of(&f, p, 1), 0, WEFT_ACTION_UNSHARD, LM1);
        int32_t last = find(&f, p, 1, WEFT_ACTION_BWW, stage_of(1, LM1));
        edit_add(rank_of(&f, p, 1), last + 1, WEFT_ACTION_RESHARD, LM1);
    }
    sim_rewrite(f.plan);
    return f;
}

Test(groups, unshard)
{
    fixture f = make_unshard();
    expect_ok(&f);

    fixture again = make_unshard(); /* twice, in turn */
    for (int32_t p = 0; p < 2; p++) {
        int32_t at = find(&again, p, 1, WEFT_ACTION_BW, stage_of(0, LM1));
        edit_add(rank_of(&again, p, 1), at, WEFT_ACTION_UNSHARD, LM1);
        edit_add(rank_of(&again, p, 1), at, WEFT_ACTION_RESHARD, LM1);
    }
    sim_rewrite(again.plan);
    expect_ok(&again);
}

Test(groups, unshard_that_does_not_match)
{
    fixture f = make_unshard();
    edit_add(rank_of(&f, 0, 1), 5, WEFT_ACTION_UNSHARD, LM1);
    expect(&f, "collectives", 0, 1, 5);

    fixture g = make_unshard();
    int32_t reshard = find(&g, 0, 1, WEFT_ACTION_RESHARD, LM1);
    edit_add(rank_of(&g, 0, 1), reshard + 1, WEFT_ACTION_RESHARD, LM1);
    expect(&g, "collectives", 0, 1, reshard + 1);

    fixture h = make_unshard();
    edit_remove(rank_of(&h, 0, 1), reshard);
    expect(&h, "collectives", 0, 1, 0);

    fixture i = make_unshard();
    int32_t bww = find(&i, 0, 1, WEFT_ACTION_BWW, stage_of(1, LM1));
    edit_move(rank_of(&i, 0, 1), reshard, bww);
    expect(&i, "collectives", 0, 1, bww + 1);

    fixture j = make_unshard(); /* on one replica alone */
    edit_remove(rank_of(&j, 1, 1), reshard);
    edit_remove(rank_of(&j, 1, 1), 0);
    expect(&j, "collectives", 1, 1, find(&j, 1, 1, WEFT_ACTION_REDUCE, LM1));
}

/* Gather a chunk without a use. */
static void add_unshard(weft_rank_actions *rank, int32_t at, int32_t chunk)
{
    edit_add(rank, at, WEFT_ACTION_RESHARD, chunk);
    edit_add(rank, at, WEFT_ACTION_UNSHARD, chunk);
}

/* Gather the encoder for its forwards, and once more: before microbatch 1's, or at the end. */
static void add_two_unshards(const fixture *f, int32_t replica, bool early)
{
    weft_rank_actions *rank = rank_of(f, replica, 0);
    int32_t first = find(f, replica, 0, WEFT_ACTION_FW, stage_of(0, VISION));
    int32_t second = find(f, replica, 0, WEFT_ACTION_FW, stage_of(1, VISION));
    int32_t end = find(f, replica, 0, WEFT_ACTION_REDUCE, LM0);
    if (!early) add_unshard(rank, end, VISION);
    edit_add(rank, second + 1, WEFT_ACTION_RESHARD, VISION);
    if (early) add_unshard(rank, first + 1, VISION);
    if (early) rank->actions[first + 1].kind = WEFT_ACTION_RESHARD;
    if (early) rank->actions[first + 2].kind = WEFT_ACTION_UNSHARD;
    edit_add(rank, first, WEFT_ACTION_UNSHARD, VISION);
}

/* Rank 0 of replica 1 gathers before it sends anything what replica 0 gathers there at its end; on
 * rank 2 replica 0 gathers at its start what replica 1 does at its end. */
Test(groups, unshards_that_wait_for_each_other)
{
    for (int both = 0; both < 2; both++) {
        fixture f = make_plan();
        add_two_unshards(&f, 0, false);
        add_two_unshards(&f, 1, true);
        if (both) add_unshard(rank_of(&f, 0, 2), 1, SPARE);
        if (both) add_unshard(rank_of(&f, 1, 2), find(&f, 1, 2, WEFT_ACTION_REDUCE, LM2), SPARE);
        sim_rewrite(f.plan);
        if (both) {
            int32_t wait = find(&f, 0, 0, WEFT_ACTION_WAIT_IRECV, edge_of(0, BW_10));
            expect(&f, "deadlock-mpi", 0, 0, wait);
        } else {
            expect_ok(&f);
        }
    }
}

/* Two ranks that send to each other between two frozen stages each: rank r runs stage r, then stage
 * 2 + r, which needs the other's. */
enum { SEND, RECV, WAIT_SEND, WAIT_RECV, N_STEPS };

static fixture make_exchange(const int steps[2][N_STEPS], const int32_t groups[2])
{
    static int32_t number[] = {0};
    static const weft_action_kind kinds[] = {WEFT_ACTION_ISEND, WEFT_ACTION_IRECV,
                                             WEFT_ACTION_WAIT_ISEND, WEFT_ACTION_WAIT_IRECV};
    weft_chunk chunks[] = {{.module = "m", .rank = 0},
                           {.module = "m", .rank = 1},
                           {.module = "m", .rank = 0, .segment = 1},
                           {.module = "m", .rank = 1, .segment = 1}};
    weft_submicrobatch sub = {.module = "m", .microbatches = number, .n_microbatches = 1};
    weft_stage stages[] = {{.chunk = 0}, {.chunk = 1}, {.chunk = 2}, {.chunk = 3}};
    weft_edge edges[] = {{.from = 0, .to = 3, .bytes = 1}, {.from = 1, .to = 2, .bytes = 1}};
    int64_t static_bytes[] = {0, 0}, limits[] = {9, 9};
    weft_problem problem = {.n_ranks = 2,
                            .n_chunks = 4,
                            .n_submicrobatches = 1,
                            .n_stages = 4,
                            .n_edges = 2,
                            .chunks = chunks,
                            .submicrobatches = &sub,
                            .stages = stages,
                            .edges = edges,
                            .static_bytes = static_bytes,
                            .limit_bytes = limits};
    weft_task first[] = {0, 8}, second[] = {4, 12}, *tasks[] = {first, second};
    int32_t n_tasks[] = {2, 2};
    weft_order order = {2, n_tasks, tasks};
    const weft_pipeline_input input = {.problem = &problem, .order = &order};
    fixture f = {0};
    cr_assert_eq(weft_plan_build(&input, 1, 0, NULL, &f.plan), WEFT_STATUS_OK);
    cr_expect_eq(weft_plan_check(f.plan, NULL, NULL), WEFT_STATUS_OK);
    edit_open(f.plan, &f.arena);
    for (int32_t r = 0; r < 2; r++) {
        weft_rank_actions *rank = rank_of(&f, 0, r);
        rank->n_actions = 0;
        edit_add(rank, 0, WEFT_ACTION_FW, r);
        for (int i = 0; i < N_STEPS; i++) {
            bool sends = steps[r][i] == SEND || steps[r][i] == WAIT_SEND;
            edit_add(rank, rank->n_actions, kinds[steps[r][i]], sends ? r : 1 - r);
            if (steps[r][i] < WAIT_SEND) rank->actions[i + 1].group = groups[r];
        }
        edit_add(rank, rank->n_actions, WEFT_ACTION_FW, 2 + r);
        edit_add(rank, rank->n_actions, WEFT_ACTION_OPTIMIZER, 0);
    }
    sim_rewrite(f.plan);
    return f;
}

/* Both send first: mpi matches them in any order, nccl waits for ever, unless one rank posts both
 * at once. */
Test(groups, sends_crossed_under_nccl)
{
    static const int steps[2][N_STEPS] = {{SEND, RECV, WAIT_RECV, WAIT_SEND},
                                          {SEND, RECV, WAIT_RECV, WAIT_SEND}};
    static const int32_t alone[] = {-1, -1}, one[] = {4, -1}, both[] = {4, 4};
    fixture f = make_exchange(steps, alone);
    expect(&f, "deadlock-nccl", 0, 0, 3);
    fixture g = make_exchange(steps, one);
    expect_ok(&g);
    fixture h = make_exchange(steps, both);
    expect_ok(&h);
}

/* Both wait for the end of their send before they post the receive: under both transports. */
Test(groups, sends_crossed_under_mpi)
{
    static const int steps[2][N_STEPS] = {{SEND, WAIT_SEND, RECV, WAIT_RECV},
                                          {SEND, WAIT_SEND, RECV, WAIT_RECV}};
    static const int32_t alone[] = {-1, -1}, apart[] = {4, 4};
    fixture f = make_exchange(steps, alone);
    cr_expect_not(sim_run(f.plan, SIM_MPI));
    cr_expect_not(sim_run(f.plan, SIM_NCCL));
    expect(&f, "deadlock-mpi", 0, 0, 2);
    fixture g = make_exchange(steps, apart); /* posts that are no neighbours are no group */
    expect(&g, "deadlock-mpi", 0, 0, 2);
}

Test(groups, sends_in_turn)
{
    static const int steps[2][N_STEPS] = {{SEND, WAIT_SEND, RECV, WAIT_RECV},
                                          {RECV, WAIT_RECV, SEND, WAIT_SEND}};
    static const int32_t alone[] = {-1, -1};
    fixture f = make_exchange(steps, alone);
    expect_ok(&f);
}

/* A replica alone, as a trainer of it plans: reductions may be there or not. */
Test(groups, one_replica)
{
    fixture f = make_plan();
    f.plan->n_pipelines = 1;
    f.plan->predicted.bubble = 0;
    sim_rewrite(f.plan);
    expect_ok(&f);

    fixture g = make_plan();
    g.plan->n_pipelines = 1;
    edit_remove(rank_of(&g, 0, 1), find(&g, 0, 1, WEFT_ACTION_REDUCE, LM1));
    edit_remove(rank_of(&g, 0, 1), find(&g, 0, 1, WEFT_ACTION_WAIT_REDUCE, LM1));
    expect(&g, "collectives", 0, 1, -1);
}
