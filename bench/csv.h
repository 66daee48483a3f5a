/* bench/csv.h - a small table of comma-separated values with a header line. Not: quotes. */
#ifndef WEFT_BENCH_CSV_H
#define WEFT_BENCH_CSV_H

typedef struct csv {
    char *text;   /* the whole file, cut into words */
    char **words; /* (n_rows + 1) * n_columns, the header first */
    int n_rows, n_columns;
} csv;

/* Read FOLDER/NAME; a file that is not there or not a table ends the program. */
csv csv_read(const char *folder, const char *name);
void csv_free(csv *table);

/* A value by the name of its column; a column that is not there ends the program. */
const char *csv_word(const csv *table, int row, const char *column);
double csv_number(const csv *table, int row, const char *column);
int csv_int(const csv *table, int row, const char *column);

#endif
