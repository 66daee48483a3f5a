/* cli/inputs.c - loading what the input flags name. */
#include "cli/inputs.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define FIELD(name) offsetof(cli_input_flags, name)

static const weft_option input_table[] = {
    {"model", WEFT_OPTION_STRING, FIELD(model), 0, 0, NULL, "MODEL",
     "a shipped model (vlm-s), gpt:..., or a weft.model file"},
    {"cluster", WEFT_OPTION_STRING, FIELD(cluster), 0, 0, NULL, "CLUSTER",
     "a shipped cluster (h800, h800:nodes=4,nics=8) or a weft.cluster file"},
    {"batch", WEFT_OPTION_STRING, FIELD(batch), 0, 0, NULL, "FILE",
     "a weft.batch file, JSON Lines; - is stdin"},
    {"recipe", WEFT_OPTION_STRING, FIELD(recipe), 0, 0, NULL, "RECIPE",
     "a shipped recipe (vlm-s, vlm-s:zero=1,tp=8) or a weft.recipe file (default: the model's)"},
    {"layout", WEFT_OPTION_STRING, FIELD(layout), 0, 0, NULL, "FILE",
     "a weft.layout file (default: one is made for this batch)"},
    {"problem", WEFT_OPTION_STRING, FIELD(problem), 0, 0, NULL, "FILE",
     "a weft.problem file instead of model, cluster and batch"},
    {"synthetic", WEFT_OPTION_STRING, FIELD(synthetic), 0, 0, NULL, "TEXT",
     "a uniform problem: \"pp=8 microbatches=24 fw=18522 bw=27423 bww=9337 limit=8\""},
};

/* All rows, and those that a batch is described by, which come first. */
enum { N_INPUTS = sizeof input_table / sizeof input_table[0], N_BATCH_INPUTS = 4, MAX_OWN = 2 };

int cli_job_parse(const cli_command *command, int argc, char **argv, const cli_group *own,
                  size_t n_own, cli_takes takes, cli_job *job)
{
    *job = (cli_job){0};
    weft_planner_options_init(&job->options);
    job->options.progress = cli_progress;
    job->options.note = cli_note;
    size_t n_options = 0;
    const weft_option *table = weft_planner_option_table(&n_options);
    size_t n_inputs = takes == CLI_TAKES_BATCH ? N_BATCH_INPUTS : N_INPUTS;
    cli_group groups[2 + MAX_OWN] = {{CLI_TITLE_INPUTS, input_table, n_inputs, &job->flags}};
    assert(n_own <= MAX_OWN);
    for (size_t i = 0; i < n_own; i++)
        groups[1 + i] = own[i];
    groups[1 + n_own] = (cli_group){CLI_TITLE_PLANNING, table, n_options, &job->options};
    int n_words = 0;
    return cli_parse(command, argc, argv, groups, 2 + n_own, &job->file, takes == CLI_TAKES_FILE,
                     &n_words);
}

bool cli_job_has_inputs(const cli_job *job)
{
    const cli_input_flags *f = &job->flags;
    return f->model || f->cluster || f->recipe || f->batch || f->layout || f->problem ||
           f->synthetic;
}

static int check_together(const cli_command *command, const cli_input_flags *f)
{
    if ((f->problem != NULL) + (f->synthetic != NULL) +
            (f->model || f->cluster || f->batch || f->recipe || f->layout) >
        1)
        return cli_usage(command,
                         "--model with --cluster and --batch, --problem, and --synthetic exclude "
                         "each other");
    if (f->problem || f->synthetic) return -1;
    const char *missing = !f->model     ? "--model"
                          : !f->cluster ? "--cluster"
                          : !f->batch   ? "--batch"
                                        : NULL;
    if (missing && !f->model && !f->cluster && !f->batch)
        return cli_usage(command, "nothing given: give --model, --cluster and --batch, or "
                                  "--problem, or --synthetic");
    return missing ? cli_usage(command, "%s is missing", missing) : -1;
}

