/* emu/uniform_time.c - 1F1B and VPP of equal microbatches, pass by pass. */
#include "emu/uniform_time.h"

/* A rank as it goes through its passes. */
typedef struct rank_state {
    int32_t done; /* passes */
    int64_t now_ns, bytes;
    bool started;
} rank_state;

typedef struct walk {
    const weft_i_uniform_line *line;
    int32_t virtual_passes; /* forwards of a rank; the last group of microbatches counts as full */
    int64_t *fw_end, *bw_end; /* [(segment * n_ranks + rank) * n_microbatches + microbatch], 0 =
                                 not yet */
    rank_state *states;
    weft_i_uniform_rank *ranks;
} walk;

/* A pass of a rank. */
typedef struct pass {
    bool forward;
    int32_t segment, microbatch; /* microbatch past the last: nothing to do */
} pass;

/* Number `i` of a rank's forwards: groups of n_ranks microbatches go through the segments one after
 * the other (Narayanan et al. 2021, section 2.2). */
static pass forward_at(const weft_i_uniform_line *line, int32_t i)
{
    int32_t group = i / (line->n_ranks * line->n_segments);
    int32_t within = i % (line->n_ranks * line->n_segments);
    if (line->n_segments == 1) return (pass){true, 0, i};
    return (pass){true, within / line->n_ranks, group * line->n_ranks + within % line->n_ranks};
}

static pass backward_at(const weft_i_uniform_line *line, int32_t i)
{
    pass p = forward_at(line, i);
    return (pass){false, line->n_segments - 1 - p.segment, p.microbatch};
}

/* Warm-up forwards, then one forward and one backward in turn, then backwards. */
static pass pass_at(const walk *w, int32_t rank, int32_t i)
{
    const weft_i_uniform_line *line = w->line;
    int32_t n = w->virtual_passes, warm_up = line->n_ranks - rank - 1;
    if (line->n_segments > 1) warm_up = 2 * warm_up + (line->n_segments - 1) * line->n_ranks;
    if (warm_up > n) warm_up = n;
    if (i < warm_up) return forward_at(line, i);
    int32_t turn = i - warm_up, pairs = n - warm_up;
    if (turn >= 2 * pairs) return backward_at(line, turn - pairs);
    return turn % 2 == 0 ? forward_at(line, warm_up + turn / 2) : backward_at(line, turn / 2);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When the input of a pass is there; < 0 = not known yet. */
static int64_t input_at(const walk *w, int32_t rank, const pass *p)
{
    const weft_i_uniform_line *line = w->line;
    int64_t m = line->n_microbatches, place = (int64_t)p->segment * line->n_ranks + rank;
    int64_t last = (int64_t)line->n_segments * line->n_ranks - 1;
    int64_t own = w->fw_end[place * m + p->microbatch];
    if (p->forward) {
        if (place == 0) return 0;
        int64_t end = w->fw_end[(place - 1) * m + p->microbatch];
        int32_t from = rank > 0 ? rank - 1 : line->n_ranks - 1;
        return end == 0 ? -1 : end + line->transfer_ns[from];
    }
    if (place == last) return own;
    int64_t end = w->bw_end[(place + 1) * m + p->microbatch];
    return end == 0 ? -1 : later(own, end + line->transfer_ns[rank]);
}

static void run_pass(walk *w, int32_t rank, const pass *p, int64_t input_ns)
{
    rank_state *state = &w->states[rank];
    weft_i_uniform_rank *out = &w->ranks[rank];
    int32_t place = p->segment * w->line->n_ranks + rank;
    const weft_i_unit *unit = &w->line->units[place];
    int64_t start_ns = later(state->now_ns, input_ns);
    if (!state->started) out->first_ns = start_ns;
    state->started = true;
    state->now_ns = start_ns + (p->forward ? unit->fw_ns : unit->bw_ns);
    int64_t *ends = p->forward ? w->fw_end : w->bw_end;
    ends[(int64_t)place * w->line->n_microbatches + p->microbatch] = state->now_ns;
    if (p->forward) state->bytes += unit->saved_bytes;
    int64_t bytes = state->bytes + (p->forward ? unit->fw_work : unit->bw_work);
    out->peak_bytes = later(out->peak_bytes, bytes);
    if (!p->forward) state->bytes -= unit->saved_bytes;
    out->last_ns = state->now_ns;
}

/* Run a rank until its next pass has to wait for another rank; false where it ran nothing. */
static bool advance(walk *w, int32_t rank)
{
    rank_state *state = &w->states[rank];
    int32_t before = state->done;
    for (; state->done < 2 * w->virtual_passes; state->done++) {
        pass p = pass_at(w, rank, state->done);
        if (p.microbatch >= w->line->n_microbatches) continue;
        int64_t input_ns = input_at(w, rank, &p);
        if (input_ns < 0) break;
        run_pass(w, rank, &p, input_ns);
    }
    return state->done > before;
}

bool weft_i_uniform_time(const weft_i_uniform_line *line, weft_i_arena *arena,
                         weft_i_uniform_rank *out_ranks, int64_t *out_pipeline_ns)
{
    int32_t n_ranks = line->n_ranks, group = line->n_segments > 1 ? n_ranks : 1;
    size_t n = (size_t)line->n_segments * (size_t)n_ranks * (size_t)line->n_microbatches;
    walk w = {.line = line, .ranks = out_ranks};
    w.virtual_passes = (line->n_microbatches + group - 1) / group * group * line->n_segments;
    w.fw_end = weft_i_new(arena, int64_t, n);
    w.bw_end = weft_i_new(arena, int64_t, n);
    w.states = weft_i_new(arena, rank_state, n_ranks);
    if (!w.fw_end || !w.bw_end || !w.states) return false;
    for (int32_t r = 0; r < n_ranks; r++)
        out_ranks[r] = (weft_i_uniform_rank){0, 0, 0};
    /* Forwards go up the ranks, backwards down. */
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t r = 0; r < n_ranks; r++)
            moved |= advance(&w, r);
        for (int32_t r = n_ranks - 1; r >= 0; r--)
            moved |= advance(&w, r);
    }
    *out_pipeline_ns = 0;
    for (int32_t r = 0; r < n_ranks; r++)
        *out_pipeline_ns = later(*out_pipeline_ns, out_ranks[r].last_ns);
    return true;
}
