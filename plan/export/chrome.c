/* plan/export/chrome.c - a plan as Chrome trace events, for Perfetto.
 *
 * Slices of one thread must nest or follow each other. A rank's actions do; its messages may be on
 * their way at the same time, so that each rank has as many threads of messages as it takes.
 * Format: "Trace Event Format", Google (Catapult project). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_out.h"
#include "plan/export/picture.h"
#include "plan/graph.h"
#include "plan/peaks.h"
#include "weft/export.h"

/* One replica as it is written. */
typedef struct process {
    weft_i_json_out *out;
    const weft_plan *plan;
    const weft_pipeline *pipeline;
    weft_i_graph graph;
    weft_i_arena arena;
    int32_t *lane;       /* of each edge, among its sender's threads of messages; -1 = no message */
    int32_t *n_lanes;    /* per rank */
    int64_t first_arrow; /* number of that of edge 0 */
    int64_t *thread;     /* per rank, of its actions; those of its messages follow */
    const weft_action **forward, **backward; /* of each stage; backward is bw or bwi */
} process;

/* --- events --- */

static void open_event(const process *p, const char *phase, const char *name, int64_t thread)
{
    weft_i_json_compact(p->out);
    weft_i_json_open_object(p->out);
    weft_i_json_put_key_string(p->out, "ph", phase);
    weft_i_json_put_key_string(p->out, "name", name);
    weft_i_json_put_key_int(p->out, "pid", p->pipeline->replica);
    if (thread >= 0) weft_i_json_put_key_int(p->out, "tid", thread);
}

/* Microseconds. */
static void put_time(const process *p, const char *key, int64_t ns)
{
    weft_i_json_put_key_double(p->out, key, (double)ns / 1000);
}

static void open_slice(const process *p, const char *category, const char *name, int64_t thread,
                       int64_t start_ns, int64_t end_ns)
{
    open_event(p, "X", name, thread);
    weft_i_json_put_key_string(p->out, "cat", category);
    put_time(p, "ts", start_ns);
    put_time(p, "dur", end_ns - start_ns);
}

static void open_args(const process *p)
{
    weft_i_json_key(p->out, "args");
    weft_i_json_open_object(p->out);
}

/* Of the event and its args. */
static void close_event(const process *p)
{
    weft_i_json_close_object(p->out);
    weft_i_json_close_object(p->out);
}

static void name_thread(const process *p, const char *what, const char *name, int64_t thread)
{
    open_event(p, "M", what, thread);
    open_args(p);
    weft_i_json_put_key_string(p->out, "name", name);
    close_event(p);
}

static void sort_thread(const process *p, int64_t thread)
{
    open_event(p, "M", "thread_sort_index", thread);
    open_args(p);
    weft_i_json_put_key_int(p->out, "sort_index", thread);
    close_event(p);
}

/* --- a rank's actions --- */

static void write_pass(const process *p, const weft_action *action, int64_t thread)
{
    const weft_problem *problem = &p->pipeline->problem;
    const weft_stage *stage = &problem->stages[action->operand];
    const weft_chunk *chunk = &problem->chunks[stage->chunk];
    const weft_submicrobatch *sub = &problem->submicrobatches[stage->submicrobatch];
    char name[96];
    snprintf(name, sizeof(name), "%.48s %s", chunk->module,
             weft_i_pass_text((weft_pass)action->kind));
    open_slice(p, "pass", name, thread, action->start_ns, action->end_ns);
    open_args(p);
    weft_i_json_put_key_int(p->out, "stage", action->operand);
    weft_i_json_put_key_int(p->out, "segment", chunk->segment);
    weft_i_json_key(p->out, "microbatches");
    weft_i_json_open_array(p->out);
    for (int32_t i = 0; i < sub->n_microbatches; i++)
        weft_i_json_put_int(p->out, sub->microbatches[i]);
    weft_i_json_close_array(p->out);
    weft_i_json_put_key_int(p->out, "submicrobatch", sub->index);
    weft_i_json_put_key_int(p->out, "tokens", sub->tokens);
    if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
        weft_i_json_put_key_int(p->out, "recompute_ns", stage->now.cost.recompute_ns);
    close_event(p);
}

/* Posts and waits are shown where they take time, and the optimizer by the time predicted. */
static void write_other(const process *p, const weft_action *action, int64_t thread)
{
    int64_t end_ns = action->end_ns;
    if (action->kind == WEFT_ACTION_OPTIMIZER) end_ns += p->plan->predicted.optimizer_ns;
    if (end_ns == action->start_ns) return;
    open_slice(p, "other", weft_action_name(action->kind), thread, action->start_ns, end_ns);
    open_args(p);
    weft_operand operand = weft_action_operand(action->kind);
    if (operand == WEFT_OPERAND_EDGE) weft_i_json_put_key_int(p->out, "edge", action->operand);
    if (operand == WEFT_OPERAND_CHUNK) weft_i_json_put_key_int(p->out, "chunk", action->operand);
    if (operand == WEFT_OPERAND_STAGE) weft_i_json_put_key_int(p->out, "stage", action->operand);
    close_event(p);
}

