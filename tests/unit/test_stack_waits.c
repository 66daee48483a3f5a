/* tests/unit/test_stack_waits.c - what a software stack waits for: the last device of a group, its
 * messages, the host in larger groups. Each against the rule written out. */
#include <math.h>

#include "tests/unit/emu_case.h"
#include "weft/emulate.h"

static const char *const model = "gpt:layers=6,hidden=1024,heads=8,seq=512,vocab=4096";

/* Two collectives of a forward, each later by so much for each doubling of the group. */
Test(stack_waits, collectives_wait_for_the_last_device)
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
Test(stack_waits, the_host_is_slower_in_larger_groups)
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

/* One microbatch on three ranks: each of the two messages each way is spent on both its ranks. */
Test(stack_waits, messages_that_block_come_in_and_go_out_one_by_one)
{
    emu_case c;
    emu_case_make(&c, model);
    c.node_type.device.memory_bytes = INT64_C(1) << 40;
    c.cluster.stack.blocking_messages = true;
    weft_uniform question = {.model = c.model,
                             .cluster = &c.cluster,
                             .recipe = c.recipe,
                             .parallel = {1, 3, 1, 1, 1},
                             .microbatch = 1,
                             .global_batch = 1,
                             .segments = 1};
    weft_uniform_answer three;
    weft_error error = {0};
    cr_assert(!weft_emulate_uniform(&question, &error, NULL, &three), "%s", error.text);
    double ns = 0;
    const weft_cost *costs[] = {&three.embedding, &three.layer, &three.head};
    for (int i = 0; i < 3; i++)
        ns += (i == 1 ? 6 : 1) * (double)(costs[i]->fw_ns + costs[i]->bw_ns);
    cr_expect(three.transfer_ns > 0);
    cr_expect_float_eq((double)three.pipeline_ns, ns + 8 * (double)three.transfer_ns, 1);
    emu_case_free(&c);
}
