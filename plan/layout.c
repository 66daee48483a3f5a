/* plan/layout.c - making, checking and freeing a layout. Not: choosing one (partition/). */
#include "weft/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "plan/layout_own.h"

weft_layout *weft_i_layout_create(weft_i_arena **out_arena)
{
    weft_layout *layout = weft_i_owned_new(sizeof(*layout), out_arena);
    if (!layout) return NULL;
    *layout = (weft_layout){
        .name = "", .model = "", .sha256 = "", .parallel = {1, 1, 1, 1, 1}, .owner = *out_arena};
    return layout;
}

void weft_layout_free(weft_layout *layout)
{
    if (layout) weft_i_owned_free(layout->owner);
}

static bool unsound(weft_i_layout_fault *out, const char *array, int32_t index, const char *fmt,
                    ...) WEFT_PRINTF(4, 5);
static bool unsound(weft_i_layout_fault *out, const char *array, int32_t index, const char *fmt,
                    ...)
{
    va_list args;
    out->array = array;
    out->index = index;
    va_start(args, fmt);
    vsnprintf(out->text, sizeof(out->text), fmt, args);
    va_end(args);
    return false;
}

static bool is_parallel_sound(const weft_parallel *p, weft_i_layout_fault *out)
{
    const int32_t sizes[] = {p->dp, p->pp, p->tp, p->cp, p->ep};
    int64_t devices = 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] < 1)
            return unsound(out, "parallel", -1, "expected sizes of at least 1, found %d", sizes[i]);
    }
    for (size_t i = 0; i < 4; i++) { /* ep takes its devices from the others */
        devices *= sizes[i];
        if (devices > INT32_MAX)
            return unsound(out, "parallel", -1, "more than %d devices", INT32_MAX);
    }
    return true;
}

static bool is_module_sound(const weft_layout *layout, int32_t m, weft_i_layout_fault *out)
{
    const weft_layout_module *module = &layout->modules[m];
    if (module->module[0] == '\0') return unsound(out, "modules", m, "a module without a name");
    for (int32_t i = 0; i < m; i++) {
        if (strcmp(layout->modules[i].module, module->module) == 0)
            return unsound(out, "modules", m, "a second module '%.60s'", module->module);
    }
    if (module->segments < 1)
        return unsound(out, "modules", m, "expected at least 1 segment, found %d",
                       module->segments);
    if (module->direction < -1 || module->direction > 1)
        return unsound(out, "modules", m, "expected a direction of -1, 0 or 1, found %d",
                       module->direction);
    if (module->submicrobatch_tokens < 1)
        return unsound(out, "modules", m, "expected submicrobatch_tokens of at least 1, found %lld",
                       (long long)module->submicrobatch_tokens);
    if (module->microbatches < 1)
        return unsound(out, "modules", m, "expected at least 1 microbatch, found %d",
                       module->microbatches);
    return true;
}

/* 1 where the ranks of a segment ascend, -1 where they descend. */
static int32_t step_of(const weft_layout_module *module, int32_t segment)
{
    if (module->direction != 0) return module->direction;
    return segment % 2 == 0 ? 1 : -1;
}

/* Chunk c goes on where chunk c - 1 of the same module ended. */
static bool follows(const weft_layout *layout, int32_t c, const weft_layout_module *module,
                    weft_i_layout_fault *out)
{
    const weft_chunk *chunk = &layout->chunks[c], *before = chunk - 1;
    int32_t step = step_of(module, chunk->segment);
    if (chunk->first_layer != before->first_layer + before->layers)
        return unsound(out, "chunks", c,
                       "expected first_layer %d after the chunk before it, found %d",
                       before->first_layer + before->layers, chunk->first_layer);
    if (chunk->segment == before->segment + 1) return true;
    if (chunk->segment != before->segment)
        return unsound(out, "chunks", c, "expected segment %d or %d, found %d", before->segment,
                       before->segment + 1, chunk->segment);
    if ((chunk->rank - before->rank) * step > 0) return true;
    return unsound(out, "chunks", c, "expected a rank %s %d in segment %d, found %d",
                   step > 0 ? "over" : "under", before->rank, chunk->segment, chunk->rank);
}

