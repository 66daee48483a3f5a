/* runtime/staging.c - see staging.h. */
#include "runtime/staging.h"

#include "base/error.h"

weft_status weft_i_staging_make(const weft_i_kit *kit, int32_t n_edges, int32_t n_chunks,
                                weft_i_arena *arena, weft_error *error, weft_i_staging *out)
{
    *out = (weft_i_staging){.kit = kit, .host = {.memory = kit->host}};
    out->messages = weft_i_new(arena, weft_i_place, n_edges);
    out->reductions = weft_i_new(arena, weft_i_place, n_chunks);
    return out->messages && out->reductions ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

void weft_i_staging_free(weft_i_staging *staging)
{
    weft_i_pool_free(&staging->host);
}

weft_status weft_i_staging_room(weft_i_staging *staging, weft_i_place *place, int64_t n_bytes,
                                weft_error *error)
{
    place->data = weft_i_pool_take(&staging->host, (size_t)n_bytes + sizeof(float));
    place->copy = 0;
    return place->data ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_i_staging_out(weft_i_staging *staging, weft_i_place *place, const void *from,
                               int64_t n_bytes, weft_error *error)
{
    const weft_i_kit *kit = staging->kit;
    weft_status status = weft_i_staging_room(staging, place, n_bytes, error);
    if (status == WEFT_STATUS_OK)
        place->copy = kit->copy_beside(kit->context, place->data, from, (size_t)n_bytes);
    return status;
}

void weft_i_staging_in(const weft_i_staging *staging, weft_i_place *place, void *to,
                       int64_t n_bytes)
{
    const weft_i_kit *kit = staging->kit;
    place->copy = kit->copy_beside(kit->context, to, place->data, (size_t)n_bytes);
}

weft_status weft_i_staging_reached(const weft_i_staging *staging, const weft_i_place *place,
                                   weft_error *error, bool *out_done)
{
    const weft_i_kit *kit = staging->kit;
    return kit->copied(kit->context, place->copy, error, out_done);
}

void *weft_i_staging_take(weft_i_place *place)
{
    void *data = place->data;
    *place = (weft_i_place){0};
    return data;
}

void weft_i_staging_give(weft_i_staging *staging, void *data)
{
    weft_i_pool_give(&staging->host, data);
}

int32_t weft_i_staging_buffers(const weft_i_staging *staging)
{
    int32_t n = 0;
    for (size_t i = 0; i < staging->host.n; i++)
        n += staging->host.buffers[i].taken;
    return n;
}
