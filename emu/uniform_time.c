/* emu/uniform_time.c - GPipe, 1F1B, VPP and ZB-H1 of equal microbatches, pass by pass until each
 * microbatch does what the one before did. */
#include "emu/uniform_time.h"

#include "base/least.h"

/* A rank as it goes through its passes. */
typedef struct rank_state {
    int32_t forwards, backwards, weights; /* done; weights: BWW, or with a fused backward */
    int64_t now_ns, bytes, logit_bytes;
    bool started;
} rank_state;

typedef struct walk {
    const weft_i_uniform_line *line;
    int32_t virtual_passes; /* forwards of a rank; the last group of microbatches counts as full */
    int64_t *fw_end, *bw_end; /* [(segment * n_ranks + rank) * n_microbatches + microbatch], 0 =
                                 not yet */
    rank_state *states;
    weft_i_uniform_rank *ranks;
    int64_t *gradients_ns; /* by chunk, end of its last weight gradient so far */
} walk;

/* A pass of a rank. */
typedef struct pass {
    weft_pass kind;
    int32_t segment, microbatch; /* microbatch past the last: nothing to do */
} pass;

/* Number `i` of a rank's forwards: GPipe takes all microbatches through a segment, VPP groups of
 * n_ranks of them through all segments (Narayanan et al. 2021, section 2.2). */
static pass forward_at(const weft_i_uniform_line *line, int32_t i)
{
    if (line->n_segments == 1) return (pass){WEFT_PASS_FW, 0, i};
    if (line->schedule == WEFT_SCHEDULE_GPIPE)
        return (pass){WEFT_PASS_FW, i / line->n_microbatches, i % line->n_microbatches};
    int32_t group = i / (line->n_ranks * line->n_segments);
    int32_t within = i % (line->n_ranks * line->n_segments);
    return (pass){WEFT_PASS_FW, within / line->n_ranks,
                  group * line->n_ranks + within % line->n_ranks};
}

static pass backward_at(const weft_i_uniform_line *line, int32_t i, weft_pass kind)
{
    pass p = forward_at(line, i);
    return (pass){kind, line->n_segments - 1 - p.segment, p.microbatch};
}

/* Forwards before a rank's first backward, less one. */
static int32_t warm_up_of(const walk *w, int32_t rank)
{
    const weft_i_uniform_line *line = w->line;
    if (line->schedule == WEFT_SCHEDULE_GPIPE) return w->virtual_passes;
    int32_t ahead = line->n_ranks - rank - 1;
    return line->n_segments == 1 ? ahead : 2 * ahead + (line->n_segments - 1) * line->n_ranks;
}

static bool splits(const weft_i_uniform_line *line, int32_t rank)
{
    return line->schedule == WEFT_SCHEDULE_ZB_H1 && line->units[rank].bwi_ns > 0;
}

/* The next pass: warm-up forwards, then one forward and one backward in turn, then backwards. ZB-H1
 * puts off as many weight gradients as a rank has room for (Qi et al. 2023, section 3). */
static pass next_pass(const walk *w, int32_t rank)
{
    const rank_state *state = &w->states[rank];
    bool split = splits(w->line, rank);
    bool due = state->backwards == w->virtual_passes || state->weights < state->backwards - rank;
    if (split && due) return backward_at(w->line, state->weights, WEFT_PASS_BWW);
    if (state->forwards < w->virtual_passes &&
        state->forwards - state->backwards <= warm_up_of(w, rank))
        return forward_at(w->line, state->forwards);
    return backward_at(w->line, state->backwards, split ? WEFT_PASS_BWI : WEFT_PASS_BW);
}

/* Count a pass as done. */
static void count(rank_state *state, weft_pass kind)
{
    state->forwards += kind == WEFT_PASS_FW;
    state->backwards += kind == WEFT_PASS_BW || kind == WEFT_PASS_BWI;
    state->weights += kind == WEFT_PASS_BW || kind == WEFT_PASS_BWW;
}

