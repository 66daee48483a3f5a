/* bench/quality.c - the quality of the search as a table: every row of quality_rows.csv, then the
 * paper's set-ups on real batches, planned for some times, beside the best static baseline, the
 * paper's search, the bound and what the best other tool reaches.
 *
 * usage: bench_quality FOLDER BATCH_FOLDER [PART_OF_NAME [SECONDS...]]. FOLDER holds
 * quality_rows.csv; `aim` is in microseconds of the row's objective, 0 = none. A row with seeds has
 * the mean gap to the bound over vary seeds 1..N in percent instead of microseconds. Output:
 * quality.csv, on stdout. The paper's search has the time of the judged column, the longest up to a
 * second; so are `bound`, that of the plan's own segments, `gap` and `met` of it. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/csv.h"
#include "bench/quality_subject.h"

enum { MAX_TIMES = 8, MAX_NAME = 64 };

static const double JUDGED_S = 1;

typedef struct times {
    int n;
    double s[MAX_TIMES];
    int judged; /* the longest up to JUDGED_S, else the first */
} times;

static void print_head(const times *t)
{
    printf("name,objective,unit,best_static,which,paper");
    for (int i = 0; i < t->n; i++)
        printf(",at_%gs", t->s[i]);
    puts(",bound,gap_percent,aim,met");
}

static double value_of(const subject *s, const outcome *o)
{
    return s->n_seeds > 0 ? o->gap_percent : o->us;
}

static void print_value(const subject *s, bool any, const outcome *o)
{
    if (any)
        printf("%.*f,", s->n_seeds > 0 ? 2 : 0, value_of(s, o));
    else
        printf("none,");
}

static bool print_row(const char *name, const subject *s, double aim, const times *t)
{
    outcome other = {0, 0, 0}, judged = {0, 0, 0};
    const char *which = "none";
    printf("%s,%s,%s,", name, s->span ? "span" : "makespan", s->n_seeds > 0 ? "gap_percent" : "us");
    bool any = subject_static(s, &other, &which);
    print_value(s, any, &other);
    printf("%s,", which);
    any = subject_plan(s, name, WEFT_SEARCH_PAPER, t->s[t->judged], &other);
    print_value(s, any, &other);
    for (int i = 0; i < t->n; i++) {
        outcome one;
        if (!subject_plan(s, name, WEFT_SEARCH_DEFAULT, t->s[i], &one)) return false;
        print_value(s, true, &one);
        if (i == t->judged) judged = one;
    }
    printf("%.0f,%.2f,%.0f,%s\n", judged.bound_us, judged.gap_percent, aim,
           aim <= 0                      ? "-"
           : value_of(s, &judged) <= aim ? "yes"
                                         : "no");
    fflush(stdout);
    return true;
}

static int run_texts(const csv *table, const char *part, const times *t)
{
    int n_failed = 0;
    for (int i = 0; i < table->n_rows; i++) {
        const char *name = csv_word(table, i, "name");
        subject s = {.text = csv_word(table, i, "text"),
                     .n_seeds = csv_int(table, i, "seeds"),
                     .span = strcmp(csv_word(table, i, "objective"), "span") == 0};
        if (!strstr(name, part)) continue;
        if (!print_row(name, &s, csv_number(table, i, "aim"), t)) n_failed++;
    }
    return n_failed;
}

static int run_setups(const char *batch_folder, const char *part, const times *t)
{
    int n_failed = 0;
    for (size_t i = 0; i < n_setup_rows; i++) {
        char name[MAX_NAME];
        subject s = {.setup = &setup_rows[i], .batch_folder = batch_folder};
        snprintf(name, sizeof name, "setup-%s-%s", setup_rows[i].model, setup_rows[i].batch);
        if (!strstr(name, part)) continue;
        if (!print_row(name, &s, 0, t)) n_failed++;
    }
    return n_failed;
}

int main(int argc, char **argv)
{
    times t = {.n = argc > 4 ? 0 : 3, .s = {0.1, 1, 10}};
    if (argc < 3 || argc > 4 + MAX_TIMES) {
        fprintf(stderr, "usage: bench_quality FOLDER BATCH_FOLDER [PART_OF_NAME [SECONDS...]]\n");
        return 2;
    }
    for (int i = 4; i < argc; i++)
        t.s[t.n++] = atof(argv[i]);
    for (int i = 1; i < t.n; i++)
        if (t.s[i] <= JUDGED_S && t.s[i] > t.s[t.judged]) t.judged = i;
    const char *part = argc > 3 ? argv[3] : "";
    csv table = csv_read(argv[1], "quality_rows.csv");
    print_head(&t);
    int n_failed = run_texts(&table, part, &t) + run_setups(argv[2], part, &t);
    csv_free(&table);
    return n_failed > 0;
}