/* What a problem that is given has settled already. */
static int check_settled(const cli_command *command, const cli_job *job)
{
    const weft_planner_options *o = &job->options;
    const char *flag = o->gpus > 0           ? "--gpus"
                       : o->tp > 0           ? "--tp"
                       : o->pp > 0           ? "--pp"
                       : o->dp > 0           ? "--dp"
                       : o->cp > 0           ? "--cp"
                       : o->ep > 0           ? "--ep"
                       : o->sequence > 0     ? "--sequence"
                       : o->microbatches > 0 ? "--microbatches"
                       : o->strict           ? "--strict"
                                             : NULL;
    if (!flag || (!job->flags.problem && !job->flags.synthetic)) return -1;
    return cli_usage(command, "%s is for --model; --problem and --synthetic have it settled", flag);
}

/* A model without a recipe of its own runs on one device, which is rarely meant. */
static void note_sizes(const cli_job *job)
{
    const weft_planner_options *o = &job->options;
    const cli_inputs *in = &job->inputs;
    weft_recipe *own = NULL;
    if (!in->model || in->recipe || in->layout || o->tp > 0 || o->pp > 0) return;
    if (weft_recipe_of_model(in->model, NULL, &own) == WEFT_STATUS_OK) {
        const weft_parallel *said = &own->parallel;
        if (said->tp <= 1 && said->pp <= 1)
            cli_note(NULL, "no recipe and no flag says tp or pp: a device holds the whole model");
    }
    weft_recipe_free(own);
}

int cli_job_load(const cli_command *command, cli_job *job)
{
    const cli_input_flags *flags = &job->flags;
    cli_inputs *in = &job->inputs;
    int code = check_together(command, flags);
    if (code < 0) code = check_settled(command, job);
    if (code >= 0) return code;
    weft_error error = {0};
    weft_status status = WEFT_STATUS_OK;
    in->synthetic = flags->synthetic;
    if (flags->problem) status = weft_problem_read(flags->problem, &error, &in->problem);
    if (!status && flags->model) status = weft_model_load(flags->model, &error, &in->model);
    if (!status && flags->cluster) status = weft_cluster_load(flags->cluster, &error, &in->cluster);
    if (!status && flags->recipe) status = weft_recipe_load(flags->recipe, &error, &in->recipe);
    if (!status && flags->layout) status = weft_layout_read(flags->layout, &error, &in->layout);
    if (!status && flags->batch) status = weft_batch_read(flags->batch, &error, &in->batch);
    if (status) return cli_fail_input(&error);
    note_sizes(job);
    cli_catch_interrupt();
    return -1;
}

int cli_job_fail(const cli_job *job, weft_error *error)
{
    bool names_layout = strncmp(error->text, "layout '", 8) == 0;
    if (job->flags.layout && names_layout && !error->file[0])
        snprintf(error->file, sizeof error->file, "%s", job->flags.layout);
    return cli_fail(error);
}

void cli_job_close(cli_job *job)
{
    weft_model_free(job->inputs.model);
    weft_cluster_free(job->inputs.cluster);
    weft_recipe_free(job->inputs.recipe);
    weft_batch_free(job->inputs.batch);
    weft_layout_free(job->inputs.layout);
    weft_problem_free(job->inputs.problem);
}

weft_planner_input cli_job_planner_input(const cli_job *job)
{
    const cli_inputs *in = &job->inputs;
    return (weft_planner_input){.model = in->model,
                                .cluster = in->cluster,
                                .recipe = in->recipe,
                                .batch = in->batch,
                                .layout = in->layout};
}

weft_status cli_job_plan(const cli_job *job, weft_error *error, weft_plan **out_plan)
{
    const cli_inputs *in = &job->inputs;
    if (in->synthetic) return weft_planner_synthetic(in->synthetic, &job->options, error, out_plan);
    if (in->problem) return weft_planner_solve(in->problem, &job->options, error, out_plan);
    weft_planner_input input = cli_job_planner_input(job);
    return weft_planner_make(&input, &job->options, error, out_plan);
}
