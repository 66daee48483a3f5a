/* search/timing.c - see timing.h. */
#include "search/timing.h"

#include <string.h>

static int64_t end_of(const weft_i_pass_node *node)
{
    return node->start_ns + node->ns;
}

static int64_t start_by_inputs(const weft_i_timing *t, const weft_i_pass_node *node)
{
    int64_t start = node->latency_ns;
    if (node->input >= 0) start += end_of(&t->nodes[node->input]);
    for (int32_t i = node->more; i < node->end_more; i++) {
        const weft_i_link *input = &t->more_inputs[i];
        int64_t at = input->latency_ns;
        if (input->node >= 0) at += end_of(&t->nodes[input->node]);
        start = at > start ? at : start;
    }
    return start;
}

int64_t weft_i_timing_start(const weft_i_timing *timing, const weft_i_pass_node *node)
{
    int64_t start = start_by_inputs(timing, node);
    if (node->position > 0) {
        int64_t free_ns = end_of(&timing->nodes[timing->order[node->rank][node->position - 1]]);
        start = free_ns > start ? free_ns : start;
    }
    return start;
}

void weft_i_timing_range(const weft_i_timing *timing, int32_t node, int32_t *out_first,
                         int32_t *out_last)
{
    const weft_i_neighbours *n = &timing->neighbours[node];
    int32_t rank = timing->nodes[node].rank;
    int32_t first = timing->focus.first[rank], last = timing->focus.past[rank] - 1;
    for (int32_t i = n->before; i < n->end_before; i++) {
        int32_t position = timing->nodes[timing->mates[i]].position + 1;
        first = position > first ? position : first;
    }
    for (int32_t i = n->after; i < n->end_after; i++) {
        int32_t position = timing->nodes[timing->mates[i]].position - 1;
        last = position < last ? position : last;
    }
    *out_first = first;
    *out_last = last;
}

/* Put a node at a position; those between move by one. */
static void shift(weft_i_timing *t, int32_t node, int32_t position)
{
    int32_t from = t->nodes[node].position;
    int32_t *order = t->order[t->nodes[node].rank];
    int32_t step = position > from ? 1 : -1;
    for (int32_t i = from; i != position; i += step) {
        order[i] = order[i + step];
        t->nodes[order[i]].position = i;
    }
    order[position] = node;
    t->nodes[node].position = position;
}

/* Bytes held before each pass from `first` to one after `last`; false when a pass does not fit. */
static bool sum_held(weft_i_timing *t, int32_t rank, int32_t first, int32_t last)
{
    int64_t *held = t->held[rank], sum = held[first];
    bool fits = true;
    for (int32_t i = first; i <= last; i++) {
        const weft_i_task_bytes *bytes = &t->bytes[t->order[rank][i]];
        held[i] = sum;
        sum += bytes->taken;
        fits = fits && sum + bytes->work <= t->room[rank];
        sum -= bytes->freed;
    }
    return fits;
}

static bool is_stamped(const weft_i_timing *t, int32_t node)
{
    return node >= 0 && t->stamp[node] == t->now;
}

/* Whether a node waits directly for a stamped one, on its rank or by its inputs. */
static bool follows_stamped(const weft_i_timing *t, const weft_i_pass_node *node)
{
    if (is_stamped(t, node->input)) return true;
    if (node->position > 0 && is_stamped(t, t->order[node->rank][node->position - 1])) return true;
    for (int32_t i = node->more; i < node->end_more; i++)
        if (is_stamped(t, t->more_inputs[i].node)) return true;
    return false;
}

static void save_window(weft_i_timing *t, int32_t begin, int32_t end)
{
    t->last.begin = begin;
    t->last.n_window = end - begin + 1;
    memcpy(t->window, t->topology + begin, (size_t)t->last.n_window * sizeof *t->window);
}

static void put_at(weft_i_timing *t, int32_t place, int32_t node)
{
    t->topology[place] = node;
    t->nodes[node].place = place;
}

static void restore_window(weft_i_timing *t)
{
    for (int32_t i = 0; i < t->last.n_window; i++)
        put_at(t, t->last.begin + i, t->window[i]);
}

/* A node went behind others of its rank, `last` the last of them: what is between the two in the
 * topology and follows the node goes behind `last` as well. False when that is `last` itself. */
