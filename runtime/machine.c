/* runtime/machine.c - see machine.h: measuring. */
#include "runtime/machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/threads.h"

enum {
    LARGEST = 512,
    FAR_LARGEST = 4096,
    LONGEST = 1024,
    MOST_HEADS = 8,
    MOST_POINTS = 12,
    RUNS = 5
};
static const double long_ns = 1e7; /* a device that is slow is not asked for more */

/* Enough of everything. */
typedef struct scratch {
    const weft_i_kit *kit;
    weft_i_pool pool;
    void *a, *b, *c;
} scratch;

static bool take_space(scratch *s, int64_t n)
{
    void **const all[] = {&s->a, &s->b, &s->c};
    float *from = weft_i_alloc((size_t)n, sizeof(float));
    bool good = from != NULL;
    for (int64_t k = 0; good && k < n; k++)
        from[k] = (float)(k % 17) / 17 - 0.5f;
    for (int i = 0; good && i < 3; i++) {
        *all[i] = weft_i_pool_take(&s->pool, (size_t)n * s->kit->value_bytes);
        good = *all[i] && s->kit->import(s->kit->context, from, n, *all[i]);
    }
    free(from);
    return good;
}

/* Shortest of some runs, each long enough for the clock. */
static double least_ns(const scratch *space, void (*run)(void *context), void *context)
{
    const weft_i_kit *kit = space->kit;
    double least = INFINITY;
    int n = 1;
    for (int i = 0; i < RUNS; i++)
        for (;; n *= 2) {
            int64_t start_ns = weft_i_now_ns();
            for (int k = 0; k < n; k++)
                run(context);
            kit->finish(kit->context, NULL); /* what went wrong is told in the end */
            int64_t ns = weft_i_now_ns() - start_ns;
            if (ns < 200000 && n < 1 << 20) continue;
            least = fmin(least, (double)ns / n);
            break;
        }
    return least;
}

/* An operation again and again. */
typedef struct op_run {
    scratch *space;
    weft_i_op op;
    weft_i_view view;
    bool back;
} op_run;

static void run_op(void *context)
{
    const op_run *at = context;
    const weft_i_kit *kit = at->space->kit;
    if (at->back)
        kit->back_input(kit->context, &at->op, &at->view);
    else
        kit->forward(kit->context, &at->op, &at->view);
}

static double time_gemm(scratch *space, int32_t size)
{
    op_run run = {.space = space,
                  .op = {.kind = WEFT_I_OP_LINEAR},
                  .view = {.x = space->a,
                           .operand = space->b,
                           .out = space->c,
                           .rows = size,
                           .width = size,
                           .in_width = size,
                           .pool = &space->pool}};
    return least_ns(space, run_op, &run);
}

/* Fractions of the best rate, which is the peak. */
static weft_status measure_gemms(scratch *space, weft_i_arena *arena, weft_error *error,
                                 weft_device *device)
{
    weft_point *points = weft_i_new(arena, weft_point, MOST_POINTS);
    double best = 0, ns = 0;
    int32_t n = 0, largest = space->kit->is_far ? FAR_LARGEST : LARGEST;
    if (!points) return weft_i_no_memory(error);
    for (int32_t size = 16; size <= largest && ns < long_ns; size *= 2, n++) {
        ns = time_gemm(space, size);
        points[n].x = 2 * pow(size, 3);
        points[n].y = points[n].x / ns; /* 1e9 flop a second */
        best = fmax(best, points[n].y);
    }
    for (int i = 0; i < n; i++)
        points[i].y /= best;
    device->bf16_tflops = best / 1e3;
    device->gemm = (weft_table){points, n};
    return WEFT_STATUS_OK;
}

/* As many as a device wants to be busy. */
static int32_t heads_of(const weft_i_kit *kit)
{
    return kit->is_far ? 16 : 2;
}