static void write_actions(const process *p, int32_t rank)
{
    const weft_rank_actions *actions = &p->pipeline->ranks[rank];
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (weft_i_action_is_pass(action))
            write_pass(p, action, p->thread[rank]);
        else
            write_other(p, action, p->thread[rank]);
    }
}

/* --- messages --- */

static const weft_action *pass_of(const process *p, const weft_edge *edge, int32_t stage)
{
    return edge->pass == WEFT_PASS_FW ? p->forward[stage] : p->backward[stage];
}

static void write_arrow(const process *p, const char *phase, int32_t edge, int32_t stage)
{
    const weft_action *pass = pass_of(p, &p->pipeline->problem.edges[edge], stage);
    open_event(p, phase, "message", p->thread[p->graph.rank[stage]]);
    weft_i_json_put_key_string(p->out, "cat", "message");
    weft_i_json_put_key_int(p->out, "id", p->first_arrow + edge);
    put_time(p, "ts", pass->start_ns);
    if (phase[0] == 'f') weft_i_json_put_key_string(p->out, "bp", "e");
    weft_i_json_close_object(p->out);
}

/* On its way from the end of its isend on. */
static void write_message(const process *p, int32_t rank, const weft_action *isend)
{
    const weft_edge *edge = &p->pipeline->problem.edges[isend->operand];
    char name[64];
    snprintf(name, sizeof(name), "%s to rank %d",
             edge->pass == WEFT_PASS_FW ? "activation" : "gradient", p->graph.rank[edge->to]);
    open_slice(p, "message", name, p->thread[rank] + 1 + p->lane[isend->operand], isend->end_ns,
               isend->end_ns + edge->transfer_ns);
    open_args(p);
    weft_i_json_put_key_int(p->out, "edge", isend->operand);
    weft_i_json_put_key_int(p->out, "bytes", edge->bytes);
    close_event(p);
    write_arrow(p, "s", isend->operand, edge->from);
    write_arrow(p, "f", isend->operand, edge->to);
}

static void write_messages(const process *p, int32_t rank)
{
    const weft_rank_actions *actions = &p->pipeline->ranks[rank];
    for (int32_t a = 0; a < actions->n_actions; a++) {
        if (actions->actions[a].kind == WEFT_ACTION_ISEND)
            write_message(p, rank, &actions->actions[a]);
    }
}

/* --- memory --- */

static void write_bytes(const process *p, const char *name, int64_t ns, int64_t bytes)
{
    open_event(p, "C", name, -1);
    put_time(p, "ts", ns);
    open_args(p);
    weft_i_json_put_key_int(p->out, "bytes", bytes);
    close_event(p);
}

/* A counter holds until its next value, so that of several at one time only the last counts. */
static void write_memory(const process *p, int32_t rank)
{
    const weft_rank_actions *actions = &p->pipeline->ranks[rank];
    weft_i_live live = weft_i_live_begin(&p->graph, rank);
    int64_t written = -1, next = weft_i_live_sum(&live), next_ns = 0;
    char name[32];
    snprintf(name, sizeof(name), "memory of rank %d", rank);
    for (int32_t i = 0; i < 2 * actions->n_actions; i++) {
        const weft_action *action = &actions->actions[i / 2];
        bool is_end = i % 2 == 1;
        int64_t ns = is_end ? action->end_ns : action->start_ns;
        if (ns > next_ns && next != written) {
            write_bytes(p, name, next_ns, next);
            written = next;
        }
        next_ns = ns;
        if (is_end) {
            next = weft_i_live_sum(&live);
        } else {
            weft_i_live during = weft_i_live_step(&p->graph, action, &live);
            next = weft_i_live_sum(&during);
        }
    }
    if (next != written) write_bytes(p, name, next_ns, next);
}

/* --- a replica --- */

/* Give each message of a rank the first lane that is free when it leaves. They leave in the order
 * of their isends. */
