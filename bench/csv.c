/* bench/csv.c - a table of comma-separated values. */
#include "bench/csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft/status.h"

WEFT_PRINTF(1, 2) static void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static char *read_all(const char *path)
{
    enum { MAX_BYTES = 1 << 20 };
    FILE *file = fopen(path, "rb");
    if (!file) die("cannot open %s", path);
    char *text = calloc(MAX_BYTES + 1, 1);
    if (!text) die("out of memory");
    size_t n = fread(text, 1, MAX_BYTES, file);
    if (ferror(file) || n == MAX_BYTES) die("cannot read %s", path);
    fclose(file);
    return text;
}

static int count(const char *text, char of)
{
    int n = 0;
    for (; *text; text++)
        n += *text == of;
    return n;
}

csv csv_read(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    csv table = {.text = read_all(path)};
    int n_lines = count(table.text, '\n');
    for (const char *c = table.text; *c && *c != '\n'; c++)
        table.n_columns += *c == ',';
    table.n_columns++;
    table.n_rows = n_lines - 1;
    if (table.n_rows < 1) die("%s: no rows", path);
    table.words = calloc((size_t)n_lines * (size_t)table.n_columns, sizeof *table.words);
    if (!table.words) die("out of memory");
    int n = 0;
    for (char *word = strtok(table.text, ",\r\n"); word; word = strtok(NULL, ",\r\n")) {
        if (n == n_lines * table.n_columns) die("%s: more words than columns", path);
        table.words[n++] = word;
    }
    if (n != n_lines * table.n_columns) die("%s: a row has not %d words", path, table.n_columns);
    return table;
}

void csv_free(csv *table)
{
    free(table->words);
    free(table->text);
}

const char *csv_word(const csv *table, int row, const char *column)
{
    for (int c = 0; c < table->n_columns; c++)
        if (strcmp(table->words[c], column) == 0)
            return table->words[(row + 1) * table->n_columns + c];
    die("no column %s", column);
    return NULL;
}

double csv_number(const csv *table, int row, const char *column)
{
    const char *word = csv_word(table, row, column);
    char *end;
    double value = strtod(word, &end);
    if (end == word || *end) die("column %s, row %d: '%s' is not a number", column, row + 1, word);
    return value;
}

int csv_int(const csv *table, int row, const char *column)
{
    return (int)csv_number(table, row, column);
}
