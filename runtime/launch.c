/* runtime/launch.c - see launch.h. */
#include "runtime/launch.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define DEVICES "virtual|cpu|cuda|twin"

static const weft_option table[] = {
    {"device", WEFT_OPTION_ENUM, offsetof(weft_i_launch, device), 0, 0, DEVICES, "NAME",
     "what does the work: virtual waits out the planned times; cpu trains, cuda on a GPU; twin\n"
     "                       computes on the processor what cuda would (virtual)"},
    {"model", WEFT_OPTION_STRING, offsetof(weft_i_launch, model), 0, 0, NULL, "MODEL",
     "training: the model that the plan was made from"},
    {"batch", WEFT_OPTION_STRING, offsetof(weft_i_launch, batch), 0, 0, NULL, "FILE",
     "training: the batch that the plan was made from"},
    {"check", WEFT_OPTION_BOOL, offsetof(weft_i_launch, check), 0, 0, NULL, NULL,
     "training: compare loss and all gradients with a serial run"},
    {"profile", WEFT_OPTION_STRING, offsetof(weft_i_launch, profile), 0, 0, NULL, "FILE",
     "run no plan: measure the layers of --model here and write a weft.cluster"},
    {"checkpoint", WEFT_OPTION_STRING, offsetof(weft_i_launch, checkpoint), 0, 0, NULL, "DIR",
     "training: go on from what is saved there, and save there after the last step"},
    {"checkpoint-every", WEFT_OPTION_INT, offsetof(weft_i_launch, checkpoint_every), 1, 1e9, NULL,
     "N", "training: save after every N steps, too"},
    {"learning-rate", WEFT_OPTION_DOUBLE, offsetof(weft_i_launch, learning_rate), 0, 1, NULL, "X",
     "training: of AdamW (0.001)"},
    {"seed", WEFT_OPTION_INT, offsetof(weft_i_launch, seed), 0, 9007199254740991, NULL, "N",
     "training: of weights and synthetic data (1)"},
    {"threads", WEFT_OPTION_INT, offsetof(weft_i_launch, threads), 1, 1024, NULL, "N",
     "training: of the matrix products of a rank (1)"},
    {"messages", WEFT_OPTION_ENUM, offsetof(weft_i_launch, messages), 0, 0, "auto|staged|direct",
     "HOW",
     "cuda: through memory of the host (staged), or from GPU to GPU where MPI says that it can\n"
     "                       (auto) or whatever it says (direct)"},
    {"steps", WEFT_OPTION_INT, offsetof(weft_i_launch, n_steps), 1, 10000, NULL, "N",
     "so many steps; the median one is reported (1)"},
    {"scale", WEFT_OPTION_DOUBLE, offsetof(weft_i_launch, scale), 1e-6, 1e6, NULL, "X",
     "multiply all planned times (1)"},
    {"payload", WEFT_OPTION_BOOL, offsetof(weft_i_launch, payload), 0, 0, NULL, NULL,
     "send messages of the plan's sizes, not 64 bytes"},
    {"timeout", WEFT_OPTION_DOUBLE, offsetof(weft_i_launch, timeout), 0.1, 1e6, NULL, "SECONDS",
     "end the run when an action takes so much longer than planned (60)"},
    {"timeline", WEFT_OPTION_STRING, offsetof(weft_i_launch, timeline), 0, 0, NULL, "FILE",
     "write the measured times there"},
    {"json", WEFT_OPTION_BOOL, offsetof(weft_i_launch, json), 0, 0, NULL, NULL,
     "print the result as one JSON object"},
    {"help", WEFT_OPTION_BOOL, offsetof(weft_i_launch, help), 0, 0, NULL, NULL, "this text"},
    {"version", WEFT_OPTION_BOOL, offsetof(weft_i_launch, version), 0, 0, NULL, NULL,
     "print the version"},
};
enum { N_OPTIONS = sizeof(table) / sizeof(table[0]) };

/* "--name=value", "--name value" or, of a bool, "--name"; *at moves over a value of its own. */
static weft_status read_flag(int argc, char **argv, int *at, weft_error *error, weft_i_launch *out)
{
    char name[32];
    const char *flag = argv[*at] + 2, *equals = strchr(flag, '=');
    size_t n = equals ? (size_t)(equals - flag) : strlen(flag);
    snprintf(name, sizeof(name), "%.*s", n < sizeof(name) ? (int)n : 0, flag);
    const weft_option *option = weft_option_find(table, N_OPTIONS, name);
    if (!option) return weft_i_fail(error, WEFT_STATUS_USAGE, "unknown flag '%.80s'", argv[*at]);
    if (option->kind == WEFT_OPTION_BOOL) {
        if (!equals) return weft_option_set(option, "true", error, out);
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--%s takes no value, found '%.80s'", name,
                           equals + 1);
    }
    if (equals) return weft_option_set(option, equals + 1, error, out);
    if (*at + 1 >= argc)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--%s wants %s", name, option->value);
    return weft_option_set(option, argv[++*at], error, out);
}

weft_status weft_i_launch_read(int argc, char **argv, weft_error *error, weft_i_launch *out)
{
    weft_i_launch made = {
        .n_steps = 1, .seed = 1, .learning_rate = 1e-3, .threads = 1, .scale = 1, .timeout = 60};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            weft_status status = read_flag(argc, argv, &i, error, &made);
            if (status != WEFT_STATUS_OK) return status;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return weft_i_fail(error, WEFT_STATUS_USAGE, "unknown flag '%.80s'", argv[i]);
        } else if (made.plan) {
            return weft_i_fail(error, WEFT_STATUS_USAGE, "unexpected word '%.80s'", argv[i]);
        } else {
            made.plan = argv[i];
        }
    }
    if (made.profile && !made.model)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--profile wants --model");
    if (made.profile && made.plan)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--profile runs no plan, found '%.80s'",
                           made.plan);
    if (!made.plan && !made.profile && !made.help && !made.version)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "no plan given");
    if (made.checkpoint_every > 0 && !made.checkpoint)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--checkpoint-every wants --checkpoint");
    if (made.check && made.device == WEFT_I_DEVICE_VIRTUAL)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--check wants --device cpu, cuda or twin");
    if (made.messages != WEFT_I_MESSAGES_AUTO && made.device != WEFT_I_DEVICE_CUDA &&
        made.device != WEFT_I_DEVICE_TWIN)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--messages wants --device cuda or twin");
    *out = made;
    return WEFT_STATUS_OK;
}

const char *weft_i_device_name(int device)
{
    static const char *const names[] = {"virtual", "cpu", "cuda", "twin"};
    return names[device];
}

void weft_i_launch_help(void)
{
    puts(
        "usage: mpirun -n N weft-run PLAN [flags]\n\n"
        "runs a plan's actions on N = replicas x ranks processes that wait out the planned times,\n"
        "and prints what was measured beside what was predicted\n\nflags:");
    for (const weft_option *option = table; option < table + N_OPTIONS; option++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        printf("  %-20s %s\n", left, option->text);
    }
}
