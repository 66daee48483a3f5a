/* plan/layout_json.c - reading and writing weft.layout. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_in.h"
#include "base/json_out.h"
#include "base/sha256.h"
#include "plan/layout_own.h"
#include "plan/pipeline_json.h"

/* A chunk as it is read: the slot stands beside the others. */
typedef struct chunk_entry {
    weft_chunk chunk;
    int32_t slot;
} chunk_entry;

#define REQUIRED .required = true

static const weft_i_json_field module_fields[] = {
    {WEFT_I_FIELD_STRING("module", weft_layout_module, module), REQUIRED},
    {WEFT_I_FIELD_INT32("segments", weft_layout_module, segments), .min = 1, .max = INT32_MAX,
     REQUIRED},
    {WEFT_I_FIELD_INT32("direction", weft_layout_module, direction), .min = -1, .max = 1, REQUIRED},
    {WEFT_I_FIELD_INT64("submicrobatch_tokens", weft_layout_module, submicrobatch_tokens), .min = 1,
     REQUIRED},
    {WEFT_I_FIELD_INT32("microbatches", weft_layout_module, microbatches), .min = 1,
     .max = INT32_MAX},
};

static const weft_i_json_field chunk_fields[] = {
    {WEFT_I_FIELD_STRING("module", chunk_entry, chunk.module), REQUIRED},
    {WEFT_I_FIELD_INT32("segment", chunk_entry, chunk.segment), REQUIRED},
    {WEFT_I_FIELD_INT32("rank", chunk_entry, chunk.rank), REQUIRED},
    {WEFT_I_FIELD_INT32("first_layer", chunk_entry, chunk.first_layer), REQUIRED},
    {WEFT_I_FIELD_INT32("layers", chunk_entry, chunk.layers), .min = 1, .max = INT32_MAX, REQUIRED},
    {WEFT_I_FIELD_INT32("slot", chunk_entry, slot)},
};

static const weft_i_json_field layout_fields[] = {
    {WEFT_I_FIELD_STRING("name", weft_layout, name), REQUIRED},
    {WEFT_I_FIELD_STRING("model", weft_layout, model), REQUIRED},
    {WEFT_I_FIELD_OTHER("parallel"), REQUIRED},
    {WEFT_I_FIELD_OTHER("modules"), REQUIRED},
    {WEFT_I_FIELD_INT32("slots", weft_layout, n_slots), .min = 1, .max = INT32_MAX},
    {WEFT_I_FIELD_OTHER("chunks"), REQUIRED},
    {WEFT_I_FIELD_OTHER("shared")},
};

static void read_module(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_layout_module *module = out;
    module->microbatches = 1;
    weft_i_read_object(reader, in, module_fields, WEFT_I_N_FIELDS(module_fields), module);
}

static void read_chunk(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    chunk_entry *entry = out;
    entry->slot = -1;
    weft_i_read_object(reader, in, chunk_fields, WEFT_I_N_FIELDS(chunk_fields), entry);
}

/* Chunks and, where the layout has slots, the slot of each. */
static void read_chunks(weft_i_reader *reader, weft_layout *layout)
{
    chunk_entry *entries = weft_i_read_array(reader, &reader->root, "chunks", sizeof(*entries),
                                             read_chunk, &layout->n_chunks);
    reader->n_chunks = layout->n_chunks;
    if (reader->status != WEFT_STATUS_OK) return;
    layout->chunks = weft_i_new(reader->arena, weft_chunk, layout->n_chunks);
    layout->slot_of_chunk = weft_i_new(reader->arena, int32_t, layout->n_chunks);
    if (!layout->chunks || !layout->slot_of_chunk) {
        reader->status = weft_i_no_memory(reader->error);
        return;
    }
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        layout->chunks[c] = entries[c].chunk;
        layout->slot_of_chunk[c] = entries[c].slot;
        if ((entries[c].slot >= 0) == (layout->n_slots > 0)) continue;
        weft_i_json array, item;
        if (!weft_i_json_get(&reader->root, "chunks", &array)) return;
        item = weft_i_json_item(&array, (size_t)c);
        reader->status =
            weft_i_json_fail(&item, reader->error, "slots and the slot of each chunk go together");
        return;
    }
    if (layout->n_slots == 0) layout->slot_of_chunk = NULL;
}

/* Say a broken rule at its line and path. */
static weft_status fail_at(const weft_i_json *root, const weft_i_layout_fault *fault,
                           weft_error *error)
{
    weft_i_json member, item;
    if (!fault->array || !weft_i_json_get(root, fault->array, &member))
        return weft_i_json_fail(root, error, "%s", fault->text);
    if (fault->index < 0) return weft_i_json_fail(&member, error, "%s", fault->text);
    item = weft_i_json_item(&member, (size_t)fault->index);
    return weft_i_json_fail(&item, error, "%s", fault->text);
}

