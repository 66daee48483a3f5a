/* cli/inputs.c - loading what the input flags name. */
#include "cli/inputs.h"

#include <stddef.h>

#define FIELD(name) offsetof(cli_input_flags, name)

const weft_option cli_input_table[] = {
    {"model", WEFT_OPTION_STRING, FIELD(model), 0, 0, NULL, "MODEL",
     "a shipped model (vlm-s), gpt:..., or a weft.model file"},
    {"cluster", WEFT_OPTION_STRING, FIELD(cluster), 0, 0, NULL, "CLUSTER",
     "a shipped cluster (h800, h800:nodes=4,nics=8) or a weft.cluster file"},
    {"batch", WEFT_OPTION_STRING, FIELD(batch), 0, 0, NULL, "FILE",
     "a weft.batch file, JSON Lines; - is stdin"},
    {"recipe", WEFT_OPTION_STRING, FIELD(recipe), 0, 0, NULL, "RECIPE",
     "a shipped recipe or a weft.recipe file (default: the one of the model's name)"},
    {"layout", WEFT_OPTION_STRING, FIELD(layout), 0, 0, NULL, "FILE",
     "a weft.layout file (default: one is made for this batch)"},
    {"problem", WEFT_OPTION_STRING, FIELD(problem), 0, 0, NULL, "FILE",
     "a weft.problem file instead of model, cluster and batch"},
    {"synthetic", WEFT_OPTION_STRING, FIELD(synthetic), 0, 0, NULL, "TEXT",
     "a uniform problem: \"pp=8 microbatches=24 fw=18522 bw=27423 bww=9337 limit=8\""},
};
const size_t cli_n_inputs = sizeof cli_input_table / sizeof cli_input_table[0];

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

int cli_inputs_load(const cli_command *command, const cli_input_flags *flags, cli_inputs *out)
{
    *out = (cli_inputs){.synthetic = flags->synthetic};
    int code = check_together(command, flags);
    if (code >= 0 || flags->synthetic) return code;
    weft_error error = {0};
    weft_status status = WEFT_STATUS_OK;
    if (flags->problem) {
        status = weft_problem_read(flags->problem, &error, &out->problem);
        return status ? cli_fail(&error) : -1;
    }
    status = weft_model_load(flags->model, &error, &out->model);
    if (!status) status = weft_cluster_load(flags->cluster, &error, &out->cluster);
    if (!status && flags->recipe) status = weft_recipe_load(flags->recipe, &error, &out->recipe);
    if (!status && flags->layout) status = weft_layout_read(flags->layout, &error, &out->layout);
    if (!status) status = weft_batch_read(flags->batch, &error, &out->batch);
    return status ? cli_fail(&error) : -1;
}

void cli_inputs_free(cli_inputs *inputs)
{
    weft_model_free(inputs->model);
    weft_cluster_free(inputs->cluster);
    weft_recipe_free(inputs->recipe);
    weft_batch_free(inputs->batch);
    weft_layout_free(inputs->layout);
    weft_problem_free(inputs->problem);
}

weft_planner_input cli_inputs_of_planner(const cli_inputs *inputs)
{
    return (weft_planner_input){.model = inputs->model,
                                .cluster = inputs->cluster,
                                .recipe = inputs->recipe,
                                .batch = inputs->batch,
                                .layout = inputs->layout};
}
