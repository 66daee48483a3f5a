/* tests/unit/test_stack_facts.c - what a software stack says beside its rates: kernels of a head,
 * softmax without a kernel of its own, a forward that overlaps, messages that slow passes down or
 * block them, what collectives wait for, the host in larger groups; and what of a layer TP leaves
 * whole. Each against the rule written out. */
#include <math.h>

#include "emu/attention.h"
#include "profiles/linear.h"
#include "tests/unit/emu_case.h"
#include "weft/emulate.h"

static const char *const model = "gpt:layers=4,hidden=1024,heads=8,seq=512,vocab=4096";

/* The longer of what the device and what the host needs, smoothly. */
static double pass(double busy_ns, double kernels, double host_ns)
{
    return pow(pow(busy_ns, 5) + pow(kernels * host_ns, 5), 0.2);
}

/* Norm and map are a kernel each, the loss is eight; its traffic is the same under every stack. */
Test(stack_facts, head_of_one_device)
{
    emu_case c;
    emu_case_make(&c, model);
    c.cluster.stack.elementwise = 0.25;
    c.cluster.stack.uncut_head = 0.5;
    c.cluster.stack.host_kernel_ns = 20000;
    emu_case_start(&c);
    double rows = 2048, h = 1024, v = 4096;
    double map = 2 * rows * v * (h + 90) / 50000 / 0.5; /* whole tiles at half of half the rate */
    double fw = map + rows * (4 * h + 18 * v) / 1000;
    weft_cost one = emu_case_stage(&c, 0, 5, 1, 2048, 1, 0).cost;
    cr_expect_float_eq((double)one.fw_ns, pass(fw, 10, 20000), 1);
    /* Cut over TP a map runs at the whole rate. */
    c.cluster.stack.host_kernel_ns = 0;
    c.levels[0].gbs = 1e12;
    c.levels[0].latency_ns = 0;
    c.parallel.tp = 2;
    emu_case_start(&c);
    weft_cost two = emu_case_stage(&c, 0, 5, 1, 2048, 1, 0).cost;
    cr_expect_float_eq((double)two.fw_ns, map / 4 + rows * (4 * h + 9 * v) / 1000, 1);
    emu_case_free(&c);
}

/* Megatron's softmax kernel takes heads x sequences in fours; else 24 and 26 bytes a score more,
 * and five kernels. */
Test(stack_facts, softmax_without_its_kernel)
{
    emu_case c;
    emu_case_make(&c, model);
    c.node_type.device.memory_gbs = 1e6;
    c.node_type.device.launch_ns = 7;
    c.node_type.device.score_traffic = 1.5;
    c.cluster.stack.elementwise = 0.4;
    c.node_type.device.backward_traffic = 0.8;
    weft_i_machine machine = weft_i_machine_make(&c.cluster, c.recipe, &c.parallel);
    for (int heads = 1; heads <= 8; heads++)
        for (int n = 1; n <= 4; n++) {
            weft_i_span spans[4] = {{512, 0}, {512, 0}, {512, 0}, {512, 0}};
            weft_i_work work = {.tokens = 512 * n, .spans = spans, .n_spans = n};
            weft_i_core core = {.heads = heads, .kv_heads = heads, .head_size = 128};
            core.mask = WEFT_ATTENTION_CAUSAL;
            core.tp = core.cp = core.merge = core.spread = 1;
            core.dropout = 1;
            weft_i_core_sums sums;
            weft_i_core_price(&core, &machine, &work, &sums);
            int plain = heads * n % 4 != 0;
            double scores = 512.0 * 512 * heads * n, score_ns = 1.5 * 0.4 * scores / 1e6;
            double products = 2 * scores * 128 / 50000 * (218.0 / 128 + 602.0 / 512);
            double fw = products + (9 + 24 * plain) * score_ns + (4 + 5 * plain) * 7;
            double bw = 2 * products + 0.8 * (11 + 26 * plain) * score_ns + (7 + 5 * plain) * 7;
            cr_expect_float_eq(sums.fw_ns, fw, 1e-6 * fw, "%d heads, %d sequences", heads, n);
            cr_expect_float_eq(sums.bw_ns, bw, 1e-6 * bw, "%d heads, %d sequences", heads, n);
        }
    emu_case_free(&c);
}

/* Two all-reduces of a forward, of which the stated part hides, less what it slows the maps down.
 */
Test(stack_facts, forward_that_overlaps)
{
    emu_case c;
    emu_case_make(&c, model);
    c.parallel.tp = 4;
    c.recipe->overlap_tp = true;
    c.cluster.stack.tp_overlap = 0.6;
    c.cluster.stack.slowdown = 1.3;
    emu_case_start(&c);
    weft_cost apart = emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost;
    c.cluster.stack.forward_overlap = true;
    emu_case_start(&c);
    weft_cost together = emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost;
    double network = 2 * (2 * 0.75 * 2 * 2048 * 1024 / 100);
    cr_expect_float_eq((double)(apart.fw_ns - together.fw_ns), 0.6 * network * 0.7, 1.5);
    cr_expect_eq(apart.bw_ns, together.bw_ns);
    /* On a network so slow that the compute is shorter, no more than that hides; attention, which
     * is not cut in pieces, hides nothing. */
    c.levels[0].gbs = 1e-2;
    emu_case_start(&c);
    weft_cost slow = emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost;
    c.cluster.stack.forward_overlap = false;
    emu_case_start(&c);
    weft_cost slow_apart = emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost;
    double attention = 4 * 2048 * (2048 / 2.0) * (1024 / 4.0) / 50000;
    double compute = (double)apart.fw_ns - network - attention;
    cr_expect_float_eq((double)(slow_apart.fw_ns - slow.fw_ns), compute * 0.7, 1.5);
    emu_case_free(&c);
}