/* When the input of a pass is there; < 0 = not known yet. */
static int64_t input_at(const walk *w, int32_t rank, const pass *p)
{
    const weft_i_uniform_line *line = w->line;
    int64_t m = line->n_microbatches, place = (int64_t)p->segment * line->n_ranks + rank;
    int64_t last = (int64_t)line->n_segments * line->n_ranks - 1;
    int64_t own = w->fw_end[place * m + p->microbatch];
    if (p->kind == WEFT_PASS_BWW) return 0;
    if (p->kind == WEFT_PASS_FW) {
        if (place == 0) return 0;
        int64_t end = w->fw_end[(place - 1) * m + p->microbatch];
        int32_t from = rank > 0 ? rank - 1 : line->n_ranks - 1;
        return end == 0 ? -1 : end + line->transfer_ns[from];
    }
    if (place == last) return own;
    int64_t end = w->bw_end[(place + 1) * m + p->microbatch];
    return end == 0 ? -1 : weft_i_max(own, end + line->transfer_ns[rank]);
}

/* Bytes that go at the end of a pass. */
static int64_t freed_bytes(const weft_i_unit *unit, weft_pass kind)
{
    const int64_t bytes[] = {0, unit->saved_bytes, unit->saved_bytes - unit->held_bytes,
                             unit->held_bytes};
    return bytes[kind];
}

static int64_t pass_ns(const weft_i_unit *unit, weft_pass kind)
{
    const int64_t ns[] = {unit->fw_ns, unit->bw_ns, unit->bwi_ns, unit->bww_ns};
    return ns[kind];
}

static void run_pass(walk *w, int32_t rank, const pass *p, int64_t input_ns)
{
    rank_state *state = &w->states[rank];
    weft_i_uniform_rank *out = &w->ranks[rank];
    int32_t place = p->segment * w->line->n_ranks + rank;
    const weft_i_unit *unit = &w->line->units[place];
    int64_t start_ns = weft_i_max(state->now_ns, input_ns);
    if (!state->started) out->first_ns = start_ns;
    state->started = true;
    state->now_ns = start_ns + pass_ns(unit, p->kind);
    int64_t *ends = p->kind == WEFT_PASS_FW ? w->fw_end : w->bw_end;
    if (p->kind != WEFT_PASS_BWW)
        ends[(int64_t)place * w->line->n_microbatches + p->microbatch] = state->now_ns;
    if (p->kind == WEFT_PASS_BW || p->kind == WEFT_PASS_BWW) w->gradients_ns[place] = state->now_ns;
    if (p->kind == WEFT_PASS_FW) {
        state->bytes += unit->saved_bytes;
        state->logit_bytes += unit->logit_bytes;
    }
    if (state->bytes + unit->work_bytes[p->kind] > out->peak_bytes) {
        out->peak_bytes = state->bytes + unit->work_bytes[p->kind];
        out->peak_saved_bytes = state->bytes;
        out->peak_logit_bytes = state->logit_bytes;
    }
    state->bytes -= freed_bytes(unit, p->kind);
    if (p->kind == WEFT_PASS_BW || p->kind == WEFT_PASS_BWI)
        state->logit_bytes -= unit->logit_bytes;
    out->last_ns = state->now_ns;
}

/* Run a rank until its next pass has to wait for another rank; false where it ran nothing. */
static bool advance(walk *w, int32_t rank)
{
    rank_state *state = &w->states[rank];
    bool moved = false;
    while (state->weights < w->virtual_passes) {
        pass p = next_pass(w, rank);
        if (p.microbatch < w->line->n_microbatches) {
            int64_t input_ns = input_at(w, rank, &p);
            if (input_ns < 0) break;
            run_pass(w, rank, &p, input_ns);
        }
        count(state, p.kind);
        moved = true;
    }
    return moved;
}

