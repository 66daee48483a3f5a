/* bench/quality.c - the quality of the search as a table: every row of quality_rows.csv planned for
 * some times, beside the best static baseline, the bound and what the best other tool reaches.
 *
 * usage: bench_quality FOLDER [PART_OF_NAME [SECONDS...]]. FOLDER holds quality_rows.csv; `aim` is
 * in microseconds of the row's objective, 0 = none. A row with seeds has the mean gap to the bound
 * over vary seeds 1..N in percent instead of microseconds. Output: quality.csv, on stdout. `gap`
 * and `met` are of the longest time up to a second. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/weft.h>

#include "bench/csv.h"

enum { MAX_TIMES = 8, MAX_TEXT = 512 };

static const double JUDGED_S = 1;

typedef struct row {
    const char *name, *text;
    bool span;
    int n_seeds;
    double aim;
} row;

/* What one search came to. */
typedef struct result {
    double us, gap;
} result;

static weft_planner_options options_of(const row *r, double seconds)
{
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.objective = r->span ? WEFT_OBJECTIVE_SPAN : WEFT_OBJECTIVE_MAKESPAN;
    options.time_limit_s = seconds;
    options.threads = 1;
    return options;
}

static void text_of(const row *r, int seed, char text[MAX_TEXT])
{
    /* A list in the text is written with semicolons, since commas part the columns. */
    if (seed > 0)
        snprintf(text, MAX_TEXT, "%s seed=%d", r->text, seed);
    else
        snprintf(text, MAX_TEXT, "%s", r->text);
    for (char *c = text; *c; c++)
        *c = *c == ';' ? ',' : *c;
}

static result result_of(const row *r, const weft_plan *plan)
{
    const weft_pipeline *p = &plan->pipelines[0];
    double ns = (double)(r->span ? p->span_ns : p->pipeline_ns);
    double bound = (double)(r->span ? p->span_lower_bound_ns : p->lower_bound_ns);
    return (result){ns / 1e3, 100 * (ns / bound - 1)};
}

/* Plan one row; false, with the reason on stderr, where that fails. */
static bool run_once(const row *r, int seed, double seconds, result *out_result)
{
    char text[MAX_TEXT];
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_planner_options options = options_of(r, seconds);
    text_of(r, seed, text);
    if (weft_planner_synthetic(text, &options, &error, &plan)) {
        fprintf(stderr, "%s: %s\n", r->name, error.text);
        return false;
    }
    *out_result = result_of(r, plan);
    weft_plan_free(plan);
    return true;
}

static bool run_time(const row *r, double seconds, result *out_result)
{
    int n = r->n_seeds > 0 ? r->n_seeds : 1;
    result sum = {0, 0};
    for (int i = 0; i < n; i++) {
        result one;
        if (!run_once(r, r->n_seeds > 0 ? i + 1 : 0, seconds, &one)) return false;
        sum.us += one.us;
        sum.gap += one.gap;
    }
    *out_result = (result){sum.us / n, sum.gap / n};
    return true;
}

/* The best baseline, as its value and name; "none" where none fits. */
static void run_static(const row *r, double *out_value, const char **out_name)
{
    char text[MAX_TEXT];
    weft_error error = {0};
    weft_comparison *comparison = NULL;
    weft_planner_options options = options_of(r, 0);
    options.iterations = 1;
    text_of(r, r->n_seeds > 0 ? 1 : 0, text);
    *out_value = 0;
    *out_name = "none";
    char *cut = strstr(text, " v=1"); /* baselines choose their cut */
    if (cut) memset(cut, ' ', strlen(" v=1"));
    if (weft_planner_compare_synthetic(text, &options, &error, &comparison)) return;
    if (comparison->best_static >= 0) {
        const weft_compared *best = &comparison->rows[comparison->best_static];
        result of_best = result_of(r, best->plan);
        *out_value = r->n_seeds > 0 ? of_best.gap : of_best.us;
        *out_name = best->name;
    }
    weft_comparison_free(comparison);
}

static void print_head(int n_times, const double *seconds)
{
    printf("name,objective,unit,best_static,which");
    for (int i = 0; i < n_times; i++)
        printf(",at_%gs", seconds[i]);
    puts(",gap_percent,aim,met");
}

static bool print_row(const row *r, int n_times, const double *seconds)
{
    double best_static, judged = 0, gap = 0;
    const char *which;
    bool in_gaps = r->n_seeds > 0;
    run_static(r, &best_static, &which);
    printf("%s,%s,%s,%.*f,%s", r->name, r->span ? "span" : "makespan",
           in_gaps ? "gap_percent" : "us", in_gaps ? 2 : 0, best_static, which);
    for (int i = 0; i < n_times; i++) {
        result one;
        if (!run_time(r, seconds[i], &one)) return false;
        double value = in_gaps ? one.gap : one.us;
        printf(",%.*f", in_gaps ? 2 : 0, value);
        if (i > 0 && seconds[i] > JUDGED_S) continue;
        judged = value;
        gap = one.gap;
    }
    printf(",%.2f,%.0f,%s\n", gap, r->aim, r->aim <= 0 ? "-" : judged <= r->aim ? "yes" : "no");
    fflush(stdout);
    return true;
}

static row read_row(const csv *table, int i)
{
    return (row){.name = csv_word(table, i, "name"),
                 .text = csv_word(table, i, "text"),
                 .span = strcmp(csv_word(table, i, "objective"), "span") == 0,
                 .n_seeds = csv_int(table, i, "seeds"),
                 .aim = csv_number(table, i, "aim")};
}

int main(int argc, char **argv)
{
    double seconds[MAX_TIMES] = {0.1, 1, 10};
    int n_times = argc > 3 ? 0 : 3, n_failed = 0;
    if (argc < 2 || argc > 3 + MAX_TIMES) {
        fprintf(stderr, "usage: bench_quality FOLDER [PART_OF_NAME [SECONDS...]]\n");
        return 2;
    }
    for (int i = 3; i < argc; i++)
        seconds[n_times++] = atof(argv[i]);
    csv table = csv_read(argv[1], "quality_rows.csv");
    print_head(n_times, seconds);
    for (int i = 0; i < table.n_rows; i++) {
        row r = read_row(&table, i);
        if (argc > 2 && !strstr(r.name, argv[2])) continue;
        if (!print_row(&r, n_times, seconds)) n_failed++;
    }
    csv_free(&table);
    return n_failed > 0;
}