/* Of one sequence; false when out of memory. */
static bool time_attention(scratch *space, weft_i_attend how, int32_t n, bool back, double *out_ns)
{
    const weft_i_kit *kit = space->kit;
    const weft_i_program program = {.self = how};
    const weft_i_stretch stretch = {.n = n};
    weft_i_sheet sheet = {
        .n_rows = n, .n_out_rows = n, .n_spans = 1, .spans = &stretch, .merge = 1};
    op_run run = {.space = space,
                  .op = {.kind = WEFT_I_OP_SELF_ATTEND},
                  .view = {.program = &program,
                           .sheet = &sheet,
                           .pool = &space->pool,
                           .x = space->a,
                           .d_x = space->c,
                           .d_out = space->b,
                           .out = space->b,
                           .rows = n,
                           .width = (int64_t)how.heads * how.head_size},
                  .back = back};
    if (kit->bind && !kit->bind(kit->context, &sheet)) return false;
    *out_ns = least_ns(space, run_op, &run);
    if (kit->unbind) kit->unbind(kit->context, &sheet);
    return true;
}

static weft_status measure_table(scratch *space, int32_t head_size, bool causal, bool back,
                                 double peak, weft_i_arena *arena, weft_error *error,
                                 weft_table *out)
{
    weft_point *points = weft_i_new(arena, weft_point, MOST_POINTS);
    int32_t heads = heads_of(space->kit), n = 0;
    double ns = 0;
    if (!points) return weft_i_no_memory(error);
    for (int32_t length = 16; length <= LONGEST && ns < long_ns; length *= 4, n++) {
        const weft_i_attend how = {
            .heads = heads, .kv_heads = heads, .head_size = head_size, .causal = causal};
        double flop =
            4 * pow(length, 2) * head_size * heads * (causal ? 0.5 : 1) * (back ? 2.5 : 1);
        if (!time_attention(space, how, length, back, &ns)) return weft_i_no_memory(error);
        points[n] = (weft_point){length, fmin(fmax(flop / ns / peak, 1e-6), 1)};
    }
    *out = (weft_table){points, n};
    return WEFT_STATUS_OK;
}

static weft_status measure_row(scratch *space, int32_t head_size, double peak, weft_i_arena *arena,
                               weft_error *error, weft_attention_row *out)
{
    weft_attention_row row = {.head_size = head_size};
    weft_table *const tables[] = {&row.forward, &row.backward, &row.forward_causal,
                                  &row.backward_causal};
    for (int i = 0; i < 4; i++) {
        weft_status status =
            measure_table(space, head_size, i >= 2, i % 2 == 1, peak, arena, error, tables[i]);
        if (status != WEFT_STATUS_OK) return status;
    }
    *out = row;
    return WEFT_STATUS_OK;
}

/* Head sizes of a model, ascending; 64 where there are none. */
static int find_head_sizes(const weft_model *model, int32_t *out)
{
    int n = 0;
    for (int32_t m = 0; m < model->n_modules; m++)
        for (int32_t l = 0; l < model->modules[m].n_layers; l++) {
            int32_t size = model->modules[m].layers[l].head_size;
            int at = 0;
            while (at < n && out[at] < size)
                at++;
            if (size == 0 || n == MOST_HEADS || (at < n && out[at] == size)) continue;
            memmove(out + at + 1, out + at, (size_t)(n - at) * sizeof(*out));
            out[at] = size;
            n++;
        }
    if (n == 0) out[n++] = 64;
    return n;
}

static weft_status measure_all(const weft_model *model, scratch *space, weft_i_arena *arena,
                               weft_error *error, weft_device *device)
{
    int32_t sizes[MOST_HEADS], largest = space->kit->is_far ? FAR_LARGEST : LARGEST;
    int n = find_head_sizes(model, sizes);
    int64_t widest = 3 * (int64_t)heads_of(space->kit) * LONGEST * sizes[n - 1];
    if (!take_space(space, widest + (int64_t)largest * largest)) return weft_i_no_memory(error);
    weft_status status = measure_gemms(space, arena, error, device);
    device->attention = weft_i_new(arena, weft_attention_row, n);
    device->n_attention = n;
    if (status == WEFT_STATUS_OK && !device->attention) status = weft_i_no_memory(error);
    for (int i = 0; status == WEFT_STATUS_OK && i < n; i++)
        status = measure_row(space, sizes[i], device->bf16_tflops * 1e3, arena, error,
                             &device->attention[i]);
    if (status == WEFT_STATUS_OK) status = space->kit->finish(space->kit->context, error);
    return status;
}

