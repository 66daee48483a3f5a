/* cli/summary.c - a plan in a screenful, or in one JSON object. */
#include "cli/summary.h"

#include <inttypes.h>

cli_sums cli_summary_sums(const weft_plan *plan)
{
    cli_sums sums = {&plan->pipelines[0], -1, 0};
    for (int32_t i = 0; i < plan->n_pipelines; i++) {
        const weft_pipeline *pipeline = &plan->pipelines[i];
        if (pipeline->pipeline_ns > sums.slowest->pipeline_ns) sums.slowest = pipeline;
        for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
            if (pipeline->peak_bytes[r] > sums.peak_bytes) {
                sums.peak_bytes = pipeline->peak_bytes[r];
                sums.limit_bytes = pipeline->problem.limit_bytes[r];
            }
        }
    }
    return sums;
}

static int64_t busy_ns(const weft_rank_actions *rank)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < rank->n_actions; i++) {
        const weft_action *a = &rank->actions[i];
        if (a->kind <= WEFT_ACTION_BWW) sum += a->end_ns - a->start_ns;
    }
    return sum;
}

static double over(int64_t a, int64_t b)
{
    return b > 0 ? (double)a / (double)b - 1 : 0;
}

static void ranks(const weft_pipeline *pipeline, FILE *stream)
{
    fputs("rank  chunks  passes  busy      peak memory  limit\n", stream);
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        int chunks = 0, passes = 0;
        for (int32_t c = 0; c < pipeline->problem.n_chunks; c++)
            chunks += pipeline->problem.chunks[c].rank == r;
        for (int32_t i = 0; i < pipeline->ranks[r].n_actions; i++)
            passes += pipeline->ranks[r].actions[i].kind <= WEFT_ACTION_BWW;
        cli_text busy = cli_percent(over(busy_ns(&pipeline->ranks[r]), pipeline->pipeline_ns) + 1);
        cli_text limit = cli_bytes(pipeline->problem.limit_bytes[r]);
        fprintf(stream, "%4d  %6d  %6d  %-8s  %-11s  %s\n", r, chunks, passes, busy.s,
                cli_bytes(pipeline->peak_bytes[r]).s,
                pipeline->problem.limit_bytes[r] == WEFT_INT_MAX ? "none" : limit.s);
    }
}

static void print_spread(const weft_spread *spread, FILE *stream)
{
    fprintf(stream, "jitter    %s on each pass, %d steps: mean %s (%.1f %% above the prediction), ",
            cli_percent(spread->jitter).s, spread->n_samples, cli_time(spread->mean_ns).s,
            100 * over(spread->mean_ns, spread->predicted_ns));
    fprintf(stream, "half within %s, 95 %% within %s, worst %s\n", cli_time(spread->p50_ns).s,
            cli_time(spread->p95_ns).s, cli_time(spread->worst_ns).s);
}

void cli_summary_text(const weft_plan *plan, const weft_spread *spread, FILE *stream)
{
    cli_sums sums = cli_summary_sums(plan);
    const weft_pipeline *p = sums.slowest;
    fprintf(stream, "step      %s: pipeline %s, reduction tail %s, optimizer %s\n",
            cli_time(plan->predicted.step_ns).s, cli_time(p->pipeline_ns).s,
            cli_time(plan->predicted.reduce_tail_ns).s, cli_time(plan->predicted.optimizer_ns).s);
    fprintf(stream, "bubble    %s", cli_percent(plan->predicted.bubble).s);
    if (plan->predicted.mfu > 0)
        fprintf(stream, ", MFU %s, HFU %s", cli_percent(plan->predicted.mfu).s,
                cli_percent(plan->predicted.hfu).s);
    fprintf(stream, "\nbound     %s, %s above it; pure work %s, %s above it\n",
            cli_time(p->lower_bound_ns).s, cli_percent(over(p->pipeline_ns, p->lower_bound_ns)).s,
            cli_time(p->work_bound_ns).s, cli_percent(over(p->pipeline_ns, p->work_bound_ns)).s);
    fprintf(stream, "span      %s\n", cli_time(p->span_ns).s);
    if (spread) print_spread(spread, stream);
    fprintf(stream, "parallel  dp %d, pp %d, tp %d, cp %d, ep %d\n", plan->parallel.dp,
            plan->parallel.pp, plan->parallel.tp, plan->parallel.cp, plan->parallel.ep);
    fprintf(stream, "method    %s\n\n", plan->method);
    if (plan->n_pipelines > 1)
        fprintf(stream, "replica %d, the slowest of %d:\n", p->replica, plan->n_pipelines);
    ranks(p, stream);
}

/* The object without its closing brace. */
static void print_fields(const weft_plan *plan, FILE *stream)
{
    cli_sums sums = cli_summary_sums(plan);
    const weft_pipeline *p = sums.slowest;
    fprintf(stream,
            "{\"step_ns\":%" PRId64 ",\"pipeline_ns\":%" PRId64 ",\"span_ns\":%" PRId64
            ",\"lower_bound_ns\":%" PRId64 ",\"span_lower_bound_ns\":%" PRId64
            ",\"work_bound_ns\":%" PRId64 ",\"reduce_tail_ns\":%" PRId64
            ",\"optimizer_ns\":%" PRId64,
            plan->predicted.step_ns, p->pipeline_ns, p->span_ns, p->lower_bound_ns,
            p->span_lower_bound_ns, p->work_bound_ns, plan->predicted.reduce_tail_ns,
            plan->predicted.optimizer_ns);
    fprintf(stream, ",\"bubble\":%.6f,\"mfu\":%.6f,\"hfu\":%.6f,\"method\":\"%s\",\"peak_bytes\":[",
            plan->predicted.bubble, plan->predicted.mfu, plan->predicted.hfu, plan->method);
    for (int32_t r = 0; r < p->problem.n_ranks; r++) {
        int64_t peak = 0;
        for (int32_t i = 0; i < plan->n_pipelines; i++)
            peak =
                plan->pipelines[i].peak_bytes[r] > peak ? plan->pipelines[i].peak_bytes[r] : peak;
        fprintf(stream, "%s%" PRId64, r ? "," : "", peak);
    }
    fputc(']', stream);
}

void cli_summary_json_object(const weft_plan *plan, FILE *stream)
{
    print_fields(plan, stream);
    fputc('}', stream);
}

void cli_summary_json(const weft_plan *plan, const weft_spread *spread, FILE *stream)
{
    print_fields(plan, stream);
    if (spread)
        fprintf(stream,
                ",\"jitter\":{\"part\":%.6f,\"samples\":%d,\"mean_ns\":%" PRId64
                ",\"p50_ns\":%" PRId64 ",\"p95_ns\":%" PRId64 ",\"worst_ns\":%" PRId64 "}",
                spread->jitter, spread->n_samples, spread->mean_ns, spread->p50_ns, spread->p95_ns,
                spread->worst_ns);
    fputs("}\n", stream);
}
