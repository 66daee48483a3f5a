/* search/pick_branch.c - branch and bound over the groups in their order, bounded by multipliers
 * that stay: an option's excess over its group's best adds up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/glpk.h"
#include "search/pick.h"

/* Nodes that the stand-in for GLPK may take, and how near it has to come. */
enum { MOST_NODES = 20000 };
static const double GAP = 0.05;

/* An option of a group and by how much it is worse than the group's best at the multipliers. */
typedef struct branch {
    int32_t option;
    double excess;
} branch;

typedef struct brancher {
    const weft_i_pick *pick;
    branch *branches;      /* of each group, least excess first; numbered as the options */
    int32_t *taken;        /* branch of each group that is decided, from 0 */
    double *bound;         /* before each group is decided */
    int64_t *ns;           /* of the groups decided before each */
    int64_t *rows;         /* bytes: decided groups, and the least of all others */
    weft_i_option *leasts; /* of each group, part by part */
    double gap;
    int32_t n_nodes, n_nodes_left;
    weft_i_pick_answer *answer;
} brancher;

static void add_bytes(const weft_i_pick *pick, int32_t group, const weft_i_option *o, int64_t sign,
                      int64_t *rows)
{
    weft_i_option only = *o;
    weft_i_group alone = pick->groups[group];
    alone.first = 0;
    weft_i_pick one = {.groups = &alone, .options = &only};
    weft_i_pick_add(&one, 0, 0, sign, rows);
}

static weft_i_option least_of(const weft_i_pick *pick, const weft_i_group *group)
{
    weft_i_option least = pick->options[group->first];
    for (int32_t i = 1; i < group->n; i++) {
        const weft_i_option *o = &pick->options[group->first + i];
        least.saved = o->saved < least.saved ? o->saved : least.saved;
        least.held = o->held < least.held ? o->held : least.held;
        for (int k = 0; k < 3; k++)
            least.work[k] = o->work[k] < least.work[k] ? o->work[k] : least.work[k];
    }
    return least;
}

static int compare_branches(const void *a, const void *b)
{
    const branch *x = a, *y = b;
    if (x->excess != y->excess) return x->excess < y->excess ? -1 : 1;
    return (x->option > y->option) - (x->option < y->option);
}

static double price(const weft_i_group *g, const weft_i_option *o, const double *multipliers,
                    const double *sums)
{
    double value = (double)o->ns + (double)o->saved * (sums[g->saved_to] - sums[g->saved_from]) +
                   (double)o->held * (sums[g->held_to] - sums[g->held_from]);
    for (int k = 0; k < 3; k++)
        if (g->row[k] >= 0) value += (double)o->work[k] * multipliers[g->row[k]];
    return value;
}

/* Sort the options of each group by their excess; returns the bound at the root. */
static double sort_branches(brancher *b, const double *multipliers, double *sums)
{
    const weft_i_pick *pick = b->pick;
    for (int32_t r = 0; r < pick->n_rows; r++)
        sums[r + 1] = sums[r] + multipliers[r];
    double bound = 0, paid = (double)pick->room * sums[pick->n_rows];
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_group *group = &pick->groups[g];
        branch *branches = &b->branches[group->first];
        for (int32_t i = 0; i < group->n; i++)
            branches[i] =
                (branch){i, price(group, &pick->options[group->first + i], multipliers, sums)};
        qsort(branches, (size_t)group->n, sizeof *branches, compare_branches);
        double best = branches[0].excess;
        for (int32_t i = 0; i < group->n; i++)
            branches[i].excess -= best;
        bound += best;
    }
    return bound - paid - 1e-12 * (bound + paid);
}

/* Values are whole: no better one lies above this bound. */
static bool is_cut(const brancher *b, double bound)
{
    double proof =
        b->answer->fits ? (double)weft_i_pick_proof(b->pick, b->answer->ns, b->gap) : INFINITY;
    return bound > proof - 1 + 1e-6;
}

static bool rows_fit(const brancher *b, int32_t g)
{
    const weft_i_group *group = &b->pick->groups[g];
    bool fits = true;
    for (int32_t r = group->saved_from; fits && r < group->held_to; r++)
        fits = b->rows[r] <= b->pick->room;
    for (int k = 0; fits && k < 3; k++)
        fits = group->row[k] < 0 || b->rows[group->row[k]] <= b->pick->room;
    return fits;
}

