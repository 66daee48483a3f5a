/* tests/unit/test_check_planted.c - violations of passes, edges, messages, memory, times and form
 * planted in a plan that keeps every rule, found under the right rule at the right place. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/unit/planted.h"

Test(planted, missing_pass)
{
    fixture f = make_plan();
    edit_remove(rank_of(&f, 1, 2), find(&f, 1, 2, WEFT_ACTION_BW, stage_of(0, LM2)));
    expect(&f, "passes", 1, 2, -1);
}

Test(planted, half_of_a_split_backward)
{
    fixture f = make_plan();
    edit_remove(rank_of(&f, 0, 0), find(&f, 0, 0, WEFT_ACTION_BWW, stage_of(1, LM0)));
    expect(&f, "passes", 0, 0, -1);
}

Test(planted, pass_twice)
{
    fixture f = make_plan();
    int32_t at = find(&f, 0, 1, WEFT_ACTION_FW, stage_of(1, LM1));
    edit_insert(rank_of(&f, 0, 1), at + 2, rank_of(&f, 0, 1)->actions[at]);
    expect(&f, "passes", 0, 1, at + 2);
}

Test(planted, backward_of_a_frozen_stage)
{
    fixture f = make_plan();
    edit_add(rank_of(&f, 0, 0), 5, WEFT_ACTION_BW, stage_of(0, VISION));
    expect(&f, "passes", 0, 0, -1);
}

Test(planted, split_that_cannot_be)
{
    fixture f = make_plan();
    weft_cost *cost = &f.plan->pipelines[0].problem.stages[stage_of(1, LM0)].now.cost;
    cost->bwi_ns = cost->bww_ns = 0;
    expect(&f, "passes", 0, 0, -1);
}

Test(planted, backward_before_forward)
{
    fixture f = make_plan();
    int32_t fw = find(&f, 0, 2, WEFT_ACTION_FW, stage_of(0, LM2));
    int32_t bw = find(&f, 0, 2, WEFT_ACTION_BW, stage_of(0, LM2));
    edit_move(rank_of(&f, 0, 2), bw, fw);
    expect(&f, "passes", 0, 2, fw);
}

Test(planted, weight_gradient_before_input_gradient)
{
    fixture f = make_plan();
    int32_t bwi = find(&f, 0, 2, WEFT_ACTION_BWI, stage_of(1, LM2));
    int32_t bww = find(&f, 0, 2, WEFT_ACTION_BWW, stage_of(1, LM2));
    edit_move(rank_of(&f, 0, 2), bww, bwi);
    expect(&f, "passes", 0, 2, bwi);
}

Test(planted, pass_on_the_wrong_rank)
{
    fixture f = make_plan();
    int32_t at = find(&f, 1, 1, WEFT_ACTION_FW, stage_of(1, LM1));
    edit_insert(rank_of(&f, 1, 0), 3, edit_remove(rank_of(&f, 1, 1), at));
    expect(&f, "rank", 1, 0, 3);
}

Test(planted, message_on_the_wrong_rank)
{
    fixture f = make_plan();
    int32_t at = find(&f, 0, 0, WEFT_ACTION_ISEND, edge_of(0, FW_01));
    edit_insert(rank_of(&f, 0, 2), 0, edit_remove(rank_of(&f, 0, 0), at));
    expect(&f, "rank", 0, 2, 0);
}

Test(planted, reduction_on_the_wrong_rank)
{
    fixture f = make_plan();
    int32_t at = find(&f, 0, 2, WEFT_ACTION_REDUCE, LM2);
    edit_insert(rank_of(&f, 0, 1), 4, edit_remove(rank_of(&f, 0, 2), at));
    expect(&f, "rank", 0, 1, 4);
}

Test(planted, edge_on_one_rank)
{
    fixture f = make_plan();
    int32_t vision = find(&f, 0, 0, WEFT_ACTION_FW, stage_of(0, VISION));
    int32_t language = find(&f, 0, 0, WEFT_ACTION_FW, stage_of(0, LM0));
    edit_move(rank_of(&f, 0, 0), language, vision);
    expect(&f, "edges", 0, 0, vision);
}

Test(planted, pass_before_its_message_is_here)
{
    fixture f = make_plan();
    int32_t wait = find(&f, 0, 1, WEFT_ACTION_WAIT_IRECV, edge_of(0, FW_01));
    int32_t fw = find(&f, 0, 1, WEFT_ACTION_FW, stage_of(0, LM1));
    edit_move(rank_of(&f, 0, 1), wait, fw);
    expect(&f, "edges", 0, 1, fw - 1);
}

Test(planted, message_sent_before_it_is_made)
{
    fixture f = make_plan();
    int32_t fw = find(&f, 0, 0, WEFT_ACTION_FW, stage_of(0, LM0));
    int32_t isend = find(&f, 0, 0, WEFT_ACTION_ISEND, edge_of(0, FW_01));
    edit_move(rank_of(&f, 0, 0), isend, fw);
    expect(&f, "edges", 0, 0, fw);
}

Test(planted, missing_message_actions)
{
    static const struct {
        weft_action_kind kind;
        int32_t rank;
    } of[] = {{WEFT_ACTION_ISEND, 1},
              {WEFT_ACTION_IRECV, 2},
              {WEFT_ACTION_WAIT_ISEND, 1},
              {WEFT_ACTION_WAIT_IRECV, 2}};
    for (int i = 0; i < 4; i++) {
        fixture f = make_plan();
        int32_t at = find(&f, 0, of[i].rank, of[i].kind, edge_of(1, FW_12));
        edit_remove(rank_of(&f, 0, of[i].rank), at);
        expect(&f, "messages", 0, of[i].rank, -1);

        fixture g = make_plan();
        weft_rank_actions *rank = rank_of(&g, 1, of[i].rank);
        edit_insert(rank, at + 1, rank->actions[at]);
        expect(&g, "messages", 1, of[i].rank, at + 1);
    }
}

Test(planted, wait_before_its_post)
{
    fixture f = make_plan();
    int32_t isend = find(&f, 0, 1, WEFT_ACTION_ISEND, edge_of(0, BW_10));
    int32_t wait = find(&f, 0, 1, WEFT_ACTION_WAIT_ISEND, edge_of(0, BW_10));
    edit_move(rank_of(&f, 0, 1), wait, isend);
    expect(&f, "messages", 0, 1, isend);

    fixture g = make_plan();
    int32_t irecv = find(&g, 0, 1, WEFT_ACTION_IRECV, edge_of(0, BW_21));
    wait = find(&g, 0, 1, WEFT_ACTION_WAIT_IRECV, edge_of(0, BW_21));
    edit_move(rank_of(&g, 0, 1), wait, irecv);
    expect(&g, "messages", 0, 1, irecv);
}

Test(planted, message_within_a_rank)
{
    fixture f = make_plan();
    edit_add(rank_of(&f, 0, 0), 1, WEFT_ACTION_ISEND, edge_of(0, FW_LOCAL));
    expect(&f, "messages", 0, 0, 1);
}

/* Place where a rank's memory is at its peak. */
static int32_t find_peak(const fixture *f, int32_t rank)
{
    const weft_pipeline *pipeline = &f->plan->pipelines[0];
    int32_t a = 0;
    while (twin_bytes(pipeline, rank, a) < pipeline->peak_bytes[rank])
        a++;
    return a;
}

