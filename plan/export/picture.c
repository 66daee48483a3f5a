/* plan/export/picture.c - see picture.h. */
#include "plan/export/picture.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void weft_show_options_init(weft_show_options *options)
{
    *options = (weft_show_options){.struct_size = sizeof(*options), .replica = -1};
}

static weft_status read_options(const weft_show_options *options, weft_error *error,
                                weft_show_options *out)
{
    weft_show_options_init(out);
    if (!options) return WEFT_STATUS_OK;
    if (options->struct_size == 0 || options->struct_size > sizeof(*out))
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "options of %zu bytes, expected 1 to %zu: not initialised?",
                           options->struct_size, sizeof(*out));
    memcpy(out, options, options->struct_size);
    return WEFT_STATUS_OK;
}

/* The pipeline of a replica, or the slowest for -1. */
static const weft_pipeline *choose(const weft_plan *plan, int32_t replica)
{
    const weft_pipeline *found = NULL;
    for (int32_t i = 0; i < plan->n_pipelines; i++) {
        const weft_pipeline *pipeline = &plan->pipelines[i];
        if (replica < 0) {
            if (!found || pipeline->pipeline_ns > found->pipeline_ns) found = pipeline;
        } else if (pipeline->replica == replica) {
            return pipeline;
        }
    }
    return found;
}

static bool name_modules(weft_i_picture *picture)
{
    const weft_plan *plan = picture->plan;
    picture->modules = weft_i_new(&picture->arena, const char *, plan->n_chunks);
    picture->chunk_modules = weft_i_new(&picture->arena, int32_t, plan->n_chunks);
    if (!picture->modules || !picture->chunk_modules) return false;
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        int32_t m = 0;
        while (m < picture->n_modules && strcmp(picture->modules[m], plan->chunks[c].module) != 0)
            m++;
        if (m == picture->n_modules)
            picture->modules[picture->n_modules++] = plan->chunks[c].module;
        picture->chunk_modules[c] = m;
    }
    return true;
}

static bool find_use(weft_i_picture *picture)
{
    picture->is_used = weft_i_new(&picture->arena, bool, 4 * (size_t)picture->n_modules);
    if (!picture->is_used) return false;
    for (int32_t r = 0; r < picture->pipeline->problem.n_ranks; r++) {
        const weft_rank_actions *rank = &picture->pipeline->ranks[r];
        for (int32_t a = 0; a < rank->n_actions; a++) {
            if (!weft_i_action_is_pass(&rank->actions[a])) continue;
            picture->is_used[weft_i_picture_tint(picture, &rank->actions[a])] = true;
        }
    }
    return true;
}

static bool set_course(const weft_rank_actions *ranks, int32_t n_ranks, weft_i_arena *arena,
                       weft_i_course *out)
{
    out->ranks = ranks;
    out->busy_ns = weft_i_new(arena, int64_t, n_ranks);
    if (!out->busy_ns) return false;
    for (int32_t r = 0; r < n_ranks; r++) {
        for (int32_t a = 0; a < ranks[r].n_actions; a++) {
            const weft_action *action = &ranks[r].actions[a];
            if (!weft_i_action_is_pass(action)) continue;
            out->busy_ns[r] += action->end_ns - action->start_ns;
            if (action->end_ns > out->pipeline_ns) out->pipeline_ns = action->end_ns;
        }
    }
    return true;
}

static int64_t unscaled(int64_t ns, double scale)
{
    double out = (double)ns / scale;
    return out < (double)WEFT_INT_MAX ? (int64_t)(out + 0.5) : WEFT_INT_MAX;
}

/* The measured actions of the replica, in the plan's times. */
static bool copy_measured(weft_i_picture *picture, const weft_timeline *timeline)
{
    int32_t p = (int32_t)(picture->pipeline - picture->plan->pipelines);
    weft_rank_actions *ranks = weft_i_new(&picture->arena, weft_rank_actions, timeline->n_ranks);
    if (!ranks) return false;
    for (int32_t r = 0; r < timeline->n_ranks; r++) {
        const weft_rank_actions *from = &timeline->pipelines[p].ranks[r].actions;
        weft_action *actions = weft_i_new(&picture->arena, weft_action, from->n_actions);
        if (!actions) return false;
        for (int32_t a = 0; a < from->n_actions; a++) {
            actions[a] = from->actions[a];
            actions[a].start_ns = unscaled(actions[a].start_ns, timeline->scale);
            actions[a].end_ns = unscaled(actions[a].end_ns, timeline->scale);
        }
        ranks[r] = (weft_rank_actions){.actions = actions, .n_actions = from->n_actions};
    }
    return set_course(ranks, timeline->n_ranks, &picture->arena, &picture->measured);
}

static weft_status set_courses(weft_i_picture *picture, const weft_timeline *timeline,
                               weft_error *error)
{
    const weft_pipeline *p = picture->pipeline;
    if (!set_course(p->ranks, p->problem.n_ranks, &picture->arena, &picture->planned))
        return weft_i_no_memory(error);
    picture->planned.pipeline_ns = p->pipeline_ns;
    picture->planned.optimizer_ns = picture->plan->predicted.optimizer_ns;
    if (!timeline) return WEFT_STATUS_OK;
    weft_status status = weft_timeline_match(timeline, picture->plan, error);
    if (status != WEFT_STATUS_OK) return status;
    picture->timeline = timeline;
    if (!copy_measured(picture, timeline)) return weft_i_no_memory(error);
    return weft_i_measure_make(picture->plan, timeline, &picture->arena, error, &picture->measure);
}

