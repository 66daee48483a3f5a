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

#define INT(owner, name, at, low, high)                                                            \
    {                                                                                              \
        .key = name, .type = WEFT_I_JSON_INT32, .offset = offsetof(owner, at), .min = low,         \
        .max = high, .required = true                                                              \
    }
#define STRING(owner, name, at)                                                                    \
    {                                                                                              \
        .key = name, .type = WEFT_I_JSON_STRING, .offset = offsetof(owner, at), .required = true   \
    }
#define N(fields) (sizeof(fields) / sizeof((fields)[0]))

static void read_module(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    static const weft_i_json_field FIELDS[] = {
        STRING(weft_layout_module, "module", module),
        INT(weft_layout_module, "segments", segments, 1, INT32_MAX),
        INT(weft_layout_module, "direction", direction, -1, 1),
        {.key = "submicrobatch_tokens",
         .type = WEFT_I_JSON_INT64,
         .offset = offsetof(weft_layout_module, submicrobatch_tokens),
         .min = 1,
         .max = (double)WEFT_INT_MAX,
         .required = true},
        {.key = "microbatches",
         .type = WEFT_I_JSON_INT32,
         .offset = offsetof(weft_layout_module, microbatches),
         .min = 1,
         .max = INT32_MAX},
    };
    weft_layout_module *module = out;
    module->microbatches = 1;
    weft_i_read_object(reader, in, FIELDS, N(FIELDS), module);
}

static void read_chunk(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    static const weft_i_json_field FIELDS[] = {
        STRING(chunk_entry, "module", chunk.module),
        INT(chunk_entry, "segment", chunk.segment, 0, INT32_MAX),
        INT(chunk_entry, "rank", chunk.rank, 0, INT32_MAX),
        INT(chunk_entry, "first_layer", chunk.first_layer, 0, INT32_MAX),
        INT(chunk_entry, "layers", chunk.layers, 1, INT32_MAX),
        {.key = "slot", .type = WEFT_I_JSON_INT32, .offset = offsetof(chunk_entry, slot)},
    };
    chunk_entry *entry = out;
    entry->slot = -1;
    weft_i_read_object(reader, in, FIELDS, N(FIELDS), entry);
}

static void read_shared(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    static const weft_i_json_field FIELDS[] = {
        STRING(weft_shared, "name", name),
        {.key = "chunks", .type = WEFT_I_JSON_OTHER, .required = true},
        {.key = "bytes",
         .type = WEFT_I_JSON_INT64,
         .offset = offsetof(weft_shared, bytes),
         .max = (double)WEFT_INT_MAX},
    };
    weft_shared *shared = out;
    weft_i_read_object(reader, in, FIELDS, N(FIELDS), shared);
    shared->chunks = weft_i_read_int32s(reader, in, "chunks", INT32_MAX, &shared->n_chunks);
}

static void read_parallel(weft_i_reader *reader, const weft_i_json *in, weft_parallel *out)
{
    static const weft_i_json_field FIELDS[] = {
        INT(weft_parallel, "dp", dp, 1, INT32_MAX), INT(weft_parallel, "pp", pp, 1, INT32_MAX),
        INT(weft_parallel, "tp", tp, 1, INT32_MAX), INT(weft_parallel, "cp", cp, 1, INT32_MAX),
        INT(weft_parallel, "ep", ep, 1, INT32_MAX),
    };
    weft_i_json member;
    if (reader->status == WEFT_STATUS_OK && weft_i_json_get(in, "parallel", &member))
        weft_i_read_object(reader, &member, FIELDS, N(FIELDS), out);
}