Test(planted, limit_of_one_byte_less)
{
    for (int32_t r = 0; r < 3; r++) {
        fixture f = make_plan();
        weft_pipeline *pipeline = &f.plan->pipelines[0];
        pipeline->problem.limit_bytes[r] = pipeline->peak_bytes[r] - 1;
        expect(&f, "memory", 0, r, find_peak(&f, r));

        fixture g = make_plan();
        pipeline = &g.plan->pipelines[0];
        pipeline->problem.limit_bytes[r] = pipeline->peak_bytes[r];
        expect_ok(&g);
    }
}

Test(planted, message_buffer_of_one_byte_more)
{
    fixture f = make_plan();
    weft_pipeline *pipeline = &f.plan->pipelines[0];
    int32_t at = find_peak(&f, 1), e = 0;
    while (twin_edge(pipeline, e, 1, at) == 0)
        e++;
    pipeline->problem.limit_bytes[1] = pipeline->peak_bytes[1];
    pipeline->problem.edges[e].bytes++;
    expect(&f, "memory", 0, 1, at);
}

Test(planted, wrong_peak)
{
    static const int64_t by[] = {-1, 1};
    for (int i = 0; i < 2; i++) {
        fixture f = make_plan();
        int32_t at = find_peak(&f, 2);
        f.plan->pipelines[0].peak_bytes[2] += by[i];
        expect(&f, "memory", 0, 2, at);
    }
}