/* Walk all passes; false when out of memory. */
static bool run(const weft_i_uniform_line *line, weft_i_arena *arena,
                weft_i_uniform_rank *out_ranks, int64_t *out_gradients_ns, walk *out_walk)
{
    bool grouped = line->n_segments > 1 && line->schedule != WEFT_SCHEDULE_GPIPE;
    int32_t n_ranks = line->n_ranks, group = grouped ? n_ranks : 1;
    size_t n = (size_t)line->n_segments * (size_t)n_ranks * (size_t)line->n_microbatches;
    walk w = {.line = line, .ranks = out_ranks, .gradients_ns = out_gradients_ns};
    w.virtual_passes = (line->n_microbatches + group - 1) / group * group * line->n_segments;
    w.fw_end = weft_i_new(arena, int64_t, n);
    w.bw_end = weft_i_new(arena, int64_t, n);
    w.states = weft_i_new(arena, rank_state, n_ranks);
    if (!w.fw_end || !w.bw_end || !w.states) return false;
    for (int32_t r = 0; r < n_ranks; r++)
        out_ranks[r] = (weft_i_uniform_rank){0};
    /* Forwards go up the ranks, backwards down. */
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t r = 0; r < n_ranks; r++)
            moved |= advance(&w, r);
        for (int32_t r = n_ranks - 1; r >= 0; r--)
            moved |= advance(&w, r);
    }
    *out_walk = w;
    return true;
}

/* Microbatches, in units of n_ranks: no pass waits for one of a microbatch so far away. A rank has
 * at most twice n_ranks microbatches under way, and as many again may lie between two ranks. */
enum { REACH = 3 };

/* Whether each pass of REACH units of microbatches ended the same time after that of the microbatch
 * n_ranks before. A pass waits for the one before it on its rank and for its input, all within
 * reach; so every later pass does as well, until the forwards run out, and that end is the same
 * however late it comes. `*out_ns` is that time. */
static bool is_steady(const walk *w, int64_t *out_ns)
{
    int64_t n = w->line->n_microbatches, period = w->line->n_ranks;
    int64_t end = n - REACH * period, first = end - REACH * period;
    int64_t ns = w->fw_end[first] - w->fw_end[first - period];
    for (int64_t place = 0; place < (int64_t)w->line->n_segments * period; place++) {
        const int64_t *fw = &w->fw_end[place * n], *bw = &w->bw_end[place * n];
        for (int64_t m = first; m < end; m++)
            if (fw[m] - fw[m - period] != ns || bw[m] - bw[m - period] != ns) return false;
    }
    *out_ns = ns;
    return true;
}

/* Walk fewer microbatches, enough for a steady phase, and add the rest of it; false where none was
 * found. `*out_failed`: out of memory. */
static bool run_shorter(const weft_i_uniform_line *line, weft_i_arena *arena,
                        weft_i_uniform_rank *out_ranks, int64_t *out_gradients_ns, bool *out_failed)
{
    int32_t period = line->n_ranks;
    *out_failed = false;
    if (line->schedule == WEFT_SCHEDULE_GPIPE) return false;
    for (int64_t units = 2 * REACH + 2; units <= 32; units *= 2) {
        weft_i_uniform_line shorter = *line;
        int64_t left_out = line->n_microbatches / period - units, ns;
        walk w;
        if (left_out < units / 2) return false;
        shorter.n_microbatches -= (int32_t)(left_out * period);
        *out_failed = !run(&shorter, arena, out_ranks, out_gradients_ns, &w);
        if (*out_failed) return false;
        if (!is_steady(&w, &ns)) continue;
        for (int32_t r = 0; r < period; r++)
            out_ranks[r].last_ns += left_out * ns;
        for (int32_t c = 0; c < period * line->n_segments; c++)
            out_gradients_ns[c] += left_out * ns;
        return true;
    }
    return false;
}

bool weft_i_uniform_time(const weft_i_uniform_line *line, weft_i_arena *arena,
                         weft_i_uniform_rank *out_ranks, int64_t *out_gradients_ns,
                         int64_t *out_pipeline_ns)
{
    walk w;
    bool failed;
    bool done = run_shorter(line, arena, out_ranks, out_gradients_ns, &failed);
    if (failed || (!done && !run(line, arena, out_ranks, out_gradients_ns, &w))) return false;
    *out_pipeline_ns = 0;
    for (int32_t r = 0; r < line->n_ranks; r++)
        *out_pipeline_ns = weft_i_max(*out_pipeline_ns, out_ranks[r].last_ns);
    return true;
}
