/* search/block.c - see block.h. */
#include "search/block.h"

#include <string.h>

#include "base/error.h"
#include "base/least.h"

/* The passes of a rank in a period: forward and backward that lead away from the first rank, those
 * that lead home, and two weight gradients. */
enum { FW_AWAY, FW_HOME, BW_AWAY, BW_HOME, N_PLACED, WEIGHTS = N_PLACED, N_PASSES = 6 };

/* Sequences that begin with FW_AWAY, weight gradients being alike: 5! / 2. */
enum { N_STATES = 60 };

/* The last level, at which all hops take at least half a period; the first allows any. */
enum { N_LEVELS = 6 };

/* What a rank does: when each pass starts after FW_AWAY. */
typedef struct state {
    int64_t at[N_PLACED];
    int64_t weights_ns[2]; /* ends of the weight gradients, ascending */
} state;

/* From one rank to the next: the hops of the four passes. */
typedef struct hops {
    int64_t ns[N_PLACED];
} hops;

struct weft_i_block {
    weft_i_block_times times;
    int64_t period_ns;
    int64_t fw_hop_ns, bw_hop_ns; /* the least ones of the level in force */
    int32_t n_ranks, n_states;
    state *states;
    int64_t *step_ns[N_LEVELS + 1]; /* by level; by state and the state before: sum of the hops */
    int64_t *total_ns;              /* by state: of the way here */
    int64_t *next_ns;               /* by state: of the way one rank on */
    int16_t *from;                  /* by rank and state: the state before */
    int16_t *way;                   /* by rank: its state */
    hops *hops;                     /* by rank: to the next one */
};

static int64_t length_of(const weft_i_block *b, int pass)
{
    if (pass >= WEIGHTS) return b->times.bww_ns;
    return pass == FW_AWAY || pass == FW_HOME ? b->times.fw_ns : b->times.bw_ns;
}

/* The least time of at least `least` that is x modulo the period. */
static int64_t at_least(const weft_i_block *b, int64_t x, int64_t least)
{
    int64_t after = (x - least) % b->period_ns;
    return least + (after < 0 ? after + b->period_ns : after);
}

/* From the start of both backwards to the ends of their weight gradients: in sum. */
static int64_t wait_for_weights(const weft_i_block *b, const state *s)
{
    int64_t least = b->times.bw_ns + b->times.bww_ns, best = INT64_MAX;
    for (int swap = 0; swap < 2; swap++) {
        int64_t sum = at_least(b, s->weights_ns[swap] - s->at[BW_AWAY], least) +
                      at_least(b, s->weights_ns[1 - swap] - s->at[BW_HOME], least);
        best = sum < best ? sum : best;
    }
    return best;
}

/* How much more a rank holds at most than on average, in microbatches times the period. */
static int64_t above_mean(const weft_i_block *b, const state *s)
{
    /* Forwards at 0 and `second`, freed at two times: what is held between them changes there. */
    int64_t second = s->at[FW_HOME], first_free = s->weights_ns[0], next_free = s->weights_ns[1];
    int64_t held = b->period_ns + (b->period_ns - second) - (b->period_ns - first_free) -
                   (b->period_ns - next_free);
    int most = 1, at_second = 2 - (first_free <= second) - (next_free <= second);
    most = at_second > most ? at_second : most;
    return most * b->period_ns - held;
}

/* What counts of a rank's own besides the ways from its forwards to its backwards. */
static int64_t own_part(const weft_i_block *b, const state *s)
{
    return wait_for_weights(b, s) + above_mean(b, s);
}

/* The passes in the sequence, each from the end of the one before. */
static void add_state(weft_i_block *b, const int *sequence)
{
    int64_t t = 0;
    int n_weights = 0;
    state *s = &b->states[b->n_states++];
    for (int i = 0; i < N_PASSES; i++) {
        int64_t end = t + length_of(b, sequence[i]);
        if (sequence[i] == WEIGHTS)
            s->weights_ns[n_weights++] = end;
        else
            s->at[sequence[i]] = t;
        t = end;
    }
}

/* All ways to go on from the first n passes of a sequence. */
static void list_states(weft_i_block *b, int *sequence, int n)
{
    static const int most[N_PASSES - 1] = {1, 1, 1, 1, 2};
    int count[N_PASSES - 1] = {0};
    for (int i = 0; i < n; i++)
        count[sequence[i]]++;
    if (n == N_PASSES) {
        add_state(b, sequence);
        return;
    }
    for (int pass = 0; pass <= WEIGHTS; pass++) {
        if (count[pass] == most[pass]) continue;
        sequence[n] = pass;
        list_states(b, sequence, n + 1);
    }
}

