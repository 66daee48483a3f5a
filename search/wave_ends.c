/* search/wave_ends.c - see wave_ends.h. */
#include "search/wave_ends.h"

#include "base/error.h"

/* How long a rank waits for a pass of a later slot, in percent of a forward. For the first
 * microbatch as long as a forward: every rank's delay of it delays the first backward. */
enum { WAIT_PERCENT = 75, FIRST_WAIT_PERCENT = 100 };

static const int64_t NEVER = INT64_MAX;

/* What a rank does next. */
typedef struct choice {
    int32_t leg;
    int64_t at_ns; /* NEVER = nothing is known */
} choice;

typedef struct filler {
    const weft_i_course *course;
    int32_t n_ranks;
    int64_t fw_ns;
    weft_i_pattern *pattern;
    int64_t *free_ns; /* by distance of the rank */
    choice *choices;  /* by distance */
    int32_t *n_done;  /* by leg */
    int64_t **end_ns; /* by leg and turn */
} filler;

static int32_t distance_of(const filler *f, int32_t leg)
{
    int32_t way = leg % f->n_ranks;
    return leg / f->n_ranks % 2 == 0 ? way : f->n_ranks - 1 - way;
}

/* When the next forward of a leg can start; NEVER where there is none, or no input. */
static int64_t start_of(const filler *f, int32_t leg)
{
    int32_t turn = f->n_done[leg];
    int64_t free_ns = f->free_ns[distance_of(f, leg)];
    if (turn >= f->pattern->burst[leg]) return NEVER;
    if (leg == 0) return free_ns;
    if (f->n_done[leg - 1] <= turn) return NEVER;
    int64_t in = f->end_ns[leg - 1][turn] + f->course->legs[leg].fw_hop_ns;
    return in > free_ns ? in : free_ns;
}

static void choose(filler *f, int32_t distance)
{
    choice *c = &f->choices[distance];
    int64_t first = NEVER;
    for (int32_t s = 0; s < f->course->slots.n; s++) {
        int64_t at = start_of(f, weft_i_wave_leg(s, distance, f->n_ranks));
        first = at < first ? at : first;
    }
    *c = (choice){-1, NEVER};
    for (int32_t s = 0; s < f->course->slots.n && first < NEVER; s++) {
        int32_t leg = weft_i_wave_leg(s, distance, f->n_ranks);
        int32_t percent = f->n_done[leg] == 0 ? FIRST_WAIT_PERCENT : WAIT_PERCENT;
        int64_t at = start_of(f, leg);
        if (at < NEVER && at - first <= f->fw_ns * percent / 100) *c = (choice){leg, at};
    }
}

/* The rank that starts first; -1 = none. */
static int32_t next_distance(const filler *f)
{
    int32_t next = -1;
    for (int32_t d = 0; d < f->n_ranks; d++)
        if (f->choices[d].at_ns < (next < 0 ? NEVER : f->choices[next].at_ns)) next = d;
    return next;
}

/* Run everything; returns the end. */
static int64_t run(filler *f)
{
    int64_t end = 0;
    for (int32_t d = 0; d < f->n_ranks; d++)
        choose(f, d);
    for (int32_t d = next_distance(f); d >= 0; d = next_distance(f)) {
        choice c = f->choices[d];
        int32_t turn = f->n_done[c.leg]++;
        f->pattern->fill_ns[c.leg][turn] = c.at_ns;
        end = c.at_ns + f->fw_ns;
        f->end_ns[c.leg][turn] = f->free_ns[d] = end;
        choose(f, d);
        if (c.leg + 1 < f->course->n_legs) choose(f, distance_of(f, c.leg + 1));
    }
    return end;
}

static bool open_filler(filler *f, weft_i_arena *arena)
{
    int32_t n_legs = f->course->n_legs;
    f->free_ns = weft_i_new(arena, int64_t, f->n_ranks);
    f->choices = weft_i_new(arena, choice, f->n_ranks);
    f->n_done = weft_i_new(arena, int32_t, n_legs);
    f->end_ns = weft_i_new(arena, int64_t *, n_legs);
    f->pattern->fill_ns = weft_i_new(arena, int64_t *, n_legs);
    if (!f->free_ns || !f->choices || !f->n_done || !f->end_ns || !f->pattern->fill_ns)
        return false;
    for (int32_t i = 0; i < n_legs; i++) {
        f->end_ns[i] = weft_i_new(arena, int64_t, f->pattern->burst[i]);
        f->pattern->fill_ns[i] = weft_i_new(arena, int64_t, f->pattern->burst[i]);
        if (!f->end_ns[i] || !f->pattern->fill_ns[i]) return false;
    }
    return true;
}

bool weft_i_wave_fill(const weft_i_course *course, int32_t n_ranks, int64_t fw_ns,
                      weft_i_arena *arena, weft_i_pattern *pattern)
{
    filler f = {.course = course, .n_ranks = n_ranks, .fw_ns = fw_ns, .pattern = pattern};
    if (!open_filler(&f, arena)) return false;
    int64_t end = run(&f);
    for (int32_t i = 0; i < course->n_legs; i++) {
        pattern->burst[i] = f.n_done[i];
        for (int32_t turn = 0; turn < f.n_done[i]; turn++)
            pattern->fill_ns[i][turn] -= end + 1;
    }
    return true;
}

/* The way of the last turn from where it turns for home at the pattern's time. */
static void go_straight(const weft_i_course *course, int32_t n_ranks,
                        const weft_i_block_times *times, weft_i_pattern *pattern)
{
    int64_t base = weft_i_pattern_base(pattern, course, course->n_turns - 1, 0);
    int64_t *fw = pattern->last_fw_ns, *bw = pattern->last_bw_ns;
    int32_t end = 2 * n_ranks - 1;
    for (int32_t i = 0; i < n_ranks; i++)
        fw[i] = base + pattern->fw_ns[i];
    fw[n_ranks] = fw[n_ranks - 1] + times->fw_ns;
    for (int32_t i = n_ranks + 1; i <= end; i++)
        fw[i] = fw[i - 1] + times->fw_hop_ns;
    bw[end] = fw[end] + times->fw_ns;
    for (int32_t i = end - 1; i >= 0; i--)
        bw[i] = bw[i + 1] + (i == n_ranks - 1 ? times->bw_ns : times->bw_hop_ns);
}

bool weft_i_wave_drain(const weft_i_course *course, int32_t n_ranks,
                       const weft_i_block_times *times, weft_i_arena *arena,
                       weft_i_pattern *pattern)
{
    pattern->last_fw_ns = weft_i_new(arena, int64_t, course->n_legs);
    pattern->last_bw_ns = weft_i_new(arena, int64_t, course->n_legs);
    pattern->fw_step_ns = times->fw_ns + times->bww_ns;
    pattern->bw_step_ns = times->bw_ns + times->bww_ns;
    if (!pattern->last_fw_ns || !pattern->last_bw_ns) return false;
    go_straight(course, n_ranks, times, pattern);
    return true;
}
