/* Cutting: the exact cut against all cuts, lines against their rules, METIS against its answer. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "partition/cut.h"
#include "partition/metis.h"

enum { MAX_ITEMS = 64 };

typedef struct score {
    double largest, squares;
} score;

static score score_of(const double *w, const int32_t *cut, int32_t k, const double *extra)
{
    score s = {0, 0};
    for (int32_t j = 0; j < k; j++) {
        double sum = extra ? extra[j] : 0;
        for (int32_t i = cut[j]; i < cut[j + 1]; i++)
            sum += w[i];
        s.largest = fmax(s.largest, sum);
        s.squares += sum * sum;
    }
    return s;
}

/* The best of all cuts, one piece after the other. */
static void try_all(const double *w, int32_t n, int32_t k, const double *extra, int32_t least,
                    int32_t j, int32_t *cut, score *best)
{
    if (j == k) {
        if (cut[k] != n) return;
        score s = score_of(w, cut, k, extra);
        if (s.largest < best->largest || (s.largest == best->largest && s.squares < best->squares))
            *best = s;
        return;
    }
    for (cut[j + 1] = cut[j] + least; cut[j + 1] <= n; cut[j + 1]++)
        try_all(w, n, k, extra, least, j + 1, cut, best);
}

/* Whole numbers, so that sums in any order are equal. */
Test(cut, as_good_as_all_cuts)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 11);
    for (int round = 0; round < 3000; round++) {
        int32_t n = (int32_t)weft_i_rng_below(&rng, 9), k = 1 + (int32_t)weft_i_rng_below(&rng, 4);
        bool allow_empty = weft_i_rng_below(&rng, 2), with_extra = weft_i_rng_below(&rng, 2);
        double w[MAX_ITEMS], extra[MAX_ITEMS];
        int32_t cut[MAX_ITEMS], all[MAX_ITEMS] = {0};
        for (int i = 0; i < MAX_ITEMS; i++) {
            w[i] = (double)weft_i_rng_below(&rng, 20);
            extra[i] = (double)weft_i_rng_below(&rng, 20);
        }
        cr_assert_eq(weft_i_cut_line(w, n, k, with_extra ? extra : NULL, allow_empty, NULL, cut),
                     WEFT_STATUS_OK);
        score best = {INFINITY, INFINITY};
        try_all(w, n, k, with_extra ? extra : NULL, allow_empty || n < k ? 0 : 1, 0, all, &best);
        score found = score_of(w, cut, k, with_extra ? extra : NULL);
        cr_assert(cut[0] == 0 && cut[k] == n, "seed 11, round %d", round);
        cr_assert(found.largest == best.largest && found.squares == best.squares,
                  "seed 11, round %d: %g and %g, not %g and %g", round, found.largest,
                  found.squares, best.largest, best.squares);
        for (int32_t j = 0; j < k; j++)
            cr_assert(cut[j] < cut[j + 1] || (cut[j] == cut[j + 1] && (allow_empty || n < k)));
    }
}

/* PAPER, first problem: ViT of 64 layers of 6.75 ms and LM of 64 layers of 10.5 ms on 16 stages;
 * the best cut's slowest stage takes 73.5 ms. */
Test(cut, example_of_the_paper)
{
    double w[128], slowest = 0;
    int32_t cut[17];
    for (int i = 0; i < 128; i++)
        w[i] = i < 64 ? 6.75 : 10.5;
    cr_assert_eq(weft_i_cut_line(w, 128, 16, NULL, false, NULL, cut), WEFT_STATUS_OK);
    for (int j = 0; j < 16; j++) {
        double sum = 0;
        for (int32_t i = cut[j]; i < cut[j + 1]; i++)
            sum += w[i];
        slowest = fmax(slowest, sum);
    }
    cr_assert_float_eq(slowest, 73.5, 1e-9, "%g", slowest);
}

static double forbidden(const void *context, int32_t piece, int32_t first, int32_t end)
{
    const int32_t *longest = context;
    return end - first > longest[piece] ? INFINITY : (double)(end - first);
}

