/* profiles/recompute.h - operators by the names under which training software offers to recompute
 * or to offload them, and sets of such names. Not: what a set keeps and makes again
 * (emu/lifetimes.h). */
#ifndef WEFT_PROFILES_RECOMPUTE_H
#define WEFT_PROFILES_RECOMPUTE_H

#include <stdbool.h>
#include <stdint.h>

/* The names of Megatron-LM's --recompute-modules where it has one. A region is checkpointed as a
 * whole: its input is kept, all of it runs again, and what others keep of its output they keep. Of
 * the rest the outputs are discarded, and only those run again that somebody asks for. */
#define WEFT_I_RECOMPUTE_REGIONS(X)                                                                \
    X(CORE_ATTN, "core_attn")                                                                      \
    X(MLP, "mlp")                                                                                  \
    X(MOE, "moe")                                                                                  \
    X(SHARED_EXPERTS, "shared_experts")                                                            \
    X(SSM, "ssm")
#define WEFT_I_RECOMPUTE_DISCARDS(X)                                                               \
    X(LAYERNORM, "layernorm")                                                                      \
    X(MLP_ACT, "mlp_act")                                                                          \
    X(MOE_ACT, "moe_act")                                                                          \
    X(QKV_PROJ, "qkv_proj")                                                                        \
    X(MLA_UP_PROJ, "mla_up_proj")                                                                  \
    X(MODULATION, "modulation")                                                                    \
    X(ELEMENTWISE, "elementwise")

typedef enum weft_i_recompute_name {
#define WEFT_I_ENUM(name, text) WEFT_I_RECOMPUTE_NAME_##name,
    WEFT_I_RECOMPUTE_REGIONS(WEFT_I_ENUM) WEFT_I_RECOMPUTE_DISCARDS(WEFT_I_ENUM)
#undef WEFT_I_ENUM
        WEFT_I_N_RECOMPUTE_NAMES
} weft_i_recompute_name;

/* Sets of names, as bits; WHOLE is the layer as one region. The same bits WEFT_I_OFFLOAD_SHIFT
 * higher name operators whose kept tensors lie on the host until their backward. */
enum {
#define WEFT_I_ENUM(name, text) WEFT_I_REDO_##name = 1 << WEFT_I_RECOMPUTE_NAME_##name,
    WEFT_I_RECOMPUTE_REGIONS(WEFT_I_ENUM) WEFT_I_RECOMPUTE_DISCARDS(WEFT_I_ENUM)
#undef WEFT_I_ENUM
        WEFT_I_REDO_WHOLE = 1 << WEFT_I_N_RECOMPUTE_NAMES,
    WEFT_I_REDO_REGIONS = WEFT_I_REDO_CORE_ATTN | WEFT_I_REDO_MLP | WEFT_I_REDO_MOE |
                          WEFT_I_REDO_SHARED_EXPERTS | WEFT_I_REDO_SSM | WEFT_I_REDO_WHOLE
};

enum { WEFT_I_OFFLOAD_SHIFT = 16, WEFT_I_REDO_MASK = (1 << WEFT_I_OFFLOAD_SHIFT) - 1 };

enum { WEFT_I_RECOMPUTE_SIZE = 320 }; /* of a text with every name, offloaded, too */

/* What is wrong with a text, in half a sentence. */
typedef struct weft_i_recompute_fault {
    char text[256];
} weft_i_recompute_fault;

/* "layernorm,offload.mlp": names of a set, separated by ',' or '+'. False where one is unknown,
 * empty or there twice. */
bool weft_i_recompute_parse(const char *text, uint32_t *out_set, weft_i_recompute_fault *out_fault);

/* The set as "core_attn+layernorm", names in the order of the lists: equal sets have one text. */
void weft_i_recompute_write(uint32_t set, char out_text[WEFT_I_RECOMPUTE_SIZE]);

#endif
