/* runtime/outcome.c - see outcome.h. */
#include "runtime/outcome.h"

#include <inttypes.h>

#include "base/json_out.h"

typedef struct words {
    char s[32];
} words;

static words time_words(int64_t ns)
{
    words out;
    double t = (double)ns;
    if (ns >= 1000000000)
        snprintf(out.s, sizeof(out.s), "%.3f s", t / 1e9);
    else if (ns >= 1000000)
        snprintf(out.s, sizeof(out.s), "%.3f ms", t / 1e6);
    else
        snprintf(out.s, sizeof(out.s), "%.1f us", t / 1e3);
    return out;
}

static void print_pair(FILE *stream, const char *name, int64_t planned_ns, int64_t measured_ns,
                       double error)
{
    fprintf(stream, "%-9s predicted %s, measured %s, %+.2f %%\n", name, time_words(planned_ns).s,
            time_words(measured_ns).s, error * 100);
}

static void print_steps(const weft_i_outcome *outcome, FILE *stream)
{
    const weft_timeline *timeline = outcome->timeline;
    int64_t least_ns = INT64_MAX, most_ns = 0;
    if (timeline->n_steps == 1) return;
    for (int32_t i = 0; i < timeline->n_steps; i++) {
        int64_t ns = outcome->steps_ns[i];
        if (ns < least_ns) least_ns = ns;
        if (ns > most_ns) most_ns = ns;
    }
    fprintf(stream, "steps     %d, pipeline %s to %s; this is step %d, the median\n",
            timeline->n_steps, time_words(least_ns).s, time_words(most_ns).s, timeline->step);
}

static void print_rank(const weft_i_outcome *outcome, int32_t i, FILE *stream)
{
    const weft_timeline *timeline = outcome->timeline;
    const weft_i_rank_measure *rank = &outcome->measure->ranks[i];
    int32_t p = i / timeline->n_ranks, r = i % timeline->n_ranks;
    fprintf(stream, "%7d  %4d  %-12s  %-12s  %+7.2f %%  %7.1f us%s\n",
            timeline->pipelines[p].replica, r, time_words(rank->planned_ns).s,
            time_words(rank->measured_ns).s, rank->error * 100,
            weft_i_overhead_mean_ns(&rank->overhead) / 1e3,
            i == outcome->measure->worst && rank->error != 0 ? "  worst" : "");
}

static void print_lesson(const weft_i_lesson *lesson, FILE *stream)
{
    int32_t n = lesson->n_steps;
    if (n == 1)
        fprintf(stream, "loss      %.6g\n", lesson->losses[0]);
    else
        fprintf(stream, "loss      %.6g in the first step, %.6g in step %d\n", lesson->losses[0],
                lesson->losses[n - 1], n);
    if (lesson->first_step > 0)
        fprintf(stream, "resumed   after %" PRId64 " steps\n", lesson->first_step);
    if (lesson->messages) fprintf(stream, "messages  %s\n", lesson->messages);
    if (!lesson->is_checked) return;
    fprintf(stream,
            "check     %s: loss of the serial run %.6g; %" PRId64
            " gradients off by %.2g, farthest %.2g (%s)\n",
            lesson->has_passed ? "passed" : "FAILED", lesson->serial_loss, lesson->n_gradients,
            lesson->whole_error, lesson->gradient_error, lesson->worst);
}

void weft_i_outcome_text(const weft_i_outcome *outcome, FILE *stream)
{
    const weft_timeline *timeline = outcome->timeline;
    const weft_i_measure *measure = outcome->measure;
    fprintf(stream, "run       %d pipeline%s of %d ranks, device %s, scale %g, median pass %s\n",
            timeline->n_pipelines, timeline->n_pipelines == 1 ? "" : "s", timeline->n_ranks,
            timeline->device, timeline->scale, time_words(measure->median_pass_ns).s);
    print_pair(stream, "pipeline", measure->planned_ns, measure->measured_ns, measure->error);
    print_pair(stream, "step", measure->planned_step_ns, measure->measured_step_ns,
               measure->step_error);
    fprintf(stream, "bubble    predicted %.1f %%, measured %.1f %%\n",
            measure->planned_bubble * 100, measure->measured_bubble * 100);
    print_steps(outcome, stream);
    if (outcome->lesson) print_lesson(outcome->lesson, stream);
    fprintf(stream,
            "overhead  %.1f us an action: pass %.1f us, post %.1f us, wait %.1f us; %" PRId64
            " actions\n\n",
            weft_i_overhead_mean_ns(&measure->overhead) / 1e3,
            weft_i_overhead_mean_ns(&measure->overheads[WEFT_I_OVERHEAD_PASS]) / 1e3,
            weft_i_overhead_mean_ns(&measure->overheads[WEFT_I_OVERHEAD_POST]) / 1e3,
            weft_i_overhead_mean_ns(&measure->overheads[WEFT_I_OVERHEAD_WAIT]) / 1e3,
            measure->overhead.n_actions);
    fputs("replica  rank  predicted     measured         error   overhead\n", stream);
    for (int32_t i = 0; i < measure->n; i++)
        print_rank(outcome, i, stream);
}

