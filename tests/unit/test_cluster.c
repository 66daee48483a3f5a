/* Clusters: shipped ones, overrides, tables, what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
    weft_cluster_free(cluster);
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
    weft_cluster_free(plain);
}

Test(cluster, refuses_wrong_overrides)
{
    static const char *const CASES[][2] = {
        {"h800:", "cluster: expected key=value, found ''"},
        {"h800:nodes", "cluster: expected key=value, found 'nodes'"},
        {"h800:nodes=0", "cluster: nodes: expected an integer from 1 to 1048576, found '0'"},
        {"h800:node=4", "cluster: unknown key 'node', did you mean 'nodes'?"},
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
