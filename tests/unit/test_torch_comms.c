/* Schedules for torch with communication: parsed by torch's grammar and run as its runtime would,
 * sends and receives without blocking, passes when their data is there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "weft/weft.h"

enum { MAX_RANKS = 8, MAX_STAGES = 32, MAX_MICROBATCHES = 16, MAX_CELLS = 4096 };

typedef struct cell {
    int stage, microbatch; /* microbatch -1 = of the stage */
    char what[16];
} cell;

typedef struct schedule {
    int n_ranks, n_stages, n_cells[MAX_RANKS], rank_of[MAX_STAGES];
    cell cells[MAX_RANKS][MAX_CELLS];
} schedule;

static void parse_cell(const char *text, cell *out)
{
    int used = 0, more = 0;
    *out = (cell){.microbatch = -1};
    cr_assert_eq(sscanf(text, "%d%15[A-Z_]%n", &out->stage, out->what, &used), 2, "'%s'", text);
    if (text[used]) {
        cr_assert_eq(sscanf(text + used, "%d%n", &out->microbatch, &more), 1, "'%s'", text);
        cr_assert_eq(text[used + more], 0, "'%s'", text);
    }
    cr_assert(out->stage < MAX_STAGES && out->microbatch < MAX_MICROBATCHES, "'%s'", text);
}

static void parse(char *text, schedule *s)
{
    memset(s, 0, sizeof *s);
    for (char *line, *rest = text; (line = strsep(&rest, "\n")) && *line; s->n_ranks++) {
        for (char *word; (word = strsep(&line, ","));) {
            cell *c = &s->cells[s->n_ranks][s->n_cells[s->n_ranks]++];
            parse_cell(word, c);
            s->rank_of[c->stage] = s->n_ranks;
            if (c->stage >= s->n_stages) s->n_stages = c->stage + 1;
        }
    }
}

/* What a message is: the stage that sends it, forward or backward, and its microbatch. */
static int message_of(const cell *c)
{
    bool back = strstr(c->what, "_B") != NULL, receives = strncmp(c->what, "RECV", 4) == 0;
    int from = !receives ? c->stage : back ? c->stage + 1 : c->stage - 1;
    return (from * 2 + back) * MAX_MICROBATCHES + c->microbatch;
}

static bool is_message(const cell *c)
{
    return strncmp(c->what, "SEND_", 5) == 0 || strncmp(c->what, "RECV_", 5) == 0;
}

static int peer_of(const schedule *s, const cell *c)
{
    bool up = strcmp(c->what, "SEND_F") == 0 || strcmp(c->what, "RECV_B") == 0;
    return s->rank_of[c->stage + (up ? 1 : -1)];
}

/* NCCL: operations between two ranks match in the order in which both have them. */
static void expect_same_sequence(const schedule *s, int a, int b)
{
    int j = 0, n = 0;
    for (int i = 0; i < s->n_cells[a]; i++) {
        const cell *mine = &s->cells[a][i];
        if (!is_message(mine) || peer_of(s, mine) != b) continue;
        while (j < s->n_cells[b] &&
               (!is_message(&s->cells[b][j]) || peer_of(s, &s->cells[b][j]) != a))
            j++;
        cr_assert_lt(j, s->n_cells[b], "rank %d has %d messages with %d, which has fewer", a, n, b);
        const cell *other = &s->cells[b][j++];
        cr_assert_eq(message_of(mine), message_of(other), "message %d of ranks %d and %d", n, a, b);
        cr_assert_neq(mine->what[0], other->what[0], "one sends, one receives");
        n++;
    }
}

typedef struct world {
    const schedule *s;
    int next[MAX_RANKS];
    bool sent[MAX_STAGES * 2 * MAX_MICROBATCHES], posted[MAX_STAGES * 2 * MAX_MICROBATCHES];
    bool done[4][MAX_STAGES][MAX_MICROBATCHES]; /* F, B or I, W */
    bool gathered[MAX_STAGES], reduced[MAX_STAGES];
} world;

enum { FORWARD, BACKWARD, WEIGHT };

/* Whether the data of a pass is there: from a neighbour's message, or on the same rank. */
static bool has_data(const world *w, const cell *c, int from, bool back)
{
    if (from < 0 || from >= w->s->n_stages) return true;
    if (w->s->rank_of[from] == w->s->rank_of[c->stage])
        return w->done[back ? BACKWARD : FORWARD][from][c->microbatch];
    int message = (from * 2 + back) * MAX_MICROBATCHES + c->microbatch;
    cr_assert(w->posted[message], "%d%s%d before its receive", c->stage, c->what, c->microbatch);
    return w->sent[message];
}

