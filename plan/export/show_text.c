/* plan/export/show_text.c - a replica's timeline in the terminal: a row a rank, a column a slice of
 * time. ASCII, but for names of modules; colours are those of a terminal with 256. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "plan/export/picture.h"
#include "plan/export/readable.h"

enum {
    WIDTH_DEFAULT = 100,
    WIDTH_MIN = 40,
    WIDTH_MAX = 100000,
    COLUMNS_MIN = 8,
    BUSY_WIDTH = 7,    /* " 100 % " */
    COURSE_WIDTH = 10, /* " predicted" */
    ERROR_WIDTH = 14   /* "error +12.34 %" */
};

/* What a column shows, by pass, for one module. */
typedef struct brush {
    char letters[4];
    const unsigned char *colors; /* background of each pass */
} brush;

typedef struct canvas {
    const weft_i_picture *picture;
    FILE *stream;
    bool color;
    bool has_limit;                                         /* of memory, on some rank */
    int32_t rank_width, label_width, columns, memory_width; /* the label has the rank in it */
    weft_i_size_unit unit;
    brush *brushes; /* of each module */
    weft_i_slice *slices;
} canvas;

/* Backgrounds for forward, backward, input gradient, weight gradient: blue, orange, green, purple,
 * red and grey, each from the same four steps of lightness. */
static const unsigned char palette[][4] = {{75, 25, 32, 153},    {215, 130, 172, 223},
                                           {79, 29, 36, 158},    {176, 90, 133, 225},
                                           {210, 124, 167, 224}, {250, 240, 245, 254}};
enum { N_HUES = sizeof(palette) / sizeof(palette[0]) };

/* The light backgrounds of forward and weight gradient take dark letters. */
static int foreground(weft_pass pass)
{
    return pass == WEFT_PASS_FW || pass == WEFT_PASS_BWW ? 16 : 231;
}

/* The first letter of the name that no other module has; 'x' where all 26 are gone. */
static char choose_letter(const char *name, bool taken[26])
{
    const char *const tries[] = {name, "abcdefghijklmnopqrstuvwxyz"};
    for (int t = 0; t < 2; t++) {
        for (const char *c = tries[t]; *c; c++) {
            int letter = tolower((unsigned char)*c) - 'a';
            if (letter < 0 || letter >= 26 || taken[letter]) continue;
            taken[letter] = true;
            return (char)('a' + letter);
        }
    }
    return 'x';
}

static weft_status choose_brushes(canvas *c, weft_error *error)
{
    static const char weights[] = "+*%#=&@$";
    bool taken[26] = {false};
    int32_t n = c->picture->n_modules;
    c->brushes = weft_i_alloc((size_t)n, sizeof(*c->brushes));
    if (!c->brushes) return weft_i_no_memory(error);
    for (int32_t m = 0; m < n; m++) {
        char letter = choose_letter(c->picture->modules[m], taken);
        char upper = (char)(letter - 'a' + 'A');
        char weight = weights[(size_t)m % (sizeof(weights) - 1)];
        c->brushes[m] = (brush){{letter, upper, upper, weight}, palette[m % N_HUES]};
    }
    return WEFT_STATUS_OK;
}

static int32_t digits(int64_t n)
{
    int32_t count = 1;
    while (n >= 10) {
        n /= 10;
        count++;
    }
    return count;
}

/* Room for the numbers at both sides; the rest is the picture's. */
static void lay_out(canvas *c, int32_t width)
{
    const weft_pipeline *pipeline = c->picture->pipeline;
    int32_t n_ranks = pipeline->problem.n_ranks;
    int64_t largest = 0;
    for (int32_t r = 0; r < n_ranks; r++) {
        int64_t limit = pipeline->problem.limit_bytes[r], peak = pipeline->peak_bytes[r];
        if (limit < WEFT_INT_MAX) c->has_limit = true;
        if (limit < WEFT_INT_MAX && limit > largest) largest = limit;
        if (peak > largest) largest = peak;
    }
    c->unit = weft_i_readable_size_unit(largest);
    int32_t number = (int32_t)strlen(weft_i_readable_size(largest, c->unit).s);
    c->memory_width = (c->has_limit ? 2 * number + 3 : number) + 1 + (int32_t)strlen(c->unit.name);
    c->rank_width = c->label_width = digits(n_ranks - 1) < 4 ? 4 : digits(n_ranks - 1);
    if (c->picture->timeline) {
        c->label_width += COURSE_WIDTH;
        if (c->memory_width < ERROR_WIDTH) c->memory_width = ERROR_WIDTH;
    }
    int32_t columns = width - c->label_width - 3 - BUSY_WIDTH - c->memory_width - 1;
    c->columns = columns > COLUMNS_MIN ? columns : COLUMNS_MIN;
}

