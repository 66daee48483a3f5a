/* search/pick_relax.c - a bound by multipliers on the rows, and choices made from them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/pick.h"

/* Iterations, and how often one in a row may bring no better bound before the step is halved. */
enum { MOST_ITERATIONS = 30, PATIENCE = 4, REPAIR_EVERY = 15 };

/* Part of all passes' time below which nobody gains from going on. */
static const double CLOSE_ENOUGH = 0.005;

typedef struct relaxer {
    const weft_i_pick *pick;
    double *way;                /* of the last step */
    double *multipliers, *sums; /* of the rows; sums before each row */
    double *best_multipliers;
    int64_t *rows;    /* bytes of the choice at hand */
    int32_t *options; /* the choice at hand */
    int32_t *tried;   /* a choice in repair, its rows, and the order to improve groups in */
    int64_t *tried_rows;
    struct gain *gains; /* as many as there are options */
    int64_t *bytes;     /* of a group's options in a row */
    double bound, step;
    weft_i_pick_answer *answer;
} relaxer;

typedef struct gain {
    int32_t group, option;
    double worth;
} gain;

static double priced(const relaxer *x, const weft_i_group *g, const weft_i_option *o)
{
    double value = (double)o->ns;
    value += (double)o->saved * (x->sums[g->saved_to] - x->sums[g->saved_from]);
    value += (double)o->held * (x->sums[g->held_to] - x->sums[g->held_from]);
    for (int k = 0; k < 3; k++)
        if (g->row[k] >= 0) value += (double)o->work[k] * x->multipliers[g->row[k]];
    return value;
}

/* Each group's best option at these multipliers; returns the bound. */
static double choose(relaxer *x)
{
    const weft_i_pick *pick = x->pick;
    for (int32_t r = 0; r < pick->n_rows; r++)
        x->sums[r + 1] = x->sums[r] + x->multipliers[r];
    double bound = 0, paid = (double)pick->room * x->sums[pick->n_rows];
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_group *group = &pick->groups[g];
        double best = INFINITY;
        for (int32_t i = 0; i < group->n; i++) {
            double value = priced(x, group, &pick->options[group->first + i]);
            if (value < best) {
                best = value;
                x->options[g] = i;
            }
        }
        bound += best;
    }
    return bound - paid - 1e-12 * (bound + paid); /* less what rounding can add */
}

static void sum_rows(const weft_i_pick *pick, const int32_t *options, int64_t *rows)
{
    memset(rows, 0, (size_t)pick->n_rows * sizeof *rows);
    for (int32_t g = 0; g < pick->n_groups; g++)
        weft_i_pick_add(pick, g, options[g], 1, rows);
}

/* Bytes of an option in a row. */
static int64_t bytes_at(const weft_i_group *g, const weft_i_option *o, int32_t row)
{
    int64_t bytes = row >= g->saved_from && row < g->saved_to ? o->saved : 0;
    bytes += row >= g->held_from && row < g->held_to ? o->held : 0;
    for (int k = 0; k < 3; k++)
        bytes += g->row[k] == row ? o->work[k] : 0;
    return bytes;
}

static void change(relaxer *x, int32_t group, int32_t option)
{
    weft_i_pick_add(x->pick, group, x->tried[group], -1, x->tried_rows);
    weft_i_pick_add(x->pick, group, option, 1, x->tried_rows);
    x->tried[group] = option;
}

static int compare_gains(const void *a, const void *b)
{
    const gain *x = a, *y = b;
    if (x->worth != y->worth) return x->worth > y->worth ? -1 : 1;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return (x->option > y->option) - (x->option < y->option);
}

static bool is_live(const weft_i_group *g, int32_t row)
{
    return (row >= g->saved_from && row < g->held_to) || row == g->row[0];
}

/* The cheapest change from an option to one of less bytes, by time for a byte; -1 = none. */
static int32_t leaner_option(const weft_i_option *options, const int64_t *bytes, int32_t n,
                             int32_t from, double *out_worth)
{
    int32_t best = -1;
    for (int32_t i = 0; i < n; i++) {
        int64_t less = bytes[from] - bytes[i];
        if (less <= 0) continue;
        double worth = (double)(options[i].ns - options[from].ns) / (double)less;
        if (best >= 0 && worth >= *out_worth) continue;
        best = i;
        *out_worth = worth;
    }
    return best;
}

/* A group's next step along its hull from the option it has; false when it has none leaner. */
static bool next_step(relaxer *x, int32_t g, int32_t row, gain *out_step)
{
    const weft_i_group *group = &x->pick->groups[g];
    const weft_i_option *options = &x->pick->options[group->first];
    double worth = 0;
    for (int32_t i = 0; i < group->n; i++)
        x->bytes[i] = bytes_at(group, &options[i], row);
    int32_t option = leaner_option(options, x->bytes, group->n, x->tried[g], &worth);
    *out_step = (gain){g, option, -worth};
    return option >= 0;
}

