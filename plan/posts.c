/* plan/posts.c - see posts.h. */
#include "plan/posts.h"

#include <string.h>

#include "base/error.h"

typedef struct placing {
    const weft_i_sequence *sequence;
    weft_i_posts *posts;
    int32_t *by_pair; /* messages by pair of ranks, in each pair by their producers' places */
} placing;

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t low_rank(const weft_i_graph *graph, int32_t edge)
{
    const weft_edge *e = &graph->problem->edges[edge];
    return min32(graph->rank[e->from], graph->rank[e->to]);
}

static int32_t high_rank(const weft_i_graph *graph, int32_t edge)
{
    const weft_edge *e = &graph->problem->edges[edge];
    return max32(graph->rank[e->from], graph->rank[e->to]);
}

/* Messages in the order of their producers; those of one producer in the order of its edges. */
static void list_messages(const placing *p)
{
    const weft_i_sequence *sequence = p->sequence;
    int32_t n = 0;
    for (int32_t i = 0; i < sequence->n_tasks; i++) {
        weft_i_edge_run out = weft_i_task_out(sequence->graph, sequence->tasks[i]);
        for (const int32_t *e = out.first; e < out.end; e++) {
            if (weft_i_edge_is_message(sequence->graph, *e)) p->posts->messages[n++] = *e;
        }
    }
    p->posts->n_messages = n;
}

/* Stable counting sort of edges by one of their ranks; `first` has n_ranks + 1 entries. */
static void sort_by_rank(const weft_i_graph *graph,
                         int32_t (*rank_of)(const weft_i_graph *, int32_t), const int32_t *from,
                         int32_t n, int32_t *first, int32_t *to)
{
    int32_t n_ranks = graph->problem->n_ranks;
    memset(first, 0, ((size_t)n_ranks + 1) * sizeof *first);
    for (int32_t i = 0; i < n; i++)
        first[rank_of(graph, from[i]) + 1]++;
    for (int32_t r = 0; r < n_ranks; r++)
        first[r + 1] += first[r];
    for (int32_t i = 0; i < n; i++)
        to[first[rank_of(graph, from[i])]++] = from[i];
}

/* The receiver may not post before its own sends that come earlier in the pair's order. */
static void bound_from_below(const placing *p, const int32_t *first, const int32_t *end)
{
    const weft_i_sequence *sequence = p->sequence;
    int32_t after[2] = {0, 0}; /* lower rank, higher rank: position after its last send */
    int32_t low = low_rank(sequence->graph, *first);
    for (const int32_t *m = first; m < end; m++) {
        const weft_edge *edge = &sequence->graph->problem->edges[*m];
        int sender = sequence->graph->rank[edge->from] != low;
        after[sender] = sequence->position[weft_i_sequence_producer(sequence, edge)] + 1;
        p->posts->irecv[*m] = after[!sender];
    }
}

/* It posts one pass ahead of the consumer's, but no later than what follows in the pair's order:
 * its next receive, and the pass whose isend comes next. The lower bound wins over "one pass
 * ahead" and never passes the consumer, which is later in the sequence than that own send. */
static void bound_from_above(const placing *p, const int32_t *first, const int32_t *end)
{
    const weft_i_sequence *sequence = p->sequence;
    int32_t before[2] = {INT32_MAX, INT32_MAX};
    int32_t low = low_rank(sequence->graph, *first);
    for (const int32_t *m = end; m-- > first;) {
        const weft_edge *edge = &sequence->graph->problem->edges[*m];
        int sender = sequence->graph->rank[edge->from] != low, receiver = !sender;
        int32_t consumer = sequence->position[weft_i_sequence_consumer(sequence, edge)];
        int32_t at = min32(max32(consumer - 1, 0), before[receiver]);
        at = max32(at, p->posts->irecv[*m]);
        p->posts->irecv[*m] = at;
        before[receiver] = at;
        before[sender] = sequence->position[weft_i_sequence_producer(sequence, edge)];
    }
}

static void place_receives(const placing *p)
{
    const weft_i_graph *graph = p->sequence->graph;
    const int32_t *all_end = p->by_pair + p->posts->n_messages;
    for (const int32_t *first = p->by_pair, *end; first < all_end; first = end) {
        int32_t low = low_rank(graph, *first), high = high_rank(graph, *first);
        for (end = first; end < all_end; end++) {
            if (low_rank(graph, *end) != low || high_rank(graph, *end) != high) break;
        }
        bound_from_below(p, first, end);
        bound_from_above(p, first, end);
    }
}

/* The first own pass after the producer that is later in the sequence than the pass before which
 * the receive is posted. A rank's passes rise in the sequence: binary search. */
static int32_t place_wait(const placing *p, int32_t message)
{
    const weft_i_sequence *sequence = p->sequence;
    const weft_edge *edge = &sequence->graph->problem->edges[message];
    int32_t receiver = sequence->graph->rank[edge->to], sender = sequence->graph->rank[edge->from];
    weft_task posted = sequence->order->tasks[receiver][p->posts->irecv[message]];
    const weft_task *own = sequence->order->tasks[sender];
    int32_t low = sequence->position[weft_i_sequence_producer(sequence, edge)] + 1;
    int32_t high = sequence->order->n_tasks[sender];
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (sequence->place[own[middle]] > sequence->place[posted]) {
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
    const weft_i_graph *graph = sequence->graph;
    int32_t n_edges = graph->problem->n_edges;
    weft_i_posts posts = {.messages = weft_i_new(arena, int32_t, n_edges),
                          .irecv = weft_i_new(arena, int32_t, n_edges),
                          .wait_isend = weft_i_new(arena, int32_t, n_edges)};
    placing p = {sequence, &posts, weft_i_new(arena, int32_t, n_edges)};
    int32_t *by_low = weft_i_new(arena, int32_t, n_edges);
    int32_t *first = weft_i_new(arena, int32_t, (size_t)graph->problem->n_ranks + 1);
    if (!posts.messages || !posts.irecv || !posts.wait_isend || !p.by_pair || !by_low || !first) {
        return weft_i_no_memory(error);
    }
    list_messages(&p);
    sort_by_rank(graph, low_rank, posts.messages, posts.n_messages, first, by_low);
    sort_by_rank(graph, high_rank, by_low, posts.n_messages, first, p.by_pair);
    place_receives(&p);
    for (int32_t i = 0; i < posts.n_messages; i++)
        posts.wait_isend[posts.messages[i]] = place_wait(&p, posts.messages[i]);
    *out_posts = posts;
    return WEFT_STATUS_OK;
}
