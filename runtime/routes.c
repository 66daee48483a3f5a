/* runtime/routes.c - see routes.h. */
#include "runtime/routes.h"

#include <string.h>

#include "base/error.h"

typedef struct router {
    const weft_i_rows *rows;
    const weft_problem *problem;
    weft_i_routes routes;
    weft_error *error;
} router;

static const weft_chunk *chunk_of(const router *rt, int32_t stage)
{
    return &rt->problem->chunks[rt->problem->stages[stage].chunk];
}

static bool has_layer(const weft_chunk *chunk, int32_t first, int32_t last)
{
    return first < chunk->first_layer + chunk->layers && last >= chunk->first_layer;
}

/* The edges of the model between the same stages come in order: this is the which-th of them. */
static int32_t find_model_edge(const router *rt, const weft_edge *edge, int32_t which)
{
    const weft_i_trainee *trainee = rt->rows->trainee;
    const weft_chunk *from = chunk_of(rt, edge->from), *to = chunk_of(rt, edge->to);
    int32_t from_module = weft_i_trainee_module(trainee, from->module);
    int32_t to_module = weft_i_trainee_module(trainee, to->module);
    for (int32_t e = 0; e < trainee->model->n_edges; e++) {
        const weft_model_edge *at = &trainee->model->edges[e];
        if (at->from_module == from_module && at->to_module == to_module &&
            at->kind == edge->kind && has_layer(from, at->from_layer, at->from_layer) &&
            has_layer(to, at->to_first_layer, at->to_last_layer) && which-- == 0)
            return e;
    }
    return -1;
}

static weft_status refuse(const router *rt, int32_t e, const char *why)
{
    return weft_i_fail(rt->error, WEFT_STATUS_BAD_INPUT, "edge %d %s", e, why);
}

static weft_status route_chain(router *rt, int32_t e, weft_i_route *route)
{
    const weft_edge *edge = &rt->problem->edges[e];
    const weft_stage *from = &rt->problem->stages[edge->from];
    const weft_stage *to = &rt->problem->stages[edge->to];
    const weft_chunk *sender = chunk_of(rt, edge->from), *reader = chunk_of(rt, edge->to);
    if (from->submicrobatch != to->submicrobatch ||
        reader->first_layer != sender->first_layer + sender->layers)
        return refuse(rt, e, "does not join one chunk to the next of its module");
    int32_t m = weft_i_trainee_module(rt->rows->trainee, sender->module);
    const weft_i_trained_module *module = &rt->rows->trainee->modules[m];
    weft_i_run *run = weft_i_new(&rt->routes.arena, weft_i_run, 1);
    if (!run) return weft_i_no_memory(rt->error);
    int32_t layer = reader->first_layer - 1;
    run->n = rt->rows->sheets[from->submicrobatch][module->levels[reader->first_layer]].n_rows;
    *route = (weft_i_route){WEFT_I_PORT_CHAIN,
                            layer,
                            weft_i_trainee_width_after(module, layer),
                            run->n,
                            run,
                            1,
                            -1,
                            -1};
    return WEFT_STATUS_OK;
}

/* The links between two sub-microbatches by one edge of the model. */
static int32_t collect_runs(const router *rt, int32_t from_sub, int32_t to_sub, int32_t model_edge,
                            int32_t level, weft_i_run *out)
{
    const weft_i_rows *rows = rt->rows;
    int32_t n = 0;
    for (int32_t p = rows->sub_first[to_sub]; p < rows->sub_first[to_sub + 1]; p++) {
        const weft_i_piece *piece = &rows->pieces[p];
        for (int32_t i = 0; i < piece->n_tokens + piece->n_conditions; i++) {
            const weft_i_link *link = &rows->links[piece->first_link + i];
            const weft_i_piece *from = &rows->pieces[link->from];
            if (link->edge != model_edge || from->sub != from_sub) continue;
            if (out) out[n] = (weft_i_run){from->levels[level].first, link->to_row, link->n};
            n++;
        }
    }
    return n;
}