/* A module's name, without what could steer a terminal; as many bytes as it has. */
static void print_name(FILE *stream, const char *name)
{
    for (size_t n = strlen(name); n > 0;) {
        size_t length = weft_i_utf8_shown_length(name, n);
        if (length == 0)
            fputc('?', stream);
        else
            fwrite(name, 1, length, stream);
        n -= length > 0 ? length : 1;
        name += length > 0 ? length : 1;
    }
}

static void print_pair(const canvas *c, const char *name, int64_t planned_ns, int64_t measured_ns,
                       double error)
{
    fprintf(c->stream, "%-8s  predicted %s, measured %s, %s\n", name,
            weft_i_readable_time(planned_ns).s, weft_i_readable_time(measured_ns).s,
            weft_i_readable_change(error).s);
}

static void print_measured(const canvas *c)
{
    const weft_timeline *timeline = c->picture->timeline;
    const weft_i_measure *m = &c->picture->measure;
    const weft_i_rank_measure *worst = &m->ranks[m->worst];
    char name[64];
    print_pair(c, "step", m->planned_step_ns, m->measured_step_ns, m->step_error);
    print_pair(c, "pipeline", m->planned_ns, m->measured_ns, m->error);
    fprintf(c->stream, "bubble    predicted %s, measured %s\n",
            weft_i_readable_share(m->planned_bubble).s,
            weft_i_readable_share(m->measured_bubble).s);
    int n = snprintf(name, sizeof(name), "worst     rank %d", m->worst % timeline->n_ranks);
    if (timeline->n_pipelines > 1)
        snprintf(name + n, sizeof(name) - (size_t)n, " of replica %d",
                 timeline->pipelines[m->worst / timeline->n_ranks].replica);
    print_pair(c, name, worst->planned_ns, worst->measured_ns, worst->error);
    fputs("device    ", c->stream);
    print_name(c->stream, timeline->device);
    if (timeline->n_steps > 1)
        fprintf(c->stream, ", step %d of %d", timeline->step, timeline->n_steps);
    if (timeline->scale != 1)
        fprintf(c->stream, ", scale %g: drawn in the plan's times", timeline->scale);
    if (timeline->n_pipelines > 1)
        fprintf(c->stream, ", replica %d", c->picture->pipeline->replica);
    fputs("\n\n", c->stream);
}

static void print_heading(const canvas *c)
{
    const weft_plan *plan = c->picture->plan;
    const weft_pipeline *p = c->picture->pipeline;
    fprintf(c->stream, "step %s, bubble %s", weft_i_readable_time(plan->predicted.step_ns).s,
            weft_i_readable_share(plan->predicted.bubble).s);
    if (plan->predicted.mfu > 0)
        fprintf(c->stream, ", MFU %s", weft_i_readable_share(plan->predicted.mfu).s);
    fputc('\n', c->stream);
    if (plan->n_pipelines > 1) fprintf(c->stream, "replica %d: ", p->replica);
    fprintf(c->stream, "pipeline %s", weft_i_readable_time(p->pipeline_ns).s);
    if (p->lower_bound_ns > 0) {
        double gap = (double)p->pipeline_ns / (double)p->lower_bound_ns - 1;
        fprintf(c->stream, ", %s above the lower bound", weft_i_readable_share(gap).s);
    }
    fputs("\n\n", c->stream);
}

static void print_columns_heading(const canvas *c)
{
    fprintf(c->stream, "%-*s%*s%*s\n", c->label_width, "rank", c->columns + 2 + BUSY_WIDTH, "busy ",
            c->memory_width + 1, c->has_limit ? "peak / limit" : "peak");
}

/* How many slices from `first` on show the same pass, or just as empty ones. */
static int32_t run_length(const canvas *c, int32_t first)
{
    int32_t end = first + 1;
    while (end < c->columns && c->slices[end].tint == c->slices[first].tint &&
           c->slices[end].action == c->slices[first].action)
        end++;
    return end - first;
}

