/* plan/posts.c - see posts.h. */
#include "plan/posts.h"

#include <string.h>

#include "base/error.h"
#include "base/least.h"

typedef enum end_kind { LOW, HIGH } end_kind; /* the lower or the higher rank of a message */

static int32_t rank_at(const weft_i_message *message, end_kind end)
{
    return end == LOW ? weft_i_min32(message->sender, message->receiver)
                      : weft_i_max32(message->sender, message->receiver);
}

static void list_messages(const weft_i_sequence *sequence, weft_i_posts *posts)
{
    const weft_i_graph *graph = sequence->graph;
    for (int32_t i = 0; i < sequence->n_tasks; i++) {
        weft_task task = sequence->tasks[i];
        int32_t sender = graph->rank[weft_task_stage(task)];
        weft_i_edge_run out = weft_i_task_out(graph, task);
        for (const int32_t *e = out.first; e < out.end; e++) {
            const weft_edge *edge = &graph->problem->edges[*e];
            int32_t receiver = graph->rank[edge->to];
            if (receiver == sender) continue;
            posts->messages[posts->n_messages++] = (weft_i_message){
                .edge = *e,
                .sender = sender,
                .receiver = receiver,
                .producer = sequence->position[task],
                .consumer = sequence->position[weft_i_sequence_consumer(sequence, edge)]};
        }
    }
}

/* Stable counting sort of message numbers by one of their ranks; `first` has n_ranks + 1 entries.
 */
static void sort_by_rank(const weft_i_posts *posts, end_kind end, int32_t n_ranks,
                         const int32_t *from, int32_t *first, int32_t *to)
{
    memset(first, 0, ((size_t)n_ranks + 1) * sizeof(*first));
    for (int32_t i = 0; i < posts->n_messages; i++)
        first[rank_at(&posts->messages[from[i]], end) + 1]++;
    for (int32_t r = 0; r < n_ranks; r++)
        first[r + 1] += first[r];
    for (int32_t i = 0; i < posts->n_messages; i++)
        to[first[rank_at(&posts->messages[from[i]], end)]++] = from[i];
}

/* The receiver may not post before its own sends that come earlier in the pair's order. */
static void bound_from_below(weft_i_posts *posts, const int32_t *first, const int32_t *end)
{
    int32_t after[2] = {0, 0}; /* per rank of the pair: position after its last send */
    for (const int32_t *i = first; i < end; i++) {
        weft_i_message *message = &posts->messages[*i];
        int sender = message->sender > message->receiver;
        after[sender] = message->producer + 1;
        message->irecv = after[!sender];
    }
}

/* It posts one pass ahead of the consumer's, but no later than what follows in the pair's order:
 * its next receive, and the pass whose isend comes next. The lower bound wins over "one pass
 * ahead" and never passes the consumer, which is later in the sequence than that own send. */
static void bound_from_above(weft_i_posts *posts, const int32_t *first, const int32_t *end)
{
    int32_t before[2] = {INT32_MAX, INT32_MAX};
    for (const int32_t *i = end; i-- > first;) {
        weft_i_message *message = &posts->messages[*i];
        int sender = message->sender > message->receiver;
        int32_t at = weft_i_min32(weft_i_max32(message->consumer - 1, 0), before[!sender]);
        message->irecv = weft_i_max32(at, message->irecv);
        before[!sender] = message->irecv;
        before[sender] = message->producer;
    }
}

/* Message numbers come by pair of ranks, in each pair by their producers' places. */
static void place_receives(weft_i_posts *posts, const int32_t *by_pair)
{
    const int32_t *all_end = by_pair + posts->n_messages;
    for (const int32_t *first = by_pair, *end; first < all_end; first = end) {
        const weft_i_message *one = &posts->messages[*first];
        for (end = first + 1; end < all_end; end++) {
            const weft_i_message *other = &posts->messages[*end];
            if (rank_at(other, LOW) != rank_at(one, LOW)) break;
            if (rank_at(other, HIGH) != rank_at(one, HIGH)) break;
        }
        bound_from_below(posts, first, end);
        bound_from_above(posts, first, end);
    }
}

/* The first own pass after the producer that is later in the sequence than the pass before which
 * the receive is posted. A rank's passes rise in the sequence, and mostly it is near: steps that
 * double, then binary search. */
static int32_t place_wait(const weft_i_sequence *sequence, const weft_i_message *message)
{
    const weft_task *own = sequence->order->tasks[message->sender];
    weft_task posted = sequence->order->tasks[message->receiver][message->irecv];
    int32_t posted_place = sequence->place[posted];
    int32_t n = sequence->order->n_tasks[message->sender];
    int32_t low = message->producer + 1, high = low, step = 1;
    while (high < n && sequence->place[own[high]] < posted_place) {
        low = high + 1;
        high = weft_i_min32(low + step, n);
        step *= 2;
    }
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (sequence->place[own[middle]] > posted_place) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

weft_status weft_i_posts_place(const weft_i_sequence *sequence, weft_i_arena *arena,
                               weft_error *error, weft_i_posts *out_posts)
{
    int32_t n_ranks = sequence->graph->problem->n_ranks;
    size_t n_edges = (size_t)sequence->graph->problem->n_edges;
    weft_i_posts posts = {.messages = weft_i_new(arena, weft_i_message, n_edges)};
    int32_t *by_place = weft_i_new(arena, int32_t, n_edges);
    int32_t *by_low = weft_i_new(arena, int32_t, n_edges);
    int32_t *first = weft_i_new(arena, int32_t, (size_t)n_ranks + 1);
    if (!posts.messages || !by_place || !by_low || !first) return weft_i_no_memory(error);
    list_messages(sequence, &posts);
    for (int32_t i = 0; i < posts.n_messages; i++)
        by_place[i] = i;
    sort_by_rank(&posts, LOW, n_ranks, by_place, first, by_low);
    int32_t *by_pair = by_place;
    sort_by_rank(&posts, HIGH, n_ranks, by_low, first, by_pair);
    place_receives(&posts, by_pair);
    for (int32_t i = 0; i < posts.n_messages; i++)
        posts.messages[i].wait_isend = place_wait(sequence, &posts.messages[i]);
    *out_posts = posts;
    return WEFT_STATUS_OK;
}