/* Hops between two states, where forwards away take the least time from `away_ns` on that there is.
 */
static int64_t hops_of(const weft_i_block *b, const state *s, const state *next, int64_t away_ns,
                       hops *out)
{
    int64_t fw = b->fw_hop_ns, bw = b->bw_hop_ns;
    int64_t away = at_least(b, away_ns, fw);
    out->ns[FW_AWAY] = away;
    out->ns[BW_AWAY] = at_least(b, away + next->at[BW_AWAY] - s->at[BW_AWAY], bw);
    out->ns[FW_HOME] = at_least(b, s->at[FW_HOME] - next->at[FW_HOME] - away, fw);
    out->ns[BW_HOME] = at_least(b, s->at[BW_HOME] - next->at[BW_HOME] - away, bw);
    return away + out->ns[BW_AWAY] + out->ns[FW_HOME] + out->ns[BW_HOME];
}

/* The shortest hops: one of them takes its least time. */
static int64_t best_hops(const weft_i_block *b, const state *s, const state *next, hops *out)
{
    int64_t fw = b->fw_hop_ns, bw = b->bw_hop_ns;
    const int64_t away[N_PLACED] = {fw, bw + s->at[BW_AWAY] - next->at[BW_AWAY],
                                    s->at[FW_HOME] - next->at[FW_HOME] - fw,
                                    s->at[BW_HOME] - next->at[BW_HOME] - bw};
    int64_t best = INT64_MAX;
    for (int i = 0; i < N_PLACED; i++) {
        hops h;
        int64_t sum = hops_of(b, s, next, away[i], &h);
        if (sum >= best) continue;
        best = sum;
        *out = h;
    }
    return best;
}

/* The level of a hop: all have slowness / hops, and what remains goes to the first ones. */
static int level_of(const weft_i_block *b, int32_t slowness, int32_t hop)
{
    int32_t n_hops = b->n_ranks - 1;
    return slowness / n_hops + (hop < slowness % n_hops);
}

/* Allow no hop below its own time, nor below that of a level. */
static void set_level(weft_i_block *b, int level)
{
    int64_t least = b->period_ns * level / (2 * N_LEVELS);
    b->fw_hop_ns = weft_i_max(b->times.fw_hop_ns, least);
    b->bw_hop_ns = weft_i_max(b->times.bw_hop_ns, least);
}

static void find_steps(weft_i_block *b, int level)
{
    hops h;
    set_level(b, level);
    for (int j = 0; j < b->n_states; j++)
        for (int i = 0; i < b->n_states; i++)
            b->step_ns[level][j * b->n_states + i] = best_hops(b, &b->states[i], &b->states[j], &h);
}

/* From the home forward to the backward on the first rank. */
static int64_t turn_near(const weft_i_block *b, const state *s)
{
    return at_least(b, s->at[BW_AWAY] - s->at[FW_HOME], b->times.fw_ns);
}

static int64_t turn_fw_far(const weft_i_block *b, const state *s)
{
    return at_least(b, s->at[FW_HOME], b->times.fw_ns);
}

static int64_t turn_bw_far(const weft_i_block *b, const state *s)
{
    return at_least(b, s->at[BW_HOME] - s->at[BW_AWAY], b->times.bw_ns);
}

/* One rank on: from every state by the shortest way. */
static void advance(weft_i_block *b, const int64_t *step_ns, int16_t *from)
{
    int n = b->n_states;
    for (int j = 0; j < n; j++) {
        b->next_ns[j] = INT64_MAX;
        for (int i = 0; i < n; i++) {
            int64_t ns = b->total_ns[i] + b->n_ranks * step_ns[j * n + i];
            if (ns >= b->next_ns[j]) continue;
            b->next_ns[j] = ns;
            from[j] = (int16_t)i;
        }
        b->next_ns[j] += own_part(b, &b->states[j]);
    }
    memcpy(b->total_ns, b->next_ns, (size_t)n * sizeof *b->total_ns);
}

/* The way of a microbatch through all ranks by which they hold the least, in sum: each rank holds
 * what is on its way beyond it, there and back, and a part of its own. */
