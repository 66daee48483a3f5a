/* cli/cmd_emulate.c - weft emulate: what a step is made of, of a plan, of a schedule by name, or of
 * a uniform model (cli/emulate_uniform.h). */
#include "cli/cli.h"
#include "cli/emulate_memory.h"
#include "cli/emulate_uniform.h"
#include "cli/inputs.h"
#include "cli/recompute_flag.h"
#include "cli/summary.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

typedef struct emulate_flags {
    const char *schedule, *stack, *recompute;
    bool json, memory, stats;
    weft_reuse reuse; /* for stats */
} emulate_flags;

static const weft_option emulate_table[] = {
    {"schedule", WEFT_OPTION_STRING, offsetof(emulate_flags, schedule), 0, 0, NULL, "NAME",
     "a baseline (1f1b, vpp, vpp-time, nnscaler, ...) instead of the plan; of a uniform model "
     "1f1b, "
     "vpp, gpipe or zb-h1"},
    {"stack", WEFT_OPTION_STRING, offsetof(emulate_flags, stack), 0, 0, NULL, "NAME",
     "the cluster's software stack of that name"},
    {"recompute", WEFT_OPTION_STRING, offsetof(emulate_flags, recompute), 0, 0, NULL, "WHAT",
     "what the backward computes again: none, selective, full, operators by name as "
     "core_attn,layernorm,mlp, or offload: saved on the host (default: what suits; of a uniform "
     "model none)"},
    {"memory", WEFT_OPTION_BOOL, offsetof(emulate_flags, memory), 0, 0, NULL, NULL,
     "say what each rank's peak is made of"},
    {"stats", WEFT_OPTION_BOOL, offsetof(emulate_flags, stats), 0, 0, NULL, NULL,
     "say how much of the emulation was reused"},
    {"json", WEFT_OPTION_BOOL, offsetof(emulate_flags, json), 0, 0, NULL, NULL,
     "print one JSON object"},
};

static void print_phases(const weft_plan *plan, const weft_pipeline_report *r)
{
    const weft_prediction *p = &plan->predicted;
    printf("step      %s, replica %d of %d is the slowest\n", cli_time(p->step_ns).s, r->replica,
           plan->parallel.dp);
    printf("phases    fill %s, steady %s, drain %s, reduction tail %s, optimizer %s\n",
           cli_time(r->fill_ns).s, cli_time(r->steady_ns).s, cli_time(r->drain_ns).s,
           cli_time(p->reduce_tail_ns).s, cli_time(p->optimizer_ns).s);
    printf("bubble    %s", cli_percent(p->bubble).s);
    if (p->mfu > 0) printf(", MFU %s, HFU %s", cli_percent(p->mfu).s, cli_percent(p->hfu).s);
    putchar('\n');
}

static void print_ranks(const weft_pipeline *pipeline, const weft_pipeline_report *report)
{
    puts("\nrank  busy        recompute   idle        | peak        static      saved       buffers"
         "     work        limit");
    for (int32_t i = 0; i < report->n_ranks; i++) {
        const weft_rank_report *r = &report->ranks[i];
        int64_t limit = pipeline->problem.limit_bytes[i];
        printf("%4d  %-10s  %-10s  %-10s  | %-10s  %-10s  %-10s  %-10s  %-10s  %s\n", i,
               cli_time(r->busy_ns).s, cli_time(r->recompute_ns).s,
               cli_time(pipeline->pipeline_ns - r->busy_ns).s, cli_bytes(r->peak_bytes).s,
               cli_bytes(r->static_bytes).s, cli_bytes(r->saved_bytes).s,
               cli_bytes(r->buffer_bytes).s, cli_bytes(r->work_bytes).s,
               limit == WEFT_INT_MAX ? "none" : cli_bytes(limit).s);
    }
}

/* Sums over the stages of one chunk. */
typedef struct chunk_sums {
    int64_t n, fw_ns, bw_ns, saved_bytes;
} chunk_sums;

static chunk_sums sum_chunk(const weft_problem *problem, int32_t chunk)
{
    chunk_sums sums = {0, 0, 0, 0};
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        if (stage->chunk != chunk) continue;
        sums.n++;
        sums.fw_ns += stage->now.cost.fw_ns;
        sums.bw_ns += stage->now.cost.bw_ns;
        sums.saved_bytes += stage->now.cost.saved_bytes;
    }
    return sums;
}

static void print_chunks(const weft_problem *problem)
{
    puts("\nmodule        segment  rank  layers     state       stages  mean fw     mean bw     "
         "mean "
         "saved");
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        const weft_chunk *chunk = &problem->chunks[c];
        chunk_sums sums = sum_chunk(problem, c);
        int64_t n = sums.n ? sums.n : 1;
        char layers[32];
        snprintf(layers, sizeof layers, "%d-%d", chunk->first_layer,
                 chunk->first_layer + chunk->layers - 1);
        printf("%-12.12s  %7d  %4d  %-9s  %-10s  %6" PRId64 "  %-10s  %-10s  %s\n", chunk->module,
               chunk->segment, chunk->rank, layers, cli_bytes(chunk->state_bytes).s, sums.n,
               cli_time(sums.fw_ns / n).s, cli_time(sums.bw_ns / n).s,
               cli_bytes(sums.saved_bytes / n).s);
    }
}

