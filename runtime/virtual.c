/* runtime/virtual.c - see virtual.h. */
#include "runtime/virtual.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/least.h"
#include "runtime/pool.h"

enum { MESSAGE_BYTES = 64 };

/* The head of a message. */
typedef struct stamp {
    int32_t edge, step;
    int64_t left_ns; /* by the common clock */
} stamp;

struct weft_i_virtual {
    const weft_plan *plan;
    const weft_pipeline *pipeline;
    const weft_rank_actions *actions;
    weft_i_virtual_options options;
    weft_i_arena arena;
    weft_i_pool pool;
    void **messages;      /* per edge, until it is posted, or while it is awaited */
    int64_t **reductions; /* per chunk, while it is under way; the first is the latest post */
    int32_t *posted;      /* chunks in the order of their reduces */
    int32_t n_posted, n_reduced;
    int64_t *reduced_ns; /* per chunk, end of its reduction; common clock */
    int64_t last_reduced_ns;
    int32_t step;
    int64_t start_ns; /* of the step; common clock */
    int64_t due_ns;   /* end of the action; own clock */
};

static int64_t now_ns(const weft_i_virtual *device)
{
    return device->options.now_ns(device->options.clock_context);
}

static int64_t common_now_ns(const weft_i_virtual *device)
{
    return now_ns(device) - device->options.clock_offset_ns;
}

static int64_t scaled(const weft_i_virtual *device, int64_t ns)
{
    return (int64_t)((double)ns * device->options.scale + 0.5);
}

static size_t message_bytes(const weft_i_virtual *device, int32_t edge)
{
    int64_t n_bytes = device->pipeline->problem.edges[edge].bytes;
    return device->options.payload && n_bytes > MESSAGE_BYTES ? (size_t)n_bytes : MESSAGE_BYTES;
}

/* A whole number of int64. */
static size_t reduction_bytes(const weft_i_virtual *device, int32_t chunk)
{
    int64_t n_bytes = device->plan->chunks[chunk].reduce_bytes;
    if (!device->options.payload || n_bytes < 8) return sizeof(int64_t);
    return ((size_t)n_bytes + 7) / 8 * 8;
}

static weft_status take_message(weft_i_virtual *device, int32_t edge, weft_error *error)
{
    size_t n_bytes = message_bytes(device, edge);
    device->messages[edge] = weft_i_pool_take(&device->pool, n_bytes);
    return device->messages[edge] ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

static void give_message(weft_i_virtual *device, int32_t edge)
{
    weft_i_pool_give(&device->pool, device->messages[edge]);
    device->messages[edge] = NULL;
}

/* The message is here: is it the one, and when does it count as arrived? */
static weft_status receive(weft_i_virtual *device, int32_t edge, weft_error *error)
{
    stamp head;
    memcpy(&head, device->messages[edge], sizeof(head));
    give_message(device, edge);
    if (head.edge != edge || head.step != device->step) {
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "received message %d of step %d, expected %d of step %d", head.edge,
                           head.step, edge, device->step);
    }
    int64_t transfer_ns = device->pipeline->problem.edges[edge].transfer_ns;
    device->due_ns = head.left_ns + scaled(device, transfer_ns) + device->options.clock_offset_ns;
    return WEFT_STATUS_OK;
}

static weft_status take_reduction(weft_i_virtual *device, int32_t chunk, weft_error *error)
{
    size_t n_bytes = reduction_bytes(device, chunk);
    device->reductions[chunk] = weft_i_pool_take(&device->pool, n_bytes);
    if (!device->reductions[chunk]) return weft_i_no_memory(error);
    device->posted[device->n_posted++] = chunk;
    return WEFT_STATUS_OK;
}

/* Reductions run one after another, in the order of their posts; those up to this one are complete.
 */
