/* profiles/cluster.c - loading a cluster by name with overrides, and freeing it. */
#include "weft/cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/sha256.h"
#include "profiles/cluster_own.h"
#include "profiles/shipped.h"

const char *weft_cluster_shipped(size_t index)
{
    return weft_i_shipped_name(WEFT_I_SHIPPED_CLUSTER, index);
}

int32_t weft_cluster_devices(const weft_cluster *cluster)
{
    int32_t n = 0;
    for (int32_t i = 0; i < cluster->n_node_types; i++)
        n += cluster->node_types[i].devices * cluster->node_types[i].nodes;
    return n;
}

/* Name and hash of a cluster with overrides. */
static weft_status rename_overridden(weft_cluster *cluster, const weft_i_text *text,
                                     const char *overrides, weft_error *error)
{
    weft_i_arena *arena = cluster->owner;
    weft_i_sha256 sha;
    char hex[65];
    weft_i_sha256_begin(&sha);
    weft_i_sha256_add(&sha, text->text, text->n);
    weft_i_sha256_add(&sha, overrides, strlen(overrides));
    weft_i_sha256_end(&sha, hex);
    cluster->name = weft_i_arena_printf(arena, "%s:%s", cluster->name, overrides);
    cluster->sha256 = weft_i_arena_string(arena, hex);
    return cluster->name && cluster->sha256 ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

static weft_status fill(weft_cluster *cluster, const char *name, const char *overrides,
                        weft_error *error)
{
    weft_i_text text;
    weft_i_arena *arena = cluster->owner;
    weft_status status = weft_i_text_open(WEFT_I_SHIPPED_CLUSTER, name, error, &text);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_cluster_read_json(name, text.text, text.n, overrides, arena, error, cluster);
    if (status == WEFT_STATUS_OK) {
        cluster->sha256 = weft_i_arena_string(arena, text.sha256);
        if (!cluster->sha256) status = weft_i_no_memory(error);
    }
    if (status == WEFT_STATUS_OK && overrides)
        status = rename_overridden(cluster, &text, overrides, error);
    weft_i_text_close(&text);
    return status;
}

weft_status weft_cluster_load(const char *name, weft_error *error, weft_cluster **out_cluster)
{
    const char *stem, *overrides;
    weft_i_arena *arena;
    weft_cluster *cluster = weft_i_owned_new(sizeof(*cluster), &arena);
    if (!cluster) return weft_i_no_memory(error);
    cluster->owner = arena;
    weft_status status = weft_i_text_split(name, arena, error, &stem, &overrides);
    if (status == WEFT_STATUS_OK) status = fill(cluster, stem, overrides, error);
    if (status == WEFT_STATUS_OK)
        *out_cluster = cluster;
    else
        weft_cluster_free(cluster);
    return status;
}

weft_status weft_cluster_set_stack(weft_cluster *cluster, const char *name, weft_error *error)
{
    char names[160] = "";
    size_t used = 0;
    if (strcmp(cluster->stack.name, name) == 0) return WEFT_STATUS_OK;
    for (int32_t i = 0; i < cluster->n_stacks; i++) {
        const weft_stack named = cluster->stacks[i];
        if (strcmp(named.name, name) == 0) {
            cluster->stacks[i] = cluster->stack;
            cluster->stack = named;
            return WEFT_STATUS_OK;
        }
        if (used < sizeof(names))
            used += (size_t)snprintf(names + used, sizeof(names) - used, ", %s", named.name);
    }
    return weft_i_fail(error, WEFT_STATUS_USAGE, "cluster %s has no stack '%s', expected %s%s",
                       cluster->name, name, cluster->stack.name, names);
}

void weft_cluster_free(weft_cluster *cluster)
{
    if (cluster) weft_i_owned_free(cluster->owner);
}
