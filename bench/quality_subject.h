/* bench/quality_subject.h - what a row of bench_quality plans: a line of text, over some seeds or
 * none, or a set-up of the paper on a real batch.
 */
#ifndef WEFT_BENCH_QUALITY_SUBJECT_H
#define WEFT_BENCH_QUALITY_SUBJECT_H

#include "bench/paper_rows.h"

typedef struct subject {
    const char *text; /* of weft_planner_synthetic, its lists with semicolons; NULL: a set-up */
    int n_seeds;      /* > 0: the mean over seed=1..n_seeds */
    bool span;        /* the span is made short, not the makespan */
    const setup_row *setup;
    const char *batch_folder;
} subject;

/* What a plan came to; means where there are seeds. A set-up's time is that of the whole step, and
 * its bound leaves out what the slowest replica's pipeline takes beyond its own bound. */
typedef struct outcome {
    double us, bound_us, gap_percent;
} outcome;

/* Search for `seconds` on one thread by WEFT_SEARCH_...; false, with the reason on stderr under
 * `name`, where that fails. */
bool subject_plan(const subject *s, const char *name, int search, double seconds, outcome *out);

/* The best baseline and its name; false where none fits. With seeds, that of the first. */
bool subject_static(const subject *s, outcome *out, const char **out_which);

#endif
