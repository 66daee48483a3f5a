/* bench/speed/speed_passes.c - passes a second of list scheduling on one core. */
#include "bench/speed/speed.h"

#include <stdio.h>

#include "search/dual_queue.h"

/* Seconds that each row is measured, in so many parts, of which the median counts. */
static const double PART_S = 0.06;
enum { N_PARTS = 5 };

/* How many passes a second one rule schedules. */
static double measure(weft_i_workbench *w, const weft_i_rule *rule)
{
    double rates[N_PARTS];
    weft_i_dispatched result;
    for (int i = 0; i < N_PARTS; i++) {
        double begin = speed_now(), end = begin;
        int64_t n = 0;
        for (; end < begin + PART_S; end = speed_now(), n++)
            if (!weft_i_dispatch(w->dispatcher, rule, w->key, w->limit, NULL, &result)) return 0;
        rates[i] = (double)n * w->net.n_passes / (end - begin);
    }
    return speed_median(rates, N_PARTS);
}

static int print_row(const char *text, bool split)
{
    speed_case c;
    weft_i_workbench w;
    weft_error error = {0};
    const int64_t *soft;
    speed_case_open(&c, text);
    bool *splits = weft_i_new(&c.arena, bool, c.problem->n_stages);
    for (int32_t s = 0; splits && s < c.problem->n_stages; s++)
        splits[s] = split;
    int failed = !splits || weft_i_workbench_open(&c.graph, NULL, splits, &error, &w);
    if (!failed) {
        weft_i_keys_by_turn(&w.net, &w.flow, &w.course, &w.turns, 1, w.key);
        weft_i_workbench_set_limits(&w);
        weft_i_rule alternate = weft_i_dual_queue_rule(&w, 0, &soft);
        weft_i_rule backward = weft_i_dual_queue_rule(&w, 1, &soft);
        double a = measure(&w, &alternate), b = measure(&w, &backward);
        printf("| `%s` | %s | %d | %.1f | %.1f |\n", text, split ? "yes" : "no", w.net.n_passes,
               a / 1e6, b / 1e6);
        failed = a == 0 || b == 0;
        weft_i_workbench_close(&w);
    }
    if (failed) fprintf(stderr, "bench_speed: %s: %s\n", text, error.text);
    speed_case_close(&c);
    return failed;
}

int speed_passes(void)
{
    static const struct {
        bool limited;
        const char *more;
    } shapes[] = {
        {false, ""}, {true, ""}, {true, " vary=0.5 seed=3"}, {true, " segments=2 vary=0.5 seed=3"}};
    char text[160], limit[16];
    puts("| problem | split | passes | dual queue, M passes/s | backward first, M passes/s |\n"
         "|---|---|---|---|---|");
    for (int ranks = 4; ranks <= 16; ranks *= 2) {
        snprintf(limit, sizeof limit, " limit=%d", ranks);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            snprintf(text, sizeof text,
                     "pp=%d microbatches=%d fw=100 bw=200 bww=100 transfer=5%s%s", ranks, 8 * ranks,
                     shapes[i].limited ? limit : "", shapes[i].more);
            if (print_row(text, false) != 0 || print_row(text, true) != 0) return 1;
        }
    }
    return 0;
}