static void end_reduction(weft_i_virtual *device, int32_t chunk)
{
    while (device->reductions[chunk]) {
        int32_t next = device->posted[device->n_reduced++];
        int64_t posted_ns = device->reductions[next][0];
        int64_t begun_ns = weft_i_max(posted_ns, device->last_reduced_ns);
        const weft_chunk *of = &device->plan->chunks[next];
        device->last_reduced_ns = begun_ns + scaled(device, of->reduce_ns + of->share_ns);
        device->reduced_ns[next] = device->last_reduced_ns;
        weft_i_pool_give(&device->pool, device->reductions[next]);
        device->reductions[next] = NULL;
    }
    device->due_ns = device->reduced_ns[chunk] + device->options.clock_offset_ns;
}

static void begin_pass(weft_i_virtual *device, const weft_run_action *action)
{
    const weft_stage *stage = &device->pipeline->problem.stages[action->operand];
    if (action->kind == WEFT_ACTION_FW) {
        int64_t ready_ns = device->start_ns + scaled(device, stage->ready_ns);
        device->due_ns = weft_i_max(device->due_ns, ready_ns + device->options.clock_offset_ns);
    }
    device->due_ns += scaled(device, weft_cost_pass_ns(&stage->now.cost, (weft_pass)action->kind));
}

/* Set when the action is due; what is said of no action takes no time. */
static weft_status begin(void *context, const weft_run_action *action, weft_error *error)
{
    weft_i_virtual *device = context;
    device->due_ns = now_ns(device);
    int64_t posted_ns = device->due_ns + scaled(device, device->plan->post_ns);
    switch (action->kind) {
    case WEFT_ACTION_FW:
    case WEFT_ACTION_BW:
    case WEFT_ACTION_BWI:
    case WEFT_ACTION_BWW:
        begin_pass(device, action);
        break;
    case WEFT_ACTION_ISEND:
    case WEFT_ACTION_IRECV:
        device->due_ns = posted_ns;
        return take_message(device, action->operand, error);
    case WEFT_ACTION_REDUCE:
        device->due_ns = posted_ns;
        return take_reduction(device, action->operand, error);
    case WEFT_ACTION_OFFLOAD:
    case WEFT_ACTION_PREFETCH:
    case WEFT_ACTION_UNSHARD:
        device->due_ns = posted_ns;
        break;
    case WEFT_ACTION_WAIT_IRECV:
        return receive(device, action->operand, error);
    case WEFT_ACTION_WAIT_REDUCE:
        end_reduction(device, action->operand);
        break;
    case WEFT_ACTION_OPTIMIZER:
        device->due_ns += scaled(device, device->plan->predicted.optimizer_ns);
        break;
    case WEFT_ACTION_WAIT_ISEND:
    case WEFT_ACTION_WAIT_OFFLOAD:
    case WEFT_ACTION_WAIT_PREFETCH:
    case WEFT_ACTION_RESHARD:
    case WEFT_N_ACTIONS:
        break;
    }
    return WEFT_STATUS_OK;
}

/* Sleep wakes late, so the last of it is polled. */
static weft_status poll(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns)
{
    (void)action;
    (void)error;
    const weft_i_virtual *device = context;
    int64_t left_ns = device->due_ns - now_ns(device);
    if (left_ns <= 0)
        *out_idle_ns = WEFT_RUN_DONE;
    else
        *out_idle_ns = weft_i_max(left_ns - device->options.margin_ns, 0);
    return WEFT_STATUS_OK;
}

static void release_message(void *context, void *data)
{
    weft_i_virtual *device = context;
    weft_i_pool_give(&device->pool, data);
}

static weft_status buffer(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out_buffer)
{
    (void)error;
    weft_i_virtual *device = context;
    int32_t operand = action->operand;
    if (action->kind == WEFT_ACTION_REDUCE) {
        device->reductions[operand][0] = common_now_ns(device);
        *out_buffer = (weft_run_buffer){.data = device->reductions[operand],
                                        .n_bytes = (int64_t)reduction_bytes(device, operand),
                                        .element = WEFT_RUN_ELEMENT_INT64};
        return WEFT_STATUS_OK;
    }
    if (action->kind == WEFT_ACTION_ISEND) {
        stamp head = {operand, device->step, common_now_ns(device)};
        memcpy(device->messages[operand], &head, sizeof(head));
    }
    *out_buffer = (weft_run_buffer){.data = device->messages[operand],
                                    .n_bytes = (int64_t)message_bytes(device, operand),
                                    .element = WEFT_RUN_ELEMENT_BYTE};
    if (action->kind == WEFT_ACTION_ISEND) {
        out_buffer->release = release_message;
        out_buffer->release_context = device;
        device->messages[operand] = NULL;
    }
    return WEFT_STATUS_OK;
}

