/* partition/message_waits.c - messages of software that waits for them: their time is that of the
 * passes that send and receive. Not: what a message takes (emu/network.h). */
#include "base/error.h"
#include "base/least.h"
#include "partition/builder.h"

/* What a stage's passes wait for. */
typedef struct waits {
    int64_t fw_ns, bw_ns;
} waits;

static void wait_longer(int64_t *ns, int64_t by_ns)
{
    *ns = weft_i_min(*ns + by_ns, WEFT_INT_MAX);
}

/* What comes in and what goes out do not share the time. */
static void take_off_edges(weft_problem *problem, waits *of_stage)
{
    for (int32_t e = 0; e < problem->n_edges; e++) {
        weft_edge *edge = &problem->edges[e];
        waits *ends[] = {&of_stage[edge->from], &of_stage[edge->to]};
        for (int i = 0; i < 2; i++)
            wait_longer(edge->pass == WEFT_PASS_FW ? &ends[i]->fw_ns : &ends[i]->bw_ns,
                        edge->transfer_ns);
        edge->transfer_ns = 0;
    }
}

/* Gradients go on after the first half of a split backward. */
static void add_to_cost(weft_cost *cost, const waits *more)
{
    wait_longer(&cost->fw_ns, more->fw_ns);
    wait_longer(&cost->bw_ns, more->bw_ns);
    if (cost->bwi_ns > 0) wait_longer(&cost->bwi_ns, more->bw_ns);
}

/* Stages of equal work share their candidates, but not their messages. */
static bool add_to_stage(weft_i_arena *arena, const waits *more, weft_stage *stage)
{
    if (more->fw_ns == 0 && more->bw_ns == 0) return true;
    weft_candidate *own =
        weft_i_arena_copy(arena, stage->candidates, (size_t)stage->n_candidates * sizeof *own);
    if (!own) return false;
    add_to_cost(&stage->now.cost, more);
    for (int32_t k = 0; k < stage->n_candidates; k++)
        add_to_cost(&own[k].cost, more);
    stage->candidates = own;
    return true;
}

weft_status weft_i_build_message_waits(weft_i_builder *b)
{
    weft_problem *problem = b->problem;
    if (!weft_i_emu_waits_for_messages(b->emu)) return WEFT_STATUS_OK;
    waits *of_stage = weft_i_new(&b->scratch, waits, problem->n_stages);
    if (!of_stage) return weft_i_no_memory(b->error);
    take_off_edges(problem, of_stage);
    for (int32_t s = 0; s < problem->n_stages; s++)
        if (!add_to_stage(b->arena, &of_stage[s], &problem->stages[s]))
            return weft_i_no_memory(b->error);
    return WEFT_STATUS_OK;
}