/* A pass of n columns, its microbatch at the left where there is room for it and a blank. */
static void print_block(const canvas *c, const weft_action *action, int32_t n)
{
    weft_i_tint tint = weft_i_picture_tint(c->picture, action);
    const weft_submicrobatch *sub = weft_i_picture_sub(c->picture, action);
    weft_pass pass = (weft_pass)action->kind;
    char number[16] = "";
    if (sub->n_microbatches > 0) snprintf(number, sizeof(number), "%d", sub->microbatches[0]);
    if ((int32_t)strlen(number) >= n) number[0] = 0;
    fprintf(c->stream, "\033[48;5;%d;38;5;%dm%-*s\033[0m", c->brushes[tint / 4].colors[pass],
            foreground(pass), n, number);
}

static void print_row(const canvas *c, const weft_rank_actions *rank)
{
    int32_t n;
    for (int32_t i = 0; i < c->columns; i += n) {
        weft_i_slice slice = c->slices[i];
        n = run_length(c, i);
        if (slice.tint != WEFT_I_TINT_IDLE && c->color) {
            print_block(c, &rank->actions[slice.action], n);
            continue;
        }
        char letter = c->color ? ' ' : '.';
        if (slice.tint != WEFT_I_TINT_IDLE)
            letter = c->brushes[slice.tint / 4].letters[slice.tint % 4];
        for (int32_t k = 0; k < n; k++)
            fputc(letter, c->stream);
    }
}

/* Behind a row: a rank's busy share, and what else there is to say. */
static void print_numbers(const canvas *c, const weft_i_course *course, int32_t rank,
                          const char *text)
{
    fprintf(c->stream, "%4.0f %% %*s\n", 100 * weft_i_course_busy(course, rank),
            c->memory_width + 1, text);
}

static void print_planned_numbers(const canvas *c, int32_t rank)
{
    const weft_pipeline *p = c->picture->pipeline;
    int64_t limit = p->problem.limit_bytes[rank];
    weft_i_text peak = weft_i_readable_size(p->peak_bytes[rank], c->unit);
    char memory[80];
    if (limit < WEFT_INT_MAX)
        snprintf(memory, sizeof(memory), "%s / %s %s", peak.s,
                 weft_i_readable_size(limit, c->unit).s, c->unit.name);
    else
        snprintf(memory, sizeof(memory), "%s %s", peak.s, c->unit.name);
    print_numbers(c, &c->picture->planned, rank, memory);
}

static void print_measured_numbers(const canvas *c, int32_t rank)
{
    const weft_i_picture *picture = c->picture;
    int32_t p = (int32_t)(picture->pipeline - picture->plan->pipelines);
    double error = picture->measure.ranks[p * picture->timeline->n_ranks + rank].error;
    char text[48];
    snprintf(text, sizeof(text), "error %s", weft_i_readable_change(error).s);
    print_numbers(c, &picture->measured, rank, text);
}

static weft_status draw_row(const canvas *c, const weft_rank_actions *rank, weft_error *error)
{
    weft_status status = weft_i_picture_slices(
        c->picture, rank, weft_i_picture_pipeline_ns(c->picture), c->columns, error, c->slices);
    if (status != WEFT_STATUS_OK) return status;
    fputs(" |", c->stream);
    print_row(c, rank);
    fputc('|', c->stream);
    return WEFT_STATUS_OK;
}

static weft_status print_rank(const canvas *c, int32_t rank, weft_error *error)
{
    const weft_i_picture *picture = c->picture;
    fprintf(c->stream, "%*d%s", c->rank_width, rank, picture->timeline ? " predicted" : "");
    weft_status status = draw_row(c, &picture->planned.ranks[rank], error);
    if (status != WEFT_STATUS_OK) return status;
    print_planned_numbers(c, rank);
    if (!picture->timeline) return WEFT_STATUS_OK;
    fprintf(c->stream, "%*s", c->label_width, "measured ");
    status = draw_row(c, &picture->measured.ranks[rank], error);
    if (status != WEFT_STATUS_OK) return status;
    print_measured_numbers(c, rank);
    return WEFT_STATUS_OK;
}