static void find_way(weft_i_block *b, int32_t slowness)
{
    int at = 0;
    for (int i = 0; i < b->n_states; i++) {
        const state *s = &b->states[i];
        b->total_ns[i] = 2 * b->n_ranks * turn_near(b, s) + own_part(b, s);
    }
    for (int32_t d = 1; d < b->n_ranks; d++)
        advance(b, b->step_ns[level_of(b, slowness, d - 1)], b->from + d * N_STATES);
    for (int i = 0; i < b->n_states; i++) {
        const state *s = &b->states[i];
        b->total_ns[i] += b->n_ranks * (turn_fw_far(b, s) + turn_bw_far(b, s));
        at = b->total_ns[i] < b->total_ns[at] ? i : at;
    }
    for (int32_t d = b->n_ranks - 1; d >= 0; d--) {
        b->way[d] = (int16_t)at;
        at = b->from[d * N_STATES + at];
    }
    for (int32_t d = 0; d + 1 < b->n_ranks; d++) {
        set_level(b, level_of(b, slowness, d));
        best_hops(b, &b->states[b->way[d]], &b->states[b->way[d + 1]], &b->hops[d]);
    }
}

/* Legs: away from the first rank, then home. */
static void place(const weft_i_block *b, weft_i_pattern *pattern)
{
    const int32_t n = b->n_ranks, turn = n - 1, end = 2 * n - 1;
    int64_t *fw = pattern->fw_ns, *bw = pattern->bw_ns;
    const state *far = &b->states[b->way[n - 1]], *near = &b->states[b->way[0]];
    fw[0] = 0;
    for (int32_t d = 1; d < n; d++)
        fw[d] = fw[d - 1] + b->hops[d - 1].ns[FW_AWAY];
    fw[turn + 1] = fw[turn] + turn_fw_far(b, far);
    for (int32_t d = n - 2; d >= 0; d--)
        fw[end - d] = fw[end - d - 1] + b->hops[d].ns[FW_HOME];
    bw[end] = fw[end] + turn_near(b, near);
    for (int32_t d = 1; d < n; d++)
        bw[end - d] = bw[end - d + 1] + b->hops[d - 1].ns[BW_AWAY];
    bw[turn] = bw[turn + 1] + turn_bw_far(b, far);
    for (int32_t d = n - 2; d >= 0; d--)
        bw[d] = bw[d + 1] + b->hops[d].ns[BW_HOME];
    for (int32_t i = 0; i <= end; i++)
        pattern->bww_ns[i] = bw[i] + b->times.bw_ns;
}

/* How many stages of microbatches some rank holds at most: a multiple of the period, since what it
 * holds between two passes is a whole number. */
static int64_t most_held(const weft_i_block *b, const weft_i_pattern *pattern)
{
    int64_t most = 0;
    for (int32_t d = 0; d < b->n_ranks; d++) {
        const state *s = &b->states[b->way[d]];
        int32_t home = 2 * b->n_ranks - 1 - d;
        int64_t life =
            pattern->bw_ns[d] - pattern->fw_ns[d] + pattern->bw_ns[home] - pattern->fw_ns[home];
        most = weft_i_max(most, life + own_part(b, s));
    }
    return most / b->period_ns;
}

static bool allocate(weft_i_block *b, weft_i_arena *arena)
{
    for (int level = 0; level <= N_LEVELS; level++)
        if (!(b->step_ns[level] = weft_i_new(arena, int64_t, N_STATES * N_STATES))) return false;
    b->states = weft_i_new(arena, state, N_STATES);
    b->total_ns = weft_i_new(arena, int64_t, N_STATES);
    b->next_ns = weft_i_new(arena, int64_t, N_STATES);
    b->from = weft_i_new(arena, int16_t, (size_t)b->n_ranks * N_STATES);
    b->way = weft_i_new(arena, int16_t, b->n_ranks);
    b->hops = weft_i_new(arena, hops, b->n_ranks);
    return b->states && b->total_ns && b->next_ns && b->from && b->way && b->hops;
}

weft_status weft_i_block_create(const weft_i_block_times *times, int32_t n_ranks,
                                weft_i_arena *arena, weft_error *error, weft_i_block **out_block)
{
    int sequence[N_PASSES] = {FW_AWAY};
    weft_i_block *b = weft_i_new(arena, weft_i_block, 1);
    if (!b) return weft_i_no_memory(error);
    b->times = *times;
    b->n_ranks = n_ranks;
    b->period_ns = weft_i_max(weft_i_block_period(times), 1); /* where no pass takes any time */
    if (!allocate(b, arena)) return weft_i_no_memory(error);
    list_states(b, sequence, 1);
    for (int level = 0; level <= N_LEVELS; level++)
        find_steps(b, level);
    *out_block = b;
    return WEFT_STATUS_OK;
}

int32_t weft_i_block_slowest(const weft_i_block *block)
{
    return N_LEVELS * (block->n_ranks - 1);
}

int64_t weft_i_block_place(weft_i_block *block, int32_t slowness, weft_i_pattern *pattern)
{
    find_way(block, slowness);
    place(block, pattern);
    return most_held(block, pattern);
}
