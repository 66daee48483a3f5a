/* plan/plan.c - making and freeing a plan, and the names of actions. Not: building one from orders
 * (compile.c), its rules (check.c), its file (plan_json_in.c, plan_json_out.c). */
#include "weft/plan.h"

#include <stdlib.h>

#include "base/arena.h"
#include "plan/plan_own.h"

/* A plan, as its `owner` points to it. */
typedef struct box {
    weft_plan plan;
    weft_i_arena arena;
} box;

weft_plan *weft_i_plan_create(weft_i_arena **out_arena)
{
    static const weft_input none = {.name = "", .sha256 = ""};
    box *made = weft_i_alloc(1, sizeof(box));
    if (!made) return NULL;
    made->plan = (weft_plan){.model = none,
                             .cluster = none,
                             .recipe = none,
                             .layout = none,
                             .batch = none,
                             .seed = 1,
                             .method = "",
                             .parallel = {.dp = 1, .pp = 1, .tp = 1, .cp = 1, .ep = 1},
                             .owner = made};
    *out_arena = &made->arena;
    return &made->plan;
}

weft_i_arena *weft_i_plan_arena(weft_plan *plan)
{
    box *made = plan->owner;
    return &made->arena;
}

void weft_plan_free(weft_plan *plan)
{
    if (!plan || !plan->owner) return;
    box *made = plan->owner;
    weft_i_arena_free(&made->arena);
    free(made);
}

static const struct {
    const char *name;
    weft_operand operand;
} actions[] = {
#define ACTION_ROW(name, text, operand) {text, WEFT_OPERAND_##operand},
    WEFT_ACTION_LIST(ACTION_ROW)
#undef ACTION_ROW
};

const char *weft_action_name(weft_action_kind kind)
{
    return (unsigned)kind < WEFT_N_ACTIONS ? actions[kind].name : "?";
}

weft_operand weft_action_operand(weft_action_kind kind)
{
    return (unsigned)kind < WEFT_N_ACTIONS ? actions[kind].operand : WEFT_OPERAND_NONE;
}