static weft_status print_ranks(const canvas *c, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t r = 0; r < c->picture->pipeline->problem.n_ranks && status == WEFT_STATUS_OK; r++)
        status = print_rank(c, r, error);
    return status;
}

/* Writes `text` over a line of blanks, where it fits. */
static void place(char *line, int32_t n, int32_t column, const char *text)
{
    int32_t length = (int32_t)strlen(text);
    if (column + length <= n) memcpy(line + column, text, (size_t)length);
}

static weft_status print_axis(const canvas *c, weft_error *error)
{
    enum { TICK_COLUMNS = 10 };
    int64_t length_ns = weft_i_picture_pipeline_ns(c->picture);
    int32_t n = c->columns;
    weft_i_ticks ticks = weft_i_readable_ticks(length_ns, 1 + n / TICK_COLUMNS);
    char *line = weft_i_alloc(2, (size_t)n + 1);
    if (!line) return weft_i_no_memory(error);
    char *labels = line + n + 1;
    memset(line, '-', (size_t)n);
    memset(labels, ' ', (size_t)n);
    for (int64_t t = 0; t < length_ns || t == 0; t += ticks.step_ns) {
        int32_t column = length_ns > 0 ? (int32_t)((double)t / (double)length_ns * n) : 0;
        if (column >= n) break;
        line[column] = '+';
        place(labels, n, column, weft_i_readable_tick(ticks, t).s);
    }
    while (n > 0 && labels[n - 1] == ' ')
        labels[--n] = 0;
    fprintf(c->stream, "%*s  %s\n%*s  %s\n\n", c->label_width, "", line, c->label_width, "",
            labels);
    free(line);
    return WEFT_STATUS_OK;
}

static void print_sample(const canvas *c, int32_t module, weft_pass pass)
{
    const brush *b = &c->brushes[module];
    if (c->color) {
        fprintf(c->stream, "  \033[48;5;%dm  \033[0m", b->colors[pass]);
    } else {
        fprintf(c->stream, "  %c", b->letters[pass]);
    }
    fprintf(c->stream, " %s", weft_i_pass_text(pass));
}

static void print_legend(const canvas *c)
{
    int32_t width = 0;
    for (int32_t m = 0; m < c->picture->n_modules; m++) {
        int32_t length = (int32_t)strlen(c->picture->modules[m]);
        if (length > width) width = length;
    }
    for (int32_t m = 0; m < c->picture->n_modules; m++) {
        print_name(c->stream, c->picture->modules[m]);
        fprintf(c->stream, "%*s", width - (int32_t)strlen(c->picture->modules[m]), "");
        for (int pass = 0; pass < 4; pass++) {
            if (c->picture->is_used[4 * m + pass]) print_sample(c, m, (weft_pass)pass);
        }
        fputc('\n', c->stream);
    }
}

static weft_status draw(canvas *c, int32_t width, weft_error *error)
{
    lay_out(c, width);
    c->slices = weft_i_alloc((size_t)c->columns, sizeof(*c->slices));
    if (!c->slices) return weft_i_no_memory(error);
    weft_status status = choose_brushes(c, error);
    if (status != WEFT_STATUS_OK) return status;
    if (c->picture->timeline)
        print_measured(c);
    else
        print_heading(c);
    print_columns_heading(c);
    status = print_ranks(c, error);
    if (status == WEFT_STATUS_OK) status = print_axis(c, error);
    if (status != WEFT_STATUS_OK) return status;
    print_legend(c);
    if (fflush(c->stream) != 0 || ferror(c->stream))
        return weft_i_fail(error, WEFT_STATUS_IO, "cannot write the picture");
    return WEFT_STATUS_OK;
}

weft_status weft_show_text(const weft_plan *plan, const weft_show_options *options,
                           weft_error *error, FILE *stream)
{
    static const weft_i_widths widths = {WIDTH_DEFAULT, WIDTH_MIN, WIDTH_MAX, "columns"};
    weft_show_options o;
    weft_i_picture picture = {0};
    weft_status status = weft_i_show_open(plan, options, &widths, error, &o, &picture);
    if (status == WEFT_STATUS_OK) {
        canvas c = {.picture = &picture, .stream = stream, .color = o.color};
        status = draw(&c, o.width, error);
        free(c.brushes);
        free(c.slices);
    }
    weft_i_picture_close(&picture);
    return status;
}