static weft_status route_model(router *rt, int32_t e, int32_t which, weft_i_route *route)
{
    const weft_edge *edge = &rt->problem->edges[e];
    const weft_i_trainee *trainee = rt->rows->trainee;
    int32_t found = find_model_edge(rt, edge, which);
    if (found < 0) return refuse(rt, e, "is none of the model's");
    const weft_model_edge *of = &trainee->model->edges[found];
    const weft_i_trained_module *module = &trainee->modules[of->from_module];
    int32_t level = weft_i_trainee_level_after(module, of->from_layer);
    int32_t from_sub = rt->problem->stages[edge->from].submicrobatch;
    int32_t to_sub = rt->problem->stages[edge->to].submicrobatch;
    int32_t n = collect_runs(rt, from_sub, to_sub, found, level, NULL);
    weft_i_run *runs = weft_i_new(&rt->routes.arena, weft_i_run, n);
    if (!runs) return weft_i_no_memory(rt->error);
    collect_runs(rt, from_sub, to_sub, found, level, runs);
    weft_i_port port = of->kind == WEFT_EDGE_CONDITION ? WEFT_I_PORT_CONTEXT : WEFT_I_PORT_MEDIA;
    *route = (weft_i_route){
        port, of->from_layer, weft_i_trainee_width_after(module, of->from_layer), 0, runs, n, found,
        -1};
    for (int32_t i = 0; i < n; i++)
        route->n_rows += runs[i].n;
    return WEFT_STATUS_OK;
}

/* How many forward edges before e join the same stages; looked at only where a model has several
 * edges between two modules. */
static int32_t which_of(const router *rt, int32_t e)
{
    const weft_edge *edge = &rt->problem->edges[e];
    int32_t which = 0;
    if (find_model_edge(rt, edge, 1) < 0) return 0;
    for (int32_t i = 0; i < e; i++) {
        const weft_edge *at = &rt->problem->edges[i];
        which += at->pass == WEFT_PASS_FW && at->from == edge->from && at->to == edge->to &&
                 at->kind == edge->kind;
    }
    return which;
}

static weft_status route_edge(router *rt, int32_t e)
{
    const weft_edge *edge = &rt->problem->edges[e];
    bool chain = strcmp(chunk_of(rt, edge->from)->module, chunk_of(rt, edge->to)->module) == 0;
    weft_i_route *route = &rt->routes.routes[e];
    return chain ? route_chain(rt, e, route) : route_model(rt, e, which_of(rt, e), route);
}

/* Forward edges in lists by one of their stages. */
static bool make_lists(router *rt, bool by_sender, int32_t **out_first, int32_t **out_edges)
{
    const weft_problem *problem = rt->problem;
    int32_t *first = weft_i_new(&rt->routes.arena, int32_t, (int64_t)problem->n_stages + 2);
    int32_t *edges = weft_i_new(&rt->routes.arena, int32_t, problem->n_edges);
    if (!first || !edges) return false;
    for (int32_t e = 0; e < problem->n_edges; e++)
        if (problem->edges[e].pass == WEFT_PASS_FW)
            first[(by_sender ? problem->edges[e].from : problem->edges[e].to) + 2]++;
    for (int32_t s = 0; s < problem->n_stages; s++)
        first[s + 2] += first[s + 1];
    for (int32_t e = 0; e < problem->n_edges; e++)
        if (problem->edges[e].pass == WEFT_PASS_FW)
            edges[first[(by_sender ? problem->edges[e].from : problem->edges[e].to) + 1]++] = e;
    *out_first = first;
    *out_edges = edges;
    return true;
}

static bool has_gradient(const router *rt, const weft_i_route *route)
{
    return route->model_edge < 0 || rt->rows->trainee->model->edges[route->model_edge].gradient;
}

