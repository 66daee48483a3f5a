/* planner/options.c - the options of the front door: defaults and the table that describes them. */
#include "weft/planner.h"

#include <stddef.h>
#include <string.h>

void weft_planner_options_init(weft_planner_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = sizeof *options;
    options->objective = -1;
}

#define FIELD(name) offsetof(weft_planner_options, name)

static const weft_option table[] = {
    {"objective", WEFT_OPTION_ENUM, FIELD(objective), 0, 0, "step|makespan|span", "NAME",
     "what to minimise (default: the recipe's, step)"},
    {"time-limit", WEFT_OPTION_DOUBLE, FIELD(time_limit_s), 0.001, 86400, NULL, "SECONDS",
     "stop the search after this time (default 1, none with --iterations or --search exact)"},
    {"iterations", WEFT_OPTION_INT, FIELD(iterations), 1, 1e15, NULL, "N",
     "stop each search after N iterations; the result is reproducible"},
    {"threads", WEFT_OPTION_INT, FIELD(threads), 1, 1024, NULL, "N",
     "threads of the search (default: half of the processors)"},
    {"seed", WEFT_OPTION_INT, FIELD(seed), 1, 9007199254740991.0, NULL, "N",
     "seed of the search (default 1)"},
    {"gpus", WEFT_OPTION_INT, FIELD(gpus), 1, 1048576, NULL, "N",
     "devices in all; replicas follow from it"},
    {"tp", WEFT_OPTION_INT, FIELD(tp), 1, 1024, NULL, "N", "tensor parallel size"},
    {"pp", WEFT_OPTION_INT, FIELD(pp), 1, 4096, NULL, "N", "pipeline ranks"},
    {"dp", WEFT_OPTION_INT, FIELD(dp), 1, 65536, NULL, "N", "replicas"},
    {"cp", WEFT_OPTION_INT, FIELD(cp), 1, 1024, NULL, "N", "context parallel size"},
    {"ep", WEFT_OPTION_INT, FIELD(ep), 1, 1024, NULL, "N", "expert parallel size"},
    {"sequence", WEFT_OPTION_INT, FIELD(sequence), 1, 1e9, NULL, "TOKENS",
     "tokens of a packed sequence (default: the recipe's)"},
    {"microbatches", WEFT_OPTION_INT, FIELD(microbatches), 1, 65536, NULL, "N",
     "repeat or cut the batch so that each replica gets exactly N"},
    {"search", WEFT_OPTION_ENUM, FIELD(search), 0, 0, "default|paper|exact", "NAME",
     "how orders are searched (default: default)"},
    {"ablate", WEFT_OPTION_SET, FIELD(ablate), 0, 0, "partitioner|interleaving|reordering|memory",
     "PARTS", "parts of --search paper to leave out"},
    {"strict", WEFT_OPTION_BOOL, FIELD(strict), 0, 0, NULL, NULL,
     "refuse a batch that would have to be cut"},
};

const weft_option *weft_planner_option_table(size_t *out_n)
{
    *out_n = sizeof table / sizeof table[0];
    return table;
}