static weft_status read_document(const weft_i_json_doc *doc, weft_i_arena *arena, weft_error *error,
                                 weft_layout *layout)
{
    weft_i_layout_fault fault;
    weft_i_reader reader = {.root = weft_i_json_root(doc), .arena = arena, .error = error};
    reader.status = weft_i_json_header(&reader.root, "layout", 1, error);
    weft_i_read_object(&reader, &reader.root, layout_fields, WEFT_I_N_FIELDS(layout_fields),
                       layout);
    weft_i_read_parallel(&reader, &layout->parallel);
    layout->modules = weft_i_read_array(&reader, &reader.root, "modules", sizeof(*layout->modules),
                                        read_module, &layout->n_modules);
    read_chunks(&reader, layout);
    layout->shared = weft_i_read_shared(&reader, &layout->n_shared);
    if (reader.status != WEFT_STATUS_OK) return reader.status;
    if (weft_i_layout_is_sound(layout, NULL, &fault)) return WEFT_STATUS_OK;
    return fail_at(&reader.root, &fault, error);
}

static weft_status fill(weft_layout *layout, weft_i_arena *arena, const char *name,
                        const char *text, size_t n, weft_error *error)
{
    weft_i_json_doc *doc;
    char hex[65];
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    status = read_document(doc, arena, error, layout);
    weft_i_json_free(doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_sha256_of(text, n, hex);
    layout->sha256 = weft_i_arena_string(arena, hex);
    return layout->sha256 ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_i_layout_parse(const char *name, const char *text, size_t n, weft_error *error,
                                weft_layout **out_layout)
{
    weft_i_arena *arena;
    weft_layout *layout = weft_i_layout_create(&arena);
    if (!layout) return weft_i_no_memory(error);
    weft_status status = fill(layout, arena, name, text, n, error);
    if (status == WEFT_STATUS_OK)
        *out_layout = layout;
    else
        weft_layout_free(layout);
    return status;
}

weft_status weft_layout_read(const char *file, weft_error *error, weft_layout **out_layout)
{
    char *text;
    size_t n;
    weft_status status = weft_i_file_read(file, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_layout_parse(weft_i_file_label(file), text, n, error, out_layout);
    free(text);
    return status;
}

static void write_modules(weft_i_json_out *out, const weft_layout *layout)
{
    weft_i_json_key(out, "modules");
    weft_i_json_open_array(out);
    for (int32_t m = 0; m < layout->n_modules; m++) {
        const weft_layout_module *module = &layout->modules[m];
        weft_i_json_compact(out);
        weft_i_json_open_object(out);
        weft_i_json_put_key_string(out, "module", module->module);
        weft_i_json_put_key_int(out, "segments", module->segments);
        weft_i_json_put_key_int(out, "direction", module->direction);
        weft_i_json_put_key_int(out, "submicrobatch_tokens", module->submicrobatch_tokens);
        weft_i_json_put_key_int(out, "microbatches", module->microbatches);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

static void write_chunks(weft_i_json_out *out, const weft_layout *layout)
{
    weft_i_json_key(out, "chunks");
    weft_i_json_open_array(out);
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        const weft_chunk *chunk = &layout->chunks[c];
        weft_i_json_compact(out);
        weft_i_json_open_object(out);
        weft_i_json_put_key_string(out, "module", chunk->module);
        weft_i_json_put_key_int(out, "segment", chunk->segment);
        weft_i_json_put_key_int(out, "rank", chunk->rank);
        weft_i_json_put_key_int(out, "first_layer", chunk->first_layer);
        weft_i_json_put_key_int(out, "layers", chunk->layers);
        if (layout->slot_of_chunk) weft_i_json_put_key_int(out, "slot", layout->slot_of_chunk[c]);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

weft_status weft_i_layout_print(const weft_layout *layout, FILE *stream, weft_error *error)
{
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_put_header(&out, "layout");
    weft_i_json_put_key_string(&out, "name", layout->name);
    weft_i_json_put_key_string(&out, "model", layout->model);
    weft_i_write_parallel(&out, &layout->parallel);
    write_modules(&out, layout);
    if (layout->slot_of_chunk) weft_i_json_put_key_int(&out, "slots", layout->n_slots);
    write_chunks(&out, layout);
    weft_i_write_shared(&out, layout->shared, layout->n_shared);
    weft_i_json_close_object(&out);
    return weft_i_json_out_end(&out, error);
}

weft_status weft_layout_write(const weft_layout *layout, const char *file, weft_error *error)
{
    weft_i_file_out out;
    weft_status status = weft_i_file_create(file, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_layout_print(layout, out.stream, error);
    return weft_i_file_end(&out, status, error);
}
