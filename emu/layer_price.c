/* emu/layer_price.c - one layer under one strategy: sums of operators become whole times and bytes.
 */
#include "emu/layer_price.h"

#include <math.h>

int64_t weft_i_whole_ns(double ns)
{
    if (ns >= (double)WEFT_INT_MAX) return WEFT_INT_MAX;
    return ns <= 0 ? 0 : llround(fmax(ns, 1));
}

int64_t weft_i_whole_bytes(double bytes)
{
    return bytes >= (double)WEFT_INT_MAX ? WEFT_INT_MAX : (int64_t)ceil(bytes);
}

/* A pass keeps the device busy for `busy_ns` while the host issues its kernels; the one that takes
 * longer decides, smoothly where they are close: the fifth root of the sum of fifth powers. */
static double pass_ns(const weft_i_machine *machine, double busy_ns, double kernels)
{
    double host_ns = kernels * machine->host_kernel_ns;
    if (host_ns <= 0) return busy_ns;
    return pow(pow(busy_ns, 5) + pow(host_ns, 5), 0.2);
}

/* Time that a fused backward saves by running TP communication under weight gradients, and the
 * second gather of their inputs under the input gradients, which do not need it (Korthikanti et al.
 * 2022, section 4.2.2). */
static double hidden_ns(const weft_i_machine *machine, const weft_i_sums *sums)
{
    double under_weight =
        fmin(machine->tp_overlap * sums->tp_ns[WEFT_I_PHASE_BWI], sums->busy_ns[WEFT_I_PHASE_BWW]);
    double under_input = fmin(machine->gather_overlap ? sums->tp_ns[WEFT_I_PHASE_BWW] : 0,
                              sums->busy_ns[WEFT_I_PHASE_BWI]);
    return fmax(0, (under_weight + under_input) * (2 - machine->slowdown));
}

/* The same of the forward, where maps and communication go piece by piece. */
static double hidden_forward_ns(const weft_i_machine *machine, const weft_i_sums *sums)
{
    if (!machine->forward_overlap) return 0;
    double together_ns =
        fmin(machine->tp_overlap * sums->tp_ns[WEFT_I_PHASE_FW], sums->busy_ns[WEFT_I_PHASE_FW]);
    return fmax(0, together_ns * (2 - machine->slowdown));
}

/* Running a forward again costs the host more than the first time: it saves and restores the states
 * of the random generators and builds the graph of the backward. */
static const double checkpoint_kernels = 1.6;

static void time_layer(const weft_i_machine *machine, const weft_i_class *class,
                       const weft_i_sums *sums, const weft_i_core_sums *core,
                       weft_i_strategy strategy, weft_i_layer_price *out)
{
    const weft_i_strategy_sums *under = &sums->under[strategy];
    double busy[WEFT_I_N_PHASES];
    for (int p = 0; p < WEFT_I_N_PHASES; p++)
        busy[p] = sums->busy_ns[p] + sums->tp_ns[p];
    double fw_kernels = sums->kernels[WEFT_I_PHASE_FW] + core->fw_kernels;
    double fw = busy[WEFT_I_PHASE_FW] + core->fw_ns - hidden_forward_ns(machine, sums);
    out->fw_ns = weft_i_whole_ns(pass_ns(machine, fw, fw_kernels));
    if (class->shape.backward == WEFT_BACKWARD_NONE) return;
    double repeat = under->repeat_ns + (under->core_again ? core->fw_ns : 0);
    double repeat_kernels =
        checkpoint_kernels * (under->repeat_kernels + (under->core_again ? core->fw_kernels : 0));
    double bwi = repeat + busy[WEFT_I_PHASE_BWI] + core->bw_ns;
    double bwi_kernels = repeat_kernels + sums->kernels[WEFT_I_PHASE_BWI] + core->bw_kernels;
    double bww = busy[WEFT_I_PHASE_BWW], bww_kernels = sums->kernels[WEFT_I_PHASE_BWW];
    double split = busy[WEFT_I_PHASE_SPLIT], split_kernels = sums->kernels[WEFT_I_PHASE_SPLIT];
    int64_t kept_ns = weft_i_whole_ns(pass_ns(machine, bwi - repeat, bwi_kernels - repeat_kernels));
    out->bwi_ns = weft_i_whole_ns(pass_ns(machine, bwi, bwi_kernels));
    out->recompute_ns = out->bwi_ns - kept_ns;
    out->bww_ns = weft_i_whole_ns(pass_ns(machine, bww + split, bww_kernels + split_kernels));
    int64_t fused = weft_i_whole_ns(
        pass_ns(machine, bwi + bww - hidden_ns(machine, sums), bwi_kernels + bww_kernels));
    out->bw_ns = fused < out->bwi_ns + out->bww_ns ? fused : out->bwi_ns + out->bww_ns;
}

weft_i_layer_price weft_i_layer_price_of(const weft_i_machine *machine, const weft_i_class *class,
                                         const weft_i_sums *sums, const weft_i_core_sums *core,
                                         weft_i_strategy strategy)
{
    weft_i_layer_price cost = {0};
    time_layer(machine, class, sums, core, strategy, &cost);
    const weft_i_strategy_sums *under = &sums->under[strategy];
    double saved = under->core_saved ? core->saved_bytes : 0;
    double sent = under->core_sent ? core->saved_bytes : 0;
    double passing = core->saved_bytes - saved - sent;
    cost.saved_bytes = weft_i_whole_bytes(under->saved_bytes + saved);
    cost.host_bytes = weft_i_whole_bytes(under->host_bytes + sent);
    cost.held_bytes = weft_i_whole_bytes(sums->held_bytes);
    cost.made_bytes = weft_i_whole_bytes(sums->held_bytes - under->held_saved);
    cost.fw_work = weft_i_whole_bytes(under->fw_work_bytes + core->work_fw_bytes + passing);
    cost.bw_work = weft_i_whole_bytes(under->bw_work_bytes + core->work_bw_bytes + passing);
    cost.bww_work = weft_i_whole_bytes(sums->edge_bytes);
    return cost;
}

double weft_i_layer_model_flop(const weft_i_class *class, const weft_i_work *work,
                               const weft_i_core_sums *core, double context)
{
    int passes = class->shape.backward == WEFT_BACKWARD_NONE ? 1 : 3;
    int64_t spans = work->n_spans > 0 ? work->n_spans : 1;
    return class->flop.token * (double)work->tokens / (double)class->core.merge +
           class->flop.context * context + class->flop.span * (double)spans + passes * core->flop;
}

double weft_i_layer_recompute_flop(const weft_i_class *class, const weft_i_work *work,
                                   const weft_i_sums *sums, const weft_i_core_sums *core,
                                   weft_i_strategy strategy)
{
    const weft_i_strategy_sums *under = &sums->under[strategy];
    double device_flop = under->repeat_flop + (under->core_again ? core->device_flop : 0);
    if (class->shape.backward == WEFT_BACKWARD_NONE || core->load.tokens == 0) return 0;
    double tokens = (double)work->tokens / (double)class->core.merge;
    return device_flop * (double)(class->shape.tp * class->shape.cp) * tokens /
           (double)core->load.tokens;
}
