/* tests/unit/test_show_svg.c - the SVG picture: well formed, every pass in its place, every peak
 * there, and small however many passes there are. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "plan/export/svg.h"
#include "tests/unit/random_plan.h"
#include "tests/unit/show_case.h"

/* The picture as text; free it. */
static char *svg_of(const weft_plan *plan, const weft_show_options *options, size_t *out_n)
{
    char name[] = "svg_XXXXXX";
    int fd = mkstemp(name);
    weft_error error = {0};
    char *text = NULL;
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(weft_show_svg(plan, options, name, &error), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_i_file_read(name, &error, &text, out_n), WEFT_STATUS_OK, "%s", error.text);
    unlink(name);
    return text;
}

/* --- well-formed XML, as far as these files go: elements, quoted attributes, five entities --- */

static const char *skip_entity(const char *c)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(c, known[i], strlen(known[i])) == 0) return c + strlen(known[i]);
    }
    cr_assert_fail("an ampersand at '%.20s'", c);
    return c + 1;
}

static const char *skip_attributes(const char *c)
{
    while (*c == ' ') {
        c += 1 + strcspn(c + 1, "= >/");
        cr_assert(c[0] == '=' && c[1] == '"', "no quoted value at '%.20s'", c);
        for (c += 2; *c != '"';) {
            cr_assert(*c && *c != '<', "an open attribute at '%.20s'", c);
            c = *c == '&' ? skip_entity(c) : c + 1;
        }
        c++;
    }
    return c;
}

/* A tag from '<' to behind '>', with the open elements in `stack`. */
static const char *skip_tag(const char *c, const char *stack[16], int *depth)
{
    bool is_end = c[1] == '/';
    const char *name = c + 1 + is_end;
    size_t n = strcspn(name, " />");
    c = name + n;
    if (is_end) {
        cr_assert_gt(*depth, 0);
        cr_assert(strncmp(stack[--*depth], name, n) == 0, "'%.10s' closes '%.10s'", name,
                  stack[*depth]);
    } else {
        c = skip_attributes(c);
        if (*c == '/')
            c++;
        else
            stack[(*depth)++] = name;
        cr_assert_lt(*depth, 16);
    }
    cr_assert_eq(*c, '>', "no end of the tag at '%.20s'", c);
    return c + 1;
}

static void expect_well_formed(const char *text)
{
    const char *stack[16];
    int depth = 0;
    cr_assert_eq(strncmp(text, "<svg ", 5), 0);
    for (const char *c = text; *c;) {
        if (*c == '<')
            c = skip_tag(c, stack, &depth);
        else if (*c == '&')
            c = skip_entity(c);
        else
            c++;
    }
    cr_expect_eq(depth, 0);
    cr_expect_null(strstr(text, "<script"));
    cr_expect_null(strstr(text, "href"));
    cr_expect_null(strstr(text, "nan"));
}

Test(show_svg, names_are_escaped)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    for (int32_t c = 0; c < plan->n_chunks; c++)
        plan->chunks[c].module = "a<b>&\"\x01\xff z";
    weft_pipeline *p = &plan->pipelines[0];
    for (int32_t c = 0; c < p->problem.n_chunks; c++)
        p->problem.chunks[c].module = plan->chunks[c].module;
    for (int32_t i = 0; i < p->problem.n_submicrobatches; i++)
        p->problem.submicrobatches[i].module = plan->chunks[0].module;
    plan->model.name = "<model>";
    plan->cluster.name = "&cluster";
    size_t n;
    char *text = svg_of(plan, NULL, &n);
    expect_well_formed(text);
    cr_expect(strstr(text, "a&lt;b&gt;&amp;&quot;\xEF\xBF\xBD\xEF\xBF\xBD z, segment 0"), "%s",
              text);
    cr_expect(strstr(text, "&lt;model&gt; on &amp;cluster"));
    free(text);
    weft_plan_free(plan);
}

