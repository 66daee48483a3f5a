/* plan/check_messages.c - every edge is respected: on one rank by the order of its passes, between
 * ranks by one isend, irecv, wait_isend and wait_irecv in their places. Not: whether messages can
 * block each other (check_mpi.c, check_nccl.c). */
#include "plan/check.h"

/* The four actions of one message, and the passes at its ends, by their places. */
typedef struct ends {
    int32_t sender, receiver;
    int32_t producer, consumer;
    int32_t isend, irecv, wait_isend, wait_irecv;
} ends;

static ends find_ends(const weft_i_verify_pipeline *in, int32_t e)
{
    const weft_edge *edge = &in->problem->edges[e];
    bool forward = edge->pass == WEFT_PASS_FW;
    return (ends){.sender = in->rank[edge->from],
                  .receiver = in->rank[edge->to],
                  .producer = forward ? in->at[WEFT_ACTION_FW][edge->from]
                                      : weft_i_verify_backward_at(in, edge->from),
                  .consumer = forward ? in->at[WEFT_ACTION_FW][edge->to]
                                      : weft_i_verify_backward_at(in, edge->to),
                  .isend = in->at[WEFT_ACTION_ISEND][e],
                  .irecv = in->at[WEFT_ACTION_IRECV][e],
                  .wait_isend = in->at[WEFT_ACTION_WAIT_ISEND][e],
                  .wait_irecv = in->at[WEFT_ACTION_WAIT_IRECV][e]};
}

static bool is_there(weft_i_verify *check, int32_t p, int32_t rank, int32_t e,
                     weft_action_kind kind)
{
    if (check->pipelines[p].at[kind][e] >= 0) return true;
    return weft_i_violate(check, "messages", p, rank, -1, "no %s of message %d, expected one",
                          weft_action_name(kind), e);
}

/* On one rank: `late` after `early`, an action of kind `name`. */
static bool comes_after(weft_i_verify *check, const char *rule, int32_t p, int32_t rank,
                        int32_t early, const char *name, int32_t late)
{
    if (early < late) return true;
    return weft_i_violate(check, rule, p, rank, late, "expected after %s, which is action %d", name,
                          early);
}

static bool check_local(weft_i_verify *check, int32_t p, const ends *at)
{
    return comes_after(check, "edges", p, at->sender, at->producer, "the pass it needs",
                       at->consumer);
}

static bool check_message(weft_i_verify *check, int32_t p, int32_t e, const ends *at)
{
    return is_there(check, p, at->sender, e, WEFT_ACTION_ISEND) &&
           is_there(check, p, at->receiver, e, WEFT_ACTION_IRECV) &&
           is_there(check, p, at->sender, e, WEFT_ACTION_WAIT_ISEND) &&
           is_there(check, p, at->receiver, e, WEFT_ACTION_WAIT_IRECV) &&
           comes_after(check, "edges", p, at->sender, at->producer, "the pass that makes it",
                       at->isend) &&
           comes_after(check, "messages", p, at->sender, at->isend, "its isend", at->wait_isend) &&
           comes_after(check, "messages", p, at->receiver, at->irecv, "its irecv",
                       at->wait_irecv) &&
           comes_after(check, "edges", p, at->receiver, at->wait_irecv,
                       "the wait_irecv of what it needs", at->consumer);
}

bool weft_i_verify_messages(weft_i_verify *check)
{
    for (int32_t p = 0; p < check->plan->n_pipelines; p++) {
        const weft_i_verify_pipeline *in = &check->pipelines[p];
        for (int32_t e = 0; e < in->problem->n_edges; e++) {
            ends at = find_ends(in, e);
            bool ok = at.sender == at.receiver ? check_local(check, p, &at)
                                               : check_message(check, p, e, &at);
            if (!ok) return false;
        }
    }
    return true;
}
