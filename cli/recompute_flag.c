/* cli/recompute_flag.c - see recompute_flag.h. */
#include "cli/recompute_flag.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"none", "selective", "full", "offload"};

weft_status cli_recompute_parse(weft_recipe *recipe, const char *text, weft_error *error,
                                weft_recompute *out_recompute)
{
    int32_t set = 0;
    for (int i = 0; i < WEFT_RECOMPUTE_SET; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out_recompute = (weft_recompute)i;
        return WEFT_STATUS_OK;
    }
    weft_status status = weft_recipe_add_recompute(recipe, text, error, &set);
    if (status == WEFT_STATUS_USAGE) {
        size_t n = strlen(error->text);
        snprintf(error->text + n, sizeof error->text - n, "; or none, selective, full, offload");
    }
    if (!status) *out_recompute = (weft_recompute)(WEFT_RECOMPUTE_SET + set);
    return status;
}

const char *cli_recompute_name(const weft_recipe *recipe, weft_recompute recompute)
{
    int set = (int)recompute - WEFT_RECOMPUTE_SET;
    return set < 0 ? names[recompute] : recipe->recompute_sets[set];
}

weft_status cli_recompute_only(weft_recipe *recipe, const char *text, weft_error *error)
{
    weft_recompute only;
    char change[512];
    recipe->n_recompute_sets = 0;
    weft_status status = cli_recompute_parse(recipe, text, error, &only);
    if (status) return status;
    int used = 0;
    for (int i = 0; i < WEFT_RECOMPUTE_SET; i++)
        used += snprintf(change + used, sizeof change - (size_t)used, "%sallow_%s=%s",
                         i > 0 ? "," : "", names[i], (int)only == i ? "true" : "false");
    if (only >= WEFT_RECOMPUTE_SET)
        snprintf(change + used, sizeof change - (size_t)used, ",recompute_sets=%s",
                 recipe->recompute_sets[0]);
    return weft_recipe_override(recipe, change, error);
}
