/* emu/measurements.c - a CSV file of measured steps into rows. Not: quotes. */
#include "emu/measurements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parse.h"

enum { MAX_CELL = 64, MAX_ROWS = 1 << 20, MAX_SIZE = 1 << 30 };

/* Columns: the first ones are needed, the others may be left out. */
typedef enum column {
    SET,
    STACK,
    LAYERS,
    HIDDEN,
    HEADS,
    SEQ,
    VOCAB,
    TP,
    PP,
    MICROBATCH,
    GLOBAL_BATCH,
    QUANTITY,
    VALUE,
    DP,
    SEGMENTS,
    RECOMPUTE,
    SEQUENCE_PARALLEL,
    ZERO,
    NICS,
    GROUP,
    APART,
    N_COLUMNS
} column;

static const struct {
    const char *name, *without; /* NULL = needed */
} columns[N_COLUMNS] = {
    [SET] = {"set", NULL},
    [STACK] = {"stack", NULL},
    [LAYERS] = {"layers", NULL},
    [HIDDEN] = {"hidden", NULL},
    [HEADS] = {"heads", NULL},
    [SEQ] = {"seq", NULL},
    [VOCAB] = {"vocab", NULL},
    [TP] = {"tp", NULL},
    [PP] = {"pp", NULL},
    [MICROBATCH] = {"microbatch", NULL},
    [GLOBAL_BATCH] = {"global_batch", NULL},
    [QUANTITY] = {"quantity", NULL},
    [VALUE] = {"value", NULL},
    [DP] = {"dp", "1"},
    [SEGMENTS] = {"segments", "1"},
    [RECOMPUTE] = {"recompute", "none"},
    [SEQUENCE_PARALLEL] = {"sequence_parallel", "0"},
    [ZERO] = {"zero", "0"},
    [NICS] = {"nics", "0"},
    [GROUP] = {"group", "0"},
    [APART] = {"apart", "0"},
};

/* Recipes by sequence parallelism and ZeRO stage, made when a row needs them. */
enum { N_ZERO = 4 };

typedef struct owned {
    weft_i_arena arena;
    weft_measurements result;
    weft_recipe *recipes[2][N_ZERO];
    size_t cap;
} owned;

typedef struct reader {
    const char *path;
    weft_error *error;
    owned *out;
    int line;
    int at[MAX_CELL]; /* column of each place */
    int n_places;
    const char *cells[N_COLUMNS];
    weft_recipe *recipe; /* of the row */
} reader;

static weft_status fail(const reader *r, column c, const char *what)
{
    return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line, columns[c].name,
                          "expected %s, found '%s'", what, r->cells[c] ? r->cells[c] : "nothing");
}

/* Cut a line at its commas; -1 where it has more cells than there may be. */
static int cut(char *line, const char **cells)
{
    int n = 0;
    for (char *cell = line; cell; n++) {
        char *comma = strchr(cell, ',');
        if (comma) *comma = '\0';
        if (n == MAX_CELL) return -1;
        cells[n] = cell;
        cell = comma ? comma + 1 : NULL;
    }
    return n;
}

static weft_status read_header(reader *r, char *line)
{
    const char *cells[MAX_CELL];
    bool there[N_COLUMNS] = {false};
    int n = cut(line, cells);
    if (n < 0)
        return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line, NULL,
                              "expected at most %d columns", MAX_CELL);
    r->n_places = n;
    for (int i = 0; i < n; i++) {
        int c = 0;
        while (c < N_COLUMNS && strcmp(columns[c].name, cells[i]) != 0)
            c++;
        if (c == N_COLUMNS || there[c])
            return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line, cells[i],
                                  c == N_COLUMNS ? "unknown column" : "column is there twice");
        there[c] = true;
        r->at[i] = c;
    }
    for (int c = 0; c < N_COLUMNS; c++)
        if (!columns[c].without && !there[c])
            return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line,
                                  columns[c].name, "column is missing");
    return WEFT_STATUS_OK;
}

static weft_status read_int(const reader *r, column c, int64_t min, int64_t max, int64_t *out)
{
    char what[64];
    if (weft_i_parse_int(r->cells[c], min, max, out)) return WEFT_STATUS_OK;
    snprintf(what, sizeof what, "an integer from %lld to %lld", (long long)min, (long long)max);
    return fail(r, c, what);
}