static bool reorder_later(weft_i_timing *t, int32_t node, int32_t last)
{
    int32_t begin = t->nodes[node].place, end = t->nodes[last].place, kept = begin, n_moved = 0;
    save_window(t, begin, end);
    t->stamp[node] = ++t->now;
    t->moved[n_moved++] = node;
    for (int32_t i = 1; i < t->last.n_window; i++) {
        int32_t x = t->window[i];
        if (!follows_stamped(t, &t->nodes[x])) {
            put_at(t, kept++, x);
            continue;
        }
        if (x == last) return false;
        t->stamp[x] = t->now;
        t->moved[n_moved++] = x;
    }
    for (int32_t i = 0; i < n_moved; i++)
        put_at(t, kept++, t->moved[i]);
    return true;
}

static void stamp_inputs(weft_i_timing *t, const weft_i_pass_node *node)
{
    if (node->input >= 0) t->stamp[node->input] = t->now;
    for (int32_t i = node->more; i < node->end_more; i++)
        if (t->more_inputs[i].node >= 0) t->stamp[t->more_inputs[i].node] = t->now;
}

/* A node went before others of its rank, `first` the first of them: what is between the two in the
 * topology and comes before the node goes before `first` as well. False when that is `first`. */
static bool reorder_earlier(weft_i_timing *t, int32_t node, int32_t first)
{
    int32_t begin = t->nodes[first].place, end = t->nodes[node].place, kept = end, n_moved = 0;
    save_window(t, begin, end);
    t->now++;
    t->moved[n_moved++] = node;
    stamp_inputs(t, &t->nodes[node]);
    for (int32_t i = t->last.n_window - 2; i >= 0; i--) {
        int32_t x = t->window[i];
        const weft_i_pass_node *at = &t->nodes[x];
        if (t->stamp[x] != t->now) {
            put_at(t, kept--, x);
            continue;
        }
        if (x == first) return false;
        t->moved[n_moved++] = x;
        stamp_inputs(t, at);
        if (at->position > 0) t->stamp[t->order[at->rank][at->position - 1]] = t->now;
    }
    for (int32_t i = 0; i < n_moved; i++)
        put_at(t, kept--, t->moved[i]);
    return true;
}

static void mark_place(weft_i_timing *t, int32_t place)
{
    t->dirty[place / 64] |= UINT64_C(1) << (place % 64);
}

static void mark_dirty(weft_i_timing *t, int32_t rank, int32_t position, int32_t *first_word)
{
    if (position >= t->focus.past[rank]) return;
    int32_t place = t->nodes[t->order[rank][position]].place;
    t->dirty[place / 64] |= UINT64_C(1) << (place % 64);
    *first_word = place / 64 < *first_word ? place / 64 : *first_word;
}

/* The place where the window of the last move ends; tails of what comes after it still hold. */
static int32_t window_end(const weft_i_timing *t)
{
    return t->last.begin + t->last.n_window - 1;
}

/* Mark what follows a node. False when one of them after the window surely ends too late. */
static bool mark_followers(weft_i_timing *t, const weft_i_pass_node *node, int64_t most_ns)
{
    int64_t end = end_of(node);
    int32_t after = window_end(t), next = node->position + 1;
    bool check = node->place <= after;
    if (next < t->n_order[node->rank]) {
        const weft_i_pass_node *to = &t->nodes[t->order[node->rank][next]];
        if (check && to->place > after && end + to->ns + to->tail_ns > most_ns) return false;
        if (to->place < t->focus.end) mark_place(t, to->place);
    }
    for (int32_t i = node->output; i < node->end_output; i++) {
        const weft_i_pass_node *to = &t->nodes[t->outputs[i].node];
        int64_t start = end + t->outputs[i].latency_ns;
        if (check && to->place > after && start + to->ns + to->tail_ns > most_ns) return false;
        if (to->place < t->focus.end) mark_place(t, to->place);
    }
    return true;
}

/* Whether a node's new start makes it impossible to stay within most_ns. */
static bool is_late(const weft_i_timing *t, const weft_i_pass_node *node, int64_t most_ns)
{
    int64_t left = t->left[node->rank][node->position] + t->sink_ns[node->rank];
    return end_of(node) + (node->place > window_end(t) ? node->tail_ns : left) > most_ns;
}

/* Time everything that is marked, in topological order; false, with marks cleared, as soon as a
 * pass makes most_ns impossible. */
