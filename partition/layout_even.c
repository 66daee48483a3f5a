/* partition/layout_even.c - see layout_even.h. */
#include "partition/layout_even.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "partition/layer_costs.h"

/* Moves that are looked at, in all: a bound on the time for hundreds of ranks. */
enum { MOST_TRIALS = 20000 };

/* State that a rank may have, in means of all ranks. */
static const double MOST_STATE = 4.0 / 3;

/* Less than this part is no gain. */
static const double EPSILON = 1e-9;

/* A module's chunks are its pieces, in the order of its layers. */
typedef struct module_cut {
    weft_chunk *chunks; /* the layout's */
    int32_t n_pieces;
    int32_t *cut;       /* n_pieces + 1 */
    double *ns, *state; /* of the layers before this one */
} module_cut;

typedef struct evener {
    const weft_i_layout_loads *loads;
    module_cut *modules;
    int32_t n_modules, n_ranks, n_trials;
    double *load, *state; /* by rank */
    double most_state;
} evener;

/* One layer goes from a piece to another; those between hand one on. */
typedef struct move {
    int32_t module, from, to;
} move;

/* How even it is: smaller is better, the first number first. */
typedef struct unevenness {
    double most_ns, squares;
} unevenness;

static void count_pieces(evener *e, const module_cut *m, double sign)
{
    for (int32_t i = 0; i < m->n_pieces; i++) {
        int32_t rank = m->chunks[i].rank, first = m->cut[i], end = m->cut[i + 1];
        e->load[rank] += sign * (m->ns[end] - m->ns[first]);
        e->state[rank] += sign * (m->state[end] - m->state[first]);
    }
}

static void apply(evener *e, const move *to_do)
{
    module_cut *m = &e->modules[to_do->module];
    count_pieces(e, m, -1);
    for (int32_t i = to_do->from + 1; i <= to_do->to; i++)
        m->cut[i]--;
    for (int32_t i = to_do->to + 1; i <= to_do->from; i++)
        m->cut[i]++;
    count_pieces(e, m, 1);
}

static void undo(evener *e, const move *done)
{
    const move back = {done->module, done->to, done->from};
    apply(e, &back);
}

static double time_of(const evener *e, int32_t rank)
{
    return e->load[rank] * e->loads->factor[rank] + e->loads->idle_ns[rank];
}

static unevenness measure(const evener *e)
{
    unevenness u = {0, 0};
    for (int32_t r = 0; r < e->n_ranks; r++) {
        double ns = time_of(e, r);
        if (e->state[r] > e->most_state) return (unevenness){INFINITY, INFINITY};
        u.most_ns = fmax(u.most_ns, ns);
        u.squares += ns * ns;
    }
    return u;
}

static bool is_less(const unevenness *a, const unevenness *b)
{
    if (a->most_ns < b->most_ns * (1 - EPSILON)) return true;
    return a->most_ns <= b->most_ns * (1 + EPSILON) && a->squares < b->squares * (1 - EPSILON);
}

/* The longest piece of a rank that can spare a layer, or its shortest piece; -1 = there is none. */
static int32_t find_piece(const module_cut *m, int32_t rank, bool gives)
{
    int32_t best = -1, best_layers = 0;
    for (int32_t i = 0; i < m->n_pieces; i++) {
        int32_t layers = m->cut[i + 1] - m->cut[i];
        if (m->chunks[i].rank != rank || (gives && layers < 2)) continue;
        if (best >= 0 && (gives ? layers <= best_layers : layers >= best_layers)) continue;
        best = i;
        best_layers = layers;
    }
    return best;
}

static bool find_move(const evener *e, int32_t module, int32_t from_rank, int32_t to_rank,
                      move *out_move)
{
    const module_cut *m = &e->modules[module];
    int32_t from = find_piece(m, from_rank, true), to = find_piece(m, to_rank, false);
    *out_move = (move){module, from, to};
    return from_rank != to_rank && from >= 0 && to >= 0;
}

/* After a first move to `rank`: a layer of another module from there to elsewhere. */
static bool try_second(evener *e, const move *first, int32_t rank, const unevenness *before)
{
    for (int32_t m = 0; m < e->n_modules; m++)
        for (int32_t to = 0; m != first->module && to < e->n_ranks; to++) {
            move second;
            if (e->n_trials >= MOST_TRIALS || !find_move(e, m, rank, to, &second)) continue;
            apply(e, &second);
            e->n_trials++;
            unevenness after = measure(e);
            if (is_less(&after, before)) return true;
            undo(e, &second);
        }
    return false;
}

static bool try_first(evener *e, const move *first, int32_t to, bool pairs,
                      const unevenness *before)
{
    apply(e, first);
    e->n_trials++;
    unevenness after = measure(e);
    if (is_less(&after, before) || (pairs && try_second(e, first, to, before))) return true;
    undo(e, first);
    return false;
}

