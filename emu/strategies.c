/* emu/strategies.c - see strategies.h. */
#include "emu/strategies.h"

#include "base/error.h"
#include "profiles/recompute.h"

weft_status weft_i_strategies_make(weft_i_emu *emu, weft_error *error)
{
    const weft_recipe *recipe = emu->recipe;
    emu->n_strategies = WEFT_I_STRATEGY_SET + recipe->n_recompute_sets;
    for (int32_t i = 0; i < recipe->n_recompute_sets; i++) {
        weft_i_recompute_fault fault;
        if (!weft_i_recompute_parse(recipe->recompute_sets[i], &emu->sets[i], &fault))
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "recipe: recompute_sets[%d]: %s", i,
                               fault.text);
    }
    return WEFT_STATUS_OK;
}

uint32_t weft_i_strategy_set(const weft_i_emu *emu, const weft_i_class *class,
                             weft_i_strategy strategy)
{
    /* What is bound by bandwidth; without a fused kernel the square of attention is more
     * (Korthikanti et al. 2022, section 5). */
    const uint32_t cheap = WEFT_I_REDO_LAYERNORM | WEFT_I_REDO_MLP_ACT | WEFT_I_REDO_MOE_ACT;
    switch (strategy) {
    case WEFT_I_STRATEGY_NONE:
        return 0;
    case WEFT_I_STRATEGY_OFFLOAD:
        return (uint32_t)WEFT_I_REDO_WHOLE << WEFT_I_OFFLOAD_SHIFT;
    case WEFT_I_STRATEGY_SELECTIVE:
        return class->shape.flash ? cheap : (uint32_t)WEFT_I_REDO_CORE_ATTN;
    case WEFT_I_STRATEGY_FULL:
        return WEFT_I_REDO_WHOLE;
    case WEFT_I_STRATEGY_SET:
    case WEFT_I_N_STRATEGIES:
        break;
    }
    return emu->sets[strategy - WEFT_I_STRATEGY_SET];
}

int32_t weft_i_emu_strategies(const weft_i_emu *emu)
{
    return emu->n_strategies;
}

const char *weft_i_emu_strategy_name(const weft_i_emu *emu, weft_i_strategy strategy)
{
    static const char *const names[] = {"none", "selective", "full", "offload"};
    if (strategy < WEFT_I_STRATEGY_NONE || (int32_t)strategy >= emu->n_strategies) return "?";
    if (strategy < WEFT_I_STRATEGY_SET) return names[strategy];
    return emu->recipe->recompute_sets[strategy - WEFT_I_STRATEGY_SET];
}
