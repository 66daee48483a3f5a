/* Clusters: shipped ones, overrides, tables, what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weft/cluster.h"

static weft_cluster *load(const char *name)
{
    weft_error error = {0};
    weft_cluster *cluster = NULL;
    weft_status status = weft_cluster_load(name, &error, &cluster);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: line %d %s: %s", name, error.line, error.path,
                 error.text);
    return cluster;
}

Test(cluster, reads_h800)
{
    weft_cluster *cluster = load("h800");
    const weft_device *device = &cluster->node_types[0].device;
    cr_expect_str_eq(cluster->name, "h800");
    cr_expect_eq(weft_cluster_devices(cluster), 64);
    cr_expect_eq(device->memory_bytes, INT64_C(79) << 30);
    cr_expect_eq(device->reserved_bytes, INT64_C(3) << 30);
    cr_expect_float_eq(device->bf16_tflops, 989, 0);
    cr_assert_eq(cluster->n_levels, 2);
    cr_expect_eq(cluster->levels[0].devices, 8);
    cr_expect_eq(cluster->levels[1].devices, 64);
    cr_expect_float_eq(cluster->levels[0].gbs, 200, 0);
    cr_expect_float_eq(cluster->levels[1].gbs, 25, 0);
    cr_expect_eq(cluster->levels[1].nics, 8);
    cr_expect_float_eq(cluster->levels[1].oversubscription, 1, 0);
    /* what the sources say, to the digits of the file */
    const weft_attention_row *row = &device->attention[1];
    cr_assert(device->n_attention == 3 && row->head_size == 128);
    cr_expect_float_eq(weft_table_at(&row->forward, 512) * 989, 467, 0.5);
    cr_expect_float_eq(weft_table_at(&row->backward, 16384) * 989, 561, 0.5);
    cr_expect_float_eq(weft_table_at(&row->forward_causal, 1024) * 989, 423, 0.5);
    cr_expect_eq(row->backward_causal.n_points, 0);
    cr_expect_float_eq(weft_table_at(&device->gemm, 1e12) * 989, 795, 0.5);
    cr_expect_eq(cluster->levels[0].collectives[0].devices, 8);
    weft_cluster_free(cluster);
}

static const char mine[] =
    "{\"format\":\"weft.cluster\",\"version\":1,\"revision\":0,\"name\":\"mine\",\n"
    "\"node_types\":[{\"devices\":4,\"nodes\":2,\"host_gbs\":25,\"host_bytes\":7,\"device\":"
    "{\"name\":\"d\",\"bf16_tflops\":300,\"fp8_tflops\":600,\"memory_bytes\":80,"
    "\"reserved_bytes\":3,\"memory_gbs\":2000,\"memory_efficiency\":0.75,"
    "\"multiprocessors\":108,\"launch_ns\":50,\"gemm\":[[1,0.5],[10,0.75]],\"attention\":"
    "[{\"head_size\":64,\"forward\":[[512,0.1]],\"backward\":[[512,0.2]],"
    "\"forward_causal\":[[512,0.3]],\"backward_causal\":[[512,0.4]]}]}}],\n"
    "\"levels\":[{\"name\":\"a\",\"gbs\":300,\"latency_ns\":3,\"collectives\":"
    "[{\"devices\":2,\"fraction\":[[1,0.5]]},{\"devices\":4,\"fraction\":[[1,1.5]]}]},\n"
    "{\"name\":\"b\",\"nics\":2,\"nic_gbs\":30,\"latency_ns\":4,\"oversubscription\":2,"
    "\"collectives\":[{\"devices\":2,\"fraction\":[[1,0.5]]}]}],\n"
    "\"stack\":{\"name\":\"s\",\"elementwise\":0.5,\"tp_overlap\":0.25,\"dp_overlap\":0.75,"
    "\"slowdown\":1.25,\"host_kernel_ns\":60},\n"
    "\"stacks\":[{\"name\":\"t\",\"elementwise\":1,\"tp_overlap\":0,\"dp_overlap\":0,"
    "\"slowdown\":1,\"host_kernel_ns\":0,\"unfused_attention\":true,"
    "\"message_ns\":8,\"blocking_messages\":true,\"gradient_bytes\":2}]}";

/* Load a text through a file, with overrides or "" after its name. */
static weft_status load_text(const char *text, const char *overrides, weft_error *error,
                             weft_cluster **out_cluster)
{
    char name[] = "cluster_XXXXXX", line[64];
    int fd = mkstemp(name);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(line, sizeof(line), "%s%s", name, overrides);
    weft_status status = weft_cluster_load(line, error, out_cluster);
    unlink(name);
    return status;
}