static weft_status measure_device(const weft_model *model, const weft_i_kit *kit,
                                  weft_i_arena *arena, weft_error *error, weft_device *device)
{
    scratch space = {.kit = kit, .pool = {.memory = kit->memory}};
    weft_status status = measure_all(model, &space, arena, error, device);
    weft_i_pool_free(&space.pool);
    return status;
}

/* The emulator counts 2 bytes a value: where a kit sends 4, rates of messages are halved. Of a
 * reduction it counts what the recipe says, so that these are as they are. */
static weft_status make_level(const weft_i_kit *kit, int32_t processes,
                              const weft_i_link_times *links, weft_i_arena *arena,
                              weft_error *error, weft_level *level)
{
    enum { LAST = WEFT_I_N_MESSAGES - 1 };
    weft_collective_row *row = weft_i_new(arena, weft_collective_row, 1);
    weft_point *points = weft_i_new(arena, weft_point, WEFT_I_N_MESSAGES + 1);
    if (!row || !points) return weft_i_no_memory(error);
    *level = (weft_level){.name = "machine",
                          .devices = processes,
                          .gbs = 1,
                          .latency_ns = 1000,
                          .oversubscription = 1,
                          .collectives = row,
                          .n_collectives = 1};
    points[WEFT_I_N_MESSAGES] = (weft_point){1e12, 1}; /* what messages reach */
    *row = (weft_collective_row){processes > 1 ? processes : 2, {points + WEFT_I_N_MESSAGES, 1}};
    if (!links) return WEFT_STATUS_OK;
    double over = (double)(links->message_ns[LAST] - links->message_ns[0]);
    level->latency_ns = links->message_ns[0];
    level->gbs = (double)links->n_bytes[LAST] * 2 / (double)kit->value_bytes / fmax(over, 1);
    for (int i = 0; i < WEFT_I_N_MESSAGES; i++) {
        double moved = 2.0 * (processes - 1) / processes * (double)links->n_bytes[i];
        double rate = moved / fmax((double)links->reduce_ns[i], 1);
        points[i] = (weft_point){(double)links->n_bytes[i], fmin(fmax(rate / level->gbs, 1e-6), 2)};
    }
    row->fraction = (weft_table){points, WEFT_I_N_MESSAGES + 1};
    return WEFT_STATUS_OK;
}

weft_status weft_i_machine_measure(const weft_model *model, const weft_i_kit *kit,
                                   int32_t processes, const weft_i_link_times *links,
                                   weft_i_arena *arena, weft_error *error,
                                   weft_cluster **out_cluster)
{
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    weft_cluster *made = weft_i_new(arena, weft_cluster, 1);
    weft_node_type *node = weft_i_new(arena, weft_node_type, 1);
    weft_level *level = weft_i_new(arena, weft_level, 1);
    if (!made || !node || !level) return weft_i_no_memory(error);
    *node = (weft_node_type){.devices = processes, .nodes = 1, .host_gbs = 10, .host_bytes = bytes};
    node->device =
        (weft_device){.name = weft_i_arena_string(arena, kit->name),
                      .memory_bytes = kit->memory_bytes > 0 ? kit->memory_bytes : bytes / processes,
                      .memory_gbs = kit->is_far ? 1000 : 10,
                      .memory_efficiency = 1,
                      .multiprocessors = 0,
                      .launch_ns = kit->is_far ? 3000 : 100,
                      .tile_overhead = 90, /* of tiles: the default */
                      .score_traffic = 1,
                      .backward_traffic = 1};
    *made = (weft_cluster){
        .name = "this-machine",
        .sha256 = "",
        .node_types = node,
        .n_node_types = 1,
        .levels = level,
        .n_levels = 1,
        .stack = {.name = kit->is_far ? "bfloat16" : "float32", .elementwise = 1, .slowdown = 1}};
    if (!node->device.name) return weft_i_no_memory(error);
    weft_status status = make_level(kit, processes, links, arena, error, level);
    if (status == WEFT_STATUS_OK) status = measure_device(model, kit, arena, error, &node->device);
    if (status == WEFT_STATUS_OK) *out_cluster = made;
    return status;
}