static weft_status recipe_of(reader *r, int64_t spread, int64_t zero, const weft_recipe **out)
{
    weft_recipe **recipe = &r->out->recipes[spread][zero];
    if (!*recipe) {
        weft_status status = weft_recipe_load(NULL, r->error, recipe);
        if (status != WEFT_STATUS_OK) return status;
        (*recipe)->sequence_parallel = spread;
        (*recipe)->zero = (int32_t)zero;
    }
    r->recipe = *recipe;
    *out = *recipe;
    return WEFT_STATUS_OK;
}

/* A strategy by name, else a set of operators, which rows of one recipe share. */
static weft_status read_recompute(const reader *r, weft_measurement *row)
{
    const char *cell = r->cells[RECOMPUTE];
    int strategy = weft_i_parse_choice("none|selective|full", cell);
    int32_t set = 0;
    weft_error error = {0};
    weft_status status = WEFT_STATUS_OK;
    if (strategy < 0) status = weft_recipe_add_recompute(r->recipe, cell, &error, &set);
    if (status == WEFT_STATUS_USAGE)
        return weft_i_fail_at(
            r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line, columns[RECOMPUTE].name,
            "expected none, selective, full or a set of operators: %s", error.text);
    if (status != WEFT_STATUS_OK) return weft_i_no_memory(r->error);
    row->question.recompute = (weft_recompute)(strategy < 0 ? WEFT_RECOMPUTE_SET + set : strategy);
    return WEFT_STATUS_OK;
}

static weft_status read_model(const reader *r, weft_measurement *row)
{
    char text[256];
    int64_t sizes[5];
    weft_model *model = NULL;
    for (int i = 0; i < 5; i++) {
        weft_status status = read_int(r, (column)(LAYERS + i), 1, MAX_SIZE, &sizes[i]);
        if (status != WEFT_STATUS_OK) return status;
    }
    snprintf(text, sizeof text,
             "gpt:layers=%lld,hidden=%lld,heads=%lld,seq=%lld,vocab=%lld,tied=true",
             (long long)sizes[0], (long long)sizes[1], (long long)sizes[2], (long long)sizes[3],
             (long long)sizes[4]);
    weft_error error = {0};
    weft_status status = weft_model_load(text, &error, &model);
    if (status != WEFT_STATUS_OK)
        return weft_i_fail_at(r->error, status, r->path, r->line, NULL, "%s", error.text);
    row->question.model = model;
    return WEFT_STATUS_OK;
}

static weft_status read_choices(const reader *r, weft_measurement *row)
{
    static const char *const quantities[] = {
#define QUANTITY_TEXT(name, text) text,
        WEFT_MEASURED_LIST(QUANTITY_TEXT)
#undef QUANTITY_TEXT
    };
    weft_status status = read_recompute(r, row);
    if (status != WEFT_STATUS_OK) return status;
    int q = 0;
    while (q < WEFT_N_MEASURED && strcmp(quantities[q], r->cells[QUANTITY]) != 0)
        q++;
    if (q == WEFT_N_MEASURED)
        return fail(r, QUANTITY,
                    "step_ns, layer_fw_ns, layer_bw_ns, layer_bwi_ns, layer_bww_ns or peak_bytes");
    row->quantity = (weft_measured)q;
    if (!weft_i_parse_double(r->cells[VALUE], 1e-9, 1e18, &row->value))
        return fail(r, VALUE, "a number over 0");
    return WEFT_STATUS_OK;
}

static weft_status read_numbers(reader *r, weft_measurement *row)
{
    int64_t tp = 0, pp = 0, dp = 0, microbatch = 0, global = 0, segments = 0, spread = 0, zero = 0,
            nics = 0, group = 0, apart = 0;
    const struct {
        column column;
        int64_t min, max, *out;
    } numbers[] = {{TP, 1, MAX_SIZE, &tp},
                   {PP, 1, MAX_SIZE, &pp},
                   {DP, 1, MAX_SIZE, &dp},
                   {MICROBATCH, 1, MAX_SIZE, &microbatch},
                   {GLOBAL_BATCH, 1, MAX_SIZE, &global},
                   {SEGMENTS, 1, MAX_SIZE, &segments},
                   {SEQUENCE_PARALLEL, 0, 1, &spread},
                   {ZERO, 0, N_ZERO - 1, &zero},
                   {NICS, 0, 1024, &nics},
                   {GROUP, 0, MAX_SIZE, &group},
                   {APART, 0, 1, &apart}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        weft_status status =
            read_int(r, numbers[i].column, numbers[i].min, numbers[i].max, numbers[i].out);
        if (status != WEFT_STATUS_OK) return status;
    }
    row->question.parallel = (weft_parallel){(int32_t)dp, (int32_t)pp, (int32_t)tp, 1, 1};
    row->question.microbatch = (int32_t)microbatch;
    row->question.global_batch = (int32_t)global;
    row->question.segments = (int32_t)segments;
    row->nics = (int32_t)nics;
    row->group = (int32_t)group;
    row->apart = apart;
    return recipe_of(r, spread, zero, &row->question.recipe);
}

