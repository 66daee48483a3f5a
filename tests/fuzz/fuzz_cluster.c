/* Fuzz target: any bytes as a weft.cluster, or as overrides of a shipped one where they do not
 * begin with '{'. What is read has devices, rates and tables that can be looked up. */
#include <math.h>
#include <stdio.h>

#include "profiles/cluster_own.h"
#include "tests/fuzz/fuzz_target.h"

static void check_table(const weft_table *table)
{
    FUZZ_CHECK(table->n_points > 0);
    for (double x = 1e-9; x < 1e30; x *= 1e3)
        FUZZ_CHECK(isfinite(weft_table_at(table, x)) && weft_table_at(table, x) > 0);
}

static void check_cluster(const weft_cluster *cluster)
{
    FUZZ_CHECK(weft_cluster_devices(cluster) > 0);
    for (int32_t t = 0; t < cluster->n_node_types; t++) {
        const weft_device *device = &cluster->node_types[t].device;
        FUZZ_CHECK(device->memory_bytes > device->reserved_bytes && device->bf16_tflops > 0);
        check_table(&device->gemm);
        for (int32_t i = 0; i < device->n_attention; i++) {
            check_table(&device->attention[i].forward);
            check_table(&device->attention[i].backward);
        }
    }
    for (int32_t i = 0; i < cluster->n_levels; i++) {
        const weft_level *level = &cluster->levels[i];
        FUZZ_CHECK(level->gbs > 0 && isfinite(level->gbs) && level->devices > 0);
        FUZZ_CHECK(level->oversubscription >= 1 && level->n_collectives > 0);
        check_table(&level->collectives[0].fraction);
    }
    FUZZ_CHECK(cluster->levels[cluster->n_levels - 1].devices == weft_cluster_devices(cluster));
}

static void run_overrides(const char *text, size_t n)
{
    char name[1024];
    weft_error error = {0};
    weft_cluster *cluster = NULL;
    snprintf(name, sizeof(name), "h800:%.*s", (int)(n < 1000 ? n : 1000), text);
    weft_status status = weft_cluster_load(name, &error, &cluster);
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == (cluster != NULL));
    if (cluster) check_cluster(cluster);
    weft_cluster_free(cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_cluster cluster = {.name = "fuzz"};
    if (size == 0 || text[0] != '{') {
        run_overrides(text, size);
        return 0;
    }
    weft_status status =
        weft_i_cluster_read_json("fuzz", text, size, NULL, &arena, &error, &cluster);
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == !error.text[0]);
    if (status == WEFT_STATUS_OK) check_cluster(&cluster);
    weft_i_arena_free(&arena);
    return 0;
}