/* Each rank's passes and, below them, its memory, one rank below the other. */
Test(show_svg, ranks_stand_one_below_the_other)
{
    weft_plan *plan = show_plan("pp=3 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_timeline *run = show_run(plan, 1, 5000);
    for (int is_measured = 0; is_measured < 2; is_measured++) {
        weft_show_options options;
        weft_show_options_init(&options);
        options.measured = is_measured ? run : NULL;
        size_t n;
        char *text = svg_of(plan, &options, &n);
        /* Passes (and what was measured) and memory of three ranks, then idle ranks. */
        int n_groups = 3 * (2 + is_measured) + 1, found = 0;
        double last = 0;
        for (const char *c = text; (c = strstr(c, "translate(")); found++) {
            double x, y;
            cr_assert_eq(sscanf(c, "translate(%lf %lf)", &x, &y), 2);
            cr_expect_geq(y, last + 20, "group %d at %g after one at %g", found, y, last);
            last = y;
            c++;
        }
        cr_expect_eq(found, n_groups);
        cr_expect_null(strstr(text, "replica"), "there is one only");
        cr_expect_null(strstr(text, ">recomputation<"), "there is none");
        free(text);
    }
    weft_timeline_free(run);
    weft_plan_free(plan);
}

Test(show_svg, hover_text_of_a_pass)
{
    weft_plan *plan = show_plan("pp=1 microbatches=2 fw=10 bw=20 bww=5", WEFT_I_FIXED_ZB_H1);
    size_t n;
    char *text = svg_of(plan, NULL, &n);
    expect_well_formed(text);
    cr_expect(strstr(text, "<title>model, segment 0, layer 0\nmicrobatch 1, sub-microbatch 0\n"
                           "input gradient: 15.000 us from 40.000 us</title>"),
              "%s", text);
    free(text);
    weft_plan_free(plan);
}

Test(show_svg, run_below_the_plan)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_timeline *run = show_run(plan, 1, 9000);
    weft_show_options options;
    size_t n;
    weft_show_options_init(&options);
    options.measured = run;
    char *text = svg_of(plan, &options, &n);
    expect_well_formed(text);
    cr_expect(strstr(text, "\nforward: 10.000 us from 19.000 us\n"
                           "predicted 10.000 us from 10.000 us"),
              "%s", text);
    cr_expect(strstr(text, ">worst: rank 1<"));
    cr_expect(strstr(text, ">79.000 us +12.86 %<"));
    cr_expect(strstr(text, ">66.7 %, +12.86 %<"));
    free(text);
    weft_timeline_free(run);
    weft_plan_free(plan);
}

/* --- what is drawn, read back --- */

/* Tenths of a pixel of a rectangle, out of "M12.3 4h5v6h-5z". */
typedef struct rect {
    double x, y, width, height;
} rect;

static bool read_rect(const char *d, rect *out)
{
    return sscanf(d, "M%lf %lfh%lfv%lf", &out->x, &out->y, &out->width, &out->height) == 4;
}

/* Sum of the areas of the bars from `text` to `end`, and how wrong it may be: edges are rounded to
 * a tenth of a pixel, and from 4 pixels on a bar leaves half a pixel to the next. */
static double bars_area(const char *text, const char *end, double *out_error)
{
    double area = 0, squares = 0;
    *out_error = 0;
    for (const char *c = text; (c = strstr(c, "<path class=\"c")) && c < end; c++) {
        rect r;
        const char *d = strstr(c, " d=\"") + 4;
        cr_assert(read_rect(d, &r), "'%.40s'", d);
        area += (r.width + (r.width > 4 ? 0.5 : 0)) * r.height;
        squares += 0.01 * r.height * r.height + 0.01 * r.width * r.width;
        if (r.width >= 3.5 && r.width <= 4) *out_error += 0.5 * r.height;
    }
    /* Rounding goes either way. */
    *out_error += 4 * sqrt(squares);
    return area;
}

static double track_of(const char *text, rect *out)
{
    const char *c = strstr(text, "<path class=\"track\" d=\"");
    c = strstr(c + 1, "<path class=\"track\" d=\""); /* the first is the legend's */
    cr_assert(c && read_rect(strchr(c, 'M'), out));
    return out->width * out->height;
}

/* Part of the file that draws a rank. */
static const char *find_rank(const char *text, int32_t rank)
{
    char label[32];
    snprintf(label, sizeof label, ">rank %d</text>", rank);
    const char *found = strstr(text, label);
    return found ? found : strstr(text, ">idle</text>\n<text");
}

/* The busy share is the share of the track's area that bars cover. */
static void expect_areas(const weft_plan *plan, const char *text)
{
    const weft_pipeline *pipeline = &plan->pipelines[0];
    rect track;
    double all = track_of(text, &track);
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        int64_t busy_ns = 0, length_ns = pipeline->pipeline_ns;
        for (int32_t i = 0; i < pipeline->problem.n_ranks; i++) {
            const weft_rank_actions *rank = &pipeline->ranks[i];
            for (int32_t a = 0; a < rank->n_actions; a++) {
                const weft_action *action = &rank->actions[a];
                int64_t end_ns = action->end_ns;
                if (action->kind == WEFT_ACTION_OPTIMIZER) end_ns += plan->predicted.optimizer_ns;
                if (end_ns > length_ns) length_ns = end_ns;
                if (i == r && action->kind <= WEFT_ACTION_BWW)
                    busy_ns += action->end_ns - action->start_ns;
            }
        }
        double error;
        double area = bars_area(find_rank(text, r), find_rank(text, r + 1), &error);
        double expected = (double)busy_ns / (double)(length_ns > 0 ? length_ns : 1) * all;
        cr_expect_float_eq(area, expected, error + track.height,
                           "rank %d: %g of %g, expected %g within %g", r, area, all, expected,
                           error + track.height);
    }
}

