/* cli/emulate_uniform.c - asking and printing a closed question. */
#include "cli/emulate_uniform.h"
#include "cli/recompute_flag.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD(name) offsetof(cli_uniform_flags, name)

const weft_option cli_uniform_table[] = {
    {"microbatch", WEFT_OPTION_INT, FIELD(microbatch), 1, 1048576, NULL, "N",
     "sequences of a microbatch (default 1)"},
    {"global-batch", WEFT_OPTION_INT, FIELD(global_batch), 1, 1073741824, NULL, "N",
     "sequences of a step (default: --microbatches x --dp x --microbatch)"},
    {"segments", WEFT_OPTION_INT, FIELD(segments), 1, 4096, NULL, "N",
     "chunks of a rank (default 1; under --schedule vpp 2)"},
    {"zero", WEFT_OPTION_INT, FIELD(zero), 0, 3, NULL, "N",
     "ZeRO stage (default 0; of --recipe: the recipe's)"},
    {"sequence-parallel", WEFT_OPTION_BOOL, FIELD(sequence_parallel), 0, 0, NULL, NULL,
     "cut norms and dropout over the TP group, too"},
};
const size_t cli_n_uniform_options = sizeof cli_uniform_table / sizeof cli_uniform_table[0];

cli_uniform_flags cli_uniform_flags_init(void)
{
    return (cli_uniform_flags){.zero = -1};
}

const char *cli_uniform_given(const cli_uniform_flags *flags)
{
    return flags->microbatch          ? "microbatch"
           : flags->global_batch      ? "global-batch"
           : flags->segments          ? "segments"
           : flags->zero >= 0         ? "zero"
           : flags->sequence_parallel ? "sequence-parallel"
                                      : NULL;
}

/* What was loaded for a question. */
typedef struct asked {
    weft_uniform question;
    weft_model *model;
    weft_cluster *cluster;
    weft_recipe *recipe;
    const char *schedule;
} asked;

static bool is_shipped_without_nodes(const char *name)
{
    size_t length = strcspn(name, ":");
    if (strstr(name + length, "nodes=") || access(name, F_OK) == 0) return false;
    for (size_t i = 0; weft_cluster_shipped(i); i++)
        if (strlen(weft_cluster_shipped(i)) == length &&
            strncmp(name, weft_cluster_shipped(i), length) == 0)
            return true;
    return false;
}

/* A shipped cluster has as many nodes as the question needs, unless their number is said. */
static weft_status load_cluster(const char *name, int64_t devices, weft_error *error,
                                weft_cluster **out_cluster)
{
    weft_status status = weft_cluster_load(name, error, out_cluster);
    if (status || devices <= weft_cluster_devices(*out_cluster) || !is_shipped_without_nodes(name))
        return status;
    int64_t node = (*out_cluster)->node_types[0].devices, nodes = (devices + node - 1) / node;
    char text[512];
    snprintf(text, sizeof text, "%.400s%snodes=%" PRId64, name, strchr(name, ':') ? "," : ":",
             nodes);
    weft_cluster_free(*out_cluster);
    *out_cluster = NULL;
    status = weft_cluster_load(text, error, out_cluster);
    if (status) return status;
    snprintf(text, sizeof text, "cluster %.400s taken with %" PRId64 " nodes", name, nodes);
    cli_note(NULL, text);
    return status;
}

static weft_status load(const cli_job *job, const cli_uniform_flags *flags, const char *stack,
                        weft_error *error, asked *a)
{
    const weft_planner_options *o = &job->options;
    weft_status status = weft_recipe_load(job->flags.recipe, error, &a->recipe);
    if (status) return status;
    if (!job->flags.recipe) {
        a->recipe->sequence_parallel = false;
        a->recipe->zero = 0;
    }
    if (flags->zero >= 0) a->recipe->zero = (int32_t)flags->zero;
    a->recipe->sequence_parallel |= flags->sequence_parallel;
    if (flags->recompute)
        status = cli_recompute_parse(a->recipe, flags->recompute, error, &a->question.recompute);
    if (status) return status;
    const weft_parallel wanted = {(int32_t)o->dp, (int32_t)o->pp, (int32_t)o->tp, (int32_t)o->cp,
                                  (int32_t)o->ep};
    weft_parallel *p = &a->question.parallel;
    status = weft_parallel_resolve(&wanted, &a->recipe->parallel, o->gpus, error, p);
    if (!status) status = weft_model_load(job->flags.model, error, &a->model);
    if (!status)
        status = load_cluster(job->flags.cluster, (int64_t)p->dp * p->pp * p->tp * p->cp, error,
                              &a->cluster);
    if (!status && stack) status = weft_cluster_set_stack(a->cluster, stack, error);
    return status;
}

