/* bench/speed/speed.h - what the inner loops of the search cost, a mode a file. All times are those
 * of the processor, so that a busy machine disturbs little. */
#ifndef WEFT_BENCH_SPEED_SPEED_H
#define WEFT_BENCH_SPEED_SPEED_H

#include "plan/graph.h"

/* Print one table in markdown; 0, or 1 after a message on stderr. */
int speed_passes(void);
int speed_retime(void);
int speed_memory(void);

/* Processor time of the thread, in seconds. */
double speed_now(void);

/* The median of n values, which are sorted. */
double speed_median(double *values, int n);

/* A problem as its line of text, with its graph in an arena of its own. */
typedef struct speed_case {
    weft_problem *problem;
    weft_i_graph graph;
    weft_i_arena arena;
} speed_case;

/* Ends the program with a message where the text is wrong. */
void speed_case_open(speed_case *c, const char *text);
void speed_case_close(speed_case *c);

#endif