static void put_rank(weft_i_json_out *out, const weft_i_outcome *outcome, int32_t i)
{
    const weft_timeline *timeline = outcome->timeline;
    const weft_i_rank_measure *rank = &outcome->measure->ranks[i];
    const weft_timeline_pipeline *pipeline = &timeline->pipelines[i / timeline->n_ranks];
    int32_t r = i % timeline->n_ranks;
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "replica", pipeline->replica);
    weft_i_json_put_key_int(out, "rank", r);
    weft_i_json_put_key_string(out, "host", pipeline->ranks[r].host);
    weft_i_json_put_key_int(out, "predicted_ns", rank->planned_ns);
    weft_i_json_put_key_int(out, "measured_ns", rank->measured_ns);
    weft_i_json_put_key_double(out, "error", rank->error);
    weft_i_json_put_key_int(out, "actions", rank->overhead.n_actions);
    weft_i_json_put_key_double(out, "overhead_ns_per_action",
                               weft_i_overhead_mean_ns(&rank->overhead));
    weft_i_json_close_object(out);
}

static void put_overheads(weft_i_json_out *out, const weft_i_measure *measure)
{
    weft_i_json_put_key_int(out, "actions", measure->overhead.n_actions);
    weft_i_json_put_key_double(out, "overhead_ns_per_action",
                               weft_i_overhead_mean_ns(&measure->overhead));
    static const char *const names[WEFT_I_N_OVERHEADS] = {
        "overhead_ns_per_pass", "overhead_ns_per_post", "overhead_ns_per_wait"};
    for (int k = 0; k < WEFT_I_N_OVERHEADS; k++) {
        weft_i_json_put_key_double(out, names[k], weft_i_overhead_mean_ns(&measure->overheads[k]));
    }
}

static void put_lesson(weft_i_json_out *out, const weft_i_lesson *lesson)
{
    weft_i_json_put_key_int(out, "first_step", lesson->first_step);
    weft_i_json_key(out, "losses");
    weft_i_json_open_array(out);
    for (int32_t s = 0; s < lesson->n_steps; s++)
        weft_i_json_put_double(out, lesson->losses[s]);
    weft_i_json_close_array(out);
    if (lesson->messages) weft_i_json_put_key_string(out, "messages", lesson->messages);
    if (!lesson->is_checked) return;
    weft_i_json_key(out, "check");
    weft_i_json_open_object(out);
    weft_i_json_put_key_bool(out, "passed", lesson->has_passed);
    weft_i_json_put_key_double(out, "serial_loss", lesson->serial_loss);
    weft_i_json_put_key_double(out, "whole_error", lesson->whole_error);
    weft_i_json_put_key_double(out, "gradient_error", lesson->gradient_error);
    weft_i_json_put_key_string(out, "worst", lesson->worst);
    weft_i_json_close_object(out);
}

void weft_i_outcome_json(const weft_i_outcome *outcome, FILE *stream)
{
    const weft_timeline *timeline = outcome->timeline;
    const weft_i_measure *measure = outcome->measure;
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_compact(&out);
    weft_i_json_open_object(&out);
    weft_i_json_put_key_string(&out, "device", timeline->device);
    weft_i_json_put_key_double(&out, "scale", timeline->scale);
    weft_i_json_put_key_int(&out, "median_pass_ns", measure->median_pass_ns);
    weft_i_json_put_key_int(&out, "predicted_ns", measure->planned_ns);
    weft_i_json_put_key_int(&out, "measured_ns", measure->measured_ns);
    weft_i_json_put_key_double(&out, "error", measure->error);
    weft_i_json_put_key_int(&out, "predicted_step_ns", measure->planned_step_ns);
    weft_i_json_put_key_int(&out, "measured_step_ns", measure->measured_step_ns);
    weft_i_json_put_key_double(&out, "step_error", measure->step_error);
    weft_i_json_put_key_double(&out, "predicted_bubble", measure->planned_bubble);
    weft_i_json_put_key_double(&out, "measured_bubble", measure->measured_bubble);
    weft_i_json_put_key_int(&out, "step", timeline->step);
    weft_i_json_put_key_ints(&out, "steps_ns", outcome->steps_ns, (size_t)timeline->n_steps);
    put_overheads(&out, measure);
    if (outcome->lesson) put_lesson(&out, outcome->lesson);
    weft_i_json_key(&out, "worst");
    put_rank(&out, outcome, measure->worst);
    weft_i_json_key(&out, "ranks");
    weft_i_json_open_array(&out);
    for (int32_t i = 0; i < measure->n; i++)
        put_rank(&out, outcome, i);
    weft_i_json_close_array(&out);
    weft_i_json_close_object(&out);
    weft_i_json_out_end(&out, NULL);
}