Test(cut, impossible_pieces)
{
    int32_t cut[4], tight[] = {1, 2, 3}, none[] = {1, 2, 2};
    weft_error error = {0};
    cr_assert_eq(weft_i_cut_line_by(forbidden, tight, 6, 3, false, NULL, cut), WEFT_STATUS_OK);
    cr_assert(cut[1] == 1 && cut[2] == 3 && cut[3] == 6);
    cr_assert_eq(weft_i_cut_line_by(forbidden, none, 6, 3, false, &error, cut),
                 WEFT_STATUS_INFEASIBLE);
    cr_assert_str_eq(error.text, "no cut of 6 layers into 3 pieces is possible");
}

/* Two encoders in parallel (layers 0..a-1 and a..a+b-1) that feed a backbone; the first feeds every
 * layer of it when `condition`. */
typedef struct branches {
    double time[MAX_ITEMS], state[MAX_ITEMS], bytes[2 * MAX_ITEMS];
    int32_t from[2 * MAX_ITEMS], to[2 * MAX_ITEMS];
    weft_i_layer_graph graph;
} branches;

static void link_layers(branches *b, int32_t from, int32_t to, double bytes)
{
    b->from[b->graph.n_edges] = from;
    b->to[b->graph.n_edges] = to;
    b->bytes[b->graph.n_edges++] = bytes;
}

static void fill_branches(branches *b, int32_t first, int32_t second, int32_t backbone,
                          bool condition, weft_i_rng *rng)
{
    int32_t start = first + second;
    *b = (branches){0};
    b->graph =
        (weft_i_layer_graph){start + backbone, b->time, b->state, 0, b->from, b->to, b->bytes};
    for (int32_t i = 0; i < b->graph.n; i++) {
        b->time[i] = 1 + weft_i_rng_double(rng);
        b->state[i] = weft_i_rng_double(rng);
        if (i != 0 && i != first && i != start) link_layers(b, i - 1, i, 100);
    }
    link_layers(b, first + second - 1, start, 50);
    for (int32_t i = 0; i < (condition ? backbone : 1); i++)
        link_layers(b, first - 1, start + i, 10);
}

static void expect_topological(const weft_i_layer_graph *graph, const int32_t *line)
{
    int32_t place[MAX_ITEMS];
    memset(place, -1, sizeof(place));
    for (int32_t i = 0; i < graph->n; i++) {
        cr_assert(line[i] >= 0 && line[i] < graph->n && place[line[i]] < 0);
        place[line[i]] = i;
    }
    for (int32_t i = 0; i < graph->n_edges; i++)
        cr_assert_lt(place[graph->from[i]], place[graph->to[i]]);
}

Test(cut, metis_answer_is_usable)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 5);
    for (int round = 0; round < 60; round++) {
        branches b;
        int32_t part[MAX_ITEMS], again[MAX_ITEMS], line[MAX_ITEMS];
        int32_t k = 2 + (int32_t)weft_i_rng_below(&rng, 11);
        fill_branches(&b, 8 + round % 7, 6 + round % 5, 12, round % 2, &rng);
        cr_assert_eq(weft_i_metis_parts(&b.graph, k, part), WEFT_STATUS_OK);
        cr_assert_eq(weft_i_metis_parts(&b.graph, k, again), WEFT_STATUS_OK);
        cr_assert_arr_eq(part, again, (size_t)b.graph.n * sizeof(*part), "not deterministic");
        cr_assert_eq(weft_i_cut_linearize(&b.graph, k, NULL, line), WEFT_STATUS_OK);
        expect_topological(&b.graph, line);
    }
}

/* Layers of very different weight in almost as many parts: METIS has sides without layers then, and
 * says so on stdout if it may. */
