/* cli/cmd_plan.c - weft plan: from a batch, a problem or a line of text to a checked plan. */
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/summary.h"
#include "cli/trace.h"

#include <stddef.h>
#include <string.h>

/* Orders are compared by so many steps at most, however many say how the plan spreads. */
enum { MAX_ROBUST = 1000, DEFAULT_SAMPLES = 100 };

typedef struct plan_flags {
    const char *output;
    bool json;
    int64_t replica; /* -1 = all */
    const char *trace;
    double jitter;   /* 0 = not asked for */
    int64_t samples; /* 0 = not given */
    bool robust;
} plan_flags;

static const weft_option plan_table[] = {
    {"output", WEFT_OPTION_STRING, offsetof(plan_flags, output), 0, 0, NULL, "FILE",
     "write the plan there; - is stdout (default: print a summary)"},
    {"json", WEFT_OPTION_BOOL, offsetof(plan_flags, json), 0, 0, NULL, NULL,
     "print the summary as one JSON object"},
    {"replica", WEFT_OPTION_INT, offsetof(plan_flags, replica), 0, 65535, NULL, "R",
     "write this replica alone, as a rank's own host needs it"},
    {"trace", WEFT_OPTION_STRING, offsetof(plan_flags, trace), 0, 0, NULL, "FILE",
     "write each better answer of the search with its time and bound there, as CSV; - is stdout"},
    {"jitter", WEFT_OPTION_DOUBLE, offsetof(plan_flags, jitter), 0.001, 0.999, NULL, "PART",
     "say how the step spreads when each pass takes up to that part more or less"},
    {"samples", WEFT_OPTION_INT, offsetof(plan_flags, samples), 1, 1000000, NULL, "N",
     "steps to draw for --jitter (default 100)"},
    {"robust", WEFT_OPTION_BOOL, offsetof(plan_flags, robust), 0, 0, NULL, NULL,
     "minimise the mean step under --jitter, and not the step that is predicted"},
};

/* Leave one replica in the plan; what the others hold stays the plan's to free. */
static int keep_replica(const cli_command *command, weft_plan *plan, int64_t replica)
{
    for (int32_t i = 0; i < plan->n_pipelines; i++) {
        if (plan->pipelines[i].replica == replica) {
            plan->pipelines[0] = plan->pipelines[i];
            plan->n_pipelines = 1;
            return -1;
        }
    }
    return cli_usage(command, "--replica: the plan has replicas 0 to %d, found %lld",
                     plan->n_pipelines - 1, (long long)replica);
}

static int print(const weft_plan *plan, const plan_flags *flags)
{
    weft_spread spread;
    if (flags->jitter > 0) {
        weft_error error = {0};
        int64_t samples = flags->samples > 0 ? flags->samples : DEFAULT_SAMPLES;
        if (weft_plan_jitter(plan, flags->jitter, (int32_t)samples, plan->seed, &error, &spread))
            return cli_fail(&error);
    }
    const weft_spread *asked = flags->jitter > 0 ? &spread : NULL;
    if (flags->json)
        cli_summary_json(plan, asked, stdout);
    else
        cli_summary_text(plan, asked, stdout);
    return -1;
}

static int deliver(const cli_command *command, weft_plan *plan, const plan_flags *flags)
{
    if (flags->replica >= 0) {
        int code = keep_replica(command, plan, flags->replica);
        if (code >= 0) return code;
    }
    if (flags->output) {
        weft_error error = {0};
        if (weft_plan_write(plan, flags->output, &error)) return cli_fail(&error);
    }
    if (flags->json || !flags->output) {
        int code = print(plan, flags);
        if (code >= 0) return code;
    }
    return cli_interrupted() ? weft_status_exit_code(WEFT_STATUS_INTERRUPTED) : 0;
}

/* What the search minimised. */
static int64_t value_of(const weft_plan *plan)
{
    const weft_pipeline *slowest = cli_summary_sums(plan).slowest;
    return plan->objective == WEFT_OBJECTIVE_SPAN ? slowest->span_ns : slowest->pipeline_ns;
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* What the flags of their own want of each other. */
static int check_flags(const cli_command *command, const plan_flags *flags, const cli_job *job)
{
    if (flags->robust && flags->jitter == 0)
        return cli_usage(command, "--robust goes with --jitter");
    if (flags->samples > 0 && flags->jitter == 0)
        return cli_usage(command, "--samples goes with --jitter");
    if (flags->robust && job->options.objective == WEFT_OBJECTIVE_SPAN)
        return cli_usage(command, "--robust goes with --objective step or makespan");
    bool writes_plan_only = flags->output && !is_stdout(flags->output) && !flags->json;
    if (is_stdout(flags->trace) && !writes_plan_only)
        return cli_usage(command, "--trace - goes with -o FILE, stdout being its own");
    return -1;
}

int cmd_plan(const cli_command *command, int argc, char **argv)
{
    plan_flags flags = {.replica = -1};
    cli_trace trace;
    const cli_group own = {"where to", plan_table, sizeof plan_table / sizeof plan_table[0],
                           &flags};
    cli_job job;
    int code = cli_job_parse(command, argc, argv, &own, 1, CLI_TAKES_INPUTS, &job);
    if (code < 0) code = check_flags(command, &flags, &job);
    if (code < 0) code = cli_check_output(flags.output);
    if (code < 0) code = cli_job_load(command, &job);
    if (code < 0) code = cli_trace_open(flags.trace, &trace);
    if (code < 0) {
        weft_error error = {0};
        weft_plan *plan = NULL;
        job.options.jitter = flags.robust ? flags.jitter : 0;
        job.options.samples = flags.samples < MAX_ROBUST ? flags.samples : MAX_ROBUST;
        job.options.progress = cli_trace_progress;
        job.options.context = &trace;
        weft_status status = cli_job_plan(&job, &error, &plan);
        cli_progress_end();
        code = cli_trace_close(&trace, status ? WEFT_INT_MAX : value_of(plan));
        if (status)
            code = cli_job_fail(&job, &error);
        else if (code < 0)
            code = deliver(command, plan, &flags);
        weft_plan_free(plan);
    }
    cli_job_close(&job);
    return code;
}