Test(cluster, a_file_takes_overrides_too)
{
    weft_error error = {0};
    weft_cluster *cluster = NULL;
    cr_assert_eq(load_text(mine, ":nodes=3", &error, &cluster), WEFT_STATUS_OK, "%s", error.text);
    const weft_node_type *node = &cluster->node_types[0];
    const weft_device *device = &node->device;
    const weft_level *a = &cluster->levels[0], *b = &cluster->levels[1];
    cr_expect_str_eq(cluster->name, "mine:nodes=3");
    cr_expect(node->devices == 4 && node->nodes == 3 && node->host_gbs == 25);
    cr_expect(node->host_bytes == 7 && device->fp8_tflops == 600 && device->memory_gbs == 2000);
    cr_expect(device->memory_efficiency == 0.75 && device->multiprocessors == 108);
    cr_expect(device->launch_ns == 50 && device->gemm.points[1].y == 0.75);
    cr_expect(device->attention[0].forward.points[0].y == 0.1);
    cr_expect(device->attention[0].backward.points[0].y == 0.2);
    cr_expect(device->attention[0].forward_causal.points[0].y == 0.3);
    cr_expect(device->attention[0].backward_causal.points[0].y == 0.4);
    cr_expect(a->devices == 4 && a->n_collectives == 2 && a->collectives[1].devices == 4);
    cr_expect(a->collectives[1].fraction.points[0].y == 1.5 && a->latency_ns == 3);
    cr_expect(b->devices == 12 && b->gbs == 15 && b->oversubscription == 2);
    cr_expect(cluster->stack.elementwise == 0.5 && cluster->stack.tp_overlap == 0.25);
    cr_expect(cluster->stack.dp_overlap == 0.75 && cluster->stack.slowdown == 1.25);
    cr_expect(cluster->stack.host_kernel_ns == 60 && !cluster->stack.unfused_attention);
    cr_assert_eq(weft_cluster_set_stack(cluster, "t", &error), WEFT_STATUS_OK);
    cr_expect(cluster->stack.unfused_attention && cluster->stack.blocking_messages);
    cr_expect(cluster->stack.gradient_bytes == 2 && cluster->stack.message_ns == 8);
    /* And back: no stack is lost, none is there twice. */
    cr_expect_eq(weft_cluster_set_stack(cluster, "u", &error), WEFT_STATUS_USAGE);
    cr_expect(strstr(error.text, "expected t, s"), "%s", error.text);
    error = (weft_error){0};
    cr_assert_eq(weft_cluster_set_stack(cluster, "s", &error), WEFT_STATUS_OK);
    cr_expect(cluster->stack.elementwise == 0.5 && cluster->n_stacks == 1);
    cr_expect_str_eq(cluster->stacks[0].name, "t");
    weft_cluster_free(cluster);
    cr_expect_eq(weft_cluster_load("no/such.json:nodes=3", &error, &cluster), WEFT_STATUS_IO);
    weft_cluster_free(NULL);
}

/* One piece of the file replaced, and what is said of it. */
Test(cluster, refuses_wrong_files_at_their_path)
{
    static const struct {
        const char *piece, *by, *path, *text;
    } cases[] = {
        {"\"nics\":2,\"nic_gbs\":30", "\"nics\":2", "$.levels[1]",
         "expected either gbs or nics and nic_gbs"},
        {"\"nics\":2,\"nic_gbs\":30", "\"nic_gbs\":30", "$.levels[1]",
         "expected either gbs or nics and nic_gbs"},
        {"\"gbs\":300", "\"gbs\":300,\"nics\":2,\"nic_gbs\":30", "$.levels[0]",
         "expected either gbs or nics and nic_gbs"},
        {"\"gbs\":300,", "", "$.levels[0]", "expected either gbs or nics and nic_gbs"},
        {"[{\"head_size\":64,",
         "[{\"head_size\":64,\"forward\":[[1,1]],\"backward\":[[1,1]]},{\"head_size\":64,",
         "$.node_types[0].device.attention[1]", "expected a head_size over 64, found 64"},
        {"[[1,0.5],[10,0.75]]", "[[1,0.5],[1,0.75]]", "$.node_types[0].device.gemm[1]",
         "x must ascend, found 1 after 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[sizeof(mine) + 200];
        weft_error error = {0};
        weft_cluster *cluster = NULL;
        const char *at = strstr(mine, cases[i].piece);
        cr_assert_not_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - mine), mine, cases[i].by,
                 at + strlen(cases[i].piece));
        cr_expect_eq(load_text(text, "", &error, &cluster), WEFT_STATUS_BAD_INPUT, "%zu", i);
        cr_expect_str_eq(error.path, cases[i].path);
        cr_expect_str_eq(error.text, cases[i].text);
    }
}