static bool retime(weft_i_timing *t, int32_t first_word, int64_t most_ns)
{
    int32_t n_words = (t->focus.end + 63) / 64;
    for (int32_t w = first_word; w < n_words; w++)
        while (t->dirty[w] != 0) {
            int32_t place = w * 64 + __builtin_ctzll(t->dirty[w]);
            weft_i_pass_node *node = &t->nodes[t->topology[place]];
            int64_t start = weft_i_timing_start(t, node);
            t->dirty[w] &= t->dirty[w] - 1;
            if (start == node->start_ns) continue;
            t->changed[t->last.n_changed] = t->topology[place];
            t->old_start_ns[t->last.n_changed++] = node->start_ns;
            node->start_ns = start;
            if (is_late(t, node, most_ns) || !mark_followers(t, node, most_ns)) {
                memset(t->dirty + w, 0, (size_t)(n_words - w) * sizeof *t->dirty);
                return false;
            }
        }
    return true;
}

int64_t weft_i_timing_tail(const weft_i_timing *timing, const weft_i_pass_node *node)
{
    int64_t tail = timing->sink_ns[node->rank];
    if (node->position + 1 < timing->n_order[node->rank]) {
        int32_t next = timing->order[node->rank][node->position + 1];
        tail = timing->nodes[next].ns + timing->nodes[next].tail_ns;
    }
    for (int32_t i = node->output; i < node->end_output; i++) {
        const weft_i_link *output = &timing->outputs[i];
        const weft_i_pass_node *to = &timing->nodes[output->node];
        int64_t way = output->latency_ns + to->ns + to->tail_ns;
        tail = way > tail ? way : tail;
    }
    return tail;
}

/* What is before the focus keeps its tail, which nobody asks for. */
static void mark_leader(weft_i_timing *t, int32_t node)
{
    if (t->nodes[node].place >= t->focus.begin) mark_place(t, t->nodes[node].place);
}

static void mark_leaders(weft_i_timing *t, const weft_i_pass_node *node)
{
    if (node->position > 0) mark_leader(t, t->order[node->rank][node->position - 1]);
    if (node->input >= 0) mark_leader(t, node->input);
    for (int32_t i = node->more; i < node->end_more; i++)
        if (t->more_inputs[i].node >= 0) mark_leader(t, t->more_inputs[i].node);
}

/* Tails of everything that is marked, against the topological order. */
static void retail(weft_i_timing *t, int32_t last_word)
{
    for (int32_t w = last_word; w >= t->focus.begin / 64; w--)
        while (t->dirty[w] != 0) {
            int32_t bit = 63 - __builtin_clzll(t->dirty[w]);
            weft_i_pass_node *node = &t->nodes[t->topology[w * 64 + bit]];
            int64_t tail = weft_i_timing_tail(t, node);
            t->dirty[w] &= ~(UINT64_C(1) << bit);
            if (tail == node->tail_ns) continue;
            node->tail_ns = tail;
            mark_leaders(t, node);
        }
}

/* Set the sinks; false where they were so already. */
static bool set_sinks(weft_i_timing *t)
{
    bool changed = false;
    for (int32_t r = 0; r < t->n_ranks; r++) {
        int64_t sink = 0;
        if (t->by_span && t->n_order[r] > 0) sink = -t->nodes[t->order[r][0]].start_ns;
        changed = changed || sink != t->sink_ns[r];
        t->sink_ns[r] = sink;
    }
    return changed;
}

static void find_tails(weft_i_timing *t)
{
    for (int32_t i = t->n_nodes - 1; i >= 0; i--) {
        weft_i_pass_node *node = &t->nodes[t->topology[i]];
        node->tail_ns = weft_i_timing_tail(t, node);
    }
}

void weft_i_timing_set_objective(weft_i_timing *timing, bool by_span)
{
    timing->by_span = by_span;
    set_sinks(timing);
    find_tails(timing);
}

void weft_i_timing_keep(weft_i_timing *timing)
{
    weft_i_timing *t = timing;
    const weft_i_pass_node *node = &t->nodes[t->last.node];
    int32_t from = t->last.position, to = node->position, last_word = 0;
    int32_t low = from < to ? from : to, high = from < to ? to : from;
    if (set_sinks(t)) {
        find_tails(t);
        return;
    }
    const int32_t changed[4] = {low - 1, low, high - 1, high}; /* what follows them there is new */
    for (int i = 0; i < 4; i++) {
        if (changed[i] < t->focus.first[node->rank]) continue;
        int32_t place = t->nodes[t->order[node->rank][changed[i]]].place;
        mark_place(t, place);
        last_word = place / 64 > last_word ? place / 64 : last_word;
    }
    retail(t, last_word);
}