/* The forward edge that a backward edge answers. */
static weft_status match_back(router *rt, int32_t e)
{
    const weft_edge *edge = &rt->problem->edges[e];
    weft_i_routes *routes = &rt->routes;
    for (int32_t i = routes->out_first[edge->to]; i < routes->out_first[edge->to + 1]; i++) {
        int32_t f = routes->out_edges[i];
        weft_i_route *route = &routes->routes[f];
        if (rt->problem->edges[f].to != edge->from || rt->problem->edges[f].kind != edge->kind ||
            route->back >= 0 || !has_gradient(rt, route))
            continue;
        route->back = e;
        routes->forward[e] = f;
        return WEFT_STATUS_OK;
    }
    return refuse(rt, e, "brings a gradient of nothing that was sent");
}

/* Everything that a stage reads from other modules comes by its edges. */
static weft_status check_stage(const router *rt, int32_t s)
{
    const weft_i_trainee *trainee = rt->rows->trainee;
    const weft_chunk *chunk = chunk_of(rt, s);
    const weft_module *module =
        &trainee->model->modules[weft_i_trainee_module(trainee, chunk->module)];
    const weft_i_sheet *sheet = rt->rows->sheets[rt->problem->stages[s].submicrobatch];
    int64_t found[3] = {0}, expected[3] = {0, chunk->first_layer == 0 ? sheet->n_media : 0, 0};
    for (int32_t l = chunk->first_layer; l < chunk->first_layer + chunk->layers; l++)
        if (module->layers[l].cross_hidden > 0) expected[WEFT_I_PORT_CONTEXT] = sheet->n_context;
    for (int32_t i = rt->routes.in_first[s]; i < rt->routes.in_first[s + 1]; i++) {
        const weft_i_route *route = &rt->routes.routes[rt->routes.in_edges[i]];
        found[route->port] += route->n_rows;
    }
    for (int port = WEFT_I_PORT_MEDIA; port <= WEFT_I_PORT_CONTEXT; port++)
        if (found[port] != expected[port])
            return weft_i_fail(rt->error, WEFT_STATUS_BAD_INPUT,
                               "the edges into stage %d bring %lld tokens of other modules, "
                               "expected %lld",
                               s, (long long)found[port], (long long)expected[port]);
    return WEFT_STATUS_OK;
}

static weft_status route_all(router *rt)
{
    const weft_problem *problem = rt->problem;
    weft_i_routes *routes = &rt->routes;
    weft_status status = WEFT_STATUS_OK;
    routes->routes = weft_i_new(&routes->arena, weft_i_route, problem->n_edges);
    routes->forward = weft_i_new(&routes->arena, int32_t, problem->n_edges);
    if (!routes->routes || !routes->forward ||
        !make_lists(rt, true, &routes->out_first, &routes->out_edges) ||
        !make_lists(rt, false, &routes->in_first, &routes->in_edges))
        return weft_i_no_memory(rt->error);
    for (int32_t e = 0; status == WEFT_STATUS_OK && e < problem->n_edges; e++)
        if (problem->edges[e].pass == WEFT_PASS_FW) status = route_edge(rt, e);
    for (int32_t e = 0; status == WEFT_STATUS_OK && e < problem->n_edges; e++)
        if (problem->edges[e].pass == WEFT_PASS_BW) status = match_back(rt, e);
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < problem->n_stages; s++)
        status = check_stage(rt, s);
    return status;
}

weft_status weft_i_routes_make(const weft_i_rows *rows, const weft_problem *problem,
                               weft_error *error, weft_i_routes *out_routes)
{
    router rt = {.rows = rows, .problem = problem, .error = error};
    weft_status status = route_all(&rt);
    if (status == WEFT_STATUS_OK)
        *out_routes = rt.routes;
    else
        weft_i_routes_free(&rt.routes);
    return status;
}

void weft_i_routes_free(weft_i_routes *routes)
{
    weft_i_arena_free(&routes->arena);
}