/* One microbatch on so many ranks. */
static weft_uniform_answer ask_once(const emu_case *c, int32_t pp)
{
    const weft_uniform question = {.model = c->model,
                                   .cluster = &c->cluster,
                                   .recipe = c->recipe,
                                   .parallel = {1, pp, 1, 1, 1},
                                   .microbatch = 1,
                                   .global_batch = 1,
                                   .segments = 1};
    weft_uniform_answer answer;
    weft_error error = {0};
    cr_assert(!weft_emulate_uniform(&question, &error, NULL, &answer), "%s", error.text);
    return answer;
}

/* The passes of the embedding, of all four layers and of the head, one after the other. */
static double passes_ns(const weft_uniform_answer *answer)
{
    const weft_cost *costs[] = {&answer->embedding, &answer->layer, &answer->head};
    double ns = 0;
    for (int i = 0; i < 3; i++)
        ns += (i == 1 ? 4 : 1) * (double)(costs[i]->fw_ns + costs[i]->bw_ns);
    return ns;
}

/* Of one microbatch on two ranks nothing runs side by side: passes one by one, each as much longer
 * as the stack says, and two messages. */
Test(stack_facts, messages_slow_passes_down)
{
    emu_case c;
    emu_case_make(&c, model);
    c.node_type.device.memory_bytes = INT64_C(1) << 40;
    c.cluster.stack.message_slowdown = 1.25;
    weft_uniform_answer two = ask_once(&c, 2), one = ask_once(&c, 1);
    double ns = passes_ns(&two);
    cr_expect_float_eq((double)two.pipeline_ns, 1.25 * ns + 2 * (double)two.transfer_ns, 4);
    /* Without messages nothing is slowed down. */
    cr_expect_float_eq((double)one.pipeline_ns, ns, 1);
    emu_case_free(&c);
}

/* On four ranks each of the three messages each way is spent on both its ranks. */
Test(stack_facts, messages_that_block_come_in_and_go_out_one_by_one)
{
    emu_case c;
    emu_case_make(&c, model);
    c.node_type.device.memory_bytes = INT64_C(1) << 40;
    c.cluster.stack.blocking_messages = true;
    weft_uniform_answer four = ask_once(&c, 4);
    cr_expect(four.transfer_ns > 0);
    cr_expect_float_eq((double)four.pipeline_ns, passes_ns(&four) + 12 * (double)four.transfer_ns,
                       1);
    emu_case_free(&c);
}

/* Two collectives of a forward, each later by so much for each doubling of the group. */
Test(stack_facts, collectives_wait_for_the_last_device)
{
    emu_case c;
    emu_case_make(&c, model);
    for (int32_t tp = 1, doublings = 0; tp <= 8; tp *= 2, doublings++) {
        c.parallel.tp = tp;
        c.cluster.stack.collective_wait_ns = 0;
        emu_case_start(&c);
        weft_cost none = emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost;
        c.cluster.stack.collective_wait_ns = 10000;
        emu_case_start(&c);
        weft_cost wait = emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost;
        cr_expect_float_eq((double)(wait.fw_ns - none.fw_ns), 2e4 * doublings, 2, "tp %d", tp);
    }
    emu_case_free(&c);
}

/* Where the host decides, a layer takes as much longer as it does. */
Test(stack_facts, the_host_is_slower_in_larger_groups)
{
    emu_case c;
    emu_case_make(&c, model);
    c.node_type.device.host_growth = 0.1;
    c.cluster.stack.host_kernel_ns = 100000000;
    double kernel_ns[9] = {0};
    for (int32_t tp = 2; tp <= 8; tp *= 2) {
        c.parallel.tp = tp;
        emu_case_start(&c);
        kernel_ns[tp] = (double)emu_case_stage(&c, 0, 1, 1, 2048, 1, 0).cost.fw_ns;
    }
    cr_expect_float_eq(kernel_ns[4] / kernel_ns[2], 1.3 / 1.1, 1e-6);
    cr_expect_float_eq(kernel_ns[8] / kernel_ns[2], 1.7 / 1.1, 1e-6);
    emu_case_free(&c);
}

/* Parameters on each device of a TP group, written out. */
static void expect_state(emu_case *c, double whole, double cut)
{
    for (int32_t tp = 1; tp <= 4; tp *= 2) {
        c->parallel.tp = tp;
        emu_case_start(c);
        cr_expect_float_eq((double)weft_i_emu_state_bytes(c->emu, 0, 1, 1), 18 * (whole + cut / tp),
                           18, "tp %d", tp);
    }
}

/* Latents and the choice of experts are made whole on every device of a TP group. */
Test(stack_facts, some_maps_are_whole_on_every_device)
{
    emu_case c;
    emu_case_make(&c, model);
    weft_layer *layer = &c.model->modules[0].layers[1];
    layer->bias = WEFT_BIAS_NONE;
    layer->norm = WEFT_NORM_RMSNORM;
    double h = 1024, maps = 4 * h * h, mlp = 2 * h * 4096, norms = 2 * h;
    expect_state(&c, 0, maps + mlp + norms);
    layer->experts = 6;
    layer->experts_per_token = 2;
    expect_state(&c, 6 * h, maps + 6 * mlp + norms);
    layer->kv_rank = 128;
    layer->q_rank = 192;
    layer->rope_size = 32;
    layer->value_size = 64;
    double latent = h * (192 + 128 + 32);
    double up = 192 * 8 * (128 + 32) + 128 * 8 * (128 + 64) + 8 * 64 * h;
    expect_state(&c, 6 * h + latent, up + 6 * mlp + norms + 128 + 192);
    emu_case_free(&c);
}
