/* runtime/machine.c - see machine.h: measuring. */
#include "runtime/machine.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/threads.h"
#include "runtime/attend.h"
#include "runtime/gemm.h"

enum { N_GEMMS = 6, N_LENGTHS = 4, MOST_HEADS = 8, RUNS = 5, HEADS = 2 };
static const int32_t gemm_sizes[N_GEMMS] = {16, 32, 64, 128, 256, 512};
static const int32_t lengths[N_LENGTHS] = {16, 64, 256, 1024};

/* Enough of everything. */
typedef struct scratch {
    float *a, *b, *c, *d;
} scratch;

static bool take_space(scratch *s, int64_t n, weft_i_arena *arena)
{
    float **const all[] = {&s->a, &s->b, &s->c, &s->d};
    for (int i = 0; i < 4; i++) {
        *all[i] = weft_i_new(arena, float, n);
        if (!*all[i]) return false;
        for (int64_t k = 0; k < n; k++)
            (*all[i])[k] = (float)(k % 17) / 17 - 0.5f;
    }
    return true;
}

/* Shortest of some runs, each long enough for the clock. */
static double least_ns(void (*run)(void *context), void *context)
{
    double least = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        int64_t start_ns = weft_i_now_ns(), now_ns;
        int n = 0;
        do {
            run(context);
            n++;
            now_ns = weft_i_now_ns();
        } while (now_ns - start_ns < 200000);
        least = fmin(least, (double)(now_ns - start_ns) / n);
    }
    return least;
}

typedef struct gemm_run {
    const scratch *space;
    int32_t size;
} gemm_run;

static void run_gemm(void *context)
{
    const gemm_run *g = context;
    weft_i_gemm(g->size, g->size, g->size, 1, (weft_i_matrix){g->space->a, g->size, false},
                (weft_i_matrix){g->space->b, g->size, true}, 0, g->space->c, g->size);
}

/* Fractions of the best rate, which is the peak. */
static weft_status measure_gemms(const scratch *space, weft_i_arena *arena, weft_error *error,
                                 weft_device *device)
{
    weft_point *points = weft_i_new(arena, weft_point, N_GEMMS);
    double best = 0;
    if (!points) return weft_i_no_memory(error);
    for (int i = 0; i < N_GEMMS; i++) {
        gemm_run run = {space, gemm_sizes[i]};
        points[i].x = 2 * pow(gemm_sizes[i], 3);
        points[i].y = points[i].x / least_ns(run_gemm, &run); /* 1e9 flop a second */
        best = fmax(best, points[i].y);
    }
    for (int i = 0; i < N_GEMMS; i++)
        points[i].y /= best;
    device->bf16_tflops = best / 1e3;
    device->gemm = (weft_table){points, N_GEMMS};
    return WEFT_STATUS_OK;
}

typedef struct attend_run {
    const scratch *space;
    weft_i_attend how;
    weft_i_stretch stretch;
    bool back;
} attend_run;

static void run_attend(void *context)
{
    const attend_run *at = context;
    int64_t width = (int64_t)HEADS * at->how.head_size;
    const scratch *s = at->space;
    weft_i_qkv in = {s->a, s->a + width, s->a + 2 * width, 3 * width, 3 * width};
    weft_i_qkv d = {s->c, s->c + width, s->c + 2 * width, 3 * width, 3 * width};
    if (at->back)
        weft_i_attend_back(&at->how, &at->stretch, 1, in, s->b, s->d, d);
    else
        weft_i_attend_forward(&at->how, &at->stretch, 1, in, s->d, s->b);
}

static weft_status measure_table(const scratch *space, int32_t head_size, bool causal, bool back,
                                 double peak, weft_i_arena *arena, weft_error *error,
                                 weft_table *out)
{
    weft_point *points = weft_i_new(arena, weft_point, N_LENGTHS);
    if (!points) return weft_i_no_memory(error);
    for (int i = 0; i < N_LENGTHS; i++) {
        attend_run run = {
            .space = space,
            .how = {.heads = HEADS, .kv_heads = HEADS, .head_size = head_size, .causal = causal},
            .stretch = {.n = lengths[i]},
            .back = back};
        double flop =
            4 * pow(lengths[i], 2) * head_size * HEADS * (causal ? 0.5 : 1) * (back ? 2.5 : 1);
        double rate = flop / least_ns(run_attend, &run);
        points[i] = (weft_point){lengths[i], fmin(fmax(rate / peak, 1e-6), 1)};
    }
    *out = (weft_table){points, N_LENGTHS};
    return WEFT_STATUS_OK;
}