static void print_reuse_level(const char *name, const weft_reuse_level *l)
{
    printf("%-10s asked for %" PRId64 ", %s of them reused; %" PRId64
           " kept in %s; %s on those that "
           "were not there\n",
           name, l->asked, cli_percent(l->asked > 0 ? (double)l->reused / (double)l->asked : 0).s,
           l->entries, cli_bytes(l->bytes).s, cli_time(l->fill_ns).s);
}

static void print_reuse(const weft_reuse *reuse)
{
    putchar('\n');
    print_reuse_level("subgraphs", &reuse->subgraphs);
    print_reuse_level("stages", &reuse->stages);
}

static void json_reuse_level(const char *name, const weft_reuse_level *l)
{
    printf("\"%s\":{\"asked\":%" PRId64 ",\"hits\":%" PRId64 ",\"misses\":%" PRId64
           ",\"entries\":%" PRId64 ",\"bytes\":%" PRId64 ",\"emptied\":%" PRId64
           ",\"fill_ns\":%" PRId64 "}",
           name, l->asked, l->reused, l->asked - l->reused, l->entries, l->bytes, l->emptied,
           l->fill_ns);
}

static void json_reuse(const weft_reuse *reuse)
{
    fputs(",\"reuse\":{", stdout);
    json_reuse_level("subgraphs", &reuse->subgraphs);
    putchar(',');
    json_reuse_level("stages", &reuse->stages);
    putchar('}');
}

/* The keys of a closed question, then the plan's summary, then the slowest replica's ranks. */
static void print_json(const weft_plan *plan, const weft_pipeline_report *report)
{
    const weft_prediction *p = &plan->predicted;
    const weft_pipeline *slowest = cli_summary_sums(plan).slowest;
    printf("{\"step_ns\":%" PRId64 ",\"pipeline_ns\":%" PRId64 ",\"fill_ns\":%" PRId64
           ",\"steady_ns\":%" PRId64 ",\"drain_ns\":%" PRId64 ",\"reduction_ns\":%" PRId64
           ",\"optimizer_ns\":%" PRId64 ",\"bubble\":%.6f,\"mfu\":%.6f,\"hfu\":%.6f",
           p->step_ns, slowest->pipeline_ns, report->fill_ns, report->steady_ns, report->drain_ns,
           p->reduce_tail_ns, p->optimizer_ns, p->bubble, p->mfu, p->hfu);
    fputs(",\"peak_bytes\":[", stdout);
    for (int32_t i = 0; i < report->n_ranks; i++)
        printf("%s%" PRId64, i ? "," : "", report->ranks[i].peak_bytes);
    fputs("],\"summary\":", stdout);
    cli_summary_json_object(plan, stdout);
    printf(",\"replica\":%d,\"ranks\":[", report->replica);
    for (int32_t i = 0; i < report->n_ranks; i++) {
        const weft_rank_report *r = &report->ranks[i];
        printf("%s{\"busy_ns\":%" PRId64 ",\"recompute_ns\":%" PRId64 ",\"peak_bytes\":%" PRId64
               ",\"static_bytes\":%" PRId64 ",\"saved_bytes\":%" PRId64 ",\"buffer_bytes\":%" PRId64
               ",\"work_bytes\":%" PRId64 "}",
               i ? "," : "", r->busy_ns, r->recompute_ns, r->peak_bytes, r->static_bytes,
               r->saved_bytes, r->buffer_bytes, r->work_bytes);
    }
    putchar(']');
}

/* What is known beside the plan. */
typedef struct background {
    const weft_emulation *emulation; /* NULL = no model */
    int64_t reserved_bytes;          /* -1 = not known */
} background;

static int report_plan(const weft_plan *plan, const emulate_flags *flags, const background *known)
{
    weft_error error = {0};
    weft_report *report = NULL;
    if (weft_report_make(plan, &error, &report)) return cli_fail(&error);
    const weft_pipeline *slowest = cli_summary_sums(plan).slowest;
    const weft_pipeline_report *r = &report->pipelines[slowest - plan->pipelines];
    const cli_memory memory = {slowest, r, known->emulation, known->reserved_bytes};
    if (flags->json) {
        print_json(plan, r);
        if (flags->memory) cli_memory_json(&memory);
        if (flags->stats) json_reuse(&flags->reuse);
        puts("}");
    } else {
        print_phases(plan, r);
        print_ranks(slowest, r);
        if (flags->memory) cli_memory_print(&memory);
        print_chunks(&slowest->problem);
        if (flags->stats) print_reuse(&flags->reuse);
    }
    weft_report_free(report);
    return 0;
}