/* The schedule of a name, and its segments. */
static int set_schedule(const cli_command *command, const char *name, int64_t segments, asked *a)
{
    static const struct {
        const char *name;
        weft_schedule schedule;
        int32_t segments; /* unless said */
    } known[] = {{"1f1b", WEFT_SCHEDULE_1F1B, 1},
                 {"vpp", WEFT_SCHEDULE_1F1B, 2},
                 {"gpipe", WEFT_SCHEDULE_GPIPE, 1},
                 {"zb-h1", WEFT_SCHEDULE_ZB_H1, 1}};
    if (!name) name = segments > 1 ? "vpp" : "1f1b";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        a->schedule = known[i].name;
        a->question.schedule = known[i].schedule;
        a->question.segments = segments > 0 ? (int32_t)segments : known[i].segments;
        return -1;
    }
    return cli_usage(command,
                     "--schedule: '%.40s' is not one of 1f1b, vpp, gpipe, zb-h1 (a uniform model "
                     "without --batch)",
                     name);
}

/* The sizes of the batch. */
static int set_batch(const cli_command *command, const cli_job *job, const cli_uniform_flags *flags,
                     weft_uniform *q)
{
    int64_t microbatches = job->options.microbatches;
    q->microbatch = flags->microbatch > 0 ? (int32_t)flags->microbatch : 1;
    if ((flags->global_batch > 0) == (microbatches > 0))
        return cli_usage(command, flags->global_batch > 0
                                      ? "--global-batch and --microbatches exclude each other"
                                      : "without --batch this is a question about a uniform "
                                        "model: --global-batch is missing");
    double sequences = flags->global_batch > 0
                           ? (double)flags->global_batch
                           : (double)microbatches * q->parallel.dp * q->microbatch;
    if (sequences > INT32_MAX)
        return cli_usage(command, "a step of %.0f sequences is too much", sequences);
    q->global_batch = (int32_t)sequences;
    q->sequence = job->options.sequence;
    return -1;
}

static void print_memory(const weft_uniform_rank *ranks, int32_t n_ranks)
{
    puts("\nrank  peak        | parameters  gradients   optimizer   activations  logits      work  "
         "      | limit");
    for (int32_t i = 0; i < n_ranks; i++) {
        const weft_uniform_rank *r = &ranks[i];
        printf("%4d  %-10s  | %-10s  %-10s  %-10s  %-11s  %-10s  %-10s  | %s\n", i,
               cli_bytes(r->peak_bytes).s, cli_bytes(r->parameter_bytes).s,
               cli_bytes(r->gradient_bytes).s, cli_bytes(r->optimizer_bytes).s,
               cli_bytes(r->activation_bytes).s, cli_bytes(r->logit_bytes).s,
               cli_bytes(r->work_bytes).s, cli_bytes(r->limit_bytes).s);
    }
}

static void print_cost(const char *name, const weft_cost *cost)
{
    printf("%-9s fw %s, bw %s", name, cli_time(cost->fw_ns).s, cli_time(cost->bw_ns).s);
    if (cost->recompute_ns > 0) printf(" (%s of it again)", cli_time(cost->recompute_ns).s);
    printf(", saves %s\n", cli_bytes(cost->saved_bytes).s);
}

static void print_text(const asked *a, const weft_uniform_answer *answer,
                       const weft_uniform_rank *ranks, bool memory)
{
    const weft_parallel *p = &a->question.parallel;
    printf("step      %s: pipeline %s, reduction %s, optimizer %s\n", cli_time(answer->step_ns).s,
           cli_time(answer->pipeline_ns).s, cli_time(answer->reduction_ns).s,
           cli_time(answer->optimizer_ns).s);
    printf("phases    fill %s, steady %s, drain %s\n", cli_time(answer->fill_ns).s,
           cli_time(answer->steady_ns).s, cli_time(answer->drain_ns).s);
    printf("bubble    %s, MFU %s, HFU %s\n", cli_percent(answer->bubble).s,
           cli_percent(answer->mfu).s, cli_percent(answer->hfu).s);
    printf("parallel  dp %d, pp %d, tp %d, cp %d, ep %d; %s, %d segment%s, %d microbatches\n",
           p->dp, p->pp, p->tp, p->cp, p->ep, a->schedule, a->question.segments,
           a->question.segments > 1 ? "s" : "", answer->microbatches);
    print_cost("layer", &answer->layer);
    print_cost("embedding", &answer->embedding);
    print_cost("head", &answer->head);
    if (answer->transfer_ns > 0) printf("message   %s\n", cli_time(answer->transfer_ns).s);
    printf("memory    %s of %s at the peak%s\n", cli_bytes(answer->peak_bytes).s,
           cli_bytes(answer->limit_bytes).s,
           answer->peak_bytes > answer->limit_bytes ? ": too much" : "");
    if (memory) print_memory(ranks, p->pp);
}