/* One or two moves that begin at the busiest rank; false when none helps. */
static bool improve(evener *e, bool pairs)
{
    const unevenness before = measure(e);
    int32_t busiest = 0;
    for (int32_t r = 1; r < e->n_ranks; r++)
        if (time_of(e, r) > time_of(e, busiest)) busiest = r;
    for (int32_t m = 0; m < e->n_modules; m++)
        for (int32_t to = 0; to < e->n_ranks && e->n_trials < MOST_TRIALS; to++) {
            move first;
            if (find_move(e, m, busiest, to, &first) && try_first(e, &first, to, pairs, &before))
                return true;
        }
    return false;
}

/* A chunk's time goes to its layers as they take it at the mean microbatch. */
static void share_chunk(const weft_i_module_cost *cost, const weft_chunk *chunk, double chunk_ns,
                        module_cut *m)
{
    int32_t first = chunk->first_layer, end = first + chunk->layers;
    double sum = 0;
    for (int32_t l = first; l < end; l++)
        sum += cost->layers[l].best_ns;
    for (int32_t l = first; l < end; l++) {
        double part = sum > 0 ? cost->layers[l].best_ns / sum : 1.0 / chunk->layers;
        m->ns[l + 1] = m->ns[l] + part * chunk_ns;
        m->state[l + 1] = m->state[l] + cost->layers[l].state_bytes;
    }
}

static bool open_module(evener *e, const weft_i_module_cost *cost, const char *name,
                        weft_layout *layout, weft_i_arena *arena, module_cut *m)
{
    int32_t c = 0;
    while (c < layout->n_chunks && strcmp(layout->chunks[c].module, name) != 0)
        c++;
    *m = (module_cut){.chunks = &layout->chunks[c]};
    for (; c < layout->n_chunks && strcmp(layout->chunks[c].module, name) == 0; c++)
        m->n_pieces++;
    m->cut = weft_i_new(arena, int32_t, m->n_pieces + 1);
    m->ns = weft_i_new(arena, double, cost->n_layers + 1);
    m->state = weft_i_new(arena, double, cost->n_layers + 1);
    if (!m->cut || !m->ns || !m->state) return false;
    for (int32_t i = 0; i < m->n_pieces; i++) {
        const weft_chunk *chunk = &m->chunks[i];
        share_chunk(cost, chunk, e->loads->chunk_ns[chunk - layout->chunks], m);
        m->cut[i + 1] = chunk->first_layer + chunk->layers;
    }
    count_pieces(e, m, 1);
    return true;
}

static weft_status open_evener(evener *e, const weft_i_layout_input *input, weft_layout *layout,
                               weft_i_arena *arena, weft_error *error)
{
    weft_i_module_cost *costs;
    weft_status status = weft_i_layer_costs(input, arena, error, &costs);
    if (status != WEFT_STATUS_OK) return status;
    e->n_modules = layout->n_modules;
    e->n_ranks = layout->parallel.pp;
    e->modules = weft_i_new(arena, module_cut, e->n_modules);
    e->load = weft_i_new(arena, double, e->n_ranks);
    e->state = weft_i_new(arena, double, e->n_ranks);
    if (!e->modules || !e->load || !e->state) return weft_i_no_memory(error);
    for (int32_t m = 0; m < e->n_modules; m++)
        if (!open_module(e, &costs[m], layout->modules[m].module, layout, arena, &e->modules[m]))
            return weft_i_no_memory(error);
    double sum = 0;
    for (int32_t r = 0; r < e->n_ranks; r++) {
        sum += e->state[r];
        e->most_state = fmax(e->most_state, e->state[r]);
    }
    e->most_state = fmax(e->most_state, MOST_STATE * sum / e->n_ranks);
    e->most_state *= 1 + EPSILON;
    return WEFT_STATUS_OK;
}

static void write_back(const evener *e)
{
    for (int32_t m = 0; m < e->n_modules; m++)
        for (int32_t i = 0; i < e->modules[m].n_pieces; i++) {
            weft_chunk *chunk = &e->modules[m].chunks[i];
            chunk->first_layer = e->modules[m].cut[i];
            chunk->layers = e->modules[m].cut[i + 1] - e->modules[m].cut[i];
        }
}

weft_status weft_i_layout_even(const weft_i_layout_input *input, const weft_i_layout_loads *loads,
                               weft_error *error, weft_layout *layout)
{
    weft_i_arena arena = {0};
    evener e = {.loads = loads};
    weft_status status = open_evener(&e, input, layout, &arena, error);
    if (status == WEFT_STATUS_OK) {
        while (improve(&e, false) || improve(&e, true)) {
        }
        write_back(&e);
    }
    weft_i_arena_free(&arena);
    return status;
}