static weft_status make(const cli_job *job, const emulate_flags *flags, weft_error *error,
                        weft_plan **out_plan)
{
    if (!flags->schedule) return cli_job_plan(job, error, out_plan);
    weft_planner_input input = cli_job_planner_input(job);
    return weft_planner_make_baseline(&input, flags->schedule, &job->options, error, out_plan);
}

static int emulate_file(const char *file, const emulate_flags *flags)
{
    weft_error error = {0};
    weft_plan *plan = NULL;
    if (weft_plan_read(file, &error, &plan)) return cli_fail_input(&error);
    weft_status status = weft_plan_check(plan, &error, NULL);
    const background nothing = {NULL, -1};
    int code = status ? cli_fail_about(file, &error) : report_plan(plan, flags, &nothing);
    weft_plan_free(plan);
    return code;
}

/* What knows the state of the model's layers: an emulation of the same run. */
static weft_status open_background(const cli_job *job, weft_error *error,
                                   weft_emulation **out_emulation, background *out)
{
    const weft_cluster *cluster = job->inputs.cluster;
    weft_planner_input input = cli_job_planner_input(job);
    weft_planner_options options = job->options;
    options.reuse = NULL;
    *out = (background){NULL, -1};
    weft_status status =
        weft_emulation_create(&input, &options, WEFT_REUSE_MODE_NONE, error, out_emulation);
    if (status) return status;
    out->emulation = *out_emulation;
    if (cluster->n_node_types == 1)
        out->reserved_bytes = cluster->node_types[0].device.reserved_bytes;
    return WEFT_STATUS_OK;
}

/* What the recipe allows, narrowed down to what --recompute says. */
static weft_status set_recompute(cli_job *job, const char *text, weft_error *error)
{
    cli_inputs *in = &job->inputs;
    weft_status status = WEFT_STATUS_OK;
    if (!in->recipe) status = weft_recipe_of_model(in->model, error, &in->recipe);
    return status ? status : cli_recompute_only(in->recipe, text, error);
}

static int emulate_inputs(const cli_command *command, cli_job *job, emulate_flags *flags)
{
    int code = cli_job_load(command, job);
    if (code >= 0) return code;
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_emulation *emulation = NULL;
    background known = {NULL, -1};
    weft_status status = WEFT_STATUS_OK;
    job->options.reuse = flags->stats ? &flags->reuse : NULL;
    if (flags->stack) status = weft_cluster_set_stack(job->inputs.cluster, flags->stack, &error);
    if (!status && flags->recompute) status = set_recompute(job, flags->recompute, &error);
    if (!status) status = make(job, flags, &error, &plan);
    if (!status && flags->memory && job->inputs.model)
        status = open_background(job, &error, &emulation, &known);
    cli_progress_end();
    code = status ? cli_job_fail(job, &error) : report_plan(plan, flags, &known);
    weft_emulation_free(emulation);
    weft_plan_free(plan);
    return code;
}

/* Which flags go together; -1 = these do. */
static int check_flags(const cli_command *command, const cli_job *job, const emulate_flags *flags,
                       const cli_uniform_flags *uniform)
{
    const cli_input_flags *in = &job->flags;
    if (job->file && (cli_job_has_inputs(job) || flags->schedule))
        return cli_usage(command, "a plan file and other inputs exclude each other");
    if (flags->schedule && (in->problem || in->synthetic))
        return cli_usage(command, "--schedule goes with --model");
    if (flags->stack && !in->model) return cli_usage(command, "--stack goes with --model");
    if (flags->recompute && !in->model) return cli_usage(command, "--recompute goes with --model");
    if (flags->stats && !in->batch)
        return cli_usage(command, "--stats goes with --model, --cluster and --batch");
    const char *given = cli_uniform_given(uniform);
    if (given && (in->batch || !in->model))
        return cli_usage(command, "--%s goes with a uniform --model, without --batch", given);
    return -1;
}

int cmd_emulate(const cli_command *command, int argc, char **argv)
{
    emulate_flags flags = {0};
    cli_uniform_flags uniform = cli_uniform_flags_init();
    const cli_group own[] = {
        {"emulation", emulate_table, sizeof emulate_table / sizeof emulate_table[0], &flags},
        {"of a uniform model, without a batch", cli_uniform_table, cli_n_uniform_options,
         &uniform}};
    cli_job job;
    int code = cli_job_parse(command, argc, argv, own, 2, CLI_TAKES_FILE, &job);
    if (code < 0) code = check_flags(command, &job, &flags, &uniform);
    if (code < 0 && job.file) code = emulate_file(job.file, &flags);
    if (code < 0 && job.flags.model && !job.flags.batch && !job.flags.layout &&
        !job.flags.problem && !job.flags.synthetic) {
        const cli_uniform_output output = {flags.schedule, flags.stack, flags.json, flags.memory};
        uniform.recompute = flags.recompute;
        code = cli_emulate_uniform(command, &job, &uniform, &output);
    }
    if (code < 0) code = emulate_inputs(command, &job, &flags);
    cli_job_close(&job);
    return code;
}