static void json_cost(const char *name, const weft_cost *cost)
{
    printf(",\"%s\":{\"fw_ns\":%" PRId64 ",\"bw_ns\":%" PRId64 ",\"recompute_ns\":%" PRId64
           ",\"saved_bytes\":%" PRId64 "}",
           name, cost->fw_ns, cost->bw_ns, cost->recompute_ns, cost->saved_bytes);
}

static void json_memory(const weft_uniform_rank *ranks, int32_t n_ranks)
{
    fputs(",\"memory\":[", stdout);
    for (int32_t i = 0; i < n_ranks; i++) {
        const weft_uniform_rank *r = &ranks[i];
        printf("%s{\"peak_bytes\":%" PRId64 ",\"limit_bytes\":%" PRId64
               ",\"parameter_bytes\":%" PRId64 ",\"gradient_bytes\":%" PRId64
               ",\"optimizer_bytes\":%" PRId64 ",\"activation_bytes\":%" PRId64
               ",\"logit_bytes\":%" PRId64 ",\"work_bytes\":%" PRId64 "}",
               i ? "," : "", r->peak_bytes, r->limit_bytes, r->parameter_bytes, r->gradient_bytes,
               r->optimizer_bytes, r->activation_bytes, r->logit_bytes, r->work_bytes);
    }
    putchar(']');
}

static void print_json(const asked *a, const weft_uniform_answer *answer,
                       const weft_uniform_rank *ranks, bool memory)
{
    const weft_uniform *q = &a->question;
    printf("{\"step_ns\":%" PRId64 ",\"pipeline_ns\":%" PRId64 ",\"fill_ns\":%" PRId64
           ",\"steady_ns\":%" PRId64 ",\"drain_ns\":%" PRId64 ",\"reduction_ns\":%" PRId64
           ",\"optimizer_ns\":%" PRId64,
           answer->step_ns, answer->pipeline_ns, answer->fill_ns, answer->steady_ns,
           answer->drain_ns, answer->reduction_ns, answer->optimizer_ns);
    printf(",\"bubble\":%.6f,\"mfu\":%.6f,\"hfu\":%.6f,\"peak_bytes\":[", answer->bubble,
           answer->mfu, answer->hfu);
    for (int32_t i = 0; i < q->parallel.pp; i++)
        printf("%s%" PRId64, i ? "," : "", ranks[i].peak_bytes);
    printf("],\"limit_bytes\":%" PRId64, answer->limit_bytes);
    printf(",\"parallel\":{\"dp\":%d,\"pp\":%d,\"tp\":%d,\"cp\":%d,\"ep\":%d}", q->parallel.dp,
           q->parallel.pp, q->parallel.tp, q->parallel.cp, q->parallel.ep);
    printf(",\"schedule\":\"%s\",\"segments\":%d,\"microbatch\":%d,\"microbatches\":%d,"
           "\"global_batch\":%d,\"recompute\":\"%s\",\"zero\":%d,\"sequence_parallel\":%s",
           a->schedule, q->segments, q->microbatch, answer->microbatches, q->global_batch,
           cli_recompute_name(a->recipe, q->recompute), a->recipe->zero,
           a->recipe->sequence_parallel ? "true" : "false");
    json_cost("layer", &answer->layer);
    json_cost("embedding", &answer->embedding);
    json_cost("head", &answer->head);
    printf(",\"transfer_ns\":%" PRId64, answer->transfer_ns);
    if (memory) json_memory(ranks, q->parallel.pp);
    puts("}");
}

static int ask(const asked *a, const cli_uniform_output *output)
{
    weft_error error = {0};
    weft_uniform_answer answer;
    weft_uniform_rank *ranks = calloc((size_t)a->question.parallel.pp, sizeof *ranks);
    if (!ranks) {
        error = (weft_error){.status = WEFT_STATUS_NO_MEMORY};
        return cli_fail(&error);
    }
    int code = 0;
    if (weft_emulate_uniform(&a->question, &error, ranks, &answer))
        code = cli_fail(&error);
    else if (output->json)
        print_json(a, &answer, ranks, output->memory);
    else
        print_text(a, &answer, ranks, output->memory);
    free(ranks);
    return code;
}

int cli_emulate_uniform(const cli_command *command, const cli_job *job,
                        const cli_uniform_flags *flags, const cli_uniform_output *output)
{
    weft_error error = {0};
    asked a = {0};
    int code = set_schedule(command, output->schedule, flags->segments, &a);
    if (code < 0 && !job->flags.cluster) code = cli_usage(command, "--cluster is missing");
    if (code < 0 && load(job, flags, output->stack, &error, &a)) code = cli_fail_input(&error);
    if (code < 0) code = set_batch(command, job, flags, &a.question);
    if (code < 0) {
        a.question.model = a.model;
        a.question.cluster = a.cluster;
        a.question.recipe = a.recipe;
        code = ask(&a, output);
    }
    weft_model_free(a.model);
    weft_cluster_free(a.cluster);
    weft_recipe_free(a.recipe);
    return code;
}