int64_t weft_i_timing_span(const weft_i_timing *timing)
{
    int64_t span = 0;
    for (int32_t r = 0; r < timing->n_ranks; r++)
        if (timing->n_order[r] > 0) {
            const int32_t *order = timing->order[r];
            int64_t end = end_of(&timing->nodes[order[timing->n_order[r] - 1]]);
            int64_t ns = end - timing->nodes[order[0]].start_ns;
            span = ns > span ? ns : span;
        }
    return span;
}

/* Work after each position from `first` to one before `last`. */
static void sum_left(weft_i_timing *t, int32_t rank, int32_t first, int32_t last)
{
    int64_t *left = t->left[rank];
    for (int32_t i = last - 1; i >= first; i--)
        left[i] = left[i + 1] + t->nodes[t->order[rank][i + 1]].ns;
}

/* Put the last move's node back, with all that hangs on positions. */
static void shift_back(weft_i_timing *t)
{
    int32_t node = t->last.node, from = t->nodes[node].position, to = t->last.position;
    int32_t rank = t->nodes[node].rank;
    shift(t, node, to);
    sum_held(t, rank, from < to ? from : to, from < to ? to : from);
    sum_left(t, rank, from < to ? from : to, from < to ? to : from);
}

void weft_i_timing_undo(weft_i_timing *timing)
{
    weft_i_timing *t = timing;
    restore_window(t);
    for (int32_t i = t->last.n_changed - 1; i >= 0; i--)
        t->nodes[t->changed[i]].start_ns = t->old_start_ns[i];
    shift_back(t);
    t->finish_ns = t->last.finish_ns;
    t->focus.last = t->last.leaves;
}

/* Rewrite the topology for the last move; false when it makes a circle. */
static bool reorder(weft_i_timing *t, int32_t from, int32_t to)
{
    const int32_t *order = t->order[t->nodes[t->last.node].rank];
    t->last.n_window = 0;
    return to > from ? reorder_later(t, t->last.node, order[to - 1])
                     : reorder_earlier(t, t->last.node, order[to + 1]);
}

bool weft_i_timing_move(weft_i_timing *timing, int32_t node, int32_t position, int64_t most_ns)
{
    weft_i_timing *t = timing;
    int32_t rank = t->nodes[node].rank, from = t->nodes[node].position, first_word = INT32_MAX;
    int32_t low = from < position ? from : position, high = from < position ? position : from;
    t->last.node = node;
    t->last.position = from;
    t->last.n_window = t->last.n_changed = 0;
    t->last.finish_ns = t->finish_ns;
    t->last.leaves = t->focus.last;
    shift(t, node, position);
    sum_left(t, rank, low, high);
    if (!sum_held(t, rank, low, high) || !reorder(t, from, position)) {
        restore_window(t);
        shift_back(t);
        return false;
    }
    mark_dirty(t, rank, low, &first_word);
    mark_dirty(t, rank, position, &first_word);
    mark_dirty(t, rank, position + 1, &first_word);
    mark_dirty(t, rank, high + 1, &first_word);
    if (!retime(t, first_word, most_ns)) {
        weft_i_timing_undo(t);
        return false;
    }
    t->finish_ns = weft_i_timing_finish(t);
    if (!t->by_span && t->finish_ns > most_ns) {
        weft_i_timing_undo(t);
        return false;
    }
    return true;
}

void weft_i_timing_sum(weft_i_timing *timing)
{
    for (int32_t r = 0; r < timing->n_ranks; r++)
        if (timing->n_order[r] > 0) {
            timing->held[r][0] = 0;
            timing->left[r][timing->n_order[r] - 1] = 0;
            sum_held(timing, r, 0, timing->n_order[r] - 1);
            sum_left(timing, r, 0, timing->n_order[r] - 1);
        }
    timing->finish_ns = weft_i_timing_finish(timing);
}

void weft_i_timing_set_room(weft_i_timing *timing, const int64_t *room)
{
    memcpy(timing->room, room, (size_t)timing->n_ranks * sizeof *room);
}

int64_t weft_i_timing_peak(const weft_i_timing *timing, int32_t rank)
{
    int64_t peak = 0;
    for (int32_t i = 0; i < timing->n_order[rank]; i++) {
        const weft_i_task_bytes *bytes = &timing->bytes[timing->order[rank][i]];
        int64_t here = timing->held[rank][i] + bytes->taken + bytes->work;
        peak = here > peak ? here : peak;
    }
    return peak;
}
