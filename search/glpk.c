/* search/glpk.c - the one file that includes glpk.h (GLPK 5.0, GPL-3); empty-handed without it. */
#include "search/glpk.h"

#ifndef WEFT_GLPK

bool weft_i_glpk_is_there(void)
{
    return false;
}

bool weft_i_glpk_improve(const weft_i_pick *pick, double gap, weft_i_pick_answer *answer)
{
    (void)pick;
    (void)gap;
    (void)answer;
    return false;
}

#else

#include <glpk.h>
#include <setjmp.h>
#include <stdlib.h>

/* Beyond these the relaxation alone takes longer than it is worth. */
enum { MOST_CELLS = 40000, MOST_ITERATIONS = 3000, MOST_NODES = 50, LIMIT_MS = 1000 };

/* Columns are options and rows the groups, then the passes, all numbered from 1. Times are in parts
 * of the longest, bytes in parts of the room. */
typedef struct model {
    const weft_i_pick *pick;
    const weft_i_pick_answer *answer;
    double gap;
    glp_prob *problem;
    double *values; /* by row or column, from 1 */
    int *rows;
    int32_t n_nodes;
    bool is_started;
    jmp_buf failed;
} model;

/* GLPK would abort when this returned. */
static void on_error(void *context)
{
    model *m = context;
    longjmp(m->failed, 1);
}

static void fill_column(model *m, int32_t g, int32_t o)
{
    const weft_i_pick *pick = m->pick;
    const weft_i_group *group = &pick->groups[g];
    const weft_i_option *option = &pick->options[o];
    double room = (double)pick->room;
    int n = 1;
    m->rows[1] = g + 1;
    m->values[1] = 1;
    for (int32_t r = 0; r < pick->n_rows; r++) {
        int64_t bytes = r >= group->saved_from && r < group->saved_to ? option->saved : 0;
        bytes += r >= group->held_from && r < group->held_to ? option->held : 0;
        for (int k = 0; k < 3; k++)
            bytes += group->row[k] == r ? option->work[k] : 0;
        if (bytes == 0) continue;
        m->rows[++n] = pick->n_groups + r + 1;
        m->values[n] = (double)bytes / room;
    }
    glp_set_mat_col(m->problem, o + 1, n, m->rows, m->values);
}

static void build(model *m)
{
    const weft_i_pick *pick = m->pick;
    int64_t longest = 1;
    for (int32_t o = 0; o < pick->n_options; o++)
        longest = pick->options[o].ns > longest ? pick->options[o].ns : longest;
    m->problem = glp_create_prob();
    glp_set_obj_coef(m->problem, 0, (double)pick->fastest_ns / (double)longest);
    glp_add_rows(m->problem, pick->n_groups + pick->n_rows);
    glp_add_cols(m->problem, pick->n_options);
    for (int32_t g = 0; g < pick->n_groups; g++)
        glp_set_row_bnds(m->problem, g + 1, GLP_FX, 1, 1);
    for (int32_t r = 0; r < pick->n_rows; r++)
        glp_set_row_bnds(m->problem, pick->n_groups + r + 1, GLP_UP, 0, 1);
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_group *group = &pick->groups[g];
        for (int32_t o = group->first; o < group->first + group->n; o++) {
            glp_set_col_kind(m->problem, o + 1, GLP_BV);
            glp_set_obj_coef(m->problem, o + 1, (double)pick->options[o].ns / (double)longest);
            fill_column(m, g, o);
        }
    }
}

/* The answer known goes in at the first chance; nodes are counted. */
static void on_tree(glp_tree *tree, void *context)
{
    model *m = context;
    int reason = glp_ios_reason(tree);
    if (reason == GLP_IHEUR && !m->is_started) {
        m->is_started = true;
        for (int32_t o = 0; o < m->pick->n_options; o++)
            m->values[o + 1] = 0;
        for (int32_t g = 0; g < m->pick->n_groups; g++)
            m->values[m->pick->groups[g].first + m->answer->options[g] + 1] = 1;
        glp_ios_heur_sol(tree, m->values);
    }
    if (reason == GLP_ISELECT && ++m->n_nodes > MOST_NODES) glp_ios_terminate(tree);
}