weft_status weft_i_picture_open(const weft_plan *plan, int32_t replica,
                                const weft_timeline *timeline, weft_error *error,
                                weft_i_picture *out)
{
    weft_status status = weft_plan_check(plan, error, NULL);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_picture picture = {.plan = plan, .pipeline = choose(plan, replica)};
    if (!picture.pipeline)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "the plan has no replica %d", replica);
    if (!name_modules(&picture) || !find_use(&picture)) status = weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = set_courses(&picture, timeline, error);
    if (status != WEFT_STATUS_OK) {
        weft_i_picture_close(&picture);
        return status;
    }
    *out = picture;
    return WEFT_STATUS_OK;
}

void weft_i_picture_close(weft_i_picture *picture)
{
    weft_i_arena_free(&picture->arena);
}

weft_i_tint weft_i_picture_tint(const weft_i_picture *picture, const weft_action *action)
{
    int32_t chunk = picture->pipeline->problem.stages[action->operand].chunk;
    return 4 * picture->chunk_modules[chunk] + (int32_t)action->kind;
}

/* Of one tint within a slice. */
typedef struct cover {
    double sum_ns, longest_ns;
    int32_t longest; /* action */
} cover;

/* What of an action lies in start..end. */
static double overlap(const weft_action *action, double start, double end)
{
    double from = (double)action->start_ns, to = (double)action->end_ns;
    return (to < end ? to : end) - (from > start ? from : start);
}

static weft_i_slice winner(const cover *covers, int32_t n, double idle_ns)
{
    weft_i_slice best = {WEFT_I_TINT_IDLE, -1};
    double most = idle_ns;
    for (int32_t t = 0; t < n; t++) {
        if (covers[t].sum_ns > 0 && covers[t].sum_ns >= most) {
            most = covers[t].sum_ns;
            best = (weft_i_slice){t, covers[t].longest};
        }
    }
    return best;
}

weft_status weft_i_picture_slices(const weft_i_picture *picture, const weft_rank_actions *actions,
                                  int64_t length_ns, int32_t n, weft_error *error,
                                  weft_i_slice *out_slices)
{
    int32_t n_tints = 4 * picture->n_modules, next = 0;
    cover *covers = weft_i_alloc((size_t)n_tints, sizeof(*covers));
    if (!covers) return weft_i_no_memory(error);
    for (int32_t i = 0; i < n; i++) {
        double start = (double)length_ns * i / n, end = (double)length_ns * (i + 1) / n;
        double idle_ns = end - start;
        memset(covers, 0, (size_t)n_tints * sizeof(*covers));
        while (next < actions->n_actions && (double)actions->actions[next].end_ns <= start)
            next++;
        for (int32_t a = next; a < actions->n_actions; a++) {
            const weft_action *action = &actions->actions[a];
            if ((double)action->start_ns >= end) break;
            if (!weft_i_action_is_pass(action)) continue;
            cover *c = &covers[weft_i_picture_tint(picture, action)];
            double ns = overlap(action, start, end);
            c->sum_ns += ns;
            idle_ns -= ns;
            if (ns > c->longest_ns) {
                c->longest_ns = ns;
                c->longest = a;
            }
        }
        out_slices[i] = winner(covers, n_tints, idle_ns);
    }
    free(covers);
    return WEFT_STATUS_OK;
}

int64_t weft_i_picture_pipeline_ns(const weft_i_picture *picture)
{
    int64_t planned_ns = picture->planned.pipeline_ns;
    int64_t measured_ns = picture->measured.pipeline_ns;
    return measured_ns > planned_ns ? measured_ns : planned_ns;
}

double weft_i_course_busy(const weft_i_course *course, int32_t rank)
{
    if (course->pipeline_ns <= 0) return 0;
    return (double)course->busy_ns[rank] / (double)course->pipeline_ns;
}

const char *weft_i_pass_text(weft_pass pass)
{
    static const char *const texts[] = {"forward", "backward", "input gradient", "weight gradient"};
    return texts[pass];
}

weft_status weft_i_show_open(const weft_plan *plan, const weft_show_options *options,
                             const weft_i_widths *widths, weft_error *error,
                             weft_show_options *out_options, weft_i_picture *out_picture)
{
    weft_show_options o;
    weft_status status = read_options(options, error, &o);
    if (status != WEFT_STATUS_OK) return status;
    if (o.width == 0) o.width = widths->standard;
    if (o.width < widths->least || o.width > widths->most)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "a width of %d %s, expected %d to %d", o.width,
                           widths->unit, widths->least, widths->most);
    status = weft_i_picture_open(plan, o.replica, o.measured, error, out_picture);
    if (status == WEFT_STATUS_OK) *out_options = o;
    return status;
}