static weft_status assign_lanes(process *p, int32_t rank, weft_error *error)
{
    const weft_rank_actions *actions = &p->pipeline->ranks[rank];
    int64_t *free_ns = NULL;
    size_t cap = 0;
    int32_t n = 0;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t a = 0; a < actions->n_actions && status == WEFT_STATUS_OK; a++) {
        const weft_action *action = &actions->actions[a];
        if (action->kind != WEFT_ACTION_ISEND) continue;
        int32_t lane = 0;
        while (lane < n && free_ns[lane] > action->end_ns)
            lane++;
        if (lane == n && weft_i_grow(&free_ns, &cap, (size_t)++n, sizeof(*free_ns)) != 0) {
            status = weft_i_no_memory(error);
            break;
        }
        free_ns[lane] = action->end_ns + p->pipeline->problem.edges[action->operand].transfer_ns;
        p->lane[action->operand] = lane;
    }
    p->n_lanes[rank] = n;
    free(free_ns);
    return status;
}

static void find_passes(process *p, int32_t rank)
{
    const weft_rank_actions *actions = &p->pipeline->ranks[rank];
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (action->kind == WEFT_ACTION_FW) p->forward[action->operand] = action;
        if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
            p->backward[action->operand] = action;
    }
}

/* Numbers that no two replicas share. */
typedef struct numbers {
    int64_t next_thread, next_arrow;
} numbers;

static weft_status prepare(process *p, numbers *free_numbers, weft_error *error)
{
    const weft_problem *problem = &p->pipeline->problem;
    weft_status status = weft_i_graph_build(problem, &p->arena, error, &p->graph);
    if (status != WEFT_STATUS_OK) return status;
    p->lane = weft_i_new(&p->arena, int32_t, problem->n_edges);
    p->n_lanes = weft_i_new(&p->arena, int32_t, problem->n_ranks);
    p->thread = weft_i_new(&p->arena, int64_t, problem->n_ranks);
    p->forward = weft_i_new(&p->arena, const weft_action *, problem->n_stages);
    p->backward = weft_i_new(&p->arena, const weft_action *, problem->n_stages);
    if (!p->lane || !p->n_lanes || !p->thread || !p->forward || !p->backward)
        return weft_i_no_memory(error);
    for (int32_t r = 0; r < problem->n_ranks && status == WEFT_STATUS_OK; r++) {
        find_passes(p, r);
        status = assign_lanes(p, r, error);
        p->thread[r] = free_numbers->next_thread;
        free_numbers->next_thread += 1 + p->n_lanes[r];
    }
    p->first_arrow = free_numbers->next_arrow;
    free_numbers->next_arrow += problem->n_edges;
    return status;
}

static void write_names(const process *p)
{
    char name[64];
    snprintf(name, sizeof(name), "replica %d", p->pipeline->replica);
    name_thread(p, "process_name", name, 0);
    for (int32_t r = 0; r < p->pipeline->problem.n_ranks; r++) {
        snprintf(name, sizeof(name), "rank %d", r);
        name_thread(p, "thread_name", name, p->thread[r]);
        sort_thread(p, p->thread[r]);
        for (int32_t lane = 0; lane < p->n_lanes[r]; lane++) {
            snprintf(name, sizeof(name), "rank %d sends", r);
            name_thread(p, "thread_name", name, p->thread[r] + 1 + lane);
            sort_thread(p, p->thread[r] + 1 + lane);
        }
    }
}

static weft_status write_process(process *p, numbers *free_numbers, weft_error *error)
{
    weft_status status = prepare(p, free_numbers, error);
    if (status != WEFT_STATUS_OK) return status;
    write_names(p);
    for (int32_t r = 0; r < p->pipeline->problem.n_ranks; r++) {
        write_actions(p, r);
        write_messages(p, r);
        write_memory(p, r);
    }
    return status;
}

static weft_status write_trace(const weft_plan *plan, FILE *stream, weft_error *error)
{
    weft_i_json_out out;
    weft_status status = WEFT_STATUS_OK;
    numbers free_numbers = {1, 1};
    weft_i_json_out_begin(&out, stream);
    weft_i_json_open_object(&out);
    weft_i_json_put_key_string(&out, "displayTimeUnit", "ms");
    weft_i_json_key(&out, "traceEvents");
    weft_i_json_open_array(&out);
    for (int32_t i = 0; i < plan->n_pipelines && status == WEFT_STATUS_OK; i++) {
        process p = {.out = &out, .plan = plan, .pipeline = &plan->pipelines[i]};
        status = write_process(&p, &free_numbers, error);
        weft_i_arena_free(&p.arena);
    }
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json_close_array(&out);
    weft_i_json_close_object(&out);
    return weft_i_json_out_end(&out, error);
}

weft_status weft_export_chrome(const weft_plan *plan, const char *file, weft_error *error)
{
    weft_i_file_out out;
    weft_status status = weft_plan_check(plan, error, NULL);
    if (status == WEFT_STATUS_OK) status = weft_i_file_create(file, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    status = write_trace(plan, out.stream, error);
    return weft_i_file_end(&out, status, error);
}