/* Heuristic solutions need the presolver off, so the relaxation is solved first. */
static bool optimize(model *m)
{
    glp_smcp simplex;
    glp_iocp tree;
    glp_init_smcp(&simplex);
    simplex.meth = GLP_DUALP;
    simplex.it_lim = MOST_ITERATIONS;
    simplex.tm_lim = LIMIT_MS;
    glp_adv_basis(m->problem, 0);
    if (glp_simplex(m->problem, &simplex) != 0 || glp_get_status(m->problem) != GLP_OPT)
        return false;
    glp_init_iocp(&tree);
    tree.mip_gap = m->gap;
    tree.tm_lim = LIMIT_MS;
    tree.cb_func = on_tree;
    tree.cb_info = m;
    int status = glp_intopt(m->problem, &tree);
    return status == 0 || status == GLP_EMIPGAP;
}

/* Take the answer over if it fits, which GLPK knows to its tolerance only, and is better. */
static bool read_answer(const model *m, int64_t *rows, int32_t *options, weft_i_pick_answer *answer)
{
    const weft_i_pick *pick = m->pick;
    int64_t ns = 0;
    int status = glp_mip_status(m->problem);
    if (status != GLP_OPT && status != GLP_FEAS) return false;
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_group *group = &pick->groups[g];
        options[g] = 0;
        for (int32_t i = 0; i < group->n; i++)
            if (glp_mip_col_val(m->problem, group->first + i + 1) > 0.5) options[g] = i;
        ns += pick->options[group->first + options[g]].ns;
        weft_i_pick_add(pick, g, options[g], 1, rows);
    }
    for (int32_t r = 0; r < pick->n_rows; r++)
        if (rows[r] > pick->room) return false;
    if (ns >= answer->ns) return true;
    answer->ns = ns;
    for (int32_t g = 0; g < pick->n_groups; g++)
        answer->options[g] = options[g];
    return true;
}

static bool solve(model *m, int64_t *rows, int32_t *options, weft_i_pick_answer *answer)
{
    glp_term_out(GLP_OFF);
    glp_error_hook(on_error, m);
    build(m);
    bool is_near = optimize(m);
    if (!read_answer(m, rows, options, answer) || !is_near) return false;
    int64_t proven = weft_i_pick_proof(m->pick, answer->ns, m->gap);
    if (proven > answer->bound_ns) answer->bound_ns = proven;
    return true;
}

bool weft_i_glpk_is_there(void)
{
    return true;
}

bool weft_i_glpk_improve(const weft_i_pick *pick, double gap, weft_i_pick_answer *answer)
{
    if ((int64_t)pick->n_options * pick->n_rows > MOST_CELLS || pick->room <= 0) return false;
    size_t n_rows = (size_t)pick->n_rows, n_groups = (size_t)pick->n_groups;
    size_t n = n_rows + n_groups + (size_t)pick->n_options + 2;
    weft_i_arena arena = {0};
    model m = {.pick = pick,
               .answer = answer,
               .gap = gap,
               .values = weft_i_new(&arena, double, n),
               .rows = weft_i_new(&arena, int, n)};
    int64_t *rows = weft_i_new(&arena, int64_t, n_rows);
    int32_t *options = weft_i_new(&arena, int32_t, n_groups);
    volatile bool is_near = false;
    /* An environment that threads share, or that the caller has open, is not for us to use. */
    if (m.values && m.rows && rows && options && glp_config("TLS") && glp_init_env() == 0) {
        if (setjmp(m.failed) == 0) is_near = solve(&m, rows, options, answer);
        glp_free_env(); /* with all that is in it, and all that may be called after an error */
    }
    weft_i_arena_free(&arena);
    return is_near;
}

#endif