/* Let the step at `i` sink in the heap of steps, the cheapest on top. */
static void sift_down(gain *steps, int32_t n, int32_t i)
{
    gain sinking = steps[i];
    for (;;) {
        int32_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && compare_gains(&steps[child + 1], &steps[child]) < 0) child++;
        if (compare_gains(&sinking, &steps[child]) <= 0) break;
        steps[i] = steps[child];
        i = child;
    }
    steps[i] = sinking;
}

/* Bring one row within the room by the cheapest steps; false when that cannot be. */
static bool repair_row(relaxer *x, int32_t row)
{
    int32_t n = 0;
    for (int32_t g = 0; g < x->pick->n_groups; g++)
        if (is_live(&x->pick->groups[g], row) && next_step(x, g, row, &x->gains[n])) n++;
    for (int32_t i = n / 2 - 1; i >= 0; i--)
        sift_down(x->gains, n, i);
    while (x->tried_rows[row] > x->pick->room && n > 0) {
        gain step = x->gains[0];
        change(x, step.group, step.option);
        if (!next_step(x, step.group, row, &x->gains[0])) x->gains[0] = x->gains[--n];
        sift_down(x->gains, n, 0);
    }
    return x->tried_rows[row] <= x->pick->room;
}

/* Rows are gone over until all are within the room: an option of less bytes in one row may have
 * more in another. */
static bool repair(relaxer *x)
{
    bool fits = false;
    for (int round = 0; round < 3 && !fits; round++) {
        fits = true;
        for (int32_t r = 0; r < x->pick->n_rows; r++)
            if (x->tried_rows[r] > x->pick->room && !repair_row(x, r)) return false;
        for (int32_t r = 0; r < x->pick->n_rows; r++)
            fits = fits && x->tried_rows[r] <= x->pick->room;
    }
    return fits;
}

/* Whether a group can have another option while all rows stay within the room. */
static bool has_room(const relaxer *x, int32_t g, int32_t option)
{
    const weft_i_group *group = &x->pick->groups[g];
    const weft_i_option *from = &x->pick->options[group->first + x->tried[g]];
    const weft_i_option *to = &x->pick->options[group->first + option];
    int64_t saved = to->saved - from->saved, held = to->held - from->held;
    int64_t work[3] = {to->work[0] - from->work[0], to->work[1] - from->work[1],
                       to->work[2] - from->work[2]};
    int32_t first =
        group->row[0] >= 0 && group->row[0] < group->saved_from ? group->row[0] : group->saved_from;
    int32_t end = group->held_to > group->saved_to ? group->held_to : group->saved_to;
    end = group->row[0] >= end ? group->row[0] + 1 : end;
    for (int32_t r = first; r < end; r++) {
        int64_t bytes = x->tried_rows[r];
        bytes += r >= group->saved_from && r < group->saved_to ? saved : 0;
        bytes += r >= group->held_from && r < group->held_to ? held : 0;
        for (int k = 0; k < 3; k++)
            bytes += group->row[k] == r ? work[k] : 0;
        if (bytes > x->pick->room) return false;
    }
    return true;
}

/* Faster options where there is room, those first that are paid most by the multipliers. */
static void improve(relaxer *x)
{
    const weft_i_pick *pick = x->pick;
    int32_t n = 0;
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_group *group = &pick->groups[g];
        const weft_i_option *now = &pick->options[group->first + x->tried[g]];
        double best = 0;
        for (int32_t i = 0; i < group->n; i++) {
            const weft_i_option *o = &pick->options[group->first + i];
            double price = priced(x, group, o) - priced(x, group, now) + (double)(now->ns - o->ns);
            double worth = o->ns < now->ns ? (double)(now->ns - o->ns) / fmax(price, 1) : 0;
            best = fmax(best, worth);
        }
        if (best > 0) x->gains[n++] = (gain){g, 0, best};
    }
    qsort(x->gains, (size_t)n, sizeof *x->gains, compare_gains);
    for (int32_t i = 0; i < n; i++) {
        const weft_i_group *group = &pick->groups[x->gains[i].group];
        const weft_i_option *options = &pick->options[group->first];
        for (int32_t k = 0; k < group->n; k++)
            if (options[k].ns < options[x->tried[x->gains[i].group]].ns &&
                has_room(x, x->gains[i].group, k))
                change(x, x->gains[i].group, k);
    }
}

/* Offer the choice in `tried`, whose rows are known. */
static void offer(relaxer *x)
{
    if (!repair(x)) return;
    improve(x);
    int64_t ns = 0;
    for (int32_t g = 0; g < x->pick->n_groups; g++)
        ns += x->pick->options[x->pick->groups[g].first + x->tried[g]].ns;
    if (x->answer->fits && ns >= x->answer->ns) return;
    x->answer->fits = true;
    x->answer->ns = ns;
    memcpy(x->answer->options, x->tried, (size_t)x->pick->n_groups * sizeof *x->tried);
}