/* The highest point of the memory curve of each rank is its peak. */
static void expect_peaks(const weft_plan *plan, const char *text)
{
    const weft_pipeline *pipeline = &plan->pipelines[0];
    int64_t top = 1;
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        int64_t limit = pipeline->problem.limit_bytes[r], peak = pipeline->peak_bytes[r];
        if (limit < WEFT_INT_MAX) peak = limit;
        if (peak > top) top = peak;
    }
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        const char *c = strstr(find_rank(text, r), "<path class=\"mem\" d=\"M0 ");
        char *rest;
        double base = strtod(strstr(c, "M0 ") + 3, &rest), y = base, least = base;
        while (*rest == 'v' || *rest == 'h') {
            char letter = *rest;
            double by = strtod(rest + 1, &rest);
            if (letter == 'v') y += by;
            if (y < least) least = y;
        }
        cr_expect_eq(*rest, 'z');
        cr_expect_float_eq(y, base, 1e-6);
        double expected = (double)pipeline->peak_bytes[r] / (double)top * base;
        cr_expect_float_eq(base - least, expected, 0.11, "rank %d: %g high, expected %g", r,
                           base - least, expected);
    }
}

/* Every pass has hover text, alone or in a group. */
static void expect_passes(const weft_plan *plan, const char *text)
{
    const weft_pipeline *pipeline = &plan->pipelines[0];
    int expected = 0, found = 0;
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++)
            expected += pipeline->ranks[r].actions[a].kind <= WEFT_ACTION_BWW;
    }
    for (const char *c = text; (c = strstr(c, "<title>")); c++) {
        int n = 0, end = 0;
        size_t line = strcspn(c, "\n");
        if (sscanf(c, "<title>%d passes%n", &n, &end) == 1 && end == (int)line)
            found += n;
        else if (strncmp(c + line, "\nmicrobatch ", 12) == 0)
            found++;
    }
    cr_expect_eq(found, expected, "%d passes, expected %d", found, expected);
}

Test(show_svg, random_plans_are_drawn_whole)
{
    uint64_t seed = 9;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int k = 0; k < 40; k++) {
        weft_plan *plan = random_plan(&rng, 1, random_to(&rng, 2));
        weft_show_options options;
        weft_show_options_init(&options);
        options.width = 800 + random_to(&rng, 3000);
        size_t n;
        char *text = svg_of(plan, &options, &n);
        expect_well_formed(text);
        expect_areas(plan, text);
        expect_passes(plan, text);
        expect_peaks(plan, text);
        free(text);
        weft_plan_free(plan);
    }
}

/* Passes far narrower than a pixel. */
Test(show_svg, many_passes_make_a_small_file)
{
    weft_plan *plan = show_plan("pp=4 microbatches=4000 fw=10 bw=20 bww=7", WEFT_I_FIXED_ZB_H1);
    size_t n;
    char *text = svg_of(plan, NULL, &n);
    expect_areas(plan, text);
    expect_passes(plan, text);
    expect_peaks(plan, text);
    cr_expect_lt(n, 1000000, "%zu bytes", n);
    cr_expect(strstr(text, " passes\n"));
    free(text);
    weft_plan_free(plan);
}

/* Two passes of less than a pixel, with all of the time between them. */
Test(show_svg, narrow_passes_far_apart_stay_apart)
{
    weft_plan *plan = show_plan("pp=2 microbatches=1 fw=1 bw=1 transfer=2000", WEFT_I_FIXED_1F1B);
    size_t n;
    char *text = svg_of(plan, NULL, &n);
    expect_passes(plan, text);
    const char *group = strstr(find_rank(text, 0), "class=\"few\"");
    cr_expect(!group || group > find_rank(text, 1));
    free(text);
    weft_plan_free(plan);
}

Test(show_svg, numbers_and_stairs)
{
    char text[400] = "";
    FILE *stream = fmemopen(text, sizeof text, "w");
    weft_i_svg_number(stream, -5);
    fputc(' ', stream);
    weft_i_svg_number(stream, 1230);
    fputc(' ', stream);
    static const int64_t heights[] = {0, 20, 20, 5};
    weft_i_svg_stairs(stream, heights, 4, 10, 30);
    fclose(stream);
    cr_expect_str_eq(text, "-0.5 123 M0 3h1v-2h2v1.5h1v0.5", "%s", text);
}

static void expect_refusal(const weft_plan *plan, const weft_show_options *options,
                           const char *file, weft_status expected, const char *text)
{
    weft_error error = {0};
    cr_expect_eq(weft_show_svg(plan, options, file, &error), expected, "%s", error.text);
    cr_expect(strstr(error.text, text), "'%s' is not in '%s'", text, error.text);
}

Test(show_svg, refusals)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_show_options options;
    weft_show_options_init(&options);
    expect_refusal(plan, &options, "/nowhere/x.svg", WEFT_STATUS_IO, "");
    options.width = 799;
    expect_refusal(plan, &options, "-", WEFT_STATUS_USAGE, "799 pixels, expected 800 to");
    options.width = 0;
    options.replica = 1;
    expect_refusal(plan, &options, "-", WEFT_STATUS_USAGE, "no replica 1");
    weft_plan_free(plan);
}

Test(show_svg, every_allocation_fails_once)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_status status = WEFT_STATUS_NO_MEMORY;
    char name[] = "svg_XXXXXX";
    close(mkstemp(name));
    long k = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_show_svg(plan, NULL, name, NULL);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 10);
    unlink(name);
    weft_plan_free(plan);
}