static bool is_chunk_sound(const weft_layout *layout, int32_t c, weft_i_layout_fault *out)
{
    const weft_chunk *chunk = &layout->chunks[c];
    if (chunk->rank < 0 || chunk->rank >= layout->parallel.pp)
        return unsound(out, "chunks", c, "expected a rank from 0 to %d, found %d",
                       layout->parallel.pp - 1, chunk->rank);
    if (chunk->layers < 1 || chunk->first_layer < 0 ||
        chunk->first_layer > INT32_MAX - chunk->layers)
        return unsound(out, "chunks", c, "expected at least 1 layer, found %d from layer %d",
                       chunk->layers, chunk->first_layer);
    if (!layout->slot_of_chunk) return true;
    if (layout->slot_of_chunk[c] >= 0 && layout->slot_of_chunk[c] < layout->n_slots) return true;
    return unsound(out, "chunks", c, "expected a slot from 0 to %d, found %d", layout->n_slots - 1,
                   layout->slot_of_chunk[c]);
}

/* The chunks of module m begin at *c; they cover its layers in order. *c moves to their end. */
static bool are_chunks_sound(const weft_layout *layout, int32_t m, const int32_t *n_layers,
                             int32_t *c, weft_i_layout_fault *out)
{
    const weft_layout_module *module = &layout->modules[m];
    int32_t begin = *c;
    for (; *c < layout->n_chunks; ++*c) {
        const weft_chunk *chunk = &layout->chunks[*c];
        if (strcmp(chunk->module, module->module) != 0) break;
        if (!is_chunk_sound(layout, *c, out)) return false;
        if (*c == begin && (chunk->first_layer != 0 || chunk->segment != 0))
            return unsound(out, "chunks", *c, "a module begins with layer 0 in segment 0");
        if (*c > begin && !follows(layout, *c, module, out)) return false;
    }
    if (*c == begin)
        return unsound(out, "modules", m, "no chunk of module '%.60s' where it should come",
                       module->module);
    const weft_chunk *last = &layout->chunks[*c - 1];
    if (last->segment != module->segments - 1)
        return unsound(out, "modules", m, "module '%.60s' has %d segments, but its chunks %d",
                       module->module, module->segments, last->segment + 1);
    if (n_layers && last->first_layer + last->layers != n_layers[m])
        return unsound(out, "modules", m, "module '%.60s' has %d layers, but its chunks %d",
                       module->module, n_layers[m], last->first_layer + last->layers);
    return true;
}

static bool is_shared_sound(const weft_layout *layout, int32_t s, weft_i_layout_fault *out)
{
    const weft_shared *shared = &layout->shared[s];
    if (shared->n_chunks < 2)
        return unsound(out, "shared", s, "expected at least 2 chunks, found %d", shared->n_chunks);
    if (shared->bytes < 0 || shared->bytes > WEFT_INT_MAX)
        return unsound(out, "shared", s, "expected bytes of at least 0, found %lld",
                       (long long)shared->bytes);
    for (int32_t i = 0; i < shared->n_chunks; i++) {
        if (shared->chunks[i] >= 0 && shared->chunks[i] < layout->n_chunks) continue;
        return unsound(out, "shared", s, "expected chunks from 0 to %d, found %d",
                       layout->n_chunks - 1, shared->chunks[i]);
    }
    return true;
}

bool weft_i_layout_is_sound(const weft_layout *layout, const int32_t *n_layers,
                            weft_i_layout_fault *out_fault)
{
    int32_t c = 0;
    if (!is_parallel_sound(&layout->parallel, out_fault)) return false;
    if (layout->n_modules < 1) return unsound(out_fault, NULL, -1, "a layout without modules");
    if (layout->slot_of_chunk && layout->n_slots < 1)
        return unsound(out_fault, NULL, -1, "expected at least 1 slot, found %d", layout->n_slots);
    for (int32_t m = 0; m < layout->n_modules; m++) {
        if (!is_module_sound(layout, m, out_fault)) return false;
    }
    for (int32_t m = 0; m < layout->n_modules; m++) {
        if (!are_chunks_sound(layout, m, n_layers, &c, out_fault)) return false;
    }
    if (c < layout->n_chunks)
        return unsound(out_fault, "chunks", c, "module '%.60s' is unknown or out of order",
                       layout->chunks[c].module);
    for (int32_t s = 0; s < layout->n_shared; s++) {
        if (!is_shared_sound(layout, s, out_fault)) return false;
    }
    return true;
}

weft_status weft_layout_check(const weft_layout *layout, const int32_t *n_layers, weft_error *error)
{
    weft_i_layout_fault fault;
    char path[48] = "$";
    if (weft_i_layout_is_sound(layout, n_layers, &fault)) return WEFT_STATUS_OK;
    if (fault.array && fault.index >= 0)
        snprintf(path, sizeof(path), "$.%s[%d]", fault.array, fault.index);
    else if (fault.array)
        snprintf(path, sizeof(path), "$.%s", fault.array);
    return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, layout->name, 0, path, "%s", fault.text);
}