static weft_status measure_row(const scratch *space, int32_t head_size, double peak,
                               weft_i_arena *arena, weft_error *error, weft_attention_row *out)
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

static weft_status measure_device(const weft_model *model, weft_i_arena *arena, weft_error *error,
                                  weft_device *device)
{
    int32_t sizes[MOST_HEADS];
    int n = find_head_sizes(model, sizes);
    scratch space;
    int64_t longest = lengths[N_LENGTHS - 1], widest = sizes[n - 1];
    const weft_i_attend how = {.heads = HEADS, .kv_heads = HEADS, .head_size = sizes[n - 1]};
    int64_t n_floats = 3 * HEADS * longest * widest + 512 * 512;
    int64_t n_scratch = (int64_t)weft_i_attend_scratch(&how, longest, longest);
    if (!take_space(&space, n_floats > n_scratch ? n_floats : n_scratch, arena))
        return weft_i_no_memory(error);
    weft_status status = measure_gemms(&space, arena, error, device);
    device->attention = weft_i_new(arena, weft_attention_row, n);
    device->n_attention = n;
    if (status == WEFT_STATUS_OK && !device->attention) status = weft_i_no_memory(error);
    for (int i = 0; status == WEFT_STATUS_OK && i < n; i++)
        status = measure_row(&space, sizes[i], device->bf16_tflops * 1e3, arena, error,
                             &device->attention[i]);
    return status;
}

/* The emulator counts 2 bytes a value where float32 sends 4: rates of messages are halved. Of a
 * reduction it counts what the recipe says, so that these are as they are. */
static weft_status make_level(int32_t processes, const weft_i_link_times *links,
                              weft_i_arena *arena, weft_error *error, weft_level *level)
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
    level->gbs = (double)links->n_bytes[LAST] / 2 / fmax(over, 1);
    for (int i = 0; i < WEFT_I_N_MESSAGES; i++) {
        double moved = 2.0 * (processes - 1) / processes * (double)links->n_bytes[i];
        double rate = moved / fmax((double)links->reduce_ns[i], 1);
        points[i] = (weft_point){(double)links->n_bytes[i], fmin(fmax(rate / level->gbs, 1e-6), 2)};
    }
    row->fraction = (weft_table){points, WEFT_I_N_MESSAGES + 1};
    return WEFT_STATUS_OK;
}

weft_status weft_i_machine_measure(const weft_model *model, int32_t processes,
                                   const weft_i_link_times *links, weft_i_arena *arena,
                                   weft_error *error, weft_cluster **out_cluster)
{
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    weft_cluster *made = weft_i_new(arena, weft_cluster, 1);
    weft_node_type *node = weft_i_new(arena, weft_node_type, 1);
    weft_level *level = weft_i_new(arena, weft_level, 1);
    if (!made || !node || !level) return weft_i_no_memory(error);
    *node = (weft_node_type){.devices = processes, .nodes = 1, .host_gbs = 10, .host_bytes = bytes};
    node->device = (weft_device){.name = "processor",
                                 .memory_bytes = bytes / processes,
                                 .memory_gbs = 10,
                                 .memory_efficiency = 1,
                                 .multiprocessors = 0,
                                 .launch_ns = 100,
                                 .tile_overhead = 90, /* of tiles: the default */
                                 .score_traffic = 1,
                                 .backward_traffic = 1};
    *made = (weft_cluster){.name = "this-machine",
                           .sha256 = "",
                           .node_types = node,
                           .n_node_types = 1,
                           .levels = level,
                           .n_levels = 1,
                           .stack = {.name = "float32", .elementwise = 1, .slowdown = 1}};
    weft_status status = make_level(processes, links, arena, error, level);
    if (status == WEFT_STATUS_OK) status = measure_device(model, arena, error, &node->device);
    if (status == WEFT_STATUS_OK) *out_cluster = made;
    return status;
}