Test(planted, wrong_time)
{
    fixture f = make_plan();
    int32_t at = find(&f, 1, 1, WEFT_ACTION_WAIT_IRECV, edge_of(0, FW_01));
    rank_of(&f, 1, 1)->actions[at].end_ns--;
    expect(&f, "time", 1, 1, at);

    fixture g = make_plan();
    at = find(&g, 0, 0, WEFT_ACTION_BW, stage_of(0, LM0));
    rank_of(&g, 0, 0)->actions[at].start_ns++;
    expect(&g, "time", 0, 0, at);

    fixture h = make_plan();
    at = find(&h, 0, 1, WEFT_ACTION_WAIT_REDUCE, LM1);
    rank_of(&h, 0, 1)->actions[at].end_ns++;
    expect(&h, "time", 0, 1, at);
}

Test(planted, cost_that_the_times_do_not_have)
{
    fixture f = make_plan();
    f.plan->pipelines[0].problem.edges[edge_of(0, FW_12)].transfer_ns++;
    expect(&f, "time", 0, 2, find(&f, 0, 2, WEFT_ACTION_WAIT_IRECV, edge_of(0, FW_12)));

    fixture g = make_plan();
    g.plan->pipelines[1].problem.stages[stage_of(0, VISION)].ready_ns = 5;
    expect(&g, "time", 1, 0, find(&g, 1, 0, WEFT_ACTION_FW, stage_of(0, VISION)));

    fixture h = make_plan();
    h.plan->post_ns = 0;
    expect(&h, "time", 0, 0, find(&h, 0, 0, WEFT_ACTION_ISEND, edge_of(0, FW_01)));

    fixture i = make_plan();
    i.plan->chunks[LM2].reduce_ns--; /* the replica that posts last is the first to be through */
    expect(&i, "time", 1, 2, find(&i, 1, 2, WEFT_ACTION_WAIT_REDUCE, LM2));
}

Test(planted, wrong_sums)
{
    for (int i = 0; i < 8; i++) {
        fixture f = make_plan();
        weft_pipeline *pipeline = &f.plan->pipelines[1];
        weft_prediction *predicted = &f.plan->predicted;
        int64_t *const values[] = {&pipeline->pipeline_ns,    &pipeline->span_ns,
                                   &pipeline->lower_bound_ns, &pipeline->span_lower_bound_ns,
                                   &pipeline->work_bound_ns,  &predicted->reduce_tail_ns,
                                   &predicted->step_ns,       &predicted->optimizer_ns};
        if (i == 2 || i == 4) *values[i] = pipeline->pipeline_ns;
        if (i == 3) *values[i] = pipeline->span_ns;
        cr_expect_eq(weft_plan_check(f.plan, NULL, NULL), WEFT_STATUS_OK);
        ++*values[i];
        expect(&f, "time", i < 5 ? 1 : -1, -1, -1);
    }
    fixture f = make_plan();
    f.plan->predicted.bubble += 1e-6;
    expect(&f, "time", -1, -1, -1);
}

Test(planted, optimizer)
{
    fixture f = make_plan();
    edit_remove(rank_of(&f, 0, 1), rank_of(&f, 0, 1)->n_actions - 1);
    expect(&f, "passes", 0, 1, -1);

    fixture g = make_plan();
    int32_t last = rank_of(&g, 0, 1)->n_actions - 1;
    edit_move(rank_of(&g, 0, 1), last, last - 1);
    expect(&g, "passes", 0, 1, last - 1);

    fixture h = make_plan();
    edit_add(rank_of(&h, 0, 2), 0, WEFT_ACTION_OPTIMIZER, 0);
    expect(&h, "passes", 0, 2, rank_of(&h, 0, 2)->n_actions - 1);
}

Test(planted, form)
{
    fixture f = make_plan();
    rank_of(&f, 0, 1)->actions[2].operand = 2 * N_EDGES;
    expect(&f, "form", 0, 1, 2);

    fixture g = make_plan();
    rank_of(&g, 1, 1)->actions[0].kind = WEFT_N_ACTIONS;
    expect(&g, "form", 1, 1, -1);

    fixture h = make_plan();
    rank_of(&h, 0, 0)->actions[1].end_ns = WEFT_INT_MAX + 1;
    expect(&h, "form", 0, 0, 1);

    fixture n = make_plan();
    rank_of(&n, 0, 0)->actions[0].group = 0;
    expect(&n, "form", 0, 0, 0);

    fixture i = make_plan();
    i.plan->pipelines[1].replica = 0;
    expect(&i, "form", 0, -1, -1);

    fixture j = make_plan();
    j.plan->pipelines[0].problem.edges[3].from = -1;
    expect(&j, "form", 0, -1, -1);

    fixture k = make_plan();
    k.plan->predicted.mfu = NAN;
    expect(&k, "form", -1, -1, -1);

    fixture l = make_plan();
    l.plan->parallel.pp = 4;
    expect(&l, "form", 0, -1, -1);
}