Test(cut, metis_prints_nothing)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 6);
    int n_usable = 0;
    FILE *printed = tmpfile();
    fflush(stdout);
    int out = dup(STDOUT_FILENO);
    cr_assert(printed && out >= 0 && dup2(fileno(printed), STDOUT_FILENO) >= 0);
    for (int round = 0; round < 200; round++) {
        branches b;
        int32_t part[MAX_ITEMS];
        fill_branches(&b, 2 + round % 3, 2 + round % 5, 4, round % 2, &rng);
        for (int32_t i = 0; i < b.graph.n; i++)
            b.time[i] = pow(10, 6 * weft_i_rng_double(&rng));
        int32_t k = 2 + (int32_t)weft_i_rng_below(&rng, (uint64_t)b.graph.n - 1);
        weft_status status = weft_i_metis_parts(&b.graph, k, part);
        cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_FAILED);
        if (!status && weft_i_cut_parts_usable(part, b.graph.n, k)) n_usable++;
    }
    fflush(stdout);
    cr_assert(dup2(out, STDOUT_FILENO) >= 0);
    cr_expect_eq(fseek(printed, 0, SEEK_END), 0);
    cr_expect_eq(ftell(printed), 0, "METIS printed");
    cr_expect_gt(n_usable, 20);
    fclose(printed);
    close(out);
}

/* The first encoder (layers 0, 1) sends much to the third layer of the backbone (4..7), the second
 * (2, 3) little to its first. In the order of the numbers the much crosses a cut in two; METIS
 * keeps it inside a part. */
Test(cut, parts_that_save_bytes_are_followed)
{
    branches b = {0};
    int32_t line[8], part[] = {1, 1, 0, 0, 0, 0, 1, 1}, saving[] = {2, 3, 4, 5, 0, 1, 6, 7};
    b.graph = (weft_i_layer_graph){8, b.time, b.state, 0, b.from, b.to, b.bytes};
    for (int32_t i = 0; i < 8; i++) {
        b.time[i] = b.state[i] = 1;
        if (i % 2 == 1 || i == 6) link_layers(&b, i - 1, i, 100);
    }
    link_layers(&b, 1, 6, 1000);
    link_layers(&b, 3, 4, 10);
    cr_assert_eq(weft_i_cut_linearize_parts(&b.graph, 2, part, NULL, line), WEFT_STATUS_OK);
    expect_topological(&b.graph, line);
    cr_assert_arr_eq(line, saving, sizeof(saving));
    cr_assert_eq(weft_i_cut_linearize(&b.graph, 2, NULL, line), WEFT_STATUS_OK);
    cr_assert_arr_eq(line, saving, sizeof(saving), "METIS");
}

/* Planted bad answers of METIS: out of range, an empty part, none at all. */
Test(cut, bad_parts_are_refused)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 4);
    branches b;
    fill_branches(&b, 5, 5, 6, true, &rng);
    int32_t plain[16], line[16], part[16];
    cr_assert_eq(weft_i_cut_linearize_parts(&b.graph, 4, NULL, NULL, plain), WEFT_STATUS_OK);
    for (int plant = 0; plant < 3; plant++) {
        for (int32_t i = 0; i < 16; i++)
            part[i] = 3 - i / 4;
        cr_assert(weft_i_cut_parts_usable(part, 16, 4));
        if (plant == 0) part[7] = 4;
        if (plant == 1) part[7] = -1;
        for (int32_t i = 0; plant == 2 && i < 16; i++)
            part[i] = part[i] == 2 ? 3 : part[i];
        cr_assert_not(weft_i_cut_parts_usable(part, 16, 4), "plant %d", plant);
        cr_assert_eq(weft_i_cut_linearize_parts(&b.graph, 4, part, NULL, line), WEFT_STATUS_OK);
        cr_assert_arr_eq(line, plain, sizeof(plain), "plant %d", plant);
    }
}

Test(cut, chains_and_cycles)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 6);
    branches b;
    int32_t line[MAX_ITEMS];
    fill_branches(&b, 1, 0, 20, false, &rng);
    b.graph.n_edges = 0;
    for (int32_t i = 0; i < 20; i++)
        link_layers(&b, i, i + 1, 1);
    cr_assert_eq(weft_i_cut_linearize(&b.graph, 4, NULL, line), WEFT_STATUS_OK);
    for (int32_t i = 0; i < 21; i++)
        cr_assert_eq(line[i], i);

    weft_error error = {0};
    link_layers(&b, 20, 3, 1);
    cr_assert_eq(weft_i_cut_linearize(&b.graph, 4, &error, line), WEFT_STATUS_BAD_INPUT);
    cr_assert_str_eq(error.text, "the graph of layers has a cycle");
}
