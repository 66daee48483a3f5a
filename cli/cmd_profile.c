/* cli/cmd_profile.c - weft profile: the constants of a cluster fitted to measured steps. */
#include "cli/cli.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct profile_flags {
    const char *fit, *cluster, *output;
    int64_t seed, restarts, rounds, folds;
    bool cross_validate, stacks_only;
} profile_flags;

static const weft_option profile_table[] = {
    {"fit", WEFT_OPTION_STRING, offsetof(profile_flags, fit), 0, 0, NULL, "FILE",
     "measured steps, a CSV file"},
    {"cluster", WEFT_OPTION_STRING, offsetof(profile_flags, cluster), 0, 0, NULL, "CLUSTER",
     "the cluster whose constants are fitted, with a stack for each name in FILE"},
    {"output", WEFT_OPTION_STRING, offsetof(profile_flags, output), 0, 0, NULL, "OUT",
     "write the fitted cluster there"},
    {"stacks-only", WEFT_OPTION_BOOL, offsetof(profile_flags, stacks_only), 0, 0, NULL, NULL,
     "leave the constants of the device type as they are"},
    {"cross-validate", WEFT_OPTION_BOOL, offsetof(profile_flags, cross_validate), 0, 0, NULL, NULL,
     "also predict rows by constants that were fitted without them"},
    {"folds", WEFT_OPTION_INT, offsetof(profile_flags, folds), 0, 1000, NULL, "N",
     "leave rows out in N parts (default: a group at a time)"},
    {"restarts", WEFT_OPTION_INT, offsetof(profile_flags, restarts), 1, 1000, NULL, "N",
     "searches, the first from the cluster's constants (default 6)"},
    {"rounds", WEFT_OPTION_INT, offsetof(profile_flags, rounds), 1, 100000, NULL, "N",
     "of one search at most (default 40)"},
    {"seed", WEFT_OPTION_INT, offsetof(profile_flags, seed), 0, 1e9, NULL, "N",
     "of the search (default 1)"},
};

enum { MAX_CONSTANTS = 256 };

/* The rows and what they are predicted to be. */
typedef struct profile_job {
    weft_cluster *cluster;
    weft_measurements *measurements;
    double *values; /* n_rows */
    weft_fit_options options;
} profile_job;

static bool is_first_of_set(const weft_measurements *all, int32_t row)
{
    for (int32_t i = 0; i < row; i++)
        if (strcmp(all->rows[i].set, all->rows[row].set) == 0) return false;
    return true;
}

static void print_set(const profile_job *job, const char *set, const char *what)
{
    double sum = 0, worst = 0;
    int32_t n = 0;
    for (int32_t i = 0; i < job->measurements->n_rows; i++) {
        const weft_measurement *row = &job->measurements->rows[i];
        if (row->apart || strcmp(row->set, set) != 0) continue;
        double error = fabs(job->values[i] / row->value - 1);
        sum += error;
        worst = fmax(worst, error);
        n++;
    }
    if (n == 0) return;
    printf("%-24s %5d rows  mean %s, worst %s%s\n", set, n, cli_percent(sum / n).s,
           cli_percent(worst).s, what);
}

static weft_status predict(profile_job *job, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; i < job->measurements->n_rows && !status; i++)
        status = weft_measurement_predict(&job->measurements->rows[i], job->cluster, error,
                                          &job->values[i]);
    return status;
}

static weft_status print_sets(profile_job *job, const char *what, weft_error *error)
{
    weft_status status = predict(job, error);
    for (int32_t i = 0; i < job->measurements->n_rows && !status; i++)
        if (is_first_of_set(job->measurements, i))
            print_set(job, job->measurements->rows[i].set, what);
    return status;
}

static weft_status validate(profile_job *job, int32_t folds, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    const weft_measurements *all = job->measurements;
    for (int32_t i = 0; i < all->n_rows && !status; i++) {
        if (!is_first_of_set(all, i)) continue;
        status = weft_fit_cross_validate(job->cluster, all->rows, all->n_rows, all->rows[i].set,
                                         folds, &job->options, error, job->values);
        if (!status) print_set(job, all->rows[i].set, ", left out");
    }
    return status;
}

static void print_constants(const profile_job *job)
{
    weft_fit_constant constants[MAX_CONSTANTS];
    int32_t n = weft_fit_constants(job->cluster, job->measurements->rows, job->measurements->n_rows,
                                   constants, MAX_CONSTANTS);
    putchar('\n');
    for (int32_t i = 0; i < n && i < MAX_CONSTANTS; i++)
        printf("%-24s %-20s %.4g\n", constants[i].owner, constants[i].name, constants[i].value);
}

static weft_status run(profile_job *job, const profile_flags *flags, weft_error *error)
{
    double sum;
    const weft_measurements *all = job->measurements;
    weft_status status = print_sets(job, ", as given", error);
    if (!status && flags->cross_validate) status = validate(job, (int32_t)flags->folds, error);
    if (!status)
        status = weft_fit(job->cluster, all->rows, all->n_rows, NULL, &job->options, error, &sum);
    if (!status) status = print_sets(job, ", fitted", error);
    if (status) return status;
    print_constants(job);
    return flags->output ? weft_cluster_write(job->cluster, flags->output, error) : status;
}

/* -1 to go on, else the exit code. */
static int load(profile_job *job, const profile_flags *flags)
{
    weft_error error = {0};
    weft_status status = weft_cluster_load(flags->cluster, &error, &job->cluster);
    if (!status) status = weft_measurements_read(flags->fit, &error, &job->measurements);
    if (status) return cli_fail_input(&error);
    job->values = calloc((size_t)job->measurements->n_rows, sizeof *job->values);
    if (job->values) return -1;
    error.status = WEFT_STATUS_NO_MEMORY;
    return cli_fail(&error);
}

int cmd_profile(const cli_command *command, int argc, char **argv)
{
    profile_flags flags = {.seed = 1, .restarts = 6, .rounds = 40};
    const cli_group group = {"flags", profile_table, sizeof profile_table / sizeof profile_table[0],
                             &flags};
    int n_words = 0, code = cli_parse(command, argc, argv, &group, 1, NULL, 0, &n_words);
    if (code >= 0) return code;
    if (!flags.fit) return cli_usage(command, "no --fit given");
    if (!flags.cluster) return cli_usage(command, "no --cluster given");
    if (flags.folds > 0 && !flags.cross_validate)
        return cli_usage(command, "--folds goes with --cross-validate");
    weft_error error = {0};
    profile_job job = {0};
    weft_fit_options_init(&job.options);
    job.options.seed = (uint64_t)flags.seed;
    job.options.restarts = (int32_t)flags.restarts;
    job.options.rounds = (int32_t)flags.rounds;
    job.options.device = !flags.stacks_only;
    code = cli_check_output(flags.output);
    if (code < 0) code = load(&job, &flags);
    if (code < 0) code = run(&job, &flags, &error) ? cli_fail(&error) : 0;
    free(job.values);
    weft_measurements_free(job.measurements);
    weft_cluster_free(job.cluster);
    return code;
}