Test(cluster, overrides_follow_through)
{
    weft_cluster *plain = load("h800");
    weft_cluster *cluster = load("h800:nodes=4,nics=4,gbs=150,memory_bytes=50000000000");
    cr_expect_str_eq(cluster->name, "h800:nodes=4,nics=4,gbs=150,memory_bytes=50000000000");
    cr_expect_str_neq(cluster->sha256, plain->sha256);
    cr_expect_eq(weft_cluster_devices(cluster), 32);
    cr_expect_eq(cluster->levels[1].devices, 32, "the last level follows the nodes");
    cr_expect_float_eq(cluster->levels[1].gbs, 12.5, 0, "half of the NICs, half of the rate");
    cr_expect_float_eq(cluster->levels[0].gbs, 150, 0);
    cr_expect_eq(cluster->node_types[0].device.memory_bytes, 50000000000);
    weft_cluster_free(cluster);
    cluster = load("h800:devices=4,nodes=1");
    cr_expect_eq(cluster->levels[0].devices, 4, "NVLink spans a node, whatever its size");
    cr_expect_float_eq(cluster->levels[1].gbs, 50, 0, "8 NICs for 4 devices");
    weft_cluster_free(cluster);
    cr_expect_gt(plain->node_types[0].device.reserved_bytes, 0);
    cluster = load("h800:reserved_bytes=0");
    cr_expect_eq(cluster->node_types[0].device.reserved_bytes, 0, "all of the memory");
    weft_cluster_free(cluster);
    cluster = load("h100:algorithm=switch,all_to_all=pairwise");
    cr_expect_eq(cluster->levels[0].algorithm, WEFT_ALGORITHM_SWITCH);
    cr_expect_eq(cluster->levels[1].algorithm, WEFT_ALGORITHM_MEASURED, "without such switches");
    cr_expect_eq(cluster->levels[1].all_to_all, WEFT_ALL_TO_ALL_PAIRWISE);
    weft_cluster_free(cluster);
    weft_cluster_free(plain);
}

Test(cluster, refuses_wrong_overrides)
{
    static const char *const CASES[][2] = {
        {"h800:", "cluster: expected key=value, found ''"},
        {"h800:nodes", "cluster: expected key=value, found 'nodes'"},
        {"h800:nodes=0", "cluster: nodes: expected an integer from 1 to 1048576, found '0'"},
        {"h800:node=4", "cluster: unknown key 'node', did you mean 'nodes'?"},
        {"h800:algorithm=nccl", "cluster: algorithm: expected one of measured, least, ring, tree, "
                                "switch, direct, found 'nccl'"},
        {"h800:algorithm=switch", "cluster: algorithm: no level has switches that multicast"},
        {"h800:reserved_bytes=84825604096",
         "cluster: reserved_bytes 84825604096 leave nothing of memory_bytes 84825604096"},
        {"h8000", "'h8000' is neither a file nor a shipped cluster, did you mean 'h800'?"},
        {"h801:nodes=4", "'h801' is neither a file nor a shipped cluster, did you mean 'h800'?"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        weft_error error = {0};
        weft_cluster *cluster = NULL;
        cr_expect_eq(weft_cluster_load(CASES[i][0], &error, &cluster), WEFT_STATUS_USAGE);
        cr_expect_str_eq(error.text, CASES[i][1]);
        cr_expect_null(cluster);
    }
}

Test(cluster, interpolates_in_the_logarithm)
{
    weft_point points[] = {{1, 0.2}, {4, 0.4}, {64, 0.8}, {128, 0.5}};
    weft_table table = {points, 4};
    cr_expect_float_eq(weft_table_at(&table, 0.5), 0.2, 0);
    cr_expect_float_eq(weft_table_at(&table, 2), 0.3, 1e-12);
    cr_expect_float_eq(weft_table_at(&table, 4), 0.4, 1e-12);
    cr_expect_float_eq(weft_table_at(&table, 16), 0.6, 1e-12);
    cr_expect_float_eq(weft_table_at(&table, 1e9), 0.5, 0);
    cr_expect_float_eq(weft_table_at(&(weft_table){points, 1}, 7), 0.2, 0);
}