static void note_answer(brancher *b)
{
    int32_t n = b->pick->n_groups;
    if (b->answer->fits && b->ns[n] >= b->answer->ns) return;
    b->answer->fits = true;
    b->answer->ns = b->ns[n];
    for (int32_t g = 0; g < n; g++)
        b->answer->options[g] = b->branches[b->pick->groups[g].first + b->taken[g]].option;
}

/* The next branch of a group that is worth a look is put in force; false when there is none. */
static bool take_next(brancher *b, int32_t g)
{
    const weft_i_group *group = &b->pick->groups[g];
    while (++b->taken[g] < group->n && b->n_nodes_left > 0) {
        const branch *to = &b->branches[group->first + b->taken[g]];
        if (is_cut(b, b->bound[g] + to->excess)) return false; /* so are those after it */
        b->n_nodes_left--;
        const weft_i_option *o = &b->pick->options[group->first + to->option];
        add_bytes(b->pick, g, &b->leasts[g], -1, b->rows);
        add_bytes(b->pick, g, o, 1, b->rows);
        b->bound[g + 1] = b->bound[g] + to->excess;
        b->ns[g + 1] = b->ns[g] + o->ns;
        if (rows_fit(b, g)) return true;
        add_bytes(b->pick, g, o, -1, b->rows);
        add_bytes(b->pick, g, &b->leasts[g], 1, b->rows);
    }
    return false;
}

static void undo(brancher *b, int32_t g)
{
    const weft_i_group *group = &b->pick->groups[g];
    int32_t option = b->branches[group->first + b->taken[g]].option;
    add_bytes(b->pick, g, &b->pick->options[group->first + option], -1, b->rows);
    add_bytes(b->pick, g, &b->leasts[g], 1, b->rows);
}

static void walk(brancher *b)
{
    int32_t g = 0;
    b->taken[0] = -1;
    while (g >= 0) {
        if (take_next(b, g)) {
            if (++g < b->pick->n_groups) {
                b->taken[g] = -1;
                continue;
            }
            note_answer(b);
        }
        if (--g >= 0) undo(b, g);
    }
}

bool weft_i_pick_branch(const weft_i_pick *pick, const double *multipliers, double gap,
                        int32_t n_nodes, weft_i_arena *arena, weft_i_pick_answer *answer)
{
    size_t n_groups = (size_t)pick->n_groups;
    if (pick->n_rows == 0 || pick->n_groups == 0) return true;
    double *sums = weft_i_new(arena, double, (size_t)pick->n_rows + 1);
    brancher b = {.pick = pick,
                  .branches = weft_i_new(arena, branch, pick->n_options),
                  .taken = weft_i_new(arena, int32_t, n_groups),
                  .bound = weft_i_new(arena, double, n_groups + 1),
                  .ns = weft_i_new(arena, int64_t, n_groups + 1),
                  .rows = weft_i_new(arena, int64_t, pick->n_rows),
                  .leasts = weft_i_new(arena, weft_i_option, n_groups),
                  .gap = gap,
                  .n_nodes_left = n_nodes,
                  .answer = answer};
    if (!sums || !b.branches || !b.taken || !b.bound || !b.ns || !b.rows || !b.leasts) return false;
    b.bound[0] = sort_branches(&b, multipliers, sums);
    for (int32_t g = 0; g < pick->n_groups; g++) {
        b.leasts[g] = least_of(pick, &pick->groups[g]);
        add_bytes(pick, g, &b.leasts[g], 1, b.rows);
    }
    walk(&b);
    if (b.n_nodes_left <= 0 || !answer->fits) return true;
    int64_t proven = weft_i_pick_proof(pick, answer->ns, gap);
    if (proven > answer->bound_ns) answer->bound_ns = proven;
    return true;
}

bool weft_i_pick_solve(const weft_i_pick *pick, weft_i_arena *arena, weft_i_pick_answer *answer)
{
    double *multipliers = weft_i_new(arena, double, pick->n_rows);
    if (!multipliers || !weft_i_pick_relax(pick, arena, multipliers, answer)) return false;
    if (weft_i_pick_is_near(pick, answer, GAP)) return true;
    if (answer->fits && weft_i_glpk_improve(pick, GAP, answer)) return true;
    return weft_i_pick_branch(pick, multipliers, GAP, MOST_NODES, arena, answer);
}