static void try_choice(relaxer *x, const int32_t *options)
{
    memcpy(x->tried, options, (size_t)x->pick->n_groups * sizeof *x->tried);
    sum_rows(x->pick, x->tried, x->tried_rows);
    offer(x);
}

/* The option of a group that saves least. */
static void set_leanest(relaxer *x, int32_t *options)
{
    for (int32_t g = 0; g < x->pick->n_groups; g++) {
        const weft_i_group *group = &x->pick->groups[g];
        const weft_i_option *o = &x->pick->options[group->first];
        options[g] = 0;
        for (int32_t i = 1; i < group->n; i++)
            if (o[i].saved < o[options[g]].saved) options[g] = i;
    }
}

/* Go along the subgradient and half of the way before, by Polyak's step towards the best value. */
static void move(relaxer *x, double bound)
{
    double norm = 0;
    sum_rows(x->pick, x->options, x->rows);
    for (int32_t r = 0; r < x->pick->n_rows; r++) {
        double over = (double)(x->rows[r] - x->pick->room) + 0.5 * x->way[r];
        if (over < 0 && x->multipliers[r] <= 0) over = 0;
        x->way[r] = over;
        norm += over * over;
    }
    if (norm <= 0) return;
    double length = x->step * fmax((double)x->answer->ns - bound, 1) / norm;
    for (int32_t r = 0; r < x->pick->n_rows; r++) {
        x->multipliers[r] = fmax(0, x->multipliers[r] + length * x->way[r]);
    }
}

static void iterate(relaxer *x)
{
    int stuck = 0;
    for (int i = 0; i < MOST_ITERATIONS; i++) {
        double bound = choose(x);
        stuck++;
        if (bound > x->bound) {
            if (bound > x->bound + 1e-3 * fabs(x->bound)) stuck = 0;
            x->bound = bound;
            memcpy(x->best_multipliers, x->multipliers,
                   (size_t)x->pick->n_rows * sizeof *x->multipliers);
        }
        if (i % REPAIR_EVERY == REPAIR_EVERY - 1) try_choice(x, x->options);
        if (x->bound >= (double)weft_i_pick_proof(x->pick, x->answer->ns, CLOSE_ENOUGH)) break;
        if (stuck == PATIENCE) {
            x->step /= 2;
            stuck = 0;
        }
        move(x, bound);
    }
    x->answer->bound_ns = x->bound > 0 ? (int64_t)ceil(x->bound) : 0;
}

/* Everything at its fastest, which adds nothing. */
static void answer_fastest(const weft_i_pick *pick, weft_i_pick_answer *answer)
{
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_option *options = &pick->options[pick->groups[g].first];
        answer->options[g] = 0;
        while (options[answer->options[g]].ns > 0)
            answer->options[g]++;
    }
    answer->ns = answer->bound_ns = 0;
    answer->fits = true;
}

bool weft_i_pick_relax(const weft_i_pick *pick, weft_i_arena *arena, double *multipliers,
                       weft_i_pick_answer *answer)
{
    size_t n_rows = (size_t)pick->n_rows, n_groups = (size_t)pick->n_groups;
    if (n_rows == 0) {
        answer_fastest(pick, answer);
        return true;
    }
    relaxer x = {.pick = pick,
                 .multipliers = weft_i_new(arena, double, n_rows),
                 .best_multipliers = weft_i_new(arena, double, n_rows),
                 .way = weft_i_new(arena, double, n_rows),
                 .sums = weft_i_new(arena, double, n_rows + 1),
                 .rows = weft_i_new(arena, int64_t, n_rows),
                 .tried_rows = weft_i_new(arena, int64_t, n_rows),
                 .options = weft_i_new(arena, int32_t, n_groups),
                 .tried = weft_i_new(arena, int32_t, n_groups),
                 .gains = weft_i_new(arena, gain, pick->n_options),
                 .bytes = weft_i_new(arena, int64_t, pick->n_options),
                 .step = 1,
                 .answer = answer};
    if (!x.multipliers || !x.best_multipliers || !x.sums || !x.way || !x.rows || !x.tried_rows ||
        !x.options || !x.tried || !x.gains || !x.bytes)
        return false;
    answer->fits = false;
    answer->ns = answer->bound_ns = 0;
    set_leanest(&x, x.options);
    try_choice(&x, x.options);
    if (answer->fits)
        iterate(&x);
    else
        memcpy(answer->options, x.options, n_groups * sizeof *x.options);
    if (multipliers) memcpy(multipliers, x.best_multipliers, n_rows * sizeof *multipliers);
    return true;
}