/* Chunks and, where the layout has slots, the slot of each. */
static void read_chunks(weft_i_reader *reader, weft_layout *layout)
{
    chunk_entry *entries = weft_i_read_array(reader, &reader->root, "chunks", sizeof(*entries),
                                             read_chunk, &layout->n_chunks);
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
    static const weft_i_json_field FIELDS[] = {
        STRING(weft_layout, "name", name),
        STRING(weft_layout, "model", model),
        {.key = "parallel", .type = WEFT_I_JSON_OTHER, .required = true},
        {.key = "modules", .type = WEFT_I_JSON_OTHER, .required = true},
        {.key = "slots",
         .type = WEFT_I_JSON_INT32,
         .offset = offsetof(weft_layout, n_slots),
         .min = 1,
         .max = INT32_MAX},
        {.key = "chunks", .type = WEFT_I_JSON_OTHER, .required = true},
        {.key = "shared", .type = WEFT_I_JSON_OTHER},
    };
    weft_i_layout_fault fault;
    weft_i_reader reader = {.root = weft_i_json_root(doc), .arena = arena, .error = error};
    reader.status = weft_i_json_header(&reader.root, "layout", 1, error);
    weft_i_read_object(&reader, &reader.root, FIELDS, N(FIELDS), layout);
    read_parallel(&reader, &reader.root, &layout->parallel);
    layout->modules = weft_i_read_array(&reader, &reader.root, "modules", sizeof(*layout->modules),
                                        read_module, &layout->n_modules);
    read_chunks(&reader, layout);
    layout->shared = weft_i_read_array(&reader, &reader.root, "shared", sizeof(*layout->shared),
                                       read_shared, &layout->n_shared);
    if (reader.status != WEFT_STATUS_OK) return reader.status;
    if (weft_i_layout_is_sound(layout, NULL, &fault)) return WEFT_STATUS_OK;
    return fail_at(&reader.root, &fault, error);
}

static weft_status fill(weft_layout *layout, weft_i_arena *arena, const char *name,
                        const char *text, size_t n, weft_error *error)
{
    weft_i_json_doc *doc;
    weft_i_sha256 sha;
    char hex[65];
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    status = read_document(doc, arena, error, layout);
    weft_i_json_free(doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_sha256_begin(&sha);
    weft_i_sha256_add(&sha, text, n);
    weft_i_sha256_end(&sha, hex);
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
    status =
        weft_i_layout_parse(strcmp(file, "-") == 0 ? "stdin" : file, text, n, error, out_layout);
    free(text);
    return status;
}

static void write_parallel(weft_i_json_out *out, const weft_parallel *parallel)
{
    weft_i_json_key(out, "parallel");
    weft_i_json_compact(out);
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "dp", parallel->dp);
    weft_i_json_put_key_int(out, "pp", parallel->pp);
    weft_i_json_put_key_int(out, "tp", parallel->tp);
    weft_i_json_put_key_int(out, "cp", parallel->cp);
    weft_i_json_put_key_int(out, "ep", parallel->ep);
    weft_i_json_close_object(out);
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

static void write_shared(weft_i_json_out *out, const weft_layout *layout)
{
    weft_i_json_key(out, "shared");
    weft_i_json_open_array(out);
    for (int32_t s = 0; s < layout->n_shared; s++) {
        const weft_shared *shared = &layout->shared[s];
        weft_i_json_compact(out);
        weft_i_json_open_object(out);
        weft_i_json_put_key_string(out, "name", shared->name);
        weft_i_write_int32s(out, "chunks", shared->chunks, shared->n_chunks);
        weft_i_json_put_key_int(out, "bytes", shared->bytes);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

weft_status weft_i_layout_print(const weft_layout *layout, FILE *stream, weft_error *error)
{
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_open_object(&out);
    weft_i_json_put_key_string(&out, "format", "weft.layout");
    weft_i_json_put_key_int(&out, "version", 1);
    weft_i_json_put_key_int(&out, "revision", 0);
    weft_i_json_put_key_string(&out, "name", layout->name);
    weft_i_json_put_key_string(&out, "model", layout->model);
    write_parallel(&out, &layout->parallel);
    write_modules(&out, layout);
    if (layout->slot_of_chunk) weft_i_json_put_key_int(&out, "slots", layout->n_slots);
    write_chunks(&out, layout);
    write_shared(&out, layout);
    weft_i_json_close_object(&out);
    return weft_i_json_out_end(&out, error);
}

weft_status weft_layout_write(const weft_layout *layout, const char *file, weft_error *error)
{
    weft_i_file_out out;
    weft_status status = weft_i_file_create(file, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_layout_print(layout, out.stream, error);
    if (status == WEFT_STATUS_OK) status = weft_i_file_commit(&out, error);
    weft_i_file_abort(&out);
    return status;
}
