/* cli/cmd_compare.c - weft compare: the plan beside every baseline. */
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/summary.h"

#include <stddef.h>
#include <string.h>

typedef struct compare_flags {
    const char *hand;
    bool json;
} compare_flags;

static const weft_option compare_table[] = {
    {"hand", WEFT_OPTION_STRING, offsetof(compare_flags, hand), 0, 0, NULL, "CUT",
     "a cut by hand as one more baseline: \"vision=32,0,0,0;language=1,10,10,7\""},
    {"json", WEFT_OPTION_BOOL, offsetof(compare_flags, json), 0, 0, NULL, NULL,
     "print one JSON object"},
};

static int64_t objective_of(const weft_plan *plan)
{
    return plan->objective == WEFT_OBJECTIVE_SPAN ? cli_summary_sums(plan).slowest->span_ns
                                                  : plan->predicted.step_ns;
}

static void print_row(const weft_comparison *comparison, int32_t i)
{
    const weft_compared *row = &comparison->rows[i];
    if (!row->plan) {
        printf("%-12s %s\n", row->name, row->text);
        return;
    }
    const weft_prediction *p = &row->plan->predicted;
    cli_sums sums = cli_summary_sums(row->plan);
    printf("%-12s %-11s %-11s %-7s %-7s %s", row->name, cli_time(p->step_ns).s,
           cli_time(sums.slowest->span_ns).s, cli_percent(p->bubble).s,
           p->mfu > 0 ? cli_percent(p->mfu).s : "-", cli_bytes(sums.peak_bytes).s);
    if (i > 0)
        printf("%*s%+.1f %%", (int)(11 - strlen(cli_bytes(sums.peak_bytes).s)), "",
               100 * ((double)objective_of(row->plan) /
                          (double)objective_of(comparison->rows[0].plan) -
                      1));
    puts(i == comparison->best_static ? "  best static" : "");
}

static void print_table(const weft_comparison *comparison)
{
    puts("             step        span        bubble  MFU     peak       throughput of the plan "
         "over it");
    for (int32_t i = 0; i < comparison->n_rows; i++)
        print_row(comparison, i);
}

static void print_json(const weft_comparison *comparison)
{
    fputs("{\"plan\":", stdout);
    cli_summary_json_object(comparison->rows[0].plan, stdout);
    fputs(",\"baselines\":{", stdout);
    for (int32_t i = 1; i < comparison->n_rows; i++) {
        const weft_compared *row = &comparison->rows[i];
        printf("%s\"%s\":", i > 1 ? "," : "", row->name);
        if (row->plan) {
            cli_summary_json_object(row->plan, stdout);
        } else {
            printf("{\"status\":\"%s\",\"text\":", weft_status_text(row->status));
            cli_json_string(row->text);
            putchar('}');
        }
    }
    fputs("},\"best_static\":", stdout);
    if (comparison->best_static >= 0)
        cli_json_string(comparison->rows[comparison->best_static].name);
    else
        fputs("null", stdout);
    puts("}");
}

static weft_status compare(const cli_job *job, const compare_flags *flags, weft_error *error,
                           weft_comparison **out_comparison)
{
    const cli_inputs *in = &job->inputs;
    if (in->synthetic)
        return weft_planner_compare_synthetic(in->synthetic, &job->options, error, out_comparison);
    if (in->problem)
        return weft_planner_compare_problem(in->problem, &job->options, error, out_comparison);
    weft_planner_input input = cli_job_planner_input(job);
    input.hand = flags->hand;
    return weft_planner_compare(&input, &job->options, error, out_comparison);
}

int cmd_compare(const cli_command *command, int argc, char **argv)
{
    compare_flags flags = {0};
    const cli_group own = {"comparison", compare_table,
                           sizeof compare_table / sizeof compare_table[0], &flags};
    cli_job job;
    int code = cli_job_parse(command, argc, argv, &own, 1, CLI_TAKES_INPUTS, &job);
    if (code < 0 && flags.hand && (job.flags.problem || job.flags.synthetic))
        code = cli_usage(command, "--hand goes with --model");
    if (code < 0) code = cli_job_load(command, &job);
    if (code < 0) {
        weft_error error = {0};
        weft_comparison *comparison = NULL;
        weft_status status = compare(&job, &flags, &error, &comparison);
        cli_progress_end();
        if (status) {
            code = cli_job_fail(&job, &error);
        } else {
            flags.json ? print_json(comparison) : print_table(comparison);
            code = cli_interrupted() ? weft_status_exit_code(WEFT_STATUS_INTERRUPTED) : 0;
        }
        weft_comparison_free(comparison);
    }
    cli_job_close(&job);
    return code;
}