int64_t weft_i_virtual_buffer_bytes(const weft_i_virtual *device)
{
    const weft_rank_actions *rank = device->actions;
    int64_t now_bytes = 0, most_bytes = 0;
    for (int32_t a = 0; a < rank->n_actions; a++) {
        weft_action_kind kind = rank->actions[a].kind;
        int32_t operand = rank->actions[a].operand;
        if (kind == WEFT_ACTION_ISEND || kind == WEFT_ACTION_IRECV)
            now_bytes += (int64_t)message_bytes(device, operand);
        else if (kind == WEFT_ACTION_WAIT_ISEND || kind == WEFT_ACTION_WAIT_IRECV)
            now_bytes -= (int64_t)message_bytes(device, operand);
        else if (kind == WEFT_ACTION_REDUCE)
            now_bytes += (int64_t)reduction_bytes(device, operand);
        else if (kind == WEFT_ACTION_WAIT_REDUCE)
            now_bytes -= (int64_t)reduction_bytes(device, operand);
        most_bytes = weft_i_max(most_bytes, now_bytes);
    }
    return most_bytes;
}

weft_run_device weft_i_virtual_callbacks(weft_i_virtual *device)
{
    return (weft_run_device){.context = device, .begin = begin, .poll = poll, .buffer = buffer};
}

void weft_i_virtual_step(weft_i_virtual *device, int32_t step, int64_t start_ns)
{
    device->step = step;
    device->start_ns = start_ns;
    device->n_posted = device->n_reduced = 0;
    device->last_reduced_ns = INT64_MIN;
}

/* MPI counts in int. */
static weft_status check_sizes(const weft_plan *plan, const weft_pipeline *pipeline, int32_t rank,
                               weft_error *error)
{
    for (int32_t e = 0; e < pipeline->problem.n_edges; e++) {
        const weft_edge *edge = &pipeline->problem.edges[e];
        if (edge->bytes <= INT_MAX) continue;
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "edge %d has %lld bytes, expected at most %d with a payload", e,
                           (long long)edge->bytes, INT_MAX);
    }
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        if (plan->chunks[c].rank != rank || plan->chunks[c].reduce_bytes <= INT_MAX - 8) continue;
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "chunk %d reduces %lld bytes, expected at most %d with a payload", c,
                           (long long)plan->chunks[c].reduce_bytes, INT_MAX - 8);
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_virtual_create(const weft_plan *plan, int32_t pipeline, int32_t rank,
                                  const weft_i_virtual_options *options, weft_error *error,
                                  weft_i_virtual **out_device)
{
    const weft_pipeline *own = &plan->pipelines[pipeline];
    if (options->payload) {
        weft_status status = check_sizes(plan, own, rank, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    weft_i_virtual *device = weft_i_alloc(1, sizeof(*device));
    if (!device) return weft_i_no_memory(error);
    device->plan = plan;
    device->pipeline = own;
    device->actions = &own->ranks[rank];
    device->options = *options;
    device->messages = weft_i_new(&device->arena, void *, own->problem.n_edges);
    device->reductions = weft_i_new(&device->arena, int64_t *, plan->n_chunks);
    device->posted = weft_i_new(&device->arena, int32_t, plan->n_chunks);
    device->reduced_ns = weft_i_new(&device->arena, int64_t, plan->n_chunks);
    if (!device->messages || !device->reductions || !device->posted || !device->reduced_ns) {
        weft_i_virtual_free(device);
        return weft_i_no_memory(error);
    }
    weft_i_virtual_step(device, 0, 0);
    *out_device = device;
    return WEFT_STATUS_OK;
}

void weft_i_virtual_free(weft_i_virtual *device)
{
    if (!device) return;
    weft_i_pool_free(&device->pool);
    weft_i_arena_free(&device->arena);
    free(device);
}