static void mark(bool *flag, const cell *c)
{
    cr_assert(!*flag, "%d%s%d twice", c->stage, c->what, c->microbatch);
    *flag = true;
}

/* False where it has to wait. */
static bool pass(world *w, const cell *c)
{
    int stage = c->stage, m = c->microbatch;
    cr_assert(w->gathered[stage] && !w->reduced[stage], "stage %d", stage);
    if (c->what[0] == 'F') {
        if (!has_data(w, c, stage - 1, false)) return false;
        mark(&w->done[FORWARD][stage][m], c);
    } else if (c->what[0] == 'W') {
        cr_assert(w->done[BACKWARD][stage][m]);
        mark(&w->done[WEIGHT][stage][m], c);
    } else {
        cr_assert(w->done[FORWARD][stage][m]);
        if (!has_data(w, c, stage + 1, true)) return false;
        mark(&w->done[BACKWARD][stage][m], c);
        if (c->what[0] == 'B') mark(&w->done[WEIGHT][stage][m], c);
    }
    return true;
}

static bool step(world *w, const cell *c)
{
    if (strncmp(c->what, "SEND_", 5) == 0) {
        bool back = c->what[5] == 'B';
        cr_assert(w->done[back ? BACKWARD : FORWARD][c->stage][c->microbatch], "nothing to send");
        mark(&w->sent[message_of(c)], c);
    } else if (strncmp(c->what, "RECV_", 5) == 0) {
        mark(&w->posted[message_of(c)], c);
    } else if (strcmp(c->what, "UNSHARD") == 0) {
        mark(&w->gathered[c->stage], c);
    } else if (strcmp(c->what, "REDUCE_GRAD") == 0) {
        mark(&w->reduced[c->stage], c);
    } else if (strcmp(c->what, "RESHARD") == 0) {
        cr_assert(w->reduced[c->stage]);
    } else {
        cr_assert(strlen(c->what) == 1 && strchr("FBIW", c->what[0]), "%s", c->what);
        return pass(w, c);
    }
    return true;
}

static void run(const schedule *s, int n_microbatches)
{
    world w = {.s = s};
    for (bool moved = true; moved;) {
        moved = false;
        for (int r = 0; r < s->n_ranks; r++)
            for (; w.next[r] < s->n_cells[r] && step(&w, &s->cells[r][w.next[r]]); w.next[r]++)
                moved = true;
    }
    for (int r = 0; r < s->n_ranks; r++)
        cr_assert_eq(w.next[r], s->n_cells[r], "rank %d stands at cell %d", r, w.next[r]);
    for (int k = 0; k < s->n_stages; k++)
        for (int m = 0; m < n_microbatches; m++)
            cr_assert(w.done[WEIGHT][k][m] && w.reduced[k], "stage %d, microbatch %d", k, m);
}

static void expect_runs(const weft_plan *plan, int n_microbatches)
{
    char name[] = "torch_XXXXXX", *text = NULL;
    size_t n;
    weft_error error = {0};
    schedule *s = malloc(sizeof *s);
    close(mkstemp(name));
    cr_assert_eq(weft_export_torch_comms(plan, 0, name, &error), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_i_file_read(name, &error, &text, &n), WEFT_STATUS_OK, "%s", error.text);
    unlink(name);
    parse(text, s);
    cr_assert_eq(s->n_ranks, plan->pipelines[0].problem.n_ranks);
    for (int a = 0; a < s->n_ranks; a++)
        for (int b = 0; b < s->n_ranks; b++)
            if (a != b) expect_same_sequence(s, a, b);
    run(s, n_microbatches);
    free(text);
    free(s);
}

Test(torch_comms, schedules_run_as_torch_would)
{
    static const struct {
        const char *text;
        int n_microbatches;
    } cases[] = {
        {"pp=1 microbatches=2 fw=10 bw=20", 2},
        {"pp=4 microbatches=6 fw=10 bw=20 transfer=3 segments=1", 6},
        {"pp=3 microbatches=4 fw=10 bw=20 bww=9 transfer=1 limit=4 segments=2", 4},
        {"pp=4 microbatches=8 fw=10 bw=20 bww=8 limit=3 segments=2 v=1 vary=0.5 seed=7", 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_planner_options options;
        weft_error error = {0};
        weft_plan *plan = NULL;
        weft_planner_options_init(&options);
        options.iterations = 5;
        options.threads = 1;
        cr_assert_eq(weft_planner_synthetic(cases[i].text, &options, &error, &plan), WEFT_STATUS_OK,
                     "%s", error.text);
        expect_runs(plan, cases[i].n_microbatches);
        weft_plan_free(plan);
    }
}
