/* plan/plan.c - making and freeing a plan, and the names of actions. Not: building one from orders
 * (compile.c), its rules (check.c), its file (plan_json_in.c, plan_json_out.c). */
#include "weft/plan.h"

#include "base/arena.h"
#include "plan/plan_own.h"

weft_plan *weft_i_plan_create(weft_i_arena **out_arena)
{
    static const weft_input none = {.name = "", .sha256 = ""};
    weft_plan *plan = weft_i_owned_new(sizeof(*plan), out_arena);
    if (!plan) return NULL;
    *plan = (weft_plan){.model = none,
                        .cluster = none,
                        .recipe = none,
                        .layout = none,
                        .batch = none,
                        .seed = 1,
                        .method = "",
                        .parallel = {.dp = 1, .pp = 1, .tp = 1, .cp = 1, .ep = 1},
                        .owner = *out_arena};
    return plan;
}

weft_i_arena *weft_i_plan_arena(weft_plan *plan)
{
    return plan->owner;
}

void weft_plan_free(weft_plan *plan)
{
    if (plan) weft_i_owned_free(plan->owner);
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