static weft_status read_row(reader *r, char *line)
{
    const char *cells[MAX_CELL];
    int n = cut(line, cells);
    if (n != r->n_places)
        return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line, NULL,
                              "expected %d cells, found %d", r->n_places, n);
    for (int c = 0; c < N_COLUMNS; c++)
        r->cells[c] = columns[c].without;
    for (int i = 0; i < n; i++)
        r->cells[r->at[i]] = cells[i];
    weft_measurements *all = &r->out->result;
    if (all->n_rows == MAX_ROWS)
        return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, r->line, NULL,
                              "expected at most %d rows", MAX_ROWS);
    if (weft_i_grow(&all->rows, &r->out->cap, (size_t)all->n_rows + 1, sizeof *all->rows) != 0)
        return weft_i_no_memory(r->error);
    weft_measurement *row = &all->rows[all->n_rows++];
    *row = (weft_measurement){.set = weft_i_arena_string(&r->out->arena, r->cells[SET]),
                              .stack = weft_i_arena_string(&r->out->arena, r->cells[STACK])};
    if (!row->set || !row->stack) return weft_i_no_memory(r->error);
    weft_status status = read_model(r, row);
    if (status == WEFT_STATUS_OK) status = read_numbers(r, row);
    if (status == WEFT_STATUS_OK) status = read_choices(r, row);
    return status;
}

static weft_status read_lines(reader *r, char *text)
{
    weft_status status = WEFT_STATUS_OK;
    for (char *line = text; line && *line && status == WEFT_STATUS_OK; r->line++) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        size_t length = strlen(line);
        if (length > 0 && line[length - 1] == '\r') line[length - 1] = '\0';
        if (r->line == 0) {
            r->line = 1;
            status = read_header(r, line);
        } else {
            status = read_row(r, line);
        }
        line = end ? end + 1 : NULL;
    }
    if (status == WEFT_STATUS_OK && r->out->result.n_rows == 0)
        return weft_i_fail_at(r->error, WEFT_STATUS_BAD_INPUT, r->path, 1, NULL, "no rows");
    return status;
}

weft_status weft_i_measurements_parse(const char *name, char *text, size_t n, weft_error *error,
                                      weft_measurements **out_measurements)
{
    const char *end = memchr(text, '\0', n);
    if (end)
        return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, 0, NULL,
                              "expected text, found a byte 0 at %zu", (size_t)(end - text));
    owned *out = weft_i_alloc(1, sizeof *out);
    if (!out) return weft_i_no_memory(error);
    out->result.owner = out;
    reader r = {.path = name, .error = error, .out = out};
    weft_status status = read_lines(&r, text);
    if (status != WEFT_STATUS_OK) {
        weft_measurements_free(&out->result);
        return status;
    }
    *out_measurements = &out->result;
    return WEFT_STATUS_OK;
}

weft_status weft_measurements_read(const char *path, weft_error *error,
                                   weft_measurements **out_measurements)
{
    char *text = NULL;
    size_t n = 0;
    weft_status status = weft_i_file_read(path, error, &text, &n);
    if (status == WEFT_STATUS_OK)
        status = weft_i_measurements_parse(path, text, n, error, out_measurements);
    free(text);
    return status;
}

void weft_measurements_free(weft_measurements *measurements)
{
    if (!measurements) return;
    owned *own = measurements->owner;
    for (int32_t i = 0; i < measurements->n_rows; i++)
        weft_model_free((weft_model *)(uintptr_t)measurements->rows[i].question.model);
    for (int s = 0; s < 2; s++)
        for (int z = 0; z < N_ZERO; z++)
            weft_recipe_free(own->recipes[s][z]);
    weft_i_arena_free(&own->arena);
    free(measurements->rows);
    free(own);
}
