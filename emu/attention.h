/* emu/attention.h - attention over the single sequences of a stage's work.
 *
 * The one operator whose cost depends on more than a number of tokens; it is priced apart so that
 * the rest of a layer is shared by all works of as many tokens. Each document costs its own square.
 */
#ifndef WEFT_EMU_ATTENTION_H
#define WEFT_EMU_ATTENTION_H

#include "emu/layers.h"

/* Most devices that a module may be spread over. */
enum { WEFT_I_MAX_SPREAD = 1024 };

/* Structure of the attention of a layer. Only int64_t: equal where the bytes are. */
typedef struct weft_i_core {
    int64_t heads, kv_heads;         /* of the whole layer; 0 = no attention */
    int64_t head_size, mask, window; /* head_size: the mean of a query's and a value's */
    int64_t cross;                   /* reads the condition too */
    int64_t cross_only;              /* does not read its own sequence */
    int64_t tp, cp, flash, dropout;
    int64_t gathers; /* under CP all keys before, instead of a ring meanwhile */
    int64_t merge;   /* module tokens that are one token of this layer */
    int64_t spread;  /* devices that the sequences are dealt to, 1 = all see all */
} weft_i_core;

weft_i_core weft_i_core_of(const weft_i_shape *shape, int64_t merge, int64_t spread);

/* What a work comes to on its slowest device. */
typedef struct weft_i_core_sums {
    weft_i_load load; /* there */
    double fw_ns, bw_ns;
    double fw_kernels, bw_kernels;
    double flop; /* model flop forward, all devices */
    double device_flop;
    double scores;      /* of separate kernels: heads x queries x keys */
    double saved_bytes; /* softmax and its masks, or the sums that a fused kernel keeps */
    double work_fw_bytes, work_bw_bytes;
} weft_i_core_sums;

void weft_i_core_price(const weft_i_core *core, const weft_i_machine *machine,
                       const weft_i_work *work, weft_i_core_sums *out_sums);

/* Keys that a query sees, on average, in a sequence of `tokens`. */
double weft_i_core_keys(weft_attention mask, double window, double tokens);

#endif
