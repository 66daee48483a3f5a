/* cli/recompute_flag.h - memory strategies as --recompute names them. */
#ifndef WEFT_CLI_RECOMPUTE_FLAG_H
#define WEFT_CLI_RECOMPUTE_FLAG_H

#include "cli/cli.h"

/* The strategy of a text: none, selective, full, offload, or operators by name, which become a set
 * of the recipe. USAGE, NO_MEMORY. */
weft_status cli_recompute_parse(weft_recipe *recipe, const char *text, weft_error *error,
                                weft_recompute *out_recompute);
const char *cli_recompute_name(const weft_recipe *recipe, weft_recompute recompute);

/* The same as the only strategy that the recipe allows. */
weft_status cli_recompute_only(weft_recipe *recipe, const char *text, weft_error *error);

#endif
